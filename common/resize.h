/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RESIZE_H
#define HEDGE_RESIZE_H

#include "common/op.h"

/** Which rows (or columns) of its input an output row of a resize is made of, and with which weights.
 *
 * A window of a larger resize is computed as the whole one is, and gives the same to the bit. */

/** One axis: the whole one's extents, scale and region of interest, and the window of it. */
typedef struct hedge_resize_axis {
        uint32_t whole_in, whole_out;
        double scale, from, to;
        uint32_t in_first, in, out_first, out;
} hedge_resize_axis_t;

/** The axes of a checked operator whose input has `in` rows or columns. */
hedge_resize_axis_t hedge_resize_rows(const hedge_resize_t *resize, uint32_t in);
hedge_resize_axis_t hedge_resize_columns(const hedge_resize_t *resize, uint32_t in);

/** One output row: the weighted input rows that make it. */
typedef struct hedge_resize_taps {
        uint32_t n;
        bool outside; /**< beyond the region of interest's image */
        uint32_t *at; /**< in the window's input */
        float *weight;
} hedge_resize_taps_t;

/** Taps of one row at most. */
size_t hedge_resize_most_taps(const hedge_resize_t *resize, const hedge_resize_axis_t *axis);

/** Those of output row `out` of the window; taps->at and weight have room for most_taps. */
void hedge_resize_find_taps(const hedge_resize_t *resize, const hedge_resize_axis_t *axis, uint32_t out,
                            size_t most_taps, hedge_resize_taps_t *taps);

/** The input rows that output rows first .. first + n - 1 (n > 0) of a whole resize are made of. */
void hedge_resize_reach(const hedge_resize_t *resize, const hedge_resize_axis_t *axis, uint32_t first, uint32_t n,
                        uint32_t *ret_first, uint32_t *ret_n);

#endif
