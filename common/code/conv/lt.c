/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/conv/scheme.h"
#include "common/code/conv/threshold.h"
#include "common/code/random.h"

#define SOLITON_C     0.1
#define SOLITON_DELTA 0.5
#define OVERHEAD      2u /* times K parts by default */
#define ATTEMPTS      64u

int hedge_lt_check(const hedge_code_params_t *params, hedge_why_t *why)
{
        if (params->k_b != 1)
                return hedge_why(why, -EINVAL, "lt codes the input strips alone: k_b must be 1, not %u", params->k_b);
        for (unsigned j = 0; j < params->n; j++)
                if (params->ell_b > 1 || (params->ell && params->ell[j].ell_b > 1))
                        return hedge_why(why, -EINVAL, "lt codes the input strips alone: ell_b must be 1");
        return 0;
}

/* Robust soliton: the chance of each degree up to and with d, d = 1 .. k. */
static void fill_soliton(double *up_to, unsigned k)
{
        const double r = SOLITON_C * log(k / SOLITON_DELTA) * sqrt(k);
        const double peak = fmin(fmax(round(k / r), 1), k);
        double sum = 0;

        for (unsigned d = 1; d <= k; d++) {
                sum += d == 1 ? 1.0 / k : 1 / ((double)d * (d - 1));
                if (d < peak)
                        sum += r / ((double)d * k);
                else if (d == (unsigned)peak)
                        sum += fmax(r * log(r / SOLITON_DELTA) / k, 0);
                up_to[d - 1] = sum;
        }
        for (unsigned d = 0; d < k; d++)
                up_to[d] /= sum;
}

/* The sum of as many strips as the distribution says, each set of so many equally likely. */
static void fill_sum(double *a, unsigned k, const double *up_to, uint64_t *state)
{
        const double u = hedge_random_uniform(state);
        unsigned degree = 1;

        while (degree < k && u >= up_to[degree - 1])
                degree++;
        memset(a, 0, k * sizeof(*a));
        for (unsigned i = 0; i < k && degree > 0; i++)
                if (hedge_random_below(state, k - i) < degree) {
                        a[i] = 1;
                        degree--;
                }
}

static void draw(hedge_code_t *code, const double *up_to, uint64_t seed)
{
        for (unsigned j = 0; j < code->n; j++) {
                uint64_t state = hedge_random_row(seed, j);

                for (unsigned l = 0; l < code->boards[j].ell_a; l++)
                        fill_sum(code->boards[j].a + (size_t)l * code->k_a, code->k_a, up_to, &state);
        }
}

static unsigned inputs_of(const hedge_code_params_t *params, unsigned board)
{
        const unsigned usual = (OVERHEAD * params->k_a + params->n - 1) / params->n;

        if (params->ell && params->ell[board].ell_a)
                return params->ell[board].ell_a;
        return hedge_code_weigh(params, board, params->ell_a ? params->ell_a : usual);
}

int hedge_lt_fill(hedge_code_t *code, const hedge_code_params_t *params)
{
        double *up_to = malloc(code->k_a * sizeof(*up_to));
        int r = 0;

        if (!up_to)
                return -ENOMEM;
        fill_soliton(up_to, code->k_a);
        for (unsigned j = 0; r == 0 && j < code->n; j++) {
                const unsigned ell_a = inputs_of(params, j);

                r = ell_a ? hedge_code_hold(code, j, ell_a, 1) : 0;
                if (r == 0 && ell_a)
                        code->boards[j].b[0] = 1;
        }
        hedge_code_number(code);
        for (unsigned i = 0; r == 0 && i < ATTEMPTS; i++) {
                draw(code, up_to, i ? hedge_random_row(params->seed, i) : params->seed);
                r = hedge_threshold_exists(code);
        }
        free(up_to);
        return r < 0 ? r : r == 0 ? -EINVAL : 0;
}
