/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_LOCAL_H
#define HEDGE_LOCAL_H

#include "common/segment/layout.h"

/** Inside of common/segment: operators whose every output pixel is made of a window of input pixels.
 *
 * A window of a value that is no image, inside of a rearrangement, is one of its rows and columns wherever they are. */
typedef struct hedge_local {
        const hedge_graph_t *graph;
        const hedge_layouts_t *layouts;
} hedge_local_t;

/** Is a node one, from images (1 x H x W x C) and constants to an image, or inside of a rearrangement of one? */
bool hedge_local_is(const hedge_local_t *local, uint32_t node);

/** Does a window of the output of such a node need a window of input j, and not all of it (filters, biases, one number)? */
bool hedge_local_cuts(const hedge_local_t *local, uint32_t node, uint32_t j);

/** The smallest window around one of the output that the node can make: pixels that are taken apart come all at once. */
hedge_window_t hedge_local_round(const hedge_local_t *local, uint32_t node, const hedge_window_t *out);

/** The window of input j that such a window of the output needs: never empty; along an axis that is broadcast all there is, which is
 * 1. */
hedge_window_t hedge_local_need(const hedge_local_t *local, uint32_t node, uint32_t j, const hedge_window_t *out);

/** The operator that makes a window of the output of the windows that hedge_local_need gives. */
hedge_op_t hedge_local_op(const hedge_local_t *local, uint32_t node, const hedge_window_t *out);

/** Multiply-accumulates of a window of the output, counted as hedge_node_macs counts them. */
uint64_t hedge_local_macs(const hedge_local_t *local, uint32_t node, const hedge_window_t *out);

#endif
