/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_MODELS_SEGMENTS_H
#define HEDGED_MODELS_SEGMENTS_H

#include "daemon/models/model.h"

/** A model's chains, and the blocks that boards need to hold for them. */

/** Plan how the requests of a new model run (hedged_chains_plan), make the blocks that boards need for it, and give up the layers that
 * no chain runs by themselves. Where any segment is planned the first blocks are what all chains together ask for (hedged_hulls_find, mostly
 * one), for those boards that have room for it. With plan.cut simple, which predicts nothing, or plan.work layers there are no chains.
 *
 * First it is planned as if blocks had the boards' memory for themselves; then, where layers remain that are coded, beside their
 * shares. A board of which nobody knows what memory it has is taken to have as little as any of the others.
 * @param model  With its layers. @return 0, -ENOMEM. */
int hedged_segments_begin(hedged_model_t *model, const hedged_speeds_t *speeds);

/** Plan again, beside the layers that there are; what is new of blocks is made, and none goes. Requests that start from now on run so.
 * @param nodes  What each node takes by itself: graph->n_nodes entries.
 * Any thread, one at a time for a model. @return 0, -ENOMEM (it runs as before). */
int hedged_segments_plan(hedged_model_t *model, const hedged_speeds_t *speeds, const hedged_node_cost_t *nodes);

/** Nodes that are in segments where a request has all boards to itself. Any thread. */
uint32_t hedged_segments_nodes(hedged_model_t *model);

/** Is each of those segments held by a board that may be given work? Any thread. */
bool hedged_segments_ready(hedged_model_t *model);

#endif
