/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_WAYS_H
#define HEDGED_WAYS_H

#include "daemon/plan/level.h"

/** The inside of hedged_level_find: what nodes and segments take at a level. */

/** Nodes between two points one by one. Coded ones take all boards: of a request that has fewer to itself, as much longer as
 * their work comes to. */
hedged_step_load_t hedged_way_nodes(const hedged_level_world_t *world, unsigned boards, unsigned from, unsigned to);

/** What the objective makes small: the time, at a level of several requests with the wait for what they share (the coordinator and
 * its link); and for boards' weights what hedged_weights_s says, as long for each of those requests. Or the cost. */
double hedged_way_score(const hedged_level_world_t *world, unsigned boards, const hedged_step_load_t *load);

/** May nodes between two points be a segment, and may it be cut, or be in one piece, as plan.work says? */
bool hedged_way_may(const hedged_level_world_t *world, unsigned from, unsigned to, bool in_one_piece);

/** Simulate a segment in so many windows, or in one piece where that is 1.
 * @return 0, -ENOENT (it cannot be cut so; no board may hold it), -ENOMEM. */
int hedged_way_try(hedged_level_world_t *world, unsigned boards, const hedged_luck_t *luck, hedged_way_t *way);

/** The best of all ways to run a segment, below a limit. @return 0, -ENOENT (none is), -ENOMEM. */
int hedged_way_choose(hedged_level_world_t *world, unsigned boards, double limit, hedged_way_t *way);

/** Seconds of a request that only one at a time may take. */
double hedged_way_alone_s(const hedged_level_world_t *world, const hedged_step_load_t *load);

#endif
