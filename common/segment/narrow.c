/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that make a window of what they make: hedge_local_op. */
#include "common/segment/geometry.h"
#include "common/segment/local.h"

static void narrow_conv(hedge_conv_t *c, const hedge_slide_t *rows, const hedge_slide_t *columns)
{
        c->in_h = rows->in;
        c->pad_top = rows->before;
        c->pad_bottom = rows->after;
        c->in_w = columns->in;
        c->pad_left = columns->before;
        c->pad_right = columns->after;
}

static uint32_t least(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

static void narrow_pool(hedge_pool_t *p, const hedge_slide_t *rows, const hedge_slide_t *columns)
{
        p->pad_top = rows->before;
        p->pad_bottom = rows->after;
        p->count_bottom = least(p->count_bottom, rows->after);
        p->pad_left = columns->before;
        p->pad_right = columns->after;
        p->count_right = least(p->count_right, columns->after);
}

static void narrow_pad(hedge_op_t *op, const hedge_shape_t *in, uint32_t axis, hedge_span_t out)
{
        const hedge_margin_t whole = hedge_geometry_margin(op, in, axis), part = hedge_margin_part(&whole, out);

        op->pad.before[axis] = part.before;
        op->pad.after[axis] = part.after;
}

static hedge_resize_part_t part_of(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis, hedge_span_t out)
{
        const hedge_resize_axis_t a = hedge_geometry_resize(op, in, axis);

        return (hedge_resize_part_t){ a.whole_in, a.whole_out, hedge_geometry_resized(op, in, axis, out).first,
                                      out.first };
}

static void narrow_resize(hedge_op_t *op, const hedge_shape_t *in, const hedge_window_t *out)
{
        const hedge_resize_part_t rows = part_of(op, in, HEDGE_ROWS, hedge_geometry_span(out, HEDGE_ROWS));
        const hedge_resize_part_t columns = part_of(op, in, HEDGE_COLUMNS, hedge_geometry_span(out, HEDGE_COLUMNS));

        op->resize.part_h = rows;
        op->resize.part_w = columns;
        op->resize.out_h = out->rows;
        op->resize.out_w = out->cols;
}

hedge_op_t hedge_local_op(const hedge_local_t *l, uint32_t i, const hedge_window_t *out)
{
        const hedge_node_t *node = &l->graph->nodes[i];
        const hedge_shape_t *in = &l->graph->values[node->inputs[0]].shape;
        const bool slides = node->op.kind == HEDGE_OP_CONV || node->op.kind == HEDGE_OP_MAX_POOL ||
                            node->op.kind == HEDGE_OP_AVERAGE_POOL;
        hedge_op_t op = node->op;

        if (slides) {
                const hedge_slide_t whole[] = { hedge_geometry_slide(&op, in, HEDGE_ROWS),
                                                hedge_geometry_slide(&op, in, HEDGE_COLUMNS) };
                const hedge_slide_t rows = hedge_slide_part(&whole[0], hedge_geometry_span(out, HEDGE_ROWS));
                const hedge_slide_t columns = hedge_slide_part(&whole[1], hedge_geometry_span(out, HEDGE_COLUMNS));

                if (op.kind == HEDGE_OP_CONV)
                        narrow_conv(&op.conv, &rows, &columns);
                else
                        narrow_pool(&op.pool, &rows, &columns);
        } else if (op.kind == HEDGE_OP_PAD) {
                narrow_pad(&op, in, HEDGE_ROWS, hedge_geometry_span(out, HEDGE_ROWS));
                narrow_pad(&op, in, HEDGE_COLUMNS, hedge_geometry_span(out, HEDGE_COLUMNS));
        } else if (op.kind == HEDGE_OP_SLICE) {
                op.slice.start[l->layouts->values[node->output].rows] = 0;
                op.slice.start[l->layouts->values[node->output].columns] = 0;
                op.slice.out = hedge_layouts_shape(l->graph, l->layouts, node->output, out);
        } else if (op.kind == HEDGE_OP_RESIZE) {
                narrow_resize(&op, in, out);
        } else if (op.kind == HEDGE_OP_EXPAND || op.kind == HEDGE_OP_RESHAPE) {
                op.shape.out = hedge_layouts_shape(l->graph, l->layouts, node->output, out);
        }
        return op;
}
