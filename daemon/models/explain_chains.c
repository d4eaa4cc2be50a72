/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/explain_chains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/plan/chains.h"
#include "daemon/plan/limit.h"

void hedged_explain_release_chains(hedge_msg_plan_ok_t *answer)
{
        for (uint32_t i = 0; i < answer->n_chains; i++)
                free(answer->chains[i].steps);
        free(answer->chains);
}

static bool runs_coded(const hedged_step_t *s, const hedged_node_cost_t *nodes)
{
        for (uint32_t i = s->first; i < s->last; i++)
                if (nodes[i].boards_s > 0)
                        return true;
        return false;
}

static const char *kind_of(const hedged_step_t *s, const hedge_graph_t *g, const hedged_node_cost_t *nodes)
{
        if (s->kind == HEDGED_STEP_NODES)
                return runs_coded(s, nodes) ? "layers" : "here";
        return hedged_segment_way(s, g);
}

static void describe_step(const hedge_graph_t *g, const hedged_step_t *s, const hedged_node_cost_t *nodes,
                          hedge_plan_step_t *ret)
{
        const bool segment = s->kind == HEDGED_STEP_SEGMENT;

        *ret = (hedge_plan_step_t){ .first = s->first,
                                    .last = s->last,
                                    .windows = s->n_windows,
                                    .rows = s->windows ? s->windows[0].rows : 0,
                                    .cols = s->windows ? s->windows[0].cols : 0,
                                    .copies = s->copies,
                                    .mean_ms = s->predicted_s * 1e3,
                                    .macs = s->macs,
                                    .up_bytes = s->up_bytes,
                                    .down_bytes = s->down_bytes,
                                    .held_bytes = segment ? hedged_block_bytes(g, s->first, s->last) : 0 };
        snprintf(ret->kind, sizeof(ret->kind), "%s", kind_of(s, g, nodes));
        snprintf(ret->wire, sizeof(ret->wire), "%s", segment ? hedge_precision_name(s->wire) : "");
        snprintf(ret->first_name, sizeof(ret->first_name), "%s", g->nodes[s->first].name);
        snprintf(ret->last_name, sizeof(ret->last_name), "%s", g->nodes[s->last - 1].name);
}

static int describe_chains(const hedge_graph_t *g, const hedged_chains_t *chains, const hedged_node_cost_t *nodes,
                           hedge_msg_plan_ok_t *answer)
{
        answer->chains = calloc(chains->n, sizeof(*answer->chains));
        if (!answer->chains)
                return -ENOMEM;
        for (; answer->n_chains < chains->n; answer->n_chains++) {
                const hedged_chain_t *c = &chains->chains[answer->n_chains];
                hedge_plan_chain_t *to = &answer->chains[answer->n_chains];

                to->steps = calloc(c->n_steps, sizeof(*to->steps));
                if (!to->steps)
                        return -ENOMEM;
                to->boards = c->boards;
                to->in_flight = hedged_chains_in_flight(chains, answer->n_chains);
                to->mean_ms = c->predicted_s * 1e3;
                to->per_second = c->rate;
                for (; to->n_steps < c->n_steps; to->n_steps++)
                        describe_step(g, &c->steps[to->n_steps], nodes, &to->steps[to->n_steps]);
        }
        return 0;
}

int hedged_explain_chains(const hedged_config_t *config, const hedged_model_t *m, const hedged_speeds_t *speeds,
                          unsigned objective, const hedged_node_cost_t *nodes, hedge_msg_plan_ok_t *answer,
                          hedged_chains_t **ret_chains)
{
        hedged_capacity_t capacity;
        hedged_chains_t *chains = NULL;
        int r;

        if (m->graph->n_nodes == 0)
                return 0;
        hedged_capacity_find(config, speeds->share_bytes, speeds->boards, &capacity);
        r = hedged_chains_plan_for(config, objective, speeds, m->graph, nodes, &capacity, &chains);
        if (r < 0)
                return r;
        *ret_chains = chains;
        answer->predicted_ms = chains->chains[0].predicted_s * 1e3;
        answer->local_ms = chains->chains[0].local_s * 1e3;
        answer->shared_ms = chains->best_shared_s * 1e3;
        answer->limit_ms = hedged_limit_s(config, speeds, m->graph) * 1e3;
        for (unsigned i = 0; i < chains->n_blocks; i++)
                for (unsigned b = 0; b < answer->n_board_bytes; b++)
                        if (chains->blocks[i].boards[b / 64] >> b % 64 & 1)
                                answer->board_bytes[b] += chains->blocks[i].bytes;
        return describe_chains(m->graph, chains, nodes, answer);
}
