/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/layout.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct grid {
        unsigned g_a, g_b;
        unsigned parts, strips; /* of the largest board */
} grid_t;

static unsigned divide_up(unsigned a, unsigned b)
{
        return (a + b - 1) / b;
}

static bool better(const grid_t *x, const grid_t *y)
{
        if (x->parts != y->parts)
                return x->parts < y->parts;
        if (x->strips != y->strips)
                return x->strips < y->strips;
        return x->g_a * x->g_b < y->g_a * y->g_b;
}

static grid_t choose_grid(unsigned k_a, unsigned k_b, unsigned n)
{
        grid_t best = { 1, 1, k_a * k_b, k_a };

        for (unsigned g_a = 1; g_a <= n && g_a <= k_a; g_a++)
                for (unsigned g_b = 1; g_a * g_b <= n && g_b <= k_b; g_b++) {
                        const unsigned strips = divide_up(k_a, g_a);
                        const grid_t grid = { g_a, g_b, strips * divide_up(k_b, g_b), strips };

                        if (better(&grid, &best))
                                best = grid;
                }
        return best;
}

static unsigned lay_evenly(unsigned k_a, unsigned k_b, unsigned n, hedge_run_t *runs)
{
        const grid_t grid = choose_grid(k_a, k_b, n);

        for (unsigned j = 0; j < grid.g_a * grid.g_b; j++) {
                const unsigned i_a = j / grid.g_b, i_b = j % grid.g_b;

                runs[j] = (hedge_run_t){ i_a * k_a / grid.g_a, (i_a + 1) * k_a / grid.g_a, i_b * k_b / grid.g_b,
                                         (i_b + 1) * k_b / grid.g_b };
        }
        return grid.g_a * grid.g_b;
}

/* One way to lay parts out by weight, and the boards in order of weight. */
typedef struct rows {
        unsigned k_a, k_b, n; /* n boards that weigh something */
        const double *weights;
        unsigned order[HEDGE_CODE_MAX_BOARDS]; /* heaviest first */
        unsigned row[HEDGE_CODE_MAX_BOARDS];   /* of each board */
        double sums[HEDGE_CODE_MAX_BOARDS];    /* of each row */
} rows_t;

static void sort_boards(rows_t *rows, unsigned n)
{
        for (unsigned j = 0; j < n; j++) {
                unsigned at = rows->n;

                if (!(rows->weights[j] > 0))
                        continue;
                for (; at > 0 && rows->weights[rows->order[at - 1]] < rows->weights[j]; at--)
                        rows->order[at] = rows->order[at - 1];
                rows->order[at] = j;
                rows->n++;
        }
}

/* Boards to `count` rows: the heaviest first, each to the row that is lightest so far. */
static void fill_rows(rows_t *rows, unsigned count)
{
        memset(rows->sums, 0, sizeof(rows->sums));
        for (unsigned i = 0; i < rows->n; i++) {
                unsigned lightest = 0;

                for (unsigned g = 1; g < count; g++)
                        if (rows->sums[g] < rows->sums[lightest])
                                lightest = g;
                rows->row[rows->order[i]] = lightest;
                rows->sums[lightest] += rows->weights[rows->order[i]];
        }
}

/* Would one more unit suit i better than j? Where it is all the same, the one that has fewer. */
static bool suits(const double *weights, const unsigned *counts, unsigned i, unsigned j)
{
        const double x = (counts[i] + 1) / weights[i], y = (counts[j] + 1) / weights[j];

        return x < y || (x <= y && counts[i] < counts[j]);
}

/* Give `total` units out so that the largest count / weight is as small as can be. */
static void apportion(unsigned total, const double *weights, unsigned n, unsigned *counts)
{
        memset(counts, 0, n * sizeof(*counts));
        while (total-- > 0) {
                unsigned best = n;

                for (unsigned i = 0; i < n; i++)
                        if (weights[i] > 0 && (best == n || suits(weights, counts, i, best)))
                                best = i;
                counts[best]++;
        }
}

/* The blocks of row g, which takes strips [a0, a1). @return the largest parts / weight. */
static double lay_row(const rows_t *rows, unsigned g, unsigned a0, unsigned a1, unsigned n, hedge_run_t *runs)
{
        double weights[HEDGE_CODE_MAX_BOARDS] = { 0 }, worst = 0;
        unsigned counts[HEDGE_CODE_MAX_BOARDS], next = 0;

        for (unsigned j = 0; j < n; j++)
                weights[j] = rows->weights[j] > 0 && rows->row[j] == g ? rows->weights[j] : 0;
        apportion(a1 > a0 ? rows->k_b : 0, weights, n, counts);
        for (unsigned j = 0; j < n; j++) {
                if (counts[j] == 0)
                        continue;
                runs[j] = (hedge_run_t){ a0, a1, next, next + counts[j] };
                next += counts[j];
                worst = fmax(worst, (a1 - a0) * counts[j] / weights[j]);
        }
        return worst;
}

static double lay_rows(rows_t *rows, unsigned count, unsigned n, hedge_run_t *runs, unsigned *ret_strips)
{
        unsigned strips[HEDGE_CODE_MAX_BOARDS], next = 0, most = 0;
        double worst = 0;

        memset(runs, 0, n * sizeof(*runs));
        fill_rows(rows, count);
        apportion(rows->k_a, rows->sums, count, strips);
        for (unsigned g = 0; g < count; g++) {
                worst = fmax(worst, lay_row(rows, g, next, next + strips[g], n, runs));
                next += strips[g];
                most = strips[g] > most ? strips[g] : most;
        }
        *ret_strips = most;
        return worst;
}

static int lay_by_weight(unsigned k_a, unsigned k_b, unsigned n, const double *weights, hedge_run_t *runs)
{
        rows_t *rows = calloc(1, sizeof(*rows));
        unsigned best = 1, best_strips, strips, used = 0;
        double least, worst;

        if (!rows)
                return -ENOMEM;
        *rows = (rows_t){ .k_a = k_a, .k_b = k_b, .weights = weights };
        sort_boards(rows, n);
        least = lay_rows(rows, 1, n, runs, &best_strips);
        for (unsigned count = 2; count <= k_a && count <= rows->n; count++) {
                worst = lay_rows(rows, count, n, runs, &strips);
                if (worst < least || (worst <= least && strips < best_strips)) {
                        best = count;
                        best_strips = strips;
                        least = worst;
                }
        }
        lay_rows(rows, best, n, runs, &strips);
        free(rows);
        for (unsigned j = 0; j < n; j++)
                used += runs[j].b1 > runs[j].b0;
        return (int)used;
}

int hedge_layout(unsigned k_a, unsigned k_b, unsigned n, const double *weights, hedge_run_t *runs)
{
        memset(runs, 0, n * sizeof(*runs));
        return weights ? lay_by_weight(k_a, k_b, n, weights, runs) : (int)lay_evenly(k_a, k_b, n, runs);
}
