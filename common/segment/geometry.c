/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/geometry.h"

hedge_slide_t hedge_geometry_slide(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis)
{
        const hedge_conv_t *c = &op->conv;
        const hedge_pool_t *p = &op->pool;

        if (op->kind == HEDGE_OP_CONV && axis == HEDGE_ROWS)
                return (hedge_slide_t){ c->in_h, c->kernel_h, c->stride_h, c->dilation_h, c->pad_top, c->pad_bottom };
        if (op->kind == HEDGE_OP_CONV)
                return (hedge_slide_t){ c->in_w, c->kernel_w, c->stride_w, c->dilation_w, c->pad_left, c->pad_right };
        if (axis == HEDGE_ROWS)
                return (hedge_slide_t){ in->dims[HEDGE_ROWS], p->kernel_h, p->stride_h,
                                        p->dilation_h,        p->pad_top,  p->pad_bottom };
        return (hedge_slide_t){ in->dims[HEDGE_COLUMNS], p->kernel_w, p->stride_w,
                                p->dilation_w,           p->pad_left, p->pad_right };
}

hedge_margin_t hedge_geometry_margin(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis)
{
        return (hedge_margin_t){ in->dims[axis], op->pad.before[axis], op->pad.after[axis] };
}

hedge_resize_axis_t hedge_geometry_resize(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis)
{
        return axis == HEDGE_ROWS ? hedge_resize_rows(&op->resize, in->dims[HEDGE_ROWS])
                                  : hedge_resize_columns(&op->resize, in->dims[HEDGE_COLUMNS]);
}

hedge_span_t hedge_geometry_resized(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis, hedge_span_t out)
{
        const hedge_resize_axis_t a = hedge_geometry_resize(op, in, axis);
        hedge_span_t span;

        hedge_resize_reach(&op->resize, &a, out.first, out.n, &span.first, &span.n);
        return span;
}
