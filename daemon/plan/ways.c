/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/ways.h"

#include <errno.h>
#include <math.h>

#include "daemon/plan/extremes.h"

#include "daemon/plan/weights.h"

#define MOST_WINDOWS 1024u /* parts of a task are numbered below it */
#define NUMBERS      6u    /* of windows that are looked at */
#define AS_GOOD      0.98  /* of the best with fewer windows or copies: what more of them have to be below */

/* Requests at a time. */
static double requests(const hedged_level_world_t *w, unsigned boards)
{
        return (double)w->boards / boards;
}

/* ---- what is shared ---- */

double hedged_way_alone_s(const hedged_level_world_t *w, const hedged_step_load_t *load)
{
        const hedged_speed_t *here = &w->speeds->here;
        const unsigned cores = w->speeds->here_cores ? w->speeds->here_cores : 1;

        return hedged_greater(
                load->computing_s + load->handling_s / cores,
                hedged_greater(load->up_bytes / here->up_bytes_per_s, load->down_bytes / here->down_bytes_per_s));
}

double hedged_way_score(const hedged_level_world_t *w, unsigned boards, const hedged_step_load_t *load)
{
        const double wait_s = (requests(w, boards) - 1) * hedged_way_alone_s(w, load);
        const double weights_s = requests(w, boards) * load->weights_s; /* meanwhile all of them would wait */
        const hedged_forecast_t f = { .mean_s = load->mean_s,
                                      .p99_s = load->p99_s,
                                      .here_s = load->computing_s + load->handling_s,
                                      .boards_s = load->boards_s };

        if (w->objective == HEDGED_OBJECTIVE_COST)
                return load->cost;
        if (w->objective == HEDGED_OBJECTIVE_AUTO)
                return load->mean_s + wait_s + weights_s;
        return hedged_forecast_score(&f, w->objective == HEDGED_OBJECTIVE_P99, w->config->plan.price_busy, w->boards) +
               weights_s;
}

hedged_step_load_t hedged_way_nodes(const hedged_level_world_t *w, unsigned boards, unsigned from, unsigned to)
{
        const hedged_node_cost_t *nodes = w->survey->nodes;
        hedged_step_load_t load = { .mean_s = 0 };

        for (uint32_t i = w->survey->points[from].at; i < w->survey->points[to].at; i++) {
                const bool coded = nodes[i].boards_s > 0;

                load.mean_s += hedged_greater(nodes[i].s, nodes[i].boards_s / boards);
                load.p99_s += hedged_greater(nodes[i].p99_s, nodes[i].boards_s / boards);
                load.computing_s += coded ? 0 : nodes[i].here_s;
                load.handling_s += coded ? nodes[i].here_s : 0;
                load.boards_s += nodes[i].boards_s;
                load.up_bytes += nodes[i].up_bytes;
                load.down_bytes += nodes[i].down_bytes;
                load.cost += nodes[i].cost;
        }
        return load;
}

/* ---- segments ---- */

bool hedged_way_may(const hedged_level_world_t *w, unsigned from, unsigned to, bool in_one_piece)
{
        const hedged_before_t *a = &w->survey->before[from], *b = &w->survey->before[to];

        if (w->config->plan.work == HEDGED_WORK_LAYERS || b->fixed > a->fixed || b->work <= a->work)
                return false;
        return w->config->plan.work == HEDGED_WORK_AUTO || in_one_piece == (w->config->plan.work == HEDGED_WORK_WHOLE);
}

/* Who may take part: of the boards that have room for it, as many of a hundred as the request has of all.
 * @param ret_each  So many boards has a request; below 1 it has to wait for one. */
static unsigned gather(const hedged_level_world_t *w, unsigned boards, const hedged_way_t *way, hedged_team_t *team,
                       double *ret_each)
{
        unsigned n = 0;

        *team = (hedged_team_t){ .boards = 0 };
        for (unsigned b = 0; b < w->speeds->boards; b++) {
                team->may[b] = w->speeds->usable[b] && hedged_room_covers(w->rooms, b, way->from, way->to);
                n += team->may[b];
        }
        *ret_each = n / requests(w, boards);
        team->boards = *ret_each > 1 ? (unsigned)(*ret_each + 1e-9) : 1;
        if (w->config->plan.here && way->pieces > 1)
                team->here = 1 / requests(w, boards);
        return n;
}

/* FCDCC's cost of a board: what it is sent and sends, computes and keeps. */
static double cost_of(const hedged_level_world_t *w, const hedged_way_t *way, const hedged_strips_t *strips,
                      unsigned boards)
{
        const hedged_before_t *a = &w->survey->before[way->from], *b = &w->survey->before[way->to];
        const unsigned each = (strips->n * strips->copies + boards - 1) / boards;
        double cost = 0;

        for (unsigned i = 0; i < each && i < strips->n; i++)
                cost += w->config->plan.price_comm * (strips->strips[i].up_elements + strips->strips[i].down_elements) +
                        w->config->plan.price_comp * strips->strips[i].work;
        return cost + w->config->plan.price_store * (double)(b->elements - a->elements);
}

