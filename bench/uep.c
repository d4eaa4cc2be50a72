/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/random.h"
#include "common/code/uep/decode.h"
#include "common/code/uep/expect.h"
#include "common/code/uep/product.h"

/* The setting of the UEP paper: 9 sub-products in three classes of three, blocks of variance 10, 1 and 0.1, 30 boards,
 * exponential latencies. Only the blocks are smaller: their size matters to nothing that is measured here. */
#define PRODUCTS 9u
#define BOARDS   30u
#define CLASSES  3u
#define TIMES    31u
#define STEP     0.05
#define ROWS     12u
#define INNER    36u
#define COLUMNS  12u

static const double variances[] = { 10, 1, 0.1 };

typedef struct series {
        hedge_uep_scheme_t scheme;
        bool stacked, expects; /* has it a closed form? */
        unsigned packets;
        double windows[CLASSES];
        double terms;                                             /* mean of a task */
        double off[2][TIMES], squares[2][TIMES], cross[2][TIMES]; /* sums over runs, by time and by packets */
        double losses[BOARDS + 1], expected[2][TIMES], expected_squares[2][TIMES];
} series_t;

static struct setting {
        hedge_uep_shape_t shape;
        double windows[CLASSES];
        unsigned runs;
        uint64_t seed;
        double deadline;         /* windows are the best for it; 0: as given */
        bool work, json;         /* work: a task of t terms takes t times as long */
        double all, all_squares; /* |C|^2, and its squares, over all runs */
} setting = { .shape = { HEDGE_UEP_ROW_COLUMN, ROWS, INNER, COLUMNS, 3, 3 },
              .windows = { 0.40, 0.35, 0.25 },
              .runs = 3000,
              .seed = 1 };

enum { BY_TIME, BY_PACKETS };

typedef struct matrices {
        float a[ROWS * INNER], b[INNER * COLUMNS], c[ROWS * COLUMNS];
        hedge_uep_classes_t classes;
        double latency[BOARDS];
        double all;
} matrices_t;

static int check(const char *what, int r)
{
        if (r < 0) {
                fprintf(stderr, "hedge-bench-uep: %s: %s\n", what, hedge_strerror(r));
                exit(1);
        }
        return r;
}

static void multiply(const float *a, const float *b, float *c, unsigned rows, unsigned inner, unsigned columns)
{
        memset(c, 0, (size_t)rows * columns * sizeof(*c));
        for (unsigned i = 0; i < rows; i++)
                for (unsigned x = 0; x < inner; x++)
                        for (unsigned j = 0; j < columns; j++)
                                c[i * columns + j] += a[i * inner + x] * b[x * columns + j];
}

/* Which variance a block has: by threes where there are nine. */
static double deviation(unsigned block)
{
        return sqrt(variances[setting.shape.split == HEDGE_UEP_ROW_COLUMN ? block : block / 3]);
}

/* --- one run --- */

static void draw_matrices(matrices_t *m, uint64_t *row)
{
        const hedge_uep_shape_t *s = &setting.shape;
        const bool pairs = s->split == HEDGE_UEP_ROW_COLUMN;
        double norms_a[PRODUCTS], norms_b[PRODUCTS];

        for (unsigned i = 0; i < ROWS * INNER; i++)
                m->a[i] = (float)(hedge_random_normal(row) *
                                  deviation(pairs ? i / INNER / (ROWS / 3) : i % INNER / (INNER / PRODUCTS)));
        for (unsigned i = 0; i < INNER * COLUMNS; i++)
                m->b[i] = (float)(hedge_random_normal(row) *
                                  deviation(pairs ? i % COLUMNS / (COLUMNS / 3) : i / COLUMNS / (INNER / PRODUCTS)));
        for (unsigned i = 0; i < BOARDS; i++)
                m->latency[i] = hedge_random_exponential(row);
        multiply(m->a, m->b, m->c, ROWS, INNER, COLUMNS);
        m->all = 0;
        for (unsigned i = 0; i < ROWS * COLUMNS; i++)
                m->all += (double)m->c[i] * m->c[i];
        setting.all += m->all;
        setting.all_squares += m->all * m->all;
        check("norms", hedge_uep_norms(s, m->a, m->b, norms_a, norms_b, NULL));
        check("classes", hedge_uep_classify(s, norms_a, norms_b, pairs ? 3 : 0, CLASSES, &m->classes, NULL));
}

