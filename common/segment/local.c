/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/local.h"

#include <string.h>

#include "common/resize.h"
#include "common/segment/alive.h"
#include "common/segment/axis.h"

#define ROWS     1 /* axes of an image */
#define COLUMNS  2
#define CHANNELS 3
#define ACROSS   (1u << ROWS | 1u << COLUMNS) /* as a mask */

static const hedge_shape_t *shape_of(const hedge_graph_t *g, const hedge_node_t *node, uint32_t j)
{
        return &g->values[node->inputs[j]].shape;
}

static hedge_slide_t slide_of(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis)
{
        const hedge_conv_t *c = &op->conv;
        const hedge_pool_t *p = &op->pool;

        if (op->kind == HEDGE_OP_CONV && axis == ROWS)
                return (hedge_slide_t){ c->in_h, c->kernel_h, c->stride_h, c->dilation_h, c->pad_top, c->pad_bottom };
        if (op->kind == HEDGE_OP_CONV)
                return (hedge_slide_t){ c->in_w, c->kernel_w, c->stride_w, c->dilation_w, c->pad_left, c->pad_right };
        if (axis == ROWS)
                return (hedge_slide_t){ in->dims[ROWS], p->kernel_h, p->stride_h,
                                        p->dilation_h,  p->pad_top,  p->pad_bottom };
        return (hedge_slide_t){ in->dims[COLUMNS], p->kernel_w, p->stride_w, p->dilation_w, p->pad_left, p->pad_right };
}

static hedge_margin_t margin_of(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis)
{
        return (hedge_margin_t){ in->dims[axis], op->pad.before[axis], op->pad.after[axis] };
}

static hedge_resize_axis_t axis_of(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis)
{
        return axis == ROWS ? hedge_resize_rows(&op->resize, in->dims[ROWS])
                            : hedge_resize_columns(&op->resize, in->dims[COLUMNS]);
}

static bool slides_locally(const hedge_graph_t *g, const hedge_node_t *node)
{
        for (uint32_t axis = ROWS; axis <= COLUMNS; axis++) {
                const hedge_slide_t slide = slide_of(&node->op, shape_of(g, node, 0), axis);

                if (!hedge_slide_is_local(&slide))
                        return false;
        }
        return true;
}

static bool is_local_conv(const hedge_graph_t *g, const hedge_node_t *node)
{
        for (uint32_t j = 0; j < node->n_inputs; j++)
                if (hedge_alive_moves(g, node->inputs[j]) != (j == 0))
                        return false;
        return slides_locally(g, node);
}

/* What is repeated or mirrored comes from elsewhere in the image; a value comes from nowhere. */
static bool pads_locally(const hedge_op_t *op)
{
        for (uint32_t axis = ROWS; axis <= COLUMNS; axis++)
                if (op->pad.mode != HEDGE_PAD_CONSTANT && (op->pad.before[axis] > 0 || op->pad.after[axis] > 0))
                        return false;
        return op->pad.before[0] == 0 && op->pad.after[0] == 0;
}

static bool transposes_nothing(const hedge_op_t *op)
{
        for (uint32_t d = 0; d < 4; d++)
                if (op->transpose.perm[d] != d)
                        return false;
        return true;
}

static bool joins_channels(const hedge_op_t *op)
{
        return op->kind == HEDGE_OP_ARG_MAX || op->kind == HEDGE_OP_ARG_MIN ? op->arg.axis == CHANNELS
               : op->kind == HEDGE_OP_TOP                                   ? op->top.axis == CHANNELS
               : op->kind == HEDGE_OP_CUM_SUM                               ? op->cum_sum.axis == CHANNELS
                                                                            : op->axis.axis == CHANNELS;
}