static int simulate(hedged_level_world_t *w, unsigned boards, const hedged_luck_t *luck, const hedged_strips_t *strips,
                    hedged_way_t *way)
{
        hedged_forecast_t f;
        hedged_team_t team;
        double each;
        int r;

        if (gather(w, boards, way, &team, &each) == 0)
                return -ENOENT;
        r = hedged_strips_simulate(w->speeds, strips, &team, luck, &f);
        w->trials += luck->trials;
        if (r < 0 || !isfinite(f.mean_s))
                return r < 0 ? r : -ENOENT;
        each = each < 1 ? each : 1;
        way->load =
                (hedged_step_load_t){ .mean_s = f.mean_s / each,
                                      .p99_s = f.p99_s / each,
                                      .handling_s = f.here_s,
                                      .boards_s = f.boards_s,
                                      .up_bytes = f.up_bytes,
                                      .down_bytes = f.down_bytes,
                                      .weights_s = hedged_weights_s(w->survey, w->speeds, &team, way->from, way->to),
                                      .cost = cost_of(w, way, strips, team.boards) };
        return 0;
}

int hedged_way_try(hedged_level_world_t *w, unsigned boards, const hedged_luck_t *luck, hedged_way_t *way)
{
        hedged_split_t split = { .n = 0 };
        hedged_strips_t strips = { .copies = way->copies, .hedged = w->config->plan.hedge };
        hedged_section_t section;
        int r = 0;

        hedged_section_init(w->survey, way->from, way->to, w->q16, &section);
        if (way->pieces > 1)
                r = hedged_split_make(&section, way->pieces, &split);
        if (r < 0)
                return r;
        strips.n = way->pieces > 1 ? split.n : 1;
        strips.strips = way->pieces > 1 ? split.strips : &section.whole;
        r = strips.n <= MOST_WINDOWS ? simulate(w, boards, luck, &strips, way) : -ENOENT;
        hedged_split_release(&split);
        return r;
}

/* The boards' rates: of all, and the highest. */
static double all_rates(const hedged_level_world_t *w, double *ret_fastest)
{
        double all = 0;

        *ret_fastest = 0;
        for (unsigned b = 0; b < w->speeds->boards; b++)
                if (w->speeds->usable[b]) {
                        *ret_fastest = hedged_greater(*ret_fastest, w->speeds->board[b].macs_per_s);
                        all += w->speeds->board[b].macs_per_s;
                }
        return all;
}

/* The least that a segment takes on so many boards, whatever is done: its work over all rates. */
static double bound_s(const hedged_level_world_t *w, unsigned boards, const hedged_way_t *way)
{
        const double work = w->survey->before[way->to].work - w->survey->before[way->from].work;
        double fastest, all = all_rates(w, &fastest);

        if (way->pieces == 1)
                return work / fastest;
        all = boards == w->boards ? all : boards * fastest;
        return work / (all + (w->config->plan.here ? w->speeds->here.macs_per_s : 0));
}

/* As many boards as all that compute come to. */
static unsigned machines(const hedged_level_world_t *w, unsigned boards)
{
        double fastest, more = w->speeds->here.macs_per_s / all_rates(w, &fastest) * boards + 0.5;

        if (!w->config->plan.here)
                return boards;
        return boards + (more < boards ? (unsigned)more : boards);
}

/* Ascending. */
static unsigned list_numbers(const hedged_level_world_t *w, unsigned boards, unsigned *ret)
{
        const unsigned m = machines(w, boards);
        unsigned n = 0;

        ret[n++] = 1;
        if (boards > 1)
                ret[n++] = boards;
        if (m > boards)
                ret[n++] = m;
        if (boards > 1 || m > boards) {
                ret[n++] = 2 * m;
                ret[n++] = 3 * m;
                ret[n++] = 5 * m;
        }
        return n;
}

int hedged_way_choose(hedged_level_world_t *w, unsigned boards, double limit, hedged_way_t *way)
{
        const bool by_time = w->objective != HEDGED_OBJECTIVE_COST;
        unsigned numbers[NUMBERS];
        const unsigned n = list_numbers(w, boards, numbers);
        hedged_way_t best = *way;
        double best_score = INFINITY;
        bool found = false;

        for (unsigned i = 0; i < n; i++)
                for (unsigned copies = 1; copies <= w->config->plan.copies && copies <= boards; copies++) {
                        hedged_way_t c = { .from = way->from, .to = way->to, .segment = true };
                        double score;
                        int r;

                        c.pieces = numbers[i];
                        c.copies = copies;
                        if (!hedged_way_may(w, c.from, c.to, c.pieces == 1) ||
                            (by_time && bound_s(w, boards, &c) >= limit))
                                continue;
                        r = hedged_way_try(w, boards, w->coarse, &c);
                        if (r < 0 && r != -ENOENT)
                                return r;
                        score = r == 0 ? hedged_way_score(w, boards, &c.load) : INFINITY;
                        if (score >= limit || (found && score >= AS_GOOD * best_score))
                                continue;
                        limit = best_score = score;
                        best = c;
                        found = true;
                }
        *way = best;
        return found ? 0 : -ENOENT;
}
