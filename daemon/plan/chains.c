/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/chains.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/plan/chain_steps.h"

#define WORTH       0.95 /* of the coordinator's own time: what a chain must be below */
#define BETTER      0.98 /* of nodes one by one, and of the time of a request of the chain before: likewise */
#define CLOSE       1.05 /* of the coordinator's own time: what one that is chosen for its cost must be below */
#define COARSE      8u
#define FINE        32u
#define LUCK_SEED   UINT64_C(0x57e9)
#define MOST_LEVELS 9 /* of 256 boards */

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

static bool has_segment(const hedged_level_t *l)
{
        for (unsigned i = 0; i < l->n; i++)
                if (l->ways[i].segment)
                        return true;
        return false;
}

/* Is a chain with segments worth it, for a request that has all boards? */
static bool is_worth(const hedged_level_world_t *w, const hedged_level_t *l, const hedged_level_t *nodes)
{
        const double local_s = w->survey->before[w->survey->n - 1].local_s;

        if (hedged_plan_names_segments(w->config))
                return true;
        if (w->objective == HEDGED_OBJECTIVE_COST)
                return l->score < nodes->score && l->load.mean_s <= CLOSE * local_s;
        return l->load.mean_s <= WORTH * local_s && l->score <= BETTER * nodes->score;
}

/* The chain for all boards: with segments, or nodes one by one. @param ret_best_s  Of the best that takes boards. */
static int plan_first(hedged_level_world_t *w, hedged_level_t *ret, double *ret_best_s)
{
        hedged_level_t nodes = { .n = 0 }, l = { .n = 0 };
        int r = hedged_level_nodes(w, w->boards, &nodes);

        if (r == 0)
                r = hedged_level_find(w, w->boards, &l);
        *ret_best_s = r == 0 && isfinite(l.score) ? l.load.mean_s : 0;
        if (r == 0 && has_segment(&l) && is_worth(w, &l, &nodes)) {
                *ret = l;
                hedged_level_release(&nodes);
                return 0;
        }
        hedged_level_release(&l);
        if (r < 0)
                hedged_level_release(&nodes);
        else
                *ret = nodes;
        return r;
}

/* Those for fewer boards that give more requests per second. @return how many levels there are, -ENOMEM. */
static int plan_fewer(hedged_level_world_t *w, hedged_level_t *levels)
{
        int n = 1;

        for (unsigned boards = w->boards / 2; boards > 0; boards /= 2) {
                hedged_level_t l;
                int r = hedged_level_find(w, boards, &l);

                if (r < 0) {
                        while (n > 1)
                                hedged_level_release(&levels[--n]);
                        return r;
                }
                if (isfinite(l.score) && has_segment(&l) && BETTER * l.rate >= levels[n - 1].rate)
                        levels[n++] = l;
                else
                        hedged_level_release(&l);
        }
        return n;
}

static int make_chains(const hedged_level_world_t *w, const hedged_level_t *levels, unsigned n, hedged_chains_t *c)
{
        int r = 0;

        c->chains = calloc(n, sizeof(*c->chains));
        if (!c->chains)
                return -ENOMEM;
        for (; r == 0 && c->n < n; c->n++)
                r = hedged_chain_make(w, &levels[c->n], &c->chains[c->n]);
        return r == 0 ? hedged_chains_place(w, c) : r;
}

static int plan(hedged_level_world_t *w, hedged_chains_t *c)
{
        hedged_level_t levels[MOST_LEVELS] = { { .n = 0 } };
        int n, r = plan_first(w, &levels[0], &c->best_shared_s);

        if (r < 0)
                return r;
        n = w->objective == HEDGED_OBJECTIVE_AUTO ? plan_fewer(w, levels) : 1;
        r = n < 0 ? n : make_chains(w, levels, (unsigned)n, c);
        for (int i = 0; i < n || i == 0; i++)
                hedged_level_release(&levels[i]);
        c->trials = w->trials;
        return r;
}

