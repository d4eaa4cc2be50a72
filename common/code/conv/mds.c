/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/basis.h"
#include "common/code/conv/scheme.h"
#include "common/code/dense.h"
#include "common/code/random.h"

#define HARMONIC_BOARDS 16u /* above, sets of neighbours make it worse than a random frame; see code.h */
#define BALANCE_STEPS   30u /* each halves what is left, about */

int hedge_mds_check(const hedge_code_params_t *params, hedge_why_t *why)
{
        if (params->k_b != 1)
                return hedge_why(why, -EINVAL, "mds codes the input strips alone: k_b must be 1, not %u", params->k_b);
        if (params->k_a > params->n)
                return hedge_why(why, -EINVAL, "mds with k_a = %u needs at least %u boards, not %u", params->k_a,
                                 params->k_a, params->n);
        if (params->ell_a > 1 || params->ell_b > 1)
                return hedge_why(why, -EINVAL, "mds gives each board one part");
        return 0;
}

/* Row j of the harmonic frame of n vectors: a Vandermonde matrix on the unit circle, its exponents -(k-1)/2 .. (k-1)/2,
 * in real numbers. */
static void fill_harmonic(double *row, unsigned k, unsigned n, unsigned j)
{
        const unsigned odd = k % 2;

        if (odd)
                row[0] = M_SQRT1_2;
        for (unsigned i = 0; i < k / 2; i++) {
                const uint64_t halves = 2 * (uint64_t)i + 1 + odd; /* twice the frequency */
                const double angle = M_PI * (double)(halves * j % (2 * n)) / n;

                row[odd + 2 * i] = cos(angle);
                row[odd + 2 * i + 1] = sin(angle);
        }
}

/* One step towards G^T G = (n / k) I: G (5 I - S) / 4 with S = (k / n) G^T G, and rows of length 1 again. */
static void balance(double *g, unsigned n, unsigned k, double *s, double *row)
{
        for (unsigned x = 0; x < k; x++)
                for (unsigned y = 0; y < k; y++) {
                        double sum = 0;

                        for (unsigned j = 0; j < n; j++)
                                sum += g[(size_t)j * k + x] * g[(size_t)j * k + y];
                        s[(size_t)x * k + y] = sum * k / n;
                }
        for (unsigned j = 0; j < n; j++) {
                double *from = g + (size_t)j * k;

                for (unsigned y = 0; y < k; y++)
                        row[y] = 5 * from[y];
                for (unsigned x = 0; x < k; x++)
                        for (unsigned y = 0; y < k; y++)
                                row[y] -= from[x] * s[(size_t)x * k + y];
                memcpy(from, row, k * sizeof(*row));
                hedge_basis_unit(from, k);
        }
}

static int fill_tight(double *g, unsigned n, unsigned k, uint64_t seed)
{
        double *s = malloc(((size_t)k + 1) * k * sizeof(*s));

        if (!s)
                return -ENOMEM;
        for (unsigned j = 0; j < n; j++) {
                uint64_t state = hedge_random_row(seed, j);

                for (unsigned i = 0; i < k; i++)
                        g[(size_t)j * k + i] = hedge_random_normal(&state);
                hedge_basis_unit(g + (size_t)j * k, k);
        }
        for (unsigned step = 0; step < BALANCE_STEPS; step++)
                balance(g, n, k, s, s + (size_t)k * k);
        free(s);
        return 0;
}

/* The harmonic frame by the inverse of k of its rows, evenly spread, which come first and so become unit vectors. */
static int make_systematic(double *g, unsigned n, unsigned k)
{
        double first[HARMONIC_BOARDS * HARMONIC_BOARDS], columns[HARMONIC_BOARDS * HARMONIC_BOARDS];
        unsigned next[2] = { 0, k }, place[HARMONIC_BOARDS];
        int r;

        for (unsigned j = 0; j < n; j++) {
                const int plain = next[0] < k && j == next[0] * n / k;

                place[j] = next[!plain]++;
        }
        /* Row x of the result holds x first = row, and so first^T x^T = row^T. */
        for (unsigned j = 0; j < n; j++)
                for (unsigned i = 0; i < k; i++) {
                        columns[i * n + place[j]] = g[(size_t)j * k + i];
                        if (place[j] < k)
                                first[i * k + place[j]] = g[(size_t)j * k + i];
                }
        r = hedge_dense_solve(first, k, columns, n);
        for (unsigned j = 0; r == 0 && j < n; j++)
                for (unsigned i = 0; i < k; i++)
                        g[(size_t)j * k + i] = columns[i * n + j];
        return r;
}

static int fill_generator(double *g, const hedge_code_params_t *p)
{
        const unsigned n = p->n, k = p->k_a;
        int r = 0;

        if (n > HARMONIC_BOARDS)
                return fill_tight(g, n, k, p->seed);
        for (unsigned j = 0; j < n; j++)
                fill_harmonic(g + (size_t)j * k, k, n, j);
        if (p->systematic)
                r = make_systematic(g, n, k);
        return r;
}

int hedge_mds_fill(hedge_code_t *code, const hedge_code_params_t *params)
{
        const unsigned k = params->k_a;
        double *g = calloc((size_t)params->n * k, sizeof(*g));
        int r = g ? fill_generator(g, params) : -ENOMEM;

        for (unsigned j = 0; r == 0 && j < params->n; j++) {
                r = hedge_code_hold(code, j, 1, 1);
                if (r < 0)
                        break;
                code->boards[j].b[0] = 1;
                if (params->systematic && j < k)
                        code->boards[j].a[j] = 1;
                else
                        memcpy(code->boards[j].a, g + (size_t)j * k, k * sizeof(*g));
        }
        free(g);
        *code->delta = k;
        return r;
}
