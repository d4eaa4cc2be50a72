/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PRODUCT_H
#define HEDGE_PRODUCT_H

#include "common/train/layer.h"

/** The layers that are matrix products, by OpenBLAS (see blas.h): y = x W^T + b.
 *
 * A convolution goes to oneDNN where there is one for it, else in groups of images whose columns (see columns.h) fit a second-level cache; a window of one pixel
 * needs no columns. */
extern const hedge_layer_type_t hedge_layer_dense, hedge_layer_conv;

/** The gradient of a bias: the sum of `rows` rows of n numbers, which sum does not overlap. */
void hedge_sum_rows(const float *dy, size_t rows, size_t n, float *restrict sum);

#endif
