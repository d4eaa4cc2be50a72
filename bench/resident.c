/* SPDX-License-Identifier: Apache-2.0 */
/* Would strips that stay on their boards pay, which between two layers exchange only the rows at their borders, from board to board?
 * A model of that, as kind to it as can be, beside what hedge plans for the same boards: windows of segments that go out from the
 * coordinator and come back to it.
 *
 * What is kind: machines that exchange rows have no connections to make, know how slow each of them is in this request after the
 * first stretch, and share rows out anew at every restart point by that, in any proportion, without asking anyone; sending the
 * coordinator what can be begun again from only takes the links, while all go on. What a machine is late with, the others that have finished do together
 * from the last restart point on. The coordinator has a strip, too. From any point on the request may go on as hedge plans it. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/onnx.h"
#include "common/model/zoo.h"
#include "daemon/measure/costs.h"
#include "daemon/plan/chains.h"
#include "daemon/plan/split.h"

#define BOARDS   10
#define MACHINES (BOARDS + 1) /* with the coordinator, the last */
#define TRIALS   64
#define PATIENCE 1.25 /* daemon/plan/late.c's */
#define ALL      1000u

/* The local stretch between two cut points: what r rows of its output take. */
typedef struct unit {
        double rows, work, work_row;    /* work of r rows: work + r * work_row */
        double row_bytes, border_bytes; /* of an output row; of the rows that a strip needs of its neighbours */
        double again;                   /* rows of its output more, that whoever begins earlier computes for it */
        double all_work;
} unit_t;

typedef struct world {
        hedged_speeds_t speeds;
        hedged_luck_t *luck, *late[MACHINES]; /* late: by exchange, per machine */
        hedged_survey_t survey;
        unit_t units[HEDGED_SURVEY_POINTS];
        unsigned n_units, first; /* the point where they begin */
        double in_row_bytes;     /* of the first unit's input */
} world_t;

static double most(double a, double b)
{
        return a > b ? a : b;
}

static double message_s(const world_t *w, unsigned m, double bytes)
{
        const double slower = m < BOARDS ? hedged_speeds_slower(&w->speeds, m) : 1;

        return slower * (w->speeds.costs.message_s + bytes * w->speeds.costs.byte_s);
}

static double link_of(const world_t *w, unsigned m)
{
        return m < BOARDS ? w->speeds.board[m].up_bytes_per_s : w->speeds.here.up_bytes_per_s;
}

/* How long an exchange is delayed: one transmission. */
static double delay_s(const world_t *w, unsigned m, unsigned unit, unsigned trial)
{
        const unsigned at = (trial * 31 + unit) % w->late[m]->trials;

        return m < BOARDS ? hedged_luck_scale(w->speeds.board[m].delay_s, HEDGED_NOISE_DELAY_S, w->late[m]->in[at]) / 2
                          : 0;
}

static double pace_s(const world_t *w, unsigned m, unsigned trial)
{
        const hedged_speed_t *s = m < BOARDS ? &w->speeds.board[m] : &w->speeds.here;
        const double e = m < BOARDS ? w->luck->slow[(size_t)trial * BOARDS + m] : 0;

        return (1 + hedged_luck_scale(s->spread, HEDGED_NOISE_SPREAD, e)) / s->macs_per_s;
}

/* ---- units ---- */