/* Of an operator whose axes are right: what does its kind, and do its attributes, allow? */
static bool allows(const hedge_graph_t *g, const hedge_node_t *node)
{
        const hedge_op_t *op = &node->op;

        switch (op->kind) {
        case HEDGE_OP_CONV:
                return is_local_conv(g, node);
        case HEDGE_OP_MAX_POOL:
        case HEDGE_OP_AVERAGE_POOL:
                return slides_locally(g, node);
        case HEDGE_OP_PAD:
                return pads_locally(op);
        case HEDGE_OP_SLICE:
                return op->slice.step[ROWS] > 0 && op->slice.step[COLUMNS] > 0;
        case HEDGE_OP_SOFTMAX:
        case HEDGE_OP_LOG_SOFTMAX:
        case HEDGE_OP_CONCAT:
        case HEDGE_OP_ARG_MAX:
        case HEDGE_OP_ARG_MIN:
        case HEDGE_OP_TOP:
        case HEDGE_OP_CUM_SUM:
                return joins_channels(op);
        case HEDGE_OP_REDUCE:
                return !(op->reduce.axes & ACROSS);
        case HEDGE_OP_NORMALIZE:
                return !(op->normalize.axes & ACROSS);
        case HEDGE_OP_TRANSPOSE:
                return transposes_nothing(op);
        case HEDGE_OP_RESHAPE:
                return hedge_shape_equal(shape_of(g, node, 0), &op->shape.out);
        case HEDGE_OP_RESIZE: /* no windows of windows */
                return !op->resize.part_h.whole_in && !op->resize.part_w.whole_in;
        case HEDGE_OP_LRN:
        case HEDGE_OP_EXPAND:
        case HEDGE_OP_NOT:
        case HEDGE_OP_TO_BOOL:
        case HEDGE_OP_IS_NAN:
        case HEDGE_OP_IS_INF:
                return true;
        default:
                return (op->kind >= HEDGE_OP_ADD && op->kind <= HEDGE_OP_TO_INTEGER) ||
                       (op->kind >= HEDGE_OP_EQUAL && op->kind <= HEDGE_OP_WHERE);
        }
}

/* The extent of input j along an axis of the output, as broadcasting sees it. */
static uint32_t extent_of(const hedge_shape_t *in, uint32_t axis)
{
        return axis + in->rank < 4 ? 1 : in->dims[axis + in->rank - 4];
}

bool hedge_local_cuts(const hedge_graph_t *g, const hedge_node_t *node, uint32_t j)
{
        const hedge_shape_t *in = shape_of(g, node, j);

        if (node->op.kind == HEDGE_OP_CONV && j > 0)
                return false;
        return hedge_alive_moves(g, node->inputs[j]) || extent_of(in, ROWS) > 1 || extent_of(in, COLUMNS) > 1;
}

bool hedge_local_is(const hedge_graph_t *g, const hedge_node_t *node)
{
        if (!hedge_is_one_image(&g->values[node->output].shape))
                return false;
        for (uint32_t j = 0; j < node->n_inputs; j++) {
                const hedge_value_t *in = &g->values[node->inputs[j]];

                if (hedge_value_is_constant(in) ? in->shape.rank > 4 || (in->narrow && hedge_local_cuts(g, node, j))
                                                : !hedge_is_one_image(&in->shape))
                        return false;
        }
        return allows(g, node);
}

static hedge_span_t span_of(const hedge_window_t *w, uint32_t axis)
{
        return axis == ROWS ? (hedge_span_t){ w->top, w->rows } : (hedge_span_t){ w->left, w->cols };
}

/* An element is made of the same one, or of the only one, of each input. */
static hedge_span_t need_same(const hedge_graph_t *g, const hedge_node_t *node, uint32_t j, uint32_t axis,
                              hedge_span_t out)
{
        const uint32_t extent = extent_of(shape_of(g, node, j), axis);

        return extent == g->values[node->output].shape.dims[axis] ? out : (hedge_span_t){ 0, 1 };
}

static hedge_span_t need_resized(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis, hedge_span_t out)
{
        const hedge_resize_axis_t a = axis_of(op, in, axis);
        hedge_span_t span;

        hedge_resize_reach(&op->resize, &a, out.first, out.n, &span.first, &span.n);
        return span;
}

static hedge_span_t need_along(const hedge_graph_t *g, const hedge_node_t *node, uint32_t j, uint32_t axis,
                               hedge_span_t out)
{
        const hedge_op_t *op = &node->op;
        const hedge_shape_t *in = shape_of(g, node, j);
        hedge_slide_t slide;
        hedge_margin_t margin;

        switch (op->kind) {
        case HEDGE_OP_CONV:
        case HEDGE_OP_MAX_POOL:
        case HEDGE_OP_AVERAGE_POOL:
                slide = slide_of(op, in, axis);
                return hedge_slide_need(&slide, out);
        case HEDGE_OP_PAD:
                margin = margin_of(op, in, axis);
                return hedge_margin_need(&margin, out);
        case HEDGE_OP_SLICE:
                return (hedge_span_t){ (uint32_t)(op->slice.start[axis] + out.first * op->slice.step[axis]),
                                       (uint32_t)((out.n - 1) * op->slice.step[axis] + 1) };
        case HEDGE_OP_RESIZE:
                return need_resized(op, in, axis, out);
        default:
                return need_same(g, node, j, axis, out);
        }
}

