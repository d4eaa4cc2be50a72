/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per instruction set, with ISA(x) naming what it defines. */
#include "common/code/sazd/isa.h"

#if defined(__AVX512F__)
#define LANES 8
#elif defined(__AVX__)
#define LANES 4
#else
#define LANES 2
#endif
#define WIDE 4 /* vectors of sums that a pass over all terms holds in registers */

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

typedef float floats_t __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef double doubles_t __attribute__((vector_size(LANES * sizeof(double))));

static inline __attribute__((always_inline)) doubles_t load(const float *x)
{
        return __builtin_convertvector(*(const floats_t *)x, doubles_t);
}

static inline __attribute__((always_inline)) void sum_vectors(const float *first, const float *const *others,
                                                              unsigned count, bool subtract, float *out, size_t x,
                                                              int vectors)
{
        doubles_t sums[WIDE];

        UNROLL
        for (int v = 0; v < vectors; v++)
                sums[v] = load(first + x + v * LANES);
        for (unsigned o = 0; o < count; o++) {
                const float *term = others[o] + x;

                UNROLL
                for (int v = 0; v < vectors; v++)
                        sums[v] = subtract ? sums[v] - load(term + v * LANES) : sums[v] + load(term + v * LANES);
        }
        UNROLL
        for (int v = 0; v < vectors; v++)
                *(floats_t *)(out + x + v * LANES) = __builtin_convertvector(sums[v], floats_t);
}

static inline __attribute__((always_inline)) void sum_one(const float *first, const float *const *others,
                                                          unsigned count, bool subtract, float *out, size_t x)
{
        double sum = (double)first[x];

        for (unsigned o = 0; o < count; o++)
                sum = subtract ? sum - (double)others[o][x] : sum + (double)others[o][x];
        out[x] = (float)sum;
}

static inline __attribute__((always_inline)) void sum_all(const float *first, const float *const *others,
                                                          unsigned count, bool subtract, float *out, size_t n)
{
        size_t x = 0;

        for (; x + WIDE * LANES <= n; x += WIDE * LANES)
                sum_vectors(first, others, count, subtract, out, x, WIDE);
        for (; x + LANES <= n; x += LANES)
                sum_vectors(first, others, count, subtract, out, x, 1);
        for (; x < n; x++)
                sum_one(first, others, count, subtract, out, x);
}

static void sum(const float *first, const float *const *others, unsigned count, bool subtract, float *out, size_t n)
{
        if (subtract)
                sum_all(first, others, count, true, out, n);
        else
                sum_all(first, others, count, false, out, n);
}

const hedge_sazd_isa_t ISA(sazd) = { sum };
