/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DETECT_MAP_H
#define HEDGE_DETECT_MAP_H

#include <stdbool.h>
#include <stdint.h>

/** How a model's input lies in the picture that it was made of: a point (x, y) of the input is the picture's
 * (x * scale_x + offset_x, y * scale_y + offset_y). Points are corners of pixels: the first pixel is from 0 to 1. */
typedef struct hedge_map {
        uint32_t width, height; /**< of the picture */
        double scale_x, scale_y, offset_x, offset_y;
} hedge_map_t;

/** The map of a picture that was given as the input itself. */
hedge_map_t hedge_map_same(uint32_t width, uint32_t height);

/** Bring a box (two corners) from the input to the picture and clip it there.
 * @return false where nothing of it is left, or where it is not made of numbers. */
bool hedge_map_box(const hedge_map_t *map, const double box[4], float ret[4]);

#endif