static int make_unit(world_t *w, unsigned from, unit_t *u)
{
        const hedge_shape_t *out = &w->survey.graph->values[w->survey.points[from + 1].value].shape;
        const uint32_t h = out->dims[1], some = h / 4 ? h / 4 : 1;
        hedge_window_t one = { h / 3, 1, 0, out->dims[2] }, more = { h / 3, 1 + some, 0, out->dims[2] };
        hedged_section_t section;
        hedged_strip_t a, b;
        uint64_t macs;
        int r;

        hedged_section_init(&w->survey, from, from + 1, true, &section);
        if (!section.local || more.top + more.rows > h)
                return -1;
        r = hedged_section_window(&section, &one, &a, &macs);
        if (r == 0)
                r = hedged_section_window(&section, &more, &b, &macs);
        if (r < 0)
                return r;
        *u = (unit_t){ .rows = h, .row_bytes = a.down_bytes, .work_row = (b.work - a.work) / some };
        u->work = most(a.work - u->work_row, 0);
        u->border_bytes = most(a.up_bytes - (b.up_bytes - a.up_bytes) / some, 0);
        u->again = (b.up_bytes - a.up_bytes) > 0 ? u->border_bytes / ((b.up_bytes - a.up_bytes) / some) : 0;
        u->all_work = u->rows * u->work_row;
        return 0;
}

static void make_units(world_t *w)
{
        unit_t u;

        while (w->first + 1 < w->survey.n && make_unit(w, w->first, &u) < 0)
                w->first++;
        while (w->first + w->n_units + 1 < w->survey.n && make_unit(w, w->first + w->n_units, &u) == 0)
                w->units[w->n_units++] = u;
        w->in_row_bytes = w->n_units ? w->units[0].row_bytes : 0;
}

/* ---- one request ---- */

static double latest(const double *t)
{
        double last = t[0];

        for (unsigned m = 1; m < MACHINES; m++)
                last = most(last, t[m]);
        return last;
}

static double sum_of(const double *v)
{
        double sum = 0;

        for (unsigned m = 0; m < MACHINES; m++)
                sum += v[m];
        return sum;
}

/* What of all rows is a machine's by how fast it is this time. */
static double part_of(const world_t *w, unsigned m, unsigned trial)
{
        double rates[MACHINES];

        for (unsigned i = 0; i < MACHINES; i++)
                rates[i] = 1 / pace_s(w, i, trial);
        return rates[m] / sum_of(rates);
}

/* Whole rows, each to whoever would have finished it first. */
static void share_out(const unit_t *u, const double *weights, double *rows)
{
        memset(rows, 0, MACHINES * sizeof(*rows));
        for (unsigned r = 0; r < (unsigned)u->rows; r++) {
                unsigned best = 0;

                for (unsigned m = 1; m < MACHINES; m++)
                        if ((rows[m] + 1) / weights[m] < (rows[best] + 1) / weights[best])
                                best = m;
                rows[best]++;
        }
}

/* Stretch of units [from, to) with rows by these weights: when each machine has finished. */
static void run_stretch(const world_t *w, unsigned trial, unsigned from, unsigned to, const double *weights, double *t)
{
        for (unsigned i = from; i < to; i++) {
                const unit_t *u = &w->units[i];
                double rows[MACHINES], sent[MACHINES], border = u->border_bytes / 2;

                share_out(u, weights, rows);
                for (unsigned m = 0; m < MACHINES; m++)
                        sent[m] = t[m] + 2 * message_s(w, m, border) + border / link_of(w, m) + delay_s(w, m, i, trial);
                for (unsigned m = 0; m < MACHINES; m++) {
                        double begin = t[m];

                        if (i > 0 && m > 0)
                                begin = most(begin, sent[m - 1] + message_s(w, m, border));
                        if (i > 0 && m + 1 < MACHINES)
                                begin = most(begin, sent[m + 1] + message_s(w, m, border));
                        if (rows[m] > 0)
                                t[m] = begin + (u->work + rows[m] * u->work_row) * pace_s(w, m, trial);
                }
        }
}

