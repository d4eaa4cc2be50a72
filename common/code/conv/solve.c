/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/solve.h"

#include <cblas.h>
#include <errno.h>
#include <float.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/conv/scheme.h"

/* Closer than rounding can tell. */
#define NEAR (8 * DBL_EPSILON)

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void use_one_thread(void)
{
        openblas_set_num_threads(1);
}

static int lapack_code(lapack_int info)
{
        if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
                return -ENOMEM;
        return info ? HEDGE_EKERNEL : 0;
}

/* Boards that hold nothing are the last ones, so the numbers of parts rise from board to board. */
static void find_part(const hedge_code_t *code, unsigned id, unsigned *board, unsigned *part)
{
        unsigned low = 0, high = code->n - 1;

        while (low < high) {
                const unsigned middle = (low + high + 1) / 2;

                if (code->boards[middle].first_part <= id)
                        low = middle;
                else
                        high = middle - 1;
        }
        *board = low;
        *part = id - code->boards[low].first_part;
}

/* The columns, one after the other: K x count for LAPACK. */
static double *recovery_matrix(const hedge_code_t *code, const uint16_t *ids, unsigned count)
{
        const size_t rank = hedge_code_rank(code);
        double *g = malloc(rank * count * sizeof(double));
        unsigned board, part;

        for (unsigned p = 0; g && p < count; p++) {
                find_part(code, ids[p], &board, &part);
                hedge_code_column(code, board, part, g + p * rank);
        }
        return g;
}

static int condition_of(const double *g, unsigned rank, unsigned count, double *ret)
{
        double *copy = malloc((size_t)rank * count * sizeof(double));
        double *singular = malloc(rank * sizeof(double));
        int r = -ENOMEM;

        if (!copy || !singular)
                goto out;
        memcpy(copy, g, (size_t)rank * count * sizeof(double));
        r = lapack_code(LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (int)rank, (int)count, copy, (int)rank, singular, NULL, 1,
                                       NULL, 1));
        if (r == 0)
                *ret = singular[rank - 1] > 0 ? singular[0] / singular[rank - 1] : INFINITY;
out:
        free(singular);
        free(copy);
        return r;
}

int hedge_solve_condition(const hedge_code_t *code, const uint16_t *ids, unsigned count, double *ret)
{
        const unsigned rank = hedge_code_rank(code);
        double *g;
        int r;

        if (count < rank) {
                *ret = INFINITY;
                return 0;
        }
        pthread_once(&once, use_one_thread);
        g = recovery_matrix(code, ids, count);
        r = g ? condition_of(g, rank, count, ret) : -ENOMEM;
        free(g);
        return r;
}

/* parts = G^T blocks; with G^T = Q R, least squares or not, blocks = R^-1 Q^T parts. `d` becomes Q R^-T, count x K by
 * columns: the K x count decode matrix by rows. */
static int solve_qr(const double *g, unsigned rank, unsigned count, double *d)
{
        const int n = (int)rank, m = (int)count;
        double *r = calloc((size_t)rank * rank, sizeof(double));
        double *tau = calloc(rank, sizeof(double));
        int ret = -ENOMEM;

        if (!r || !tau)
                goto out;
        for (size_t p = 0; p < count; p++)
                for (size_t k = 0; k < rank; k++)
                        d[k * count + p] = g[p * rank + k];
        ret = lapack_code(LAPACKE_dgeqrf(LAPACK_COL_MAJOR, m, n, d, m, tau));
        if (ret < 0)
                goto out;
        for (size_t k = 0; k < rank; k++)
                memcpy(r + k * rank, d + k * count, (k + 1) * sizeof(double));
        ret = lapack_code(LAPACKE_dorgqr(LAPACK_COL_MAJOR, m, n, n, d, m, tau));
        if (ret == 0)
                cblas_dtrsm(CblasColMajor, CblasRight, CblasUpper, CblasTrans, CblasNonUnit, m, n, 1, r, n, d, m);
out:
        free(tau);
        free(r);
        return ret;
}

