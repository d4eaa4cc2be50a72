/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per instruction set, with ISA(x) naming what it defines. The loops are for the compiler to turn into
 * vectors. */
#include "common/code/sazd_isa.h"

#define LANES 32u /* sums that a pass over all terms holds in registers */

static inline __attribute__((always_inline)) void sum_lanes(const float *restrict first, const float *const *others,
                                                            unsigned count, bool subtract, float *restrict out,
                                                            size_t x, size_t lanes)
{
        double sums[LANES];

        for (size_t i = 0; i < lanes; i++)
                sums[i] = (double)first[x + i];
        for (unsigned o = 0; o < count; o++) {
                const float *restrict term = others[o] + x;

                for (size_t i = 0; i < lanes; i++)
                        sums[i] = subtract ? sums[i] - (double)term[i] : sums[i] + (double)term[i];
        }
        for (size_t i = 0; i < lanes; i++)
                out[x + i] = (float)sums[i];
}

static inline __attribute__((always_inline)) void sum_all(const float *first, const float *const *others,
                                                          unsigned count, bool subtract, float *out, size_t n)
{
        size_t x = 0;

        for (; x + LANES <= n; x += LANES)
                sum_lanes(first, others, count, subtract, out, x, LANES);
        for (; x + 4 <= n; x += 4)
                sum_lanes(first, others, count, subtract, out, x, 4);
        for (; x < n; x++)
                sum_lanes(first, others, count, subtract, out, x, 1);
}

static void sum(const float *first, const float *const *others, unsigned count, bool subtract, float *out, size_t n)
{
        if (subtract)
                sum_all(first, others, count, true, out, n);
        else
                sum_all(first, others, count, false, out, n);
}

static void add(float alpha, const float *restrict x, float *restrict y, size_t n)
{
        for (size_t i = 0; i < n; i++)
                y[i] += alpha * x[i];
}

const hedge_sazd_isa_t ISA(sazd) = { sum, add };
