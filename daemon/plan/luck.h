/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LUCK_H
#define HEDGED_LUCK_H

#include <stdint.h>

/** Random numbers of simulations, drawn once: every cut that is compared gets the same. For each board they are stratified over
 * the trials, so that few trials do. */
typedef struct hedged_luck {
        unsigned trials, boards;
        double *slow, *in, *out; /**< trials x boards each, Exp(1) */
} hedged_luck_t;

/** @return 0, -ENOMEM. */
int hedged_luck_new(unsigned trials, unsigned boards, uint64_t seed, hedged_luck_t **ret);

/** A time or a share of a time of this mean: exponential by a draw of Exp(1) beyond what is noise. */
static inline double hedged_luck_scale(double mean, double noise, double draw)
{
        return mean <= noise ? mean : noise + (mean - noise) * draw;
}

/** NULL-safe; nullifies. */
void hedged_luck_destroy(hedged_luck_t **luck);

#endif
