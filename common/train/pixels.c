/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/pixels.h"

void hedge_pixels_init(hedge_pixels_t *pixels, const hedge_extent_t *image, const hedge_norm_t *norm)
{
        pixels->image = *image;
        for (uint32_t c = 0; c < image->c; c++)
                for (unsigned i = 0; i < 256; i++)
                        pixels->table[c][i] = ((float)i / 255.0f - norm->mean[c]) / norm->deviation[c];
}

void hedge_pixels_convert(const hedge_pixels_t *pixels, const uint8_t *from, bool flip, float *to)
{
        const uint32_t w = pixels->image.w, channels = pixels->image.c;

        for (uint32_t y = 0; y < pixels->image.h; y++, from += (size_t)w * channels)
                for (uint32_t x = 0; x < w; x++) {
                        const uint8_t *pixel = from + (size_t)(flip ? w - 1 - x : x) * channels;

                        for (uint32_t c = 0; c < channels; c++)
                                *to++ = pixels->table[c][pixel[c]];
                }
}
