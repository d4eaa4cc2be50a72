/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/scheme.h"

typedef struct hedge_grid {
        unsigned g_a, g_b;
        unsigned parts, strips; /* of the largest board */
} hedge_grid_t;

static unsigned divide_up(unsigned a, unsigned b)
{
        return (a + b - 1) / b;
}

static int better(const hedge_grid_t *x, const hedge_grid_t *y)
{
        if (x->parts != y->parts)
                return x->parts < y->parts;
        if (x->strips != y->strips)
                return x->strips < y->strips;
        return x->g_a * x->g_b < y->g_a * y->g_b;
}

static hedge_grid_t choose_grid(unsigned k_a, unsigned k_b, unsigned n)
{
        hedge_grid_t best = { 1, 1, k_a * k_b, k_a };

        for (unsigned g_a = 1; g_a <= n && g_a <= k_a; g_a++)
                for (unsigned g_b = 1; g_a * g_b <= n && g_b <= k_b; g_b++) {
                        const unsigned strips = divide_up(k_a, g_a);
                        const hedge_grid_t grid = { g_a, g_b, strips * divide_up(k_b, g_b), strips };

                        if (better(&grid, &best))
                                best = grid;
                }
        return best;
}

/* Unit vectors for the run [begin, end) of k. */
static void fill_units(double *vectors, unsigned k, unsigned begin, unsigned end)
{
        for (unsigned i = begin; i < end; i++)
                vectors[(size_t)(i - begin) * k + i] = 1;
}

int hedge_uncoded_layout(hedge_code_t *code, unsigned first, unsigned n)
{
        const hedge_grid_t grid = choose_grid(code->k_a, code->k_b, n);

        for (unsigned j = 0; j < grid.g_a * grid.g_b; j++) {
                const unsigned i_a = j / grid.g_b, i_b = j % grid.g_b;
                const unsigned a0 = i_a * code->k_a / grid.g_a, a1 = (i_a + 1) * code->k_a / grid.g_a;
                const unsigned b0 = i_b * code->k_b / grid.g_b, b1 = (i_b + 1) * code->k_b / grid.g_b;
                int r = hedge_code_hold(code, first + j, a1 - a0, b1 - b0);

                if (r < 0)
                        return r;
                fill_units(code->boards[first + j].a, code->k_a, a0, a1);
                fill_units(code->boards[first + j].b, code->k_b, b0, b1);
        }
        return (int)(grid.g_a * grid.g_b);
}

int hedge_uncoded_fill(hedge_code_t *code)
{
        int used = hedge_uncoded_layout(code, 0, code->n);

        if (used < 0)
                return used;
        code->delta = (unsigned)used;
        return 0;
}
