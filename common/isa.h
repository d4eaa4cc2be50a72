/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ISA_H
#define HEDGE_ISA_H

/** Code that is compiled once per instruction set (*_isa.c, with HEDGE_ISA base, avx2 or avx512) and chosen at run time. */

#define HEDGE_ISA_JOIN(prefix, x) prefix##_##x
#define HEDGE_ISA_NAME(prefix, x) HEDGE_ISA_JOIN(prefix, x)

/** The name by which a copy defines x: avx2_x. */
#define ISA(x) HEDGE_ISA_NAME(HEDGE_ISA, x)

/** A pointer to the copy of x that this processor runs best. */
#ifdef __x86_64__
#define HEDGE_ISA_BEST(x)                                                                               \
        (__builtin_cpu_supports("avx512f")                                 ? &HEDGE_ISA_JOIN(avx512, x) \
         : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &HEDGE_ISA_JOIN(avx2, x)   \
                                                                           : &HEDGE_ISA_JOIN(base, x))
#else
#define HEDGE_ISA_BEST(x) (&HEDGE_ISA_JOIN(base, x))
#endif

#endif