/* Which block a column is, as it is. @return rank where it is more than that. */
static unsigned plain_block(const double *column, unsigned rank)
{
        unsigned found = rank;

        for (unsigned k = 0; k < rank; k++) {
                if (column[k] == 0)
                        continue;
                if (column[k] != 1 || found < rank)
                        return rank;
                found = k;
        }
        return found;
}

/* Blocks that came as they are: rows[k].part is the first copy of block k, or -1. @return how many parts are such. */
static unsigned find_plain(const double *g, hedge_solution_t *s, unsigned *copies)
{
        unsigned n = 0;

        for (unsigned k = 0; k < s->rank; k++)
                s->rows[k].part = -1;
        for (unsigned p = s->count; p-- > 0;) {
                const unsigned block = plain_block(g + (size_t)p * s->rank, s->rank);

                if (block == s->rank)
                        continue;
                copies[block]++;
                n++;
                s->rows[block].part = (int32_t)p;
        }
        return n;
}

/* Where every part is a plain block the singular values are the roots of the numbers of copies. */
static double condition_of_copies(const unsigned *copies, unsigned rank)
{
        unsigned most = 0, fewest = UINT_MAX;

        for (unsigned k = 0; k < rank; k++) {
                most = copies[k] > most ? copies[k] : most;
                fewest = copies[k] < fewest ? copies[k] : fewest;
        }
        return fewest ? sqrt((double)most / fewest) : INFINITY;
}

/* Keep the rows of `d` of blocks that did not come as they are, in place. */
static void sort_rows(hedge_solution_t *s)
{
        for (unsigned k = 0; k < s->rank; k++) {
                double *from = s->f64 + (size_t)k * s->count, *to = s->f64 + (size_t)s->dense * s->count;

                s->rows[k].dense = s->dense;
                if (s->rows[k].part >= 0)
                        continue;
                for (unsigned p = 0; p < s->count; p++)
                        to[p] = fabs(from[p]) <= NEAR ? 0 : from[p];
                s->dense++;
        }
        s->rows[s->rank] = (hedge_solution_row_t){ -1, s->dense };
        for (size_t i = 0; i < (size_t)s->dense * s->count; i++)
                s->f32[i] = (float)s->f64[i];
}

static int solve_into(const double *g, hedge_solution_t *s)
{
        unsigned copies[HEDGE_CODE_MAX_PARTS] = { 0 };
        int r;

        if (find_plain(g, s, copies) == s->count) {
                s->condition = condition_of_copies(copies, s->rank);
                return isinf(s->condition) ? HEDGE_EUNDECODABLE : 0;
        }
        r = condition_of(g, s->rank, s->count, &s->condition);
        if (r < 0)
                return r;
        if (!(s->condition < 1 / DBL_EPSILON))
                return HEDGE_EUNDECODABLE;
        r = solve_qr(g, s->rank, s->count, s->f64);
        if (r == 0)
                sort_rows(s);
        return r;
}

/* A part is as large as its column is long, and so is what it is wrong by. Rows that are a copy have the sum 1. */
static double gain_of(const double *g, const hedge_solution_t *s)
{
        double sum = s->rank - s->dense;

        for (unsigned p = 0; p < s->count; p++) {
                double column = 0, used = 0;

                for (unsigned k = 0; k < s->rank; k++)
                        column += g[(size_t)p * s->rank + k] * g[(size_t)p * s->rank + k];
                for (unsigned i = 0; i < s->dense; i++)
                        used += s->f64[(size_t)i * s->count + p] * s->f64[(size_t)i * s->count + p];
                sum += column * used;
        }
        return sqrt(sum / s->rank);
}

int hedge_solve(const hedge_code_t *code, const uint16_t *ids, unsigned count, hedge_solution_t **ret)
{
        double *g = recovery_matrix(code, ids, count);
        hedge_solution_t *s = hedge_solution_new(hedge_code_rank(code), count);
        int r = -ENOMEM;

        pthread_once(&once, use_one_thread);
        if (g && s) {
                memcpy(s->ids, ids, count * sizeof(*ids));
                r = solve_into(g, s);
                s->gain = gain_of(g, s);
        }
        free(g);
        if (r < 0) {
                if (s)
                        hedge_solution_free(s);
                return r;
        }
        *ret = s;
        return 0;
}
