/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_COLUMNS_H
#define HEDGE_COLUMNS_H

#include "common/train/layer.h"

/** Convolutions as matrix products: one row of kernel x kernel x c numbers per output pixel ("im2col").
 *
 * `layer` is a checked CONV; image h x w x c, columns (out_h * out_w) x (kernel * kernel * c). */
uint64_t hedge_columns_count(const hedge_layer_t *layer);

/** The columns of one image; padding is 0. */
void hedge_columns(const hedge_layer_t *layer, const float *image, float *columns);

/** The transpose: add every entry of the columns to the pixel it came from; what lay in padding is dropped. */
void hedge_columns_add(const hedge_layer_t *layer, const float *columns, float *image);

#endif