hedge_window_t hedge_local_need(const hedge_graph_t *g, const hedge_node_t *node, uint32_t j, const hedge_window_t *out)
{
        const hedge_span_t rows = need_along(g, node, j, ROWS, span_of(out, ROWS));
        const hedge_span_t columns = need_along(g, node, j, COLUMNS, span_of(out, COLUMNS));

        return (hedge_window_t){ rows.first, rows.n, columns.first, columns.n };
}

uint64_t hedge_local_macs(const hedge_graph_t *g, const hedge_node_t *node, const hedge_window_t *out)
{
        const hedge_conv_t *c = &node->op.conv;

        if (node->op.kind != HEDGE_OP_CONV)
                return 0;
        return (uint64_t)out->rows * out->cols * c->out_c * c->kernel_h * c->kernel_w * (c->in_c / c->groups);
}

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
        const hedge_margin_t whole = margin_of(op, in, axis), part = hedge_margin_part(&whole, out);

        op->pad.before[axis] = part.before;
        op->pad.after[axis] = part.after;
}

static hedge_resize_part_t part_of(const hedge_op_t *op, const hedge_shape_t *in, uint32_t axis, hedge_span_t out)
{
        const hedge_resize_axis_t a = axis_of(op, in, axis);

        return (hedge_resize_part_t){ a.whole_in, a.whole_out, need_resized(op, in, axis, out).first, out.first };
}

static void narrow_resize(hedge_op_t *op, const hedge_shape_t *in, const hedge_window_t *out)
{
        const hedge_resize_part_t rows = part_of(op, in, ROWS, span_of(out, ROWS));
        const hedge_resize_part_t columns = part_of(op, in, COLUMNS, span_of(out, COLUMNS));

        op->resize.part_h = rows;
        op->resize.part_w = columns;
        op->resize.out_h = out->rows;
        op->resize.out_w = out->cols;
}

static void narrow_shape(hedge_shape_t *shape, const hedge_window_t *out)
{
        shape->dims[ROWS] = out->rows;
        shape->dims[COLUMNS] = out->cols;
}

hedge_op_t hedge_local_op(const hedge_graph_t *g, const hedge_node_t *node, const hedge_window_t *out)
{
        const hedge_shape_t *in = shape_of(g, node, 0);
        const bool slides = node->op.kind == HEDGE_OP_CONV || node->op.kind == HEDGE_OP_MAX_POOL ||
                            node->op.kind == HEDGE_OP_AVERAGE_POOL;
        hedge_op_t op = node->op;

        if (slides) {
                const hedge_slide_t whole[] = { slide_of(&op, in, ROWS), slide_of(&op, in, COLUMNS) };
                const hedge_slide_t rows = hedge_slide_part(&whole[0], span_of(out, ROWS));
                const hedge_slide_t columns = hedge_slide_part(&whole[1], span_of(out, COLUMNS));

                if (op.kind == HEDGE_OP_CONV)
                        narrow_conv(&op.conv, &rows, &columns);
                else
                        narrow_pool(&op.pool, &rows, &columns);
        } else if (op.kind == HEDGE_OP_PAD) {
                narrow_pad(&op, in, ROWS, span_of(out, ROWS));
                narrow_pad(&op, in, COLUMNS, span_of(out, COLUMNS));
        } else if (op.kind == HEDGE_OP_SLICE) {
                op.slice.start[ROWS] = op.slice.start[COLUMNS] = 0;
                narrow_shape(&op.slice.out, out);
        } else if (op.kind == HEDGE_OP_RESIZE) {
                narrow_resize(&op, in, out);
        } else if (op.kind == HEDGE_OP_EXPAND || op.kind == HEDGE_OP_RESHAPE) {
                narrow_shape(&op.shape.out, out);
        }
        return op;
}

hedge_window_t hedge_window_whole(const hedge_shape_t *image)
{
        return (hedge_window_t){ 0, image->dims[ROWS], 0, image->dims[COLUMNS] };
}

bool hedge_window_equal(const hedge_window_t *a, const hedge_window_t *b)
{
        return a->top == b->top && a->rows == b->rows && a->left == b->left && a->cols == b->cols;
}
