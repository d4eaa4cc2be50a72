/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/plans.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ASKS 16

struct hedged_plans {
        hedged_ask_t *asks[MOST_ASKS]; /* PLANs at the preparer: only who asked may be looked at */
        unsigned n_asks;               /* of those */
        hedged_speeds_t planned;       /* what layers were planned with last */
        hedged_speeds_t chained;       /* and chains; usable: was so at any time since the start */
        unsigned replanning;           /* models that are at the preparer for it */
};

/* ---- planning again ---- */

/* Is anything different from what was planned with last, enough to look again? */
static bool is_news(const hedged_speeds_t *then, const hedged_speeds_t *now)
{
        return then->boards != now->boards || memcmp(then->usable, now->usable, sizeof(now->usable)) != 0 ||
               hedged_measure_drifted(then, now);
}

/* The same for chains, which are planned with all boards, and with their memory: that one goes, or comes back, is none. */
static bool is_news_for_chains(const hedged_speeds_t *then, const hedged_speeds_t *now)
{
        for (unsigned b = 0; b < now->boards; b++)
                if (now->usable[b] && !then->usable[b])
                        return true;
        return then->boards != now->boards ||
               memcmp(then->share_bytes, now->share_bytes, sizeof(now->share_bytes)) != 0 ||
               hedged_measure_drifted(then, now);
}

/* Who is not there has what it had. */
static void note_memory(const hedged_server_t *c, const hedged_speeds_t *then, hedged_speeds_t *now)
{
        unsigned known;
        hedged_board_t *const *boards = hedged_cluster_boards(c->cluster, &known);

        memcpy(now->share_bytes, then->share_bytes, sizeof(now->share_bytes));
        for (unsigned i = 0; i < known; i++)
                if (boards[i]->index < now->boards)
                        now->share_bytes[boards[i]->index] = boards[i]->share_bytes_max;
}

static void learn_from(hedged_server_t *c, const char *board, const hedge_cost_t *cost)
{
        const hedged_toll_totals_t totals = { .s = (double)(cost->io_us + cost->messages_us) / 1e6,
                                              .messages = cost->sent + cost->received,
                                              .bytes = cost->sent_bytes + cost->received_bytes };

        hedged_measure_messages(c->measure, board, &totals);
}

/* What messages cost, as this process and the boards have counted it. */
static void learn_costs(hedged_server_t *c)
{
        unsigned known;
        hedged_board_t *const *boards = hedged_cluster_boards(c->cluster, &known);
        hedge_cost_t own;

        hedge_cost_read(&own);
        learn_from(c, NULL, &own);
        for (unsigned i = 0; i < known; i++)
                if (boards[i]->cost.process_us)
                        learn_from(c, boards[i]->name, &boards[i]->cost);
}

void hedged_plans_tick(hedged_server_t *c)
{
        bool chains, was[HEDGE_CODE_MAX_BOARDS] = { false };
        hedged_speeds_t now;

        if (c->config->plan.cut == HEDGED_CUT_SIMPLE || c->stopping || c->plans->replanning)
                return; /* while models are planned again, news can wait */
        learn_costs(c);
        hedged_measure_snapshot(c->measure, c->cluster, &now);
        note_memory(c, &c->plans->chained, &now);
        chains = is_news_for_chains(&c->plans->chained, &now);
        if (!chains && !is_news(&c->plans->planned, &now))
                return;
        c->plans->planned = now;
        if (chains) {
                for (unsigned b = 0; b < now.boards; b++)
                        was[b] = now.usable[b] || c->plans->chained.usable[b];
                c->plans->chained = now;
                memcpy(c->plans->chained.usable, was, sizeof(was));
        }
        for (unsigned i = 0; i < c->registry.count; i++) {
                hedged_distribute_room(c->distributor, c->registry.models[i]->name, &now);
                c->plans->replanning += hedged_preparer_replan(c->preparer, c->registry.models[i], &now, chains) == 0;
        }
}

void hedged_plans_replanned(hedged_server_t *c, hedged_replan_t *replan)
{
        c->plans->replanning--;
        if (replan->segments)
                hedged_distribute_replanned(c->distributor, replan->model);
        hedged_replan_destroy(&replan);
}