static hedge_uep_params_t params_of(const series_t *s, const hedge_uep_classes_t *classes, uint64_t seed)
{
        hedge_uep_params_t p = {
                .scheme = s->scheme, .classes = classes, .packets = s->packets, .stacked = s->stacked, .seed = seed
        };

        memcpy(p.windows, s->windows, sizeof(s->windows));
        return p;
}

/* What a board does and sends back. */
static float *do_task(const hedge_uep_t *code, unsigned packet, const matrices_t *m)
{
        const hedge_uep_shape_t *s = &setting.shape;
        const unsigned inner = hedge_uep_task_inner(code, s, packet);
        const unsigned rows = hedge_uep_result_rows(s), columns = hedge_uep_result_columns(s);
        float *a = malloc(sizeof(float) * rows * inner), *b = malloc(sizeof(float) * inner * columns);
        float *result = malloc(sizeof(float) * rows * columns);

        if (!a || !b || !result)
                check("memory", -ENOMEM);
        check("A", hedge_uep_encode_a(code, s, packet, m->a, a));
        check("B", hedge_uep_encode_b(code, s, packet, m->b, b));
        multiply(a, b, result, rows, inner, columns);
        free(a);
        free(b);
        return result;
}

static void add_point(series_t *s, int axis, unsigned at, double off, double all)
{
        s->off[axis][at] += off;
        s->squares[axis][at] += off * off;
        s->cross[axis][at] += off * all;
}

/* The packets come in the order of their latencies; `off` and `came`: the error after each, and when that was. */
static void receive(const hedge_uep_t *code, const matrices_t *m, double *off, double *came)
{
        const unsigned n = hedge_uep_packets(code);
        float *results[BOARDS] = { NULL }, c[ROWS * COLUMNS];
        hedge_uep_decoder_t *d = NULL;
        bool done[BOARDS] = { false };
        unsigned before = 0;

        check("decoder", hedge_uep_decoder_new(code, &d));
        off[0] = m->all;
        for (unsigned i = 0; i < n; i++) {
                double soonest = INFINITY;
                unsigned next = 0;

                for (unsigned p = 0; p < n; p++) {
                        const double at = m->latency[p] * (setting.work ? hedge_uep_terms(code, p) : 1);

                        if (!done[p] && at < soonest) {
                                soonest = at;
                                next = p;
                        }
                }
                done[next] = true;
                came[i] = soonest;
                results[i] = do_task(code, next, m);
                off[i + 1] = off[i];
                if (check("packet", hedge_uep_decoder_add(d, next)) == (int)before)
                        continue;
                before = (unsigned)check("solve", hedge_uep_decoder_solve(d));
                hedge_uep_decoder_apply(d, &setting.shape, (const float *const *)results, c);
                off[i + 1] = hedge_uep_loss(c, m->c, ROWS * COLUMNS) * m->all;
        }
        hedge_uep_decoder_destroy(&d);
        for (unsigned i = 0; i < n; i++)
                free(results[i]);
}

static void run_series(series_t *s, const matrices_t *m, uint64_t seed)
{
        const hedge_uep_params_t p = params_of(s, &m->classes, seed);
        double off[BOARDS + 1], came[BOARDS];
        hedge_uep_t *code = NULL;
        unsigned count = 0;

        check(hedge_uep_scheme_name(s->scheme), hedge_uep_new(&p, &code, NULL));
        receive(code, m, off, came);
        for (unsigned i = 0; i <= s->packets; i++)
                add_point(s, BY_PACKETS, i, off[i], m->all);
        for (unsigned t = 0; t < TIMES; t++) {
                while (count < s->packets && came[count] <= t * STEP)
                        count++;
                add_point(s, BY_TIME, t, off[count], m->all);
        }
        for (unsigned i = 0; i < s->packets; i++)
                s->terms += (double)hedge_uep_terms(code, i) / s->packets / setting.runs;
        hedge_uep_destroy(&code);
}

/* --- figures --- */

/* The ratio of two means, and how far off it may be (one standard error). */
static double loss_of(const series_t *s, int axis, unsigned at, double *error)
{
        const double ratio = s->off[axis][at] / setting.all;
        const double spread =
                s->squares[axis][at] - 2 * ratio * s->cross[axis][at] + ratio * ratio * setting.all_squares;

        *error = sqrt(fmax(spread, 0)) / setting.all;
        return ratio;
}

