/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CHAINS_H
#define HEDGED_CHAINS_H

#include "daemon/plan/chain.h"

/** Plan how requests run. Pure: a function of its arguments.
 *
 * @param speeds    All boards are planned with, usable now or not.
 * @param nodes     graph->n_nodes entries: what each takes by itself.
 * @param capacity  Per board.
 * @return 0, -ENOMEM. */
int hedged_chains_plan(const hedged_config_t *config, const hedged_speeds_t *speeds, const hedge_graph_t *graph,
                       const hedged_node_cost_t *nodes, const hedged_capacity_t *capacity, hedged_chains_t **ret);

/** NULL-safe; nullifies. */
void hedged_chains_destroy(hedged_chains_t **chains);

#endif
