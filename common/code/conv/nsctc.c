/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "common/code/conv/scheme.h"

static unsigned vectors_for(unsigned k)
{
        return k == 1 ? 1 : 2;
}

static unsigned threshold(unsigned k_a, unsigned k_b)
{
        return k_a * k_b / (vectors_for(k_a) * vectors_for(k_b));
}

int hedge_nsctc_check(const hedge_code_params_t *params, hedge_why_t *why)
{
        const unsigned k_a = params->k_a, k_b = params->k_b;

        if ((k_a != 1 && k_a % 2) || (k_b != 1 && k_b % 2))
                return hedge_why(why, -EINVAL, "nsctc wants k_a and k_b each even or 1, not %u and %u", k_a, k_b);
        if (k_a == 1 && k_b == 1)
                return hedge_why(why, -EINVAL, "nsctc with k_a = k_b = 1 would code nothing");
        if (threshold(k_a, k_b) > params->n)
                return hedge_why(why, -EINVAL, "nsctc with k_a = %u and k_b = %u needs at least %u boards, not %u", k_a,
                                 k_b, threshold(k_a, k_b), params->n);
        return 0;
}

/* The two columns of the blocks R^(turn * i), R the rotation by 2 pi / q; one column, 1, where k = 1. */
static void fill_rotations(double *vectors, unsigned k, unsigned q, unsigned turn)
{
        if (k == 1) {
                vectors[0] = 1;
                return;
        }
        for (unsigned i = 0; i < k / 2; i++) {
                const double angle = 2 * M_PI * (double)((uint64_t)turn * i % q) / q;

                vectors[2 * i] = cos(angle);
                vectors[2 * i + 1] = sin(angle);
                vectors[k + 2 * i] = -sin(angle);
                vectors[k + 2 * i + 1] = cos(angle);
        }
}

int hedge_nsctc_fill(hedge_code_t *code, const hedge_code_params_t *params)
{
        const unsigned q = code->n | 1;
        const unsigned step = code->k_a == 1 ? 1 : code->k_a / 2;

        for (unsigned j = 0; j < params->n; j++) {
                int r = hedge_code_hold(code, j, vectors_for(code->k_a), vectors_for(code->k_b));

                if (r < 0)
                        return r;
                fill_rotations(code->boards[j].a, code->k_a, q, j);
                fill_rotations(code->boards[j].b, code->k_b, q, j * step);
        }
        *code->delta = threshold(code->k_a, code->k_b);
        return 0;
}
