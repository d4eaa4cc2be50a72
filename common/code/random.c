/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/random.h"

#include <math.h>

uint64_t hedge_random_next(uint64_t *state)
{
        uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

uint64_t hedge_random_row(uint64_t seed, uint64_t index)
{
        uint64_t state = index;

        state = seed ^ hedge_random_next(&state);
        return hedge_random_next(&state);
}

double hedge_random_uniform(uint64_t *state)
{
        return (double)(hedge_random_next(state) >> 11) * 0x1p-53;
}

double hedge_random_normal(uint64_t *state)
{
        const double u = hedge_random_uniform(state) + 0x1p-53, v = hedge_random_uniform(state);

        return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

double hedge_random_exponential(uint64_t *state)
{
        return -log(hedge_random_uniform(state) + 0x1p-53);
}

unsigned hedge_random_below(uint64_t *state, unsigned bound)
{
        return (unsigned)(hedge_random_next(state) % bound);
}