static hedged_node_cost_t *copy_nodes(const hedged_config_t *config, const hedge_graph_t *graph,
                                      const hedged_node_cost_t *nodes)
{
        hedged_node_cost_t *own = calloc(graph->n_nodes + (size_t)1, sizeof(*own));

        if (!own)
                return NULL;
        memcpy(own, nodes, graph->n_nodes * sizeof(*own));
        hedged_nodes_as_named(config, graph, own);
        return own;
}

/* Who is planned with: boards that are there, or have been; all where none ever was. @return how many. */
static unsigned choose_boards(hedged_speeds_t *speeds)
{
        unsigned n = 0;

        for (unsigned b = 0; b < speeds->boards; b++) {
                speeds->usable[b] = speeds->usable[b] || speeds->board[b].tasks > 0;
                n += speeds->usable[b];
        }
        if (n == 0)
                memset(speeds->usable, true, sizeof(speeds->usable));
        return n ? n : speeds->boards;
}

static hedged_speeds_t *copy_speeds(const hedged_speeds_t *speeds)
{
        hedged_speeds_t *own = malloc(sizeof(*own));

        if (own)
                *own = *speeds;
        return own;
}

/* May numbers go by 16 bits? A window goes there and back once, whatever is computed with it. */
static bool may_q16(const hedged_config_t *config)
{
        return config->plan.wire == HEDGED_WIRE_Q16 ||
               (config->plan.wire == HEDGED_WIRE_AUTO &&
                hedge_precision_error(HEDGE_PRECISION_Q16) <= config->plan.accuracy);
}

int hedged_chains_plan_for(const hedged_config_t *config, unsigned objective, const hedged_speeds_t *speeds,
                           const hedge_graph_t *graph, const hedged_node_cost_t *nodes,
                           const hedged_capacity_t *capacity, hedged_chains_t **ret)
{
        hedged_node_cost_t *own_nodes = copy_nodes(config, graph, nodes);
        hedged_speeds_t *own_speeds = copy_speeds(speeds);
        hedged_luck_t *coarse = NULL, *fine = NULL;
        hedged_chains_t *c = calloc(1, sizeof(*c));
        hedged_survey_t *survey = calloc(1, sizeof(*survey));
        hedged_rooms_t rooms;
        int r = own_nodes && own_speeds && c && survey ? 0 : -ENOMEM;

        if (r == 0)
                r = hedged_luck_new(COARSE, speeds->boards, LUCK_SEED, &coarse);
        if (r == 0)
                r = hedged_luck_new(FINE, speeds->boards, LUCK_SEED + 1, &fine);
        if (r == 0)
                r = hedged_survey_make(graph, own_nodes, survey);
        if (r == 0) {
                hedged_level_world_t w = { .config = config,
                                           .speeds = own_speeds,
                                           .boards = choose_boards(own_speeds),
                                           .survey = survey,
                                           .rooms = &rooms,
                                           .coarse = coarse,
                                           .fine = fine,
                                           .objective = objective,
                                           .q16 = may_q16(config) };

                hedged_rooms_make(survey, capacity, speeds->boards, &rooms);
                r = plan(&w, c);
        }
        hedged_luck_destroy(&coarse);
        hedged_luck_destroy(&fine);
        if (survey)
                hedged_survey_release(survey);
        free(survey);
        free(own_nodes);
        free(own_speeds);
        if (r < 0)
                hedged_chains_destroy(&c);
        else
                *ret = c;
        return r;
}

int hedged_chains_plan(const hedged_config_t *config, const hedged_speeds_t *speeds, const hedge_graph_t *graph,
                       const hedged_node_cost_t *nodes, const hedged_capacity_t *capacity, hedged_chains_t **ret)
{
        return hedged_chains_plan_for(config, config->plan.objective, speeds, graph, nodes, capacity, ret);
}
