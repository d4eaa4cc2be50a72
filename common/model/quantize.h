/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_QUANTIZE_H
#define HEDGE_QUANTIZE_H

#include "common/model/import.h"

/** Building with quantised values. All return 0, or a refusal. */

/** Scale and zero point as values of the graph that broadcast to a view as it lies in memory. */
typedef struct hedge_scales {
        uint32_t scale;
        uint32_t zero; /**< HEDGE_NO_VALUE: 0 */
} hedge_scales_t;

/** Those of a node's inputs for a view, by the node's attributes axis and block_size.
 * @param scale  Index of the input; UINT32_MAX: there is no scale, only a zero point. */
int hedge_scales_open(hedge_import_t *imp, uint32_t scale, uint32_t zero, const hedge_view_t *x, hedge_scales_t *ret);

/** One number, or one per place of an axis, as a value that broadcasts to x.
 * @param block  0, or how many places of the axis share a number. */
int hedge_scales_place(hedge_import_t *imp, uint32_t input, const hedge_view_t *x, uint32_t axis, uint32_t block,
                       uint32_t *ret);

/** A constant number for each place of the last axis in memory, or one for all. */
int hedge_scales_constant(hedge_import_t *imp, const float *v, uint32_t n, uint32_t *ret);

/** The range of an integer type of at most 16 bits, which quantised values have. */
int hedge_quantize_range(hedge_import_t *imp, hedge_element_t element, hedge_quantize_t *ret);

/** Quantise a view in place of it. Its element is the caller's to set. */
int hedge_build_quantize(hedge_import_t *imp, const hedge_quantize_t *quantize, const hedge_scales_t *scales,
                         hedge_view_t *view);

/** (x - zero) * scale, without the scale where scales->scale is HEDGE_NO_VALUE. Behind a quantisation with the same numbers
 * both become one operator. */
int hedge_build_dequantize(hedge_import_t *imp, const hedge_scales_t *scales, hedge_view_t *x);

#endif
