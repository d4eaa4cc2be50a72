/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/sazd/poly.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/conv/passes.h"
#include "common/code/dense.h"

struct hedge_poly {
        unsigned k, n;
        double *rows; /* n x k */
};

struct hedge_poly_plan {
        unsigned k;
        unsigned blocks[HEDGE_SAZD_MAX_BLOCKS]; /* that are read, ascending */
        float matrix[];                         /* k x k: data from these blocks */
};

static double point(hedge_poly_points_t points, unsigned j, unsigned n)
{
        if (points == HEDGE_POLY_INTEGERS)
                return j + 1;
        if (points == HEDGE_POLY_CHEBYSHEV)
                return cos(M_PI * (2 * j + 1) / (2 * n));
        return n > 1 ? 2.0 * j / (n - 1) - 1 : 1;
}

int hedge_poly_new(hedge_poly_points_t points, unsigned k, unsigned n, hedge_poly_t **ret, hedge_why_t *why)
{
        hedge_poly_t *poly;

        if (points > HEDGE_POLY_CHEBYSHEV)
                return hedge_why(why, -EINVAL, "there are no such points of a polynomial code");
        if (k == 0 || n < k)
                return hedge_why(why, -EINVAL, "a polynomial code of %u blocks can't give %u back", n, k);
        if (n > HEDGE_SAZD_MAX_BLOCKS)
                return hedge_why(why, HEDGE_ELIMIT, "%u blocks are more than %u", n, HEDGE_SAZD_MAX_BLOCKS);
        poly = calloc(1, sizeof(*poly));
        if (!poly)
                return -ENOMEM;
        *poly = (hedge_poly_t){ k, n, calloc((size_t)n * k, sizeof(double)) };
        if (!poly->rows) {
                free(poly);
                return -ENOMEM;
        }
        for (unsigned j = 0; j < n; j++)
                for (unsigned i = 0; i < k; i++)
                        poly->rows[j * k + i] = pow(point(points, j, n), i);
        *ret = poly;
        return 0;
}

void hedge_poly_destroy(hedge_poly_t **poly)
{
        if (!*poly)
                return;
        free((*poly)->rows);
        free(*poly);
        *poly = NULL;
}

const double *hedge_poly_row(const hedge_poly_t *poly, unsigned block)
{
        return block < poly->n ? poly->rows + block * poly->k : NULL;
}

/* out[o] = sum_i c[o][i] in[i]: all rows at once where they follow one another, else row by row. */
static void blend(unsigned outs, unsigned ins, const float *c, uint32_t rows, size_t cols, const hedge_sazd_in_t *in,
                  const hedge_sazd_out_t *out)
{
        const void *from[HEDGE_SAZD_MAX_BLOCKS];
        void *to[HEDGE_SAZD_MAX_BLOCKS];
        bool dense = true;

        for (unsigned i = 0; i < ins; i++)
                dense &= in[i].stride == cols;
        for (unsigned o = 0; o < outs; o++)
                dense &= out[o].stride == cols;
        for (uint32_t row = 0; row < (dense ? 1 : rows); row++) {
                for (unsigned i = 0; i < ins; i++)
                        from[i] = in[i].data + row * in[i].stride;
                for (unsigned o = 0; o < outs; o++)
                        to[o] = out[o].data + row * out[o].stride;
                hedge_passes_f32()->blend(outs, ins, c, from, to, dense ? rows * cols : cols);
        }
}

int hedge_poly_encode(const hedge_poly_t *poly, unsigned block, uint32_t rows, size_t cols, const hedge_sazd_in_t *data,
                      hedge_sazd_out_t out)
{
        float c[HEDGE_SAZD_MAX_BLOCKS];

        if (block >= poly->n || rows == 0 || cols == 0 || !out.data || out.stride < cols)
                return -EINVAL;
        for (unsigned i = 0; i < poly->k; i++) {
                if (!data[i].data)
                        return -EINVAL;
                c[i] = (float)poly->rows[block * poly->k + i];
        }
        blend(1, poly->k, c, rows, cols, data, &out);
        return 0;
}

/* `inverse` of `matrix`, which is lost; both k x k. */
static int invert(double *matrix, unsigned k, double *inverse)
{
        memset(inverse, 0, (size_t)k * k * sizeof(*inverse));
        for (unsigned i = 0; i < k; i++)
                inverse[i * k + i] = 1;
        return hedge_dense_solve(matrix, k, inverse, k);
}

static void take_rows(const hedge_poly_t *poly, const hedge_poly_plan_t *plan, double *matrix)
{
        for (unsigned j = 0; j < poly->k; j++)
                memcpy(matrix + j * poly->k, hedge_poly_row(poly, plan->blocks[j]), poly->k * sizeof(*matrix));
}

static int solve(const hedge_poly_t *poly, hedge_poly_plan_t *plan, double *ret_condition)
{
        double matrix[HEDGE_SAZD_MAX_BLOCKS * HEDGE_SAZD_MAX_BLOCKS],
                inverse[HEDGE_SAZD_MAX_BLOCKS * HEDGE_SAZD_MAX_BLOCKS];
        double condition = 0;
        int r = 0;

        take_rows(poly, plan, matrix);
        if (ret_condition)
                r = hedge_dense_condition(matrix, poly->k, poly->k, &condition);
        take_rows(poly, plan, matrix);
        if (r == 0)
                r = invert(matrix, poly->k, inverse);
        for (unsigned i = 0; r == 0 && i < poly->k * poly->k; i++) {
                plan->matrix[i] = (float)inverse[i];
                if (!isfinite(plan->matrix[i]))
                        r = HEDGE_EUNDECODABLE;
        }
        if (r == 0 && ret_condition)
                *ret_condition = condition;
        return r;
}

int hedge_poly_plan_new(const hedge_poly_t *poly, uint32_t have, hedge_poly_plan_t **ret, double *ret_condition)
{
        hedge_poly_plan_t *plan;
        unsigned taken = 0;
        int r;

        if ((uint64_t)have >> poly->n)
                return -EINVAL;
        if ((unsigned)__builtin_popcount(have) < poly->k)
                return HEDGE_EUNDECODABLE;
        plan = calloc(1, sizeof(*plan) + (size_t)poly->k * poly->k * sizeof(*plan->matrix));
        if (!plan)
                return -ENOMEM;
        plan->k = poly->k;
        for (unsigned j = 0; taken < poly->k; j++)
                if (have >> j & 1)
                        plan->blocks[taken++] = j;
        r = solve(poly, plan, ret_condition);
        if (r < 0)
                hedge_poly_plan_destroy(&plan);
        else
                *ret = plan;
        return r;
}

void hedge_poly_plan_destroy(hedge_poly_plan_t **plan)
{
        free(*plan);
        *plan = NULL;
}

int hedge_poly_decode(const hedge_poly_plan_t *plan, uint32_t rows, size_t cols, const hedge_sazd_in_t *blocks,
                      const hedge_sazd_out_t *out)
{
        hedge_sazd_in_t in[HEDGE_SAZD_MAX_BLOCKS];

        if (rows == 0 || cols == 0)
                return -EINVAL;
        for (unsigned i = 0; i < plan->k; i++) {
                in[i] = blocks[plan->blocks[i]];
                if (!in[i].data || !out[i].data || out[i].stride < cols)
                        return -EINVAL;
        }
        blend(plan->k, plan->k, plan->matrix, rows, cols, in, out);
        return 0;
}
