/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_Q16_ISA_H
#define HEDGE_Q16_ISA_H

#include <stddef.h>

#include "common/isa.h"

/** Inside of common/code: what each instruction set's copy of q16_isa.c defines. */
typedef struct hedge_q16 {
        int (*encode)(const float *x, size_t n, void *out);
        void (*decode)(const void *in, size_t begin, size_t end, float *out);
} hedge_q16_t;

extern const hedge_q16_t base_q16, avx2_q16, avx512_q16;

#endif
