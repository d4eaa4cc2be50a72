/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_INTEGER_PRODUCTS_H
#define HEDGE_INTEGER_PRODUCTS_H

#include "common/model/quantize.h"

/** What products of integers have in common (QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger). Their zero points are
 * taken away first, so that padding is 0 and all factors are whole numbers of at most 9 bits; sums are exact below
 * HEDGE_EXACT. Functions that can fail return 0, or a refusal. */

/** The largest |x - zero| that input `input` can have, by its type and, where that is known, its zero point. */
double hedge_integer_magnitude(const hedge_import_t *imp, uint32_t input, uint32_t zero);

/** Input `input` - input `zero`; a zero point of several numbers goes along `axis`. */
int hedge_integer_centred(hedge_import_t *imp, uint32_t input, uint32_t zero, uint32_t axis, hedge_view_t *ret);

/** The same of a constant. To be destroyed; the first to build with it may have its memory. */
int hedge_integer_weights(hedge_import_t *imp, uint32_t input, uint32_t zero, uint32_t axis, hedge_literal_t **ret);

/** May the sums of the current node be float32? They may be as large as `most`; where that is past HEDGE_EXACT, every reader of
 * output 0 must make floats of them. */
int hedge_integer_check_sums(hedge_import_t *imp, double most);

/** The scales of a product's two factors and of its result. */
typedef struct hedge_rescale {
        uint32_t a, b, y, y_zero; /**< inputs of the node */
        uint32_t rows, columns;   /**< how many numbers the factors' scales have */
        hedge_quantize_t quantize;
        hedge_scales_t scales;
} hedge_rescale_t;

/** Read what the sums are multiplied with: a * b / y, in float32 and from left to right. The inputs' indices are given; a node
 * without the input y does not quantise: a * b. */
int hedge_rescale_read(hedge_import_t *imp, hedge_rescale_t *rescale);

#endif
