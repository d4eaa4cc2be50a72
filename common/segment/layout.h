/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SEGMENT_LAYOUT_H
#define HEDGE_SEGMENT_LAYOUT_H

#include <stdbool.h>

#include "common/model/graph.h"
#include "common/types/window.h"

/** Inside of common/segment: where the rows and the columns of values are.
 *
 * Images (1 x H x W x C) have them as axes 1 and 2. Between two images there may be a rearrangement: reshapes, transposes
 * and slices that only move channels about, take pixels apart into smaller ones (depth to space, which is also how a transposed
 * convolution ends) or put them together. Rows and columns are followed through it. */
typedef struct hedge_image_axes {
        uint8_t rows, columns; /**< axes; the same: it has none */
} hedge_image_axes_t;

typedef struct hedge_layouts {
        hedge_image_axes_t *values; /**< one per value */
        bool *rearranges;           /**< one per node: it is part of a rearrangement, from an image to an image */
} hedge_layouts_t;

/** @return 0, -ENOMEM. */
int hedge_layouts_find(const hedge_graph_t *graph, hedge_layouts_t *ret);
void hedge_layouts_release(hedge_layouts_t *layouts);

/** Is it an image as all operators but rearrangements take it? */
bool hedge_layouts_is_image(const hedge_graph_t *graph, const hedge_layouts_t *layouts, uint32_t value);

/** The shape of a window of a value that has rows and columns. */
hedge_shape_t hedge_layouts_shape(const hedge_graph_t *graph, const hedge_layouts_t *layouts, uint32_t value,
                                  const hedge_window_t *window);

#endif
