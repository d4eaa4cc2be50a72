/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/models/explain_chains.h"
#include "daemon/plan/chains.h"

static void release(hedge_msg_plan_ok_t *answer)
{
        for (uint32_t i = 0; i < answer->n_layers; i++)
                free(answer->layers[i].candidates);
        free(answer->layers);
        free(answer->board_bytes);
        hedged_explain_release_chains(answer);
}

void hedged_ask_destroy(hedged_ask_t **ask)
{
        if (!*ask)
                return;
        release(&(*ask)->answer);
        hedged_model_unref(&(*ask)->model);
        free(*ask);
        *ask = NULL;
}

static double ms_of(double s)
{
        return s * 1e3;
}

static hedge_plan_candidate_t describe(const hedged_candidate_t *c)
{
        hedge_plan_candidate_t d = { .k_a = c->cut.k_a,
                                     .k_b = c->cut.k_b,
                                     .ell_a = c->cut.ell_a,
                                     .ell_b = c->cut.ell_b,
                                     .delta = c->cut.delta,
                                     .mean_ms = ms_of(c->forecast.mean_s),
                                     .p99_ms = ms_of(c->forecast.p99_s),
                                     .hold_us = c->cut.hold_us,
                                     .here_ms = ms_of(c->forecast.here_s),
                                     .boards_ms = ms_of(c->forecast.boards_s),
                                     .parts_asked = c->forecast.asked,
                                     .cost = c->cost,
                                     .error = c->error };

        snprintf(d.scheme, sizeof(d.scheme), "%s", c->local ? "local" : hedge_scheme_name(c->cut.scheme));
        snprintf(d.note, sizeof(d.note), "%s", c->cut.systematic ? "systematic" : c->note);
        snprintf(d.wire, sizeof(d.wire), "%s", c->local ? "" : hedge_precision_name(c->cut.wire));
        return d;
}

/* A board's bytes of a cut. */
static uint64_t share_of(const hedge_code_t *code, const hedge_partition_t *p, unsigned board)
{
        return hedge_code_ell_b(code, board) * hedge_partition_filter_elements(p) * sizeof(float);
}

/* The largest share of a cut; @param boards  NULL, or to add each board's to. */
static int add_shares(hedged_planner_t *planner, const hedge_conv_t *conv, const hedged_cut_t *cut, unsigned n,
                      uint64_t *boards, uint64_t *ret_most)
{
        hedge_code_t *code = NULL;
        hedge_partition_t p;
        int r = hedge_partition_init(&p, conv, cut->k_a, cut->k_b);

        if (r == 0)
                r = hedged_cut_code(cut, n, hedged_planner_weights(planner), &code, NULL);
        for (unsigned b = 0; r == 0 && b < n; b++) {
                const uint64_t bytes = share_of(code, &p, b);

                if (boards)
                        boards[b] += bytes;
                *ret_most = bytes > *ret_most ? bytes : *ret_most;
        }
        hedge_code_destroy(&code);
        return r;
}

static int explain_layer(hedged_planner_t *planner, const hedged_config_t *config, const hedged_model_t *m,
                         uint32_t node, hedged_budget_t *budget, hedge_msg_plan_ok_t *answer, hedged_node_cost_t *cost,
                         hedged_cut_t *ret_cut)
{
        const hedge_conv_t *conv = hedged_model_conv(m->graph, node);
        const hedged_wish_t wish = hedged_plan_wish(config, m->name, m->graph->nodes[node].name, conv);
        hedge_plan_layer_t *layer = &answer->layers[answer->n_layers];
        const hedged_candidate_t *chosen;
        hedged_choice_t choice;
        int r = hedged_planner_choose(planner, &wish, conv, hedged_budget_part(budget, conv), true, &choice);

        if (r < 0)
                return r;
        layer->candidates = calloc(choice.n, sizeof(*layer->candidates));
        if (!layer->candidates)
                return -ENOMEM;
        answer->n_layers++;
        chosen = &choice.candidates[choice.chosen];
        snprintf(layer->name, sizeof(layer->name), "%s", m->graph->nodes[node].name);
        layer->macs = hedge_conv_macs(conv);
        layer->chosen = choice.chosen;
        layer->n_candidates = choice.n;
        layer->local_ms = ms_of(choice.candidates[0].forecast.mean_s);
        layer->up_bytes = (uint64_t)chosen->forecast.up_bytes;
        layer->down_bytes = (uint64_t)chosen->forecast.down_bytes;
        for (unsigned i = 0; i < choice.n; i++)
                layer->candidates[i] = describe(&choice.candidates[i]);
        *ret_cut = chosen->cut;
        if (!chosen->local) {
                hedged_node_coded(&chosen->cut, cost);
                r = add_shares(planner, conv, &chosen->cut, answer->boards, NULL, &layer->share_bytes);
        }
        hedged_budget_spend(budget, conv, layer->share_bytes);
        return r;
}

