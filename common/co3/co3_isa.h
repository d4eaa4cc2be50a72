/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CO3_ISA_H
#define HEDGE_CO3_ISA_H

#include <stddef.h>
#include <stdint.h>

#include "common/isa.h"

/** Inside of common/co3: the loops over gradients, compiled once per instruction set. All give the same bits. */

/** The conversions of one small floating-point format. */
typedef struct hedge_minifloat {
        unsigned exponent_bits, mantissa_bits;
        float top; /**< the largest number, in units of the scale */

        /** codes = nearest(gradient + gamma * error), error = gradient + gamma * error - codes * scale.
         *
         * @param error  n floats, or NULL: no memory, and nothing to write.
         * @param codes  One stream behind the other, as co3.h says: fp16 2 n, fp8 n, fp4 ceil(n / 2) bytes.
         * @param scale  A power of two times 16/16 .. 31/16, from 2^-126 to 2^86. */
        void (*convert)(const float *gradient, float *error, size_t n, float gamma, float scale, uint8_t *codes);

        /** sum += factor * number, where `factor` is weight * scale.
         *
         * @param low  fp16: the codes' low bytes; else unused. */
        void (*restore)(const uint8_t *codes, const uint8_t *low, size_t n, float factor, float *sum);
} hedge_minifloat_t;

typedef struct hedge_co3_isa {
        /** The largest |gradient + gamma * error|, as the float's bits: 0x7f800000 or more where one is infinite or not
         * a number. error may be NULL. */
        uint32_t (*peak)(const float *gradient, const float *error, size_t n, float gamma);
        hedge_minifloat_t fp16, fp8, fp4;
} hedge_co3_isa_t;

extern const hedge_co3_isa_t base_co3, avx2_co3, avx512_co3;

/** The fastest that this processor runs. */
const hedge_co3_isa_t *hedge_co3_isa(void);

#endif
