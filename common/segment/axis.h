/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SEGMENT_AXIS_H
#define HEDGE_SEGMENT_AXIS_H

#include <stdbool.h>
#include <stdint.h>

/** Inside of common/segment: the geometry of local operators along one axis, rows or columns. */

/** Positions first .. first + n - 1. */
typedef struct hedge_span {
        uint32_t first, n;
} hedge_span_t;

/** A sliding window: a convolution's or a pool's. */
typedef struct hedge_slide {
        uint32_t in, kernel, stride, dilation, before, after;
} hedge_slide_t;

/** Does every output position see some of the input, so that its need is not empty? */
bool hedge_slide_is_local(const hedge_slide_t *slide);

/** What output positions need. */
hedge_span_t hedge_slide_need(const hedge_slide_t *slide, hedge_span_t out);

/** The same window over what they need: padded only where it hangs out of the input. */
hedge_slide_t hedge_slide_part(const hedge_slide_t *slide, hedge_span_t out);

/** Padding with a value; negative pads crop. */
typedef struct hedge_margin {
        uint32_t in;
        int32_t before, after;
} hedge_margin_t;

/** One position, any, where the output lies in the padding altogether. */
hedge_span_t hedge_margin_need(const hedge_margin_t *margin, hedge_span_t out);
hedge_margin_t hedge_margin_part(const hedge_margin_t *margin, hedge_span_t out);

/** Positions that become finer ones, or coarser: a whole number of one for each of the other. */
typedef struct hedge_scale {
        uint32_t in, out;
} hedge_scale_t;

/** All output positions that are made of one input position are made together. */
hedge_span_t hedge_scale_round(const hedge_scale_t *scale, hedge_span_t out);
hedge_span_t hedge_scale_need(const hedge_scale_t *scale, hedge_span_t rounded);

#endif
