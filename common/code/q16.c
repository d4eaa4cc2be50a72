/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/q16.h"

#include "common/code/q16_isa.h"

/* The fastest that this processor runs. */
static const hedge_q16_t *find(void)
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx512f"))
                return &avx512_q16;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                return &avx2_q16;
#endif
        return &base_q16;
}

int hedge_q16_encode(const float *x, size_t n, void *out)
{
        return find()->encode(x, n, out);
}

void hedge_q16_decode(const void *in, size_t begin, size_t end, float *out)
{
        find()->decode(in, begin, end, out);
}
