/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PRECISION_H
#define HEDGE_PRECISION_H

#include "common/code/q16.h"

/** How numbers are written on the wire. The values are HEDGE/1's. */
typedef enum hedge_precision {
        HEDGE_PRECISION_F32, /**< float32, little-endian */
        HEDGE_PRECISION_Q16, /**< common/code/q16.h */
        HEDGE_PRECISIONS
} hedge_precision_t;

/** "f32", "q16". */
static inline const char *hedge_precision_name(hedge_precision_t precision)
{
        return precision == HEDGE_PRECISION_Q16 ? "q16" : "f32";
}

/** Rounding of a coded input on the way out and of its part on the way back together, relative to the root mean square of what
 * is sent (common/code/q16.h says where it comes from). */
static inline double hedge_precision_error(hedge_precision_t precision)
{
        return precision == HEDGE_PRECISION_Q16 ? 4e-5 : 0;
}

/** Bytes of n elements. */
static inline size_t hedge_precision_bytes(hedge_precision_t precision, size_t n)
{
        return precision == HEDGE_PRECISION_Q16 ? hedge_q16_bytes(n) : n * sizeof(float);
}

#endif
