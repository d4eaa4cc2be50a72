/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RANDOM_H
#define HEDGE_RANDOM_H

#include <stdint.h>

/** Inside of common/code: random numbers that are the same for the same seed. */

/** splitmix64: the next of a row of random numbers. */
uint64_t hedge_random_next(uint64_t *state);

/** The state of one of many independent rows of a seed. */
uint64_t hedge_random_row(uint64_t seed, uint64_t index);

/** Uniform in [0, 1). */
double hedge_random_uniform(uint64_t *state);

/** Standard normal. */
double hedge_random_normal(uint64_t *state);

/** Exponential with mean 1. */
double hedge_random_exponential(uint64_t *state);

/** Uniform in 0 .. bound - 1 (the bias is below bound / 2^64). */
unsigned hedge_random_below(uint64_t *state, unsigned bound);

#endif