/* Classes by the variances, not by what was drawn. */
static hedge_uep_classes_t true_classes(void)
{
        const bool pairs = setting.shape.split == HEDGE_UEP_ROW_COLUMN;
        double norms[PRODUCTS];
        hedge_uep_classes_t classes;

        for (unsigned i = 0; i < setting.shape.blocks_a; i++)
                norms[i] = deviation(i);
        check("classes", hedge_uep_classify(&setting.shape, norms, norms, pairs ? 3 : 0, CLASSES, &classes, NULL));
        return classes;
}

/* The windows asked for, or the best for the deadline. */
static void set_windows(series_t *s)
{
        const hedge_uep_classes_t classes = true_classes();
        const hedge_uep_params_t p = params_of(s, &classes, 0);

        memcpy(s->windows, setting.windows, sizeof(s->windows));
        if (setting.deadline > 0 && hedge_uep_scheme_has_windows(s->scheme))
                check("windows", hedge_uep_choose_windows(&p, 1 - exp(-setting.deadline), s->windows, NULL));
}

static void expect(series_t *s)
{
        hedge_uep_classes_t classes = true_classes();
        const hedge_uep_params_t p = params_of(s, &classes, 0);
        double squares[BOARDS + 1];

        check("closed form", hedge_uep_losses(&p, s->losses, NULL));
        for (unsigned l = 0; l < CLASSES; l++)
                classes.share[l] *= classes.share[l];
        check("its squares", hedge_uep_losses(&p, squares, NULL));
        for (unsigned i = 0; i <= s->packets; i++) {
                s->expected[BY_PACKETS][i] = s->losses[i];
                s->expected_squares[BY_PACKETS][i] = squares[i];
        }
        for (unsigned t = 0; t < TIMES; t++) {
                const double arrived = 1 - exp(-STEP * t);

                s->expected[BY_TIME][t] = hedge_uep_loss_at(s->losses, s->packets, arrived);
                s->expected_squares[BY_TIME][t] = hedge_uep_loss_at(squares, s->packets, arrived);
        }
}

static unsigned points_of(const series_t *s, int axis)
{
        return axis == BY_TIME ? TIMES : s->packets + 1;
}

/* A standard error that rare events, of which there may have been none, do not make too small: at least what the closed form
 * says of the classes each for itself, and of how rarely anything is decoded. */
static double sober_error(const series_t *s, int axis, unsigned at, double error)
{
        const double want = s->expected[axis][at], decoded = 1 - want;
        double spread = fmax(s->expected_squares[axis][at] - want * want, 0);

        if (decoded * setting.runs < 20)
                spread = fmax(spread, decoded);
        return fmax(fmax(error, 1e-6), sqrt(spread / setting.runs));
}

/* By how many standard errors the furthest point is off the closed form. */
static double furthest(const series_t *s)
{
        double most = 0, error;

        for (int axis = 0; axis < 2; axis++)
                for (unsigned i = 0; i < points_of(s, axis); i++) {
                        const double away = fabs(loss_of(s, axis, i, &error) - s->expected[axis][i]);

                        if (away > 1e-6) /* rounding */
                                most = fmax(most, away / sober_error(s, axis, i, error));
                }
        return most;
}

/* The last time at which `one` is no worse than `other`, by the closed forms; 0 where it never is. */
static double crossing(const series_t *one, const series_t *other)
{
        for (double t = 5; t > 0; t -= 1e-3) {
                const double x = 1 - exp(-t);

                if (hedge_uep_loss_at(one->losses, one->packets, x) <=
                    hedge_uep_loss_at(other->losses, other->packets, x))
                        return t;
        }
        return 0;
}

/* Is there a time from which on mds is better, to be told from closed forms? */
static bool is_compared(const series_t *s)
{
        return s->expects && hedge_uep_scheme_has_windows(s->scheme);
}

/* --- output --- */

static const char *title_of(const series_t *s)
{
        static char text[32];

        snprintf(text, sizeof(text), "%s%s", hedge_uep_scheme_name(s->scheme),
                 hedge_uep_scheme_has_windows(s->scheme) && !s->stacked ? "/f" : "");
        return text;
}

