/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SEGMENT_GEOMETRY_H
#define HEDGE_SEGMENT_GEOMETRY_H

#include "common/op.h"
#include "common/resize.h"
#include "common/segment/axis.h"
#include "common/types/window.h"

/** Inside of common/segment: what operators over images say of one axis of them. */

#define HEDGE_ROWS     1 /**< axes of an image */
#define HEDGE_COLUMNS  2
#define HEDGE_CHANNELS 3

/** The rows or the columns of a window. */
static inline hedge_span_t hedge_geometry_span(const hedge_window_t *w, uint32_t axis)
{
        return axis == HEDGE_ROWS ? (hedge_span_t){ w->top, w->rows } : (hedge_span_t){ w->left, w->cols };
}

/** Of a convolution or a pool. */
hedge_slide_t hedge_geometry_slide(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis);

/** Of padding. */
hedge_margin_t hedge_geometry_margin(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis);

/** Of a resize, and what output positions of it need. */
hedge_resize_axis_t hedge_geometry_resize(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis);
hedge_span_t hedge_geometry_resized(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis, hedge_span_t out);

#endif