/* Every convolution by itself. @param cuts  Of answer->layers. */
static int explain_layers(hedged_planner_t *planner, const hedged_config_t *config, const hedged_model_t *m,
                          hedge_msg_plan_ok_t *answer, hedged_node_cost_t *nodes, hedged_cut_t *cuts)
{
        hedged_budget_t budget = hedged_model_budget(config, m->graph);
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < m->graph->n_nodes; i++)
                if (hedged_model_conv(m->graph, i))
                        r = explain_layer(planner, config, m, i, &budget, answer, &nodes[i], &cuts[answer->n_layers]);
        return r;
}

/* On each board the shares of those layers that a chain runs by themselves. */
static int add_coded(hedged_planner_t *planner, const hedged_model_t *m, const hedged_chains_t *chains,
                     const hedged_cut_t *cuts, hedge_msg_plan_ok_t *answer)
{
        uint32_t layer = 0;
        uint64_t most = 0;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < m->graph->n_nodes; i++) {
                const hedge_conv_t *conv = hedged_model_conv(m->graph, i);

                if (!conv)
                        continue;
                if (answer->layers[layer].chosen > 0 && (!chains || hedged_chains_leave(chains, i)))
                        r = add_shares(planner, conv, &cuts[layer], answer->boards, answer->board_bytes, &most);
                layer++;
        }
        return r;
}

static int explain(const hedged_config_t *config, hedged_ask_t *ask, hedged_planner_t *planner,
                   hedged_node_cost_t *nodes, hedged_cut_t *cuts)
{
        const hedged_model_t *m = ask->model;
        hedge_msg_plan_ok_t *answer = &ask->answer;
        hedged_chains_t *chains = NULL;
        int r;

        hedged_nodes_local(config, m->name, &ask->speeds, m->graph, nodes);
        r = explain_layers(planner, config, m, answer, nodes, cuts);
        hedged_nodes_as_named(config, m->graph, nodes);
        if (r == 0)
                r = hedged_explain_chains(config, m, &ask->speeds, ask->objective, nodes, answer, &chains);
        if (r == 0)
                r = add_coded(planner, m, chains, cuts, answer);
        hedged_chains_destroy(&chains);
        return r;
}

int hedged_explain(const hedged_config_t *config, hedged_ask_t *ask, double conv_error, hedge_why_t *why)
{
        const uint32_t n = ask->model->graph->n_nodes;
        hedged_node_cost_t *nodes = calloc(n + (size_t)1, sizeof(*nodes));
        hedged_cut_t *cuts = calloc(n + (size_t)1, sizeof(*cuts));
        hedge_msg_plan_ok_t *answer = &ask->answer;
        hedged_planner_t *planner = NULL;
        int r = hedged_planner_new(config, &ask->speeds, ask->objective, conv_error, &planner);

        for (unsigned b = 0; b < ask->speeds.boards; b++)
                ask->speeds.usable[b] = true; /* as many as were asked for */
        answer->boards = answer->n_board_bytes = ask->speeds.boards;
        answer->board_bytes = calloc(answer->boards, sizeof(*answer->board_bytes));
        answer->layers = calloc(n + (size_t)1, sizeof(*answer->layers));
        if (!answer->board_bytes || !answer->layers || !nodes || !cuts)
                r = -ENOMEM;
        if (r == 0)
                r = explain(config, ask, planner, nodes, cuts);
        hedged_planner_destroy(&planner);
        free(nodes);
        free(cuts);
        return r < 0 ? hedge_why(why, r, "cannot plan model '%s': %s", ask->model->name, hedge_strerror(r)) : 0;
}
