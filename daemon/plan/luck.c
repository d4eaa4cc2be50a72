/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/luck.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/code/random.h"

/* Exp(1) by stratum: the quantiles of trials equal slices, shuffled. */
static void draw(double *column, unsigned trials, unsigned stride, uint64_t state)
{
        for (unsigned i = 0; i < trials; i++)
                column[(size_t)i * stride] = -log1p(-(i + hedge_random_uniform(&state)) / trials);
        for (unsigned i = trials; i > 1; i--) {
                unsigned j = (unsigned)(hedge_random_uniform(&state) * i);
                double kept = column[(size_t)(i - 1) * stride];

                column[(size_t)(i - 1) * stride] = column[(size_t)j * stride];
                column[(size_t)j * stride] = kept;
        }
}

int hedged_luck_new(unsigned trials, unsigned boards, uint64_t seed, hedged_luck_t **ret)
{
        const size_t n = (size_t)trials * boards;
        hedged_luck_t *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->trials = trials;
        l->boards = boards;
        l->slow = calloc(3 * n, sizeof(double));
        if (!l->slow) {
                free(l);
                return -ENOMEM;
        }
        l->in = l->slow + n;
        l->out = l->in + n;
        for (unsigned b = 0; b < boards; b++) {
                draw(l->slow + b, trials, boards, hedge_random_row(seed, 3 * (uint64_t)b));
                draw(l->in + b, trials, boards, hedge_random_row(seed, 3 * (uint64_t)b + 1));
                draw(l->out + b, trials, boards, hedge_random_row(seed, 3 * (uint64_t)b + 2));
        }
        *ret = l;
        return 0;
}

void hedged_luck_destroy(hedged_luck_t **luck)
{
        if (*luck)
                free((*luck)->slow);
        free(*luck);
        *luck = NULL;
}