static int by_size(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

/* At a restart point: what the slowest still owe is done by the others together, if that is sooner. */
static double catch_up(const world_t *w, unsigned trial, unsigned from, unsigned to, const double *weights,
                       const double *began, const double *t)
{
        const double sum = sum_of(weights);
        double sorted[MACHINES], best, work = 0, rows[MACHINES];

        for (unsigned i = from; i < to; i++)
                work += w->units[i].all_work;
        share_out(&w->units[from], weights, rows);
        memcpy(sorted, t, sizeof(sorted));
        qsort(sorted, MACHINES, sizeof(*sorted), by_size);
        best = sorted[MACHINES - 1];
        for (unsigned done = MACHINES / 2; done < MACHINES;
             done++) { /* so many have finished, when the rest is given up */
                const double when = began[0] + PATIENCE * (sorted[done - 1] - began[0]);
                double left = 0, rate = 0, bytes = 0, delay = 0;

                for (unsigned m = 0; m < MACHINES; m++)
                        if (t[m] > when) {
                                left += work * weights[m] / sum;
                                bytes += rows[m] * w->in_row_bytes;
                        } else {
                                rate += 1 / pace_s(w, m, trial);
                                delay = most(delay, delay_s(w, m, from + 7, trial) + delay_s(w, m, from + 13, trial));
                        }
                if (left > 0 && rate > 0)
                        best = fmin(best, when + delay + bytes / w->speeds.here.up_bytes_per_s + left / rate +
                                                  2 * message_s(w, BOARDS, 0) * done);
        }
        return best;
}

/* @param every  Units between two restart points; ALL: none. @param t_end  When the last board has its rows of unit `to` - 1. */
static double run_resident(const world_t *w, unsigned trial, unsigned to, unsigned every)
{
        double t[MACHINES], began[MACHINES], weights[MACHINES], now, kept,
                before = 0, in_bytes = w->units[0].rows * w->in_row_bytes;

        for (unsigned m = 0; m < MACHINES; m++) {
                weights[m] = m < BOARDS ? w->speeds.board[m].macs_per_s / (1 + w->speeds.board[m].spread)
                                        : w->speeds.here.macs_per_s;
                t[m] = m < BOARDS ? in_bytes / MACHINES / link_of(w, m) + in_bytes / w->speeds.here.up_bytes_per_s +
                                            BOARDS * message_s(w, BOARDS, in_bytes / MACHINES) +
                                            message_s(w, m, in_bytes / MACHINES) + delay_s(w, m, 29, trial)
                                  : 0;
        }
        for (unsigned from = 0; from < to; from += every) {
                const unsigned end = every >= to - from ? to : from + every;

                memcpy(began, t, sizeof(began));
                run_stretch(w, trial, from, end, weights, t);
                if (every == ALL)
                        break;
                now = catch_up(w, trial, from, end, weights, began, t);
                kept = w->units[end - 1].rows * w->units[end - 1].row_bytes / w->speeds.here.down_bytes_per_s;
                for (unsigned m = 0; m < MACHINES; m++) {
                        const unit_t *u = &w->units[end - 1];
                        const bool moves = from == 0 && u->rows * u->row_bytes > 0 && end < to;

                        kept = most(kept, u->rows * u->row_bytes / MACHINES / link_of(w, m));
                        if (latest(t) > now) /* the others did what was late, and are busy with it until then */
                                began[m] = now;
                        else
                                began[m] = t[m];
                        if (moves) /* about so much of what it has is another's from now on */
                                began[m] += fabs(part_of(w, m, trial) - weights[m] / sum_of(weights)) * u->rows *
                                            u->row_bytes / link_of(w, m);
                }
                /* what can be begun again from has to be at the coordinator before the next such point, beside all else */
                for (unsigned m = 0; m < MACHINES; m++)
                        t[m] = began[m] + (end < to ? most(kept - (now - before), 0) : 0);
                before = now;
                for (unsigned m = 0; m < MACHINES; m++)
                        weights[m] = 1 / pace_s(w, m, trial);
        }
        now = 0;
        for (unsigned m = 0; m < BOARDS; m++) {
                const double bytes = w->units[to - 1].rows * w->units[to - 1].row_bytes / MACHINES;

                now = most(now, t[m] + message_s(w, m, bytes) + bytes / link_of(w, m) + delay_s(w, m, 30, trial));
        }
        return most(now, t[BOARDS]) + BOARDS * message_s(w, BOARDS, 0) + w->speeds.costs.layer_s;
}

static double mean_resident(const world_t *w, unsigned to, unsigned every)
{
        double sum = 0;

        for (unsigned i = 0; i < TRIALS; i++)
                sum += run_resident(w, i, to, every);
        return sum / TRIALS;
}

static double nodes_s(const hedged_node_cost_t *nodes, uint32_t first, uint32_t last)
{
        double sum = 0;

        for (uint32_t i = first; i < last; i++)
                sum += nodes[i].s;
        return sum;
}

/* What comes behind a node: as hedge plans it, where a step begins there, or by the coordinator. */
static double rest_s(const hedged_chain_t *star, const hedged_node_cost_t *nodes, uint32_t first, uint32_t last)
{
        double rest = 0, local = nodes_s(nodes, first, last);
        bool begins = false;

        for (unsigned s = 0; s < star->n_steps; s++) {
                begins = begins || star->steps[s].first == first;
                rest += star->steps[s].first >= first ? star->steps[s].predicted_s : 0;
        }
        return begins && rest < local ? rest : local;
}

/* The best: up to any unit, with restart points as often as is good. */
static double best_resident(const world_t *w, const hedged_chain_t *star, const hedged_node_cost_t *nodes,
                            bool restarts, unsigned *ret_every)
{
        const double before = nodes_s(nodes, 0, w->survey.points[w->first].at);
        double best = INFINITY;

        for (unsigned to = 1; to <= w->n_units; to++) {
                const double rest = rest_s(star, nodes, w->survey.points[w->first + to].at, w->survey.graph->n_nodes);

                for (unsigned every = restarts ? 1 : ALL; every <= (restarts ? to : ALL); every++) {
                        const double s = before + mean_resident(w, to, every) + rest;

                        if (s < best) {
                                best = s;
                                *ret_every = every;
                        }
                }
        }
        return best;
}

/* ---- the table ---- */

typedef struct profile {
        const char *name;
        double gflops, mbit;
} profile_t;

typedef struct scenario {
        const char *name;
        double spread, delay_s;
        unsigned straggler; /* only one board is slow: spread is its */
} scenario_t;

static void set_up(world_t *w, const profile_t *p, const scenario_t *s)
{
        const hedged_speed_t hub = { .macs_per_s = p->gflops * 1e9 / 2,
                                     .up_bytes_per_s = 125e6,
                                     .down_bytes_per_s = 125e6 };

        w->speeds = (hedged_speeds_t){ .boards = BOARDS, .here = hub, .here_cores = 4, .costs = hedged_usual_costs };
        for (unsigned b = 0; b < BOARDS; b++) {
                const double link = p->mbit * 125e3;

                w->speeds.board[b] = (hedged_speed_t){ .macs_per_s = hub.macs_per_s,
                                                       .spread = s->straggler && b ? 0 : s->spread,
                                                       .delay_s = s->delay_s,
                                                       .up_bytes_per_s = link,
                                                       .down_bytes_per_s = link };
                w->speeds.usable[b] = true;
                w->speeds.cores[b] = 4;
        }
}

static int compare(const hedge_graph_t *graph, const profile_t *p, const scenario_t *s)
{
        static hedged_capacity_t capacity;
        hedged_config_t config = { 0 };
        hedged_node_cost_t *nodes = calloc(graph->n_nodes, sizeof(*nodes));
        hedged_chains_t *chains = NULL;
        double still = 0, restarted = 0;
        world_t *w = calloc(1, sizeof(*w));
        unsigned every = 0, never = 0;
        hedge_why_t why;
        int r = nodes && w ? hedge_conf_parse(hedged_conf_rows, "resident", "", 0, &config, &why) : -1;

        if (r < 0)
                return r;
        memset(&capacity, 0xff, sizeof(capacity));
        set_up(w, p, s);
        hedged_nodes_local(&config, "model", &w->speeds, graph, nodes);
        r = hedged_chains_plan(&config, &w->speeds, graph, nodes, &capacity, &chains);
        if (r == 0)
                r = hedged_survey_make(graph, nodes, &w->survey);
        if (r == 0)
                r = hedged_luck_new(TRIALS, BOARDS, 11, &w->luck);
        for (unsigned m = 0; r == 0 && m < MACHINES; m++)
                r = hedged_luck_new(997, 1, 100 + m, &w->late[m]);
        if (r == 0) {
                make_units(w);
                still = best_resident(w, &chains->chains[0], nodes, false, &never);
                restarted = best_resident(w, &chains->chains[0], nodes, true, &every);
                printf("%-9s  %-20s  %8.0f  %8.0f  %8.0f  %5u  %+6.0f %%\n", p->name, s->name,
                       chains->chains[0].predicted_s * 1e3, still * 1e3, restarted * 1e3, every,
                       100 * (fmin(still, restarted) / chains->chains[0].predicted_s - 1));
        }
        for (unsigned m = 0; m < MACHINES; m++)
                hedged_luck_destroy(&w->late[m]);
        hedged_luck_destroy(&w->luck);
        hedged_survey_release(&w->survey);
        hedged_chains_destroy(&chains);
        hedged_config_release(&config);
        free(nodes);
        free(w);
        return r;
}

static int compare_all(const hedge_graph_t *graph, const char *name)
{
        static const profile_t profiles[] = { { "pi4-1g", 15, 1000 },
                                              { "pi3-100m", 5, 100 },
                                              { "slow-100m", 1.5, 100 } };
        static const scenario_t scenarios[] = { { "none", 0, 0, 0 },
                                                { "slowdown 1", 1, 0, 0 },
                                                { "one 5 times slower", 3.2, 0, 1 },
                                                { "delays of 10 ms", 0, 0.02, 0 },
                                                { "delays of 50 ms", 0, 0.1, 0 } };
        int r = 0;

        printf("%s, mean ms of a request, %u boards\n", name, BOARDS);
        printf("BOARDS     TROUBLE                 HEDGE  RESIDENT  RESTARTS  EVERY    BEST\n");
        for (size_t p = 0; p < sizeof(profiles) / sizeof(profiles[0]) && r == 0; p++)
                for (size_t s = 0; s < sizeof(scenarios) / sizeof(scenarios[0]) && r == 0; s++)
                        r = compare(graph, &profiles[p], &scenarios[s]);
        return r;
}

typedef struct bytes {
        char *at;
} bytes_t;

static int collect(void *arg, const void *data, size_t size)
{
        bytes_t *bytes = arg;

        memcpy(bytes->at, data, size);
        bytes->at += size;
        return 0;
}

static int make(const char *network, hedge_graph_t **ret, hedge_why_t *why)
{
        hedge_zoo_t *zoo = NULL;
        char *data = NULL;
        bytes_t to;
        int r = hedge_zoo_new(network, 1, 1, &zoo, why);

        if (r == 0 && !(data = malloc(hedge_zoo_bytes(zoo))))
                r = hedge_why(why, -ENOMEM, "out of memory");
        to.at = data;
        if (r == 0)
                r = hedge_zoo_write(zoo, collect, &to);
        if (r == 0)
                r = hedge_onnx_import(data, hedge_zoo_bytes(zoo), NULL, ret, why);
        free(data);
        hedge_zoo_destroy(&zoo);
        return r;
}

int main(void)
{
        static const char *const networks[] = { "vgg16", "resnet18" };
        hedge_why_t why = { "" };
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(networks) / sizeof(networks[0]); i++) {
                hedge_graph_t *graph = NULL;

                r = make(networks[i], &graph, &why);
                if (r == 0)
                        r = compare_all(graph, networks[i]);
                hedge_graph_destroy(&graph);
        }
        if (r < 0)
                fprintf(stderr, "%s\n", *why.text ? why.text : hedge_strerror(r));
        return r < 0;
}