/* ---- PLAN ---- */

/* By its name; empty: as configured. @return -1 where there is none. */
static int objective_of(const hedged_config_t *config, const char *name)
{
        if (!*name)
                return (int)config->plan.objective;
        for (int i = 0; hedged_objectives[i]; i++)
                if (!strcmp(hedged_objectives[i], name))
                        return i;
        return -1;
}

static int check(const hedged_server_t *c, const hedge_msg_plan_t *plan, const hedged_model_t *m, hedge_why_t *why)
{
        const unsigned slots = hedged_cluster_slots(c->cluster);

        if (c->stopping)
                return hedge_why(why, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
        if (!m && hedged_registry_find(&c->registry, plan->model))
                return hedge_why(why, HEDGE_ESHAPE, "model '%s' is not loaded for inputs of these shapes", plan->model);
        if (!m)
                return hedge_why(why, HEDGE_ENOMODEL, "no model '%s' is loaded", plan->model);
        if (plan->boards > slots)
                return hedge_why(why, -EINVAL, "the codes are made for %u boards (cluster.slots), not for %u", slots,
                                 plan->boards);
        if (objective_of(c->config, plan->objective) < 0)
                return hedge_why(why, -EINVAL, "there is no objective '%s': latency, p99, cost or auto",
                                 plan->objective);
        if (c->plans->n_asks >= MOST_ASKS)
                return hedge_why(why, -EAGAIN, "too many plans are being made already");
        return 0;
}

void hedged_plans_ask(hedged_server_t *c, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        const hedge_msg_plan_t *plan = &e->message.plan;
        hedged_model_t *m = plan->n_inputs
                                    ? hedged_registry_choose(&c->registry, plan->model, plan->inputs, plan->n_inputs)
                                    : hedged_registry_find(&c->registry, plan->model);
        hedged_ask_t *ask = NULL;
        hedge_why_t why;
        int r = check(c, plan, m, &why);

        if (r == 0 && !(ask = calloc(1, sizeof(*ask))))
                r = hedge_why(&why, -ENOMEM, "out of memory");
        if (r < 0) {
                hedged_refuse(asker, r, why.text);
                return;
        }
        ask->asker = *asker;
        ask->model = hedged_model_ref(m);
        ask->objective = (unsigned)objective_of(c->config, plan->objective);
        ask->answer.id = plan->id;
        snprintf(ask->answer.objective, sizeof(ask->answer.objective), "%s", hedged_objectives[ask->objective]);
        hedged_measure_snapshot(c->measure, c->cluster, &ask->speeds);
        hedged_distribute_room(c->distributor, m->name, &ask->speeds);
        if (plan->boards)
                ask->speeds.boards = plan->boards;
        c->plans->asks[c->plans->n_asks++] = ask;
        hedged_preparer_ask(c->preparer, ask);
}

void hedged_plans_answer(hedged_server_t *c, hedged_ask_t *ask)
{
        const hedge_message_t message = { .type = HEDGE_MSG_PLAN_OK, .plan_ok = ask->answer };

        for (unsigned i = 0; i < c->plans->n_asks; i++)
                if (c->plans->asks[i] == ask) {
                        c->plans->asks[i] = c->plans->asks[--c->plans->n_asks];
                        break;
                }
        if (ask->result < 0)
                hedged_refuse(&ask->asker, ask->result, ask->why.text);
        else
                hedged_reply(&ask->asker, &message, NULL, 0);
        hedged_ask_destroy(&ask);
}

void hedged_plans_abandon(const hedged_plans_t *plans)
{
        for (unsigned i = 0; i < plans->n_asks; i++)
                hedged_refuse(&plans->asks[i]->asker, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
}

void hedged_plans_look_again(hedged_plans_t *plans, bool chains)
{
        plans->planned.boards = 0;
        if (chains)
                plans->chained.boards = 0;
}

unsigned hedged_plans_asked(const hedged_plans_t *plans)
{
        return plans->n_asks;
}

int hedged_plans_new(hedged_plans_t **ret)
{
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

void hedged_plans_destroy(hedged_plans_t **plans)
{
        free(*plans);
        *plans = NULL;
}
