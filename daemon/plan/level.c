/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/level.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "daemon/plan/ways.h"

#define NOT_NAMED 1000.0 /* so many times as bad is what plan.work does not name, where it names something */

/* While the best path is looked for. */
typedef struct search {
        hedged_level_world_t *world;
        unsigned boards;
        int error;
        hedged_way_t ways[HEDGED_SURVEY_POINTS][HEDGED_SURVEY_POINTS];
} search_t;

static double look(void *arg, unsigned from, unsigned to, double limit)
{
        search_t *s = arg;
        hedged_way_t *way = &s->ways[from][to];
        int r;

        *way = (hedged_way_t){ .from = from, .to = to };
        r = hedged_way_choose(s->world, s->boards, limit, way);
        if (r < 0 && r != -ENOENT) {
                s->error = r;
                return -1;
        }
        return r == 0 ? hedged_way_score(s->world, s->boards, &way->load) : INFINITY;
}

static void make_hops(const hedged_level_world_t *w, unsigned boards, hedged_hop_t *hops)
{
        const hedged_before_t *before = w->survey->before;

        for (unsigned i = 0; i + 1 < w->survey->n; i++) {
                const hedged_step_load_t load = hedged_way_nodes(w, boards, i, i + 1);

                hops[i] = (hedged_hop_t){ hedged_way_score(w, boards, &load), before[i + 1].shared > before[i].shared };
                if (hedged_plan_names_segments(w->config) && before[i + 1].fixed == before[i].fixed)
                        hops[i].score *= NOT_NAMED;
        }
}

static void add(hedged_step_load_t *sum, const hedged_step_load_t *load)
{
        sum->mean_s += load->mean_s;
        sum->p99_s += load->p99_s;
        sum->computing_s += load->computing_s;
        sum->handling_s += load->handling_s;
        sum->boards_s += load->boards_s;
        sum->up_bytes += load->up_bytes;
        sum->down_bytes += load->down_bytes;
        sum->weights_s += load->weights_s;
        sum->cost += load->cost;
}

/* Is every segment in one piece? Then a request may as well be the coordinator's. */
static bool is_whole(const hedged_level_t *l)
{
        unsigned segments = 0;

        for (unsigned i = 0; i < l->n; i++) {
                if (l->ways[i].segment && l->ways[i].pieces > 1)
                        return false;
                segments += l->ways[i].segment;
        }
        return segments > 0;
}

/* Requests per second: so many at a time, as far as what they share allows. */
static double rate_of(const hedged_level_world_t *w, const hedged_level_t *l)
{
        const double alone_s = hedged_way_alone_s(w, &l->load), local_s = w->survey->before[w->survey->n - 1].local_s;
        double rate = (double)w->boards / l->boards / l->load.mean_s;

        if (rate * alone_s > 1)
                rate = 1 / alone_s;
        if (w->config->plan.here && is_whole(l) && local_s > 0)
                rate += (1 - rate * alone_s) / local_s;
        return rate;
}

/* What was chosen, predicted with more draws. */
static int predict(hedged_level_world_t *w, hedged_level_t *l)
{
        l->load = (hedged_step_load_t){ .mean_s = 0 };
        for (unsigned i = 0; i < l->n; i++) {
                hedged_way_t *way = &l->ways[i];
                int r = 0;

                if (way->segment)
                        r = hedged_way_try(w, l->boards, w->fine, way);
                else
                        way->load = hedged_way_nodes(w, l->boards, way->from, way->to);
                if (r < 0)
                        return r;
                add(&l->load, &way->load);
        }
        l->score = hedged_way_score(w, l->boards, &l->load);
        l->rate = l->load.mean_s > 0 ? rate_of(w, l) : 0;
        return 0;
}

static int take(search_t *s, const hedged_path_t *path, hedged_level_t *ret)
{
        ret->ways = calloc(path->n ? path->n : 1, sizeof(*ret->ways));
        if (!ret->ways)
                return -ENOMEM;
        ret->n = path->n;
        for (unsigned i = 0; i < path->n; i++) {
                const hedged_stretch_t *stretch = &path->stretches[i];

                if (stretch->leg)
                        ret->ways[i] = s->ways[stretch->from][stretch->to];
                else
                        ret->ways[i] = (hedged_way_t){ .from = stretch->from, .to = stretch->to };
        }
        return predict(s->world, ret);
}

int hedged_level_find(hedged_level_world_t *w, unsigned boards, hedged_level_t *ret)
{
        hedged_hop_t hops[HEDGED_SURVEY_POINTS];
        search_t *s = calloc(1, sizeof(*s));
        hedged_path_t path = { .n = 0 };
        int r;

        *ret = (hedged_level_t){ .boards = boards, .score = INFINITY };
        if (!s)
                return -ENOMEM;
        s->world = w;
        s->boards = boards;
        make_hops(w, boards, hops);
        r = hedged_path_find(w->survey->n, hops, look, s, &path);
        if (r == -ECANCELED)
                r = s->error;
        if (r == 0 && isfinite(path.score))
                r = take(s, &path, ret);
        hedged_path_release(&path);
        free(s);
        if (r < 0)
                hedged_level_release(ret);
        return r;
}

int hedged_level_nodes(hedged_level_world_t *w, unsigned boards, hedged_level_t *ret)
{
        *ret = (hedged_level_t){ .boards = boards, .n = 1 };
        ret->ways = calloc(1, sizeof(*ret->ways));
        if (!ret->ways)
                return -ENOMEM;
        ret->ways[0] = (hedged_way_t){ .from = 0, .to = w->survey->n - 1 };
        return predict(w, ret);
}

void hedged_level_release(hedged_level_t *l)
{
        free(l->ways);
        l->ways = NULL;
        l->n = 0;
}
