/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/chains.h"

#include <errno.h>
#include <stdlib.h>

void hedged_chains_destroy(hedged_chains_t **chains)
{
        hedged_chains_t *c = *chains;

        if (!c)
                return;
        for (unsigned i = 0; i < c->n; i++) {
                for (unsigned j = 0; j < c->chains[i].n_steps; j++)
                        free(c->chains[i].steps[j].windows);
                free(c->chains[i].steps);
        }
        free(c->chains);
        free(c->blocks);
        free(c);
        *chains = NULL;
}

/* Nodes first .. last one by one. */
static hedged_step_t nodes_step(const hedged_node_cost_t *nodes, const hedge_graph_t *graph, uint32_t first,
                                uint32_t last)
{
        hedged_step_t step = { .kind = HEDGED_STEP_NODES, .first = first, .last = last };
        double up = 0, down = 0;

        for (uint32_t i = first; i < last; i++) {
                step.predicted_s += nodes[i].s;
                step.macs += hedge_node_macs(graph, &graph->nodes[i]);
                up += nodes[i].up_bytes;
                down += nodes[i].down_bytes;
        }
        step.up_bytes = (uint64_t)up;
        step.down_bytes = (uint64_t)down;
        return step;
}

/* All nodes one by one, on however many boards. */
static int plan_nodes(const hedged_speeds_t *speeds, const hedge_graph_t *graph, const hedged_node_cost_t *nodes,
                      hedged_chain_t *chain)
{
        chain->boards = speeds->boards;
        chain->steps = calloc(1, sizeof(*chain->steps));
        if (!chain->steps)
                return -ENOMEM;
        chain->n_steps = 1;
        chain->steps[0] = nodes_step(nodes, graph, 0, graph->n_nodes);
        chain->predicted_s = chain->steps[0].predicted_s;
        for (uint32_t i = 0; i < graph->n_nodes; i++)
                chain->local_s += nodes[i].local_s;
        chain->rate = chain->predicted_s > 0 ? 1 / chain->predicted_s : 0;
        return 0;
}

int hedged_chains_plan(const hedged_config_t *config, const hedged_speeds_t *speeds, const hedge_graph_t *graph,
                       const hedged_node_cost_t *nodes, const hedged_capacity_t *capacity, hedged_chains_t **ret)
{
        hedged_chains_t *c = calloc(1, sizeof(*c));
        int r = -ENOMEM;

        (void)config;
        (void)capacity;
        if (c)
                c->chains = calloc(1, sizeof(*c->chains));
        if (c && c->chains) {
                c->n = 1;
                r = plan_nodes(speeds, graph, nodes, &c->chains[0]);
        }
        if (r < 0) {
                hedged_chains_destroy(&c);
                return r;
        }
        *ret = c;
        return 0;
}
