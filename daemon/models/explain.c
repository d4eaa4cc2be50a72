/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void release(hedge_msg_plan_ok_t *answer)
{
        for (uint32_t i = 0; i < answer->n_layers; i++)
                free(answer->layers[i].candidates);
        free(answer->layers);
        free(answer->board_bytes);
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

/* Every board's share of the chosen cut, and the largest of them. */
static int add_shares(hedged_planner_t *planner, const hedge_conv_t *conv, const hedged_cut_t *cut,
                      hedge_msg_plan_ok_t *answer, uint64_t *ret_most)
{
        hedge_code_t *code = NULL;
        hedge_partition_t p;
        int r = hedge_partition_init(&p, conv, cut->k_a, cut->k_b);

        if (r == 0)
                r = hedged_cut_code(cut, answer->boards, hedged_planner_weights(planner), &code, NULL);
        for (unsigned b = 0; r == 0 && b < answer->boards; b++) {
                const uint64_t bytes = hedge_code_ell_b(code, b) * hedge_partition_filter_elements(&p) * sizeof(float);

                answer->board_bytes[b] += bytes;
                *ret_most = bytes > *ret_most ? bytes : *ret_most;
        }
        hedge_code_destroy(&code);
        return r;
}

static int explain_layer(hedged_planner_t *planner, const hedged_config_t *config, const hedged_model_t *m,
                         uint32_t node, hedged_budget_t *budget, hedge_msg_plan_ok_t *answer)
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
        answer->predicted_ms += ms_of(chosen->forecast.mean_s);
        answer->local_ms += layer->local_ms;
        if (!chosen->local)
                r = add_shares(planner, conv, &chosen->cut, answer, &layer->share_bytes);
        hedged_budget_spend(budget, conv, layer->share_bytes);
        return r;
}

int hedged_explain(const hedged_config_t *config, hedged_ask_t *ask, double conv_error, hedge_why_t *why)
{
        const hedge_graph_t *g = ask->model->graph;
        hedged_budget_t budget = hedged_model_budget(config, g);
        hedge_msg_plan_ok_t *answer = &ask->answer;
        hedged_planner_t *planner = NULL;
        int r = hedged_planner_new(config, &ask->speeds, ask->objective, conv_error, &planner);

        answer->boards = answer->n_board_bytes = ask->speeds.boards;
        answer->board_bytes = calloc(answer->boards, sizeof(*answer->board_bytes));
        answer->layers = calloc(g->n_nodes + 1, sizeof(*answer->layers));
        if (!answer->board_bytes || !answer->layers)
                r = -ENOMEM;
        for (uint32_t i = 0; r == 0 && i < g->n_nodes; i++)
                if (hedged_model_conv(g, i))
                        r = explain_layer(planner, config, ask->model, i, &budget, answer);
        hedged_planner_destroy(&planner);
        return r < 0 ? hedge_why(why, r, "cannot plan model '%s': %s", ask->model->name, hedge_strerror(r)) : 0;
}
