/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PIXELS_H
#define HEDGE_PIXELS_H

#include "common/train/dataset.h"

/** Bytes to normalised floats, by a table: what each of 256 pixels comes to in each channel. */
typedef struct hedge_pixels {
        hedge_extent_t image;
        float table[HEDGE_MAX_CHANNELS][256];
} hedge_pixels_t;

void hedge_pixels_init(hedge_pixels_t *pixels, const hedge_extent_t *image, const hedge_norm_t *norm);

/** One image; `flip` swaps left and right. */
void hedge_pixels_convert(const hedge_pixels_t *pixels, const uint8_t *from, bool flip, float *to);

#endif