static void print_table(const series_t *all, unsigned count, int axis)
{
        double error;

        printf("\n%s", axis == BY_TIME ? "time  " : "packets");
        for (unsigned s = 0; s < count; s++)
                printf(" %14s", title_of(&all[s]));
        putchar('\n');
        for (unsigned i = 0; i < TIMES; i += axis == BY_TIME ? 2 : 1) {
                if (axis == BY_TIME)
                        printf("%5.2f  ", i * STEP);
                else
                        printf("%7u", i);
                for (unsigned s = 0; s < count; s++) {
                        if (i >= points_of(&all[s], axis))
                                printf(" %14s", "");
                        else if (all[s].expects)
                                printf(" %6.4f (%.4f)", loss_of(&all[s], axis, i, &error), all[s].expected[axis][i]);
                        else
                                printf(" %6.4f         ", loss_of(&all[s], axis, i, &error));
                }
                putchar('\n');
        }
}

static void print_summary(const series_t *all, unsigned count)
{
        const series_t *mds = &all[count - 3];

        puts("\nscheme         windows        terms of a task  furthest from the closed form  no worse than mds until");
        for (unsigned s = 0; s < count; s++) {
                printf("%-14s", title_of(&all[s]));
                if (hedge_uep_scheme_has_windows(all[s].scheme))
                        printf(" %.2f %.2f %.2f", all[s].windows[0], all[s].windows[1], all[s].windows[2]);
                else
                        printf(" %14s", "");
                printf(" %15.2f", all[s].terms);
                if (all[s].expects)
                        printf("  %14.1f standard errors", furthest(&all[s]));
                if (is_compared(&all[s]))
                        printf("  %21.2f", crossing(&all[s], mds));
                putchar('\n');
        }
}

static void print_points(const series_t *s, int axis)
{
        double error;

        printf("\n    \"%s\": [", axis == BY_TIME ? "time" : "packets");
        for (unsigned i = 0; i < points_of(s, axis); i++) {
                printf("%s[%g, %.6g, ", i ? ", " : "", axis == BY_TIME ? i * STEP : i, loss_of(s, axis, i, &error));
                printf("%.3g, ", error);
                if (s->expects)
                        printf("%.6g]", s->expected[axis][i]);
                else
                        printf("null]");
        }
        putchar(']');
}

static void print_json(const series_t *all, unsigned count)
{
        printf("{\"split\": \"%s\", \"boards\": %u, \"runs\": %u, \"work\": %s, \"deadline\": %g, "
               "\"point\": [\"x\", \"loss\", \"standard error\", \"closed form\"], \"series\": [",
               hedge_uep_split_name(setting.shape.split), BOARDS, setting.runs, setting.work ? "true" : "false",
               setting.deadline);
        for (unsigned s = 0; s < count; s++) {
                printf("%s\n  {\"scheme\": \"%s\", \"factored\": %s, \"terms\": %.4g,", s ? "," : "",
                       hedge_uep_scheme_name(all[s].scheme), all[s].stacked ? "false" : "true", all[s].terms);
                printf(" \"windows\": [%.3g, %.3g, %.3g],", all[s].windows[0], all[s].windows[1], all[s].windows[2]);
                if (is_compared(&all[s]))
                        printf(" \"mds_from\": %.3f,", crossing(&all[s], &all[count - 3]));
                print_points(&all[s], BY_TIME);
                putchar(',');
                print_points(&all[s], BY_PACKETS);
                putchar('}');
        }
        puts("\n]}");
}

