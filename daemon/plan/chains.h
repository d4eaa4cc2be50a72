/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CHAINS_H
#define HEDGED_CHAINS_H

#include "daemon/plan/chain.h"

/** Plan how requests run. Pure: a function of its arguments.
 *
 * For requests that have all boards, a half of them, a quarter, ..., one (with plan.objective auto; else only the first) the best chain is
 * looked for: the graph's cut points (daemon/plan/survey.h) are points of a way, from one to the next nodes run one by one, from any to
 * any later one as a segment, in one piece or in about 1, 2, 3 or 5 windows for each who computes, as is simulated to
 * be best (daemon/plan/strips.h; more windows where they are 2 % better). What a chain of several requests at a time is chosen by is its time and the wait for what they share.
 *
 *  - A segment is only planned for boards that have room for it, and not over nodes that are fixed.
 *  - A chain with segments has to be 5 % faster than the coordinator alone and 2 % than nodes one by one (plan.objective cost:
 *    cheaper, and at most 5 % slower than alone); where plan.work names segments or whole they are taken all the same.
 *  - A chain for fewer boards is kept where it gives more requests per second than the one before it.
 *
 * @param speeds    Boards that are usable or have been measured are planned with; all where none is.
 * @param nodes     graph->n_nodes entries: what each takes by itself.
 * @param capacity  Per board.
 * @return 0, -ENOMEM. */
int hedged_chains_plan(const hedged_config_t *config, const hedged_speeds_t *speeds, const hedge_graph_t *graph,
                       const hedged_node_cost_t *nodes, const hedged_capacity_t *capacity, hedged_chains_t **ret);

/** The same for another objective than the configuration's. */
int hedged_chains_plan_for(const hedged_config_t *config, unsigned objective, const hedged_speeds_t *speeds,
                           const hedge_graph_t *graph, const hedged_node_cost_t *nodes,
                           const hedged_capacity_t *capacity, hedged_chains_t **ret);

/** NULL-safe; nullifies. */
void hedged_chains_destroy(hedged_chains_t **chains);

#endif
