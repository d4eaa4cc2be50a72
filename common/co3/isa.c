/* SPDX-License-Identifier: Apache-2.0 */
#include "common/co3/co3_isa.h"

const hedge_co3_isa_t *hedge_co3_isa(void)
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vl"))
                return &avx512_co3;
        if (__builtin_cpu_supports("avx2"))
                return &avx2_co3;
#endif
        return &base_co3;
}