static void measure(void)
{
        const bool pairs = setting.shape.split == HEDGE_UEP_ROW_COLUMN;
        series_t all[] = { { .scheme = HEDGE_UEP_NOW, .stacked = true, .packets = BOARDS },
                           { .scheme = HEDGE_UEP_EW, .stacked = true, .packets = BOARDS },
                           { .scheme = HEDGE_UEP_NOW, .packets = BOARDS },
                           { .scheme = HEDGE_UEP_EW, .packets = BOARDS },
                           { .scheme = HEDGE_UEP_MDS, .packets = BOARDS },
                           { .scheme = HEDGE_UEP_REPLICATION, .packets = 2 * PRODUCTS },
                           { .scheme = HEDGE_UEP_UNCODED, .packets = PRODUCTS } };
        unsigned count = sizeof(all) / sizeof(all[0]);
        uint64_t row = hedge_random_row(setting.seed, 0);
        matrices_t m;

        if (!pairs) { /* nothing is factored */
                memmove(&all[2], &all[4], 3 * sizeof(all[0]));
                count -= 2;
        }
        for (unsigned s = 0; s < count; s++)
                set_windows(&all[s]);
        for (unsigned run = 0; run < setting.runs; run++) {
                draw_matrices(&m, &row);
                for (unsigned s = 0; s < count; s++)
                        run_series(&all[s], &m, hedge_random_row(setting.seed, run + 1));
        }
        for (unsigned s = 0; s < count; s++) {
                const bool windows = hedge_uep_scheme_has_windows(all[s].scheme);

                all[s].expects = (!windows || all[s].stacked) && !(setting.work && all[s].terms > 1.001);
                expect(&all[s]);
        }
        if (setting.json) {
                print_json(all, count);
                return;
        }
        printf("%s, %u boards, %u runs: |C' - C|^2 / |C|^2 measured (closed form)\n",
               hedge_uep_split_name(setting.shape.split), BOARDS, setting.runs);
        print_table(all, count, BY_TIME);
        print_table(all, count, BY_PACKETS);
        print_summary(all, count);
}

static void usage(FILE *to)
{
        fputs("usage: hedge-bench-uep [--split row-column|column-row] [--windows X,Y,Z | --deadline T]\n"
              "                       [--work] [--runs N] [--seed N] [--json]\n\n"
              "The error of a product of random matrices at a deadline, beside the closed form,\n"
              "in the setting of the UEP paper: 9 sub-products in three classes (variances 10, 1\n"
              "and 0.1), 30 boards, a task each, latencies exponential with mean 1. uncoded uses 9 of\n"
              "the boards, replication 18. \"/f\": factored packets, each one product of two blocks;\n"
              "the others of now and ew are stacked, and cost as many as their terms.\n\n"
              "--deadline T  windows are those that the closed form has best at T\n"
              "--work        a task of t terms takes t times as long (then stacked ones have no closed form)\n",
              to);
}

static bool parse_windows(const char *text)
{
        double sum = 0;

        for (unsigned l = 0; l < CLASSES; l++) {
                char *end;

                setting.windows[l] = strtod(text, &end);
                if (end == text || *end != (l + 1 < CLASSES ? ',' : '\0') || !(setting.windows[l] >= 0))
                        return false;
                sum += setting.windows[l];
                text = end + 1;
        }
        return fabs(sum - 1) < 1e-3;
}

static bool parse_number(const char *text, unsigned most, unsigned *ret)
{
        char *end;
        const unsigned long x = strtoul(text, &end, 10);

        if (end == text || *end || x < 1 || x > most)
                return false;
        *ret = (unsigned)x;
        return true;
}

int main(int argc, char **argv)
{
        static const struct option options[] = { { "split", required_argument, NULL, 's' },
                                                 { "windows", required_argument, NULL, 'w' },
                                                 { "runs", required_argument, NULL, 'r' },
                                                 { "seed", required_argument, NULL, 'e' },
                                                 { "deadline", required_argument, NULL, 'd' },
                                                 { "work", no_argument, NULL, 'k' },
                                                 { "json", no_argument, NULL, 'j' },
                                                 { "help", no_argument, NULL, 'h' },
                                                 { 0 } };
        unsigned seed = 1;
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                bool good = c != '?';

                if (c == 's')
                        good = hedge_uep_split_parse(optarg) >= 0;
                if (c == 's' && good && hedge_uep_split_parse(optarg) == HEDGE_UEP_COLUMN_ROW)
                        setting.shape =
                                (hedge_uep_shape_t){ HEDGE_UEP_COLUMN_ROW, ROWS, INNER, COLUMNS, PRODUCTS, PRODUCTS };
                if (c == 'w')
                        good = parse_windows(optarg);
                if (c == 'd') {
                        char *end;

                        setting.deadline = strtod(optarg, &end);
                        good = end != optarg && !*end && setting.deadline > 0;
                }
                if (c == 'r')
                        good = parse_number(optarg, 1000000, &setting.runs);
                if (c == 'e')
                        good = parse_number(optarg, UINT32_MAX, &seed);
                setting.work |= c == 'k';
                setting.json |= c == 'j';
                if (c == 'h' || !good) {
                        usage(good ? stdout : stderr);
                        return !good;
                }
        }
        setting.seed = seed;
        measure();
        return 0;
}
