/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/local.h"

#include "common/segment/alive.h"
#include "common/segment/geometry.h"

#define ACROSS (1u << HEDGE_ROWS | 1u << HEDGE_COLUMNS) /* as a mask */

static const hedge_shape_t *shape_of(const hedge_graph_t *g, const hedge_node_t *node, uint32_t j)
{
        return &g->values[node->inputs[j]].shape;
}

static bool slides_locally(const hedge_graph_t *g, const hedge_node_t *node)
{
        for (uint32_t axis = HEDGE_ROWS; axis <= HEDGE_COLUMNS; axis++) {
                const hedge_slide_t slide = hedge_geometry_slide(&node->op, shape_of(g, node, 0), axis);

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
        for (uint32_t axis = HEDGE_ROWS; axis <= HEDGE_COLUMNS; axis++)
                if (op->pad.mode != HEDGE_PAD_CONSTANT && (op->pad.before[axis] > 0 || op->pad.after[axis] > 0))
                        return false;
        return op->pad.before[0] == 0 && op->pad.after[0] == 0;
}

static bool joins_channels(const hedge_op_t *op)
{
        return op->kind == HEDGE_OP_ARG_MAX || op->kind == HEDGE_OP_ARG_MIN ? op->arg.axis == HEDGE_CHANNELS
               : op->kind == HEDGE_OP_TOP                                   ? op->top.axis == HEDGE_CHANNELS
               : op->kind == HEDGE_OP_CUM_SUM                               ? op->cum_sum.axis == HEDGE_CHANNELS
                                                                            : op->axis.axis == HEDGE_CHANNELS;
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

bool hedge_local_cuts(const hedge_local_t *l, uint32_t i, uint32_t j)
{
        const hedge_node_t *node = &l->graph->nodes[i];
        const hedge_shape_t *in = shape_of(l->graph, node, j);

        if (node->op.kind == HEDGE_OP_CONV && j > 0)
                return false;
        return hedge_alive_moves(l->graph, node->inputs[j]) || extent_of(in, HEDGE_ROWS) > 1 ||
               extent_of(in, HEDGE_COLUMNS) > 1;
}

static bool rearranges(const hedge_node_t *node)
{
        return node->op.kind == HEDGE_OP_RESHAPE || node->op.kind == HEDGE_OP_TRANSPOSE ||
               node->op.kind == HEDGE_OP_SLICE;
}

bool hedge_local_is(const hedge_local_t *l, uint32_t i)
{
        const hedge_graph_t *g = l->graph;
        const hedge_node_t *node = &g->nodes[i];

        if (rearranges(node))
                return l->layouts->rearranges[i];
        if (!hedge_layouts_is_image(g, l->layouts, node->output))
                return false;
        for (uint32_t j = 0; j < node->n_inputs; j++) {
                const hedge_value_t *in = &g->values[node->inputs[j]];

                if (hedge_value_is_constant(in) ? in->shape.rank > 4 || (in->narrow && hedge_local_cuts(l, i, j))
                                                : !hedge_layouts_is_image(g, l->layouts, node->inputs[j]))
                        return false;
        }
        return allows(g, node);
}

/* An element is made of the same one, or of the only one, of each input. */
static hedge_span_t need_same(const hedge_graph_t *g, const hedge_node_t *node, uint32_t j, uint32_t axis,
                              hedge_span_t out)
{
        const uint32_t extent = extent_of(shape_of(g, node, j), axis);

        return extent == g->values[node->output].shape.dims[axis] ? out : (hedge_span_t){ 0, 1 };
}

/* Where the rows or columns of a value are. */
static uint32_t place_of(const hedge_local_t *l, uint32_t value, uint32_t axis)
{
        const hedge_image_axes_t *layout = &l->layouts->values[value];

        return axis == HEDGE_ROWS ? layout->rows : layout->columns;
}

/* Of a reshape: how many rows, or columns, there are of the input and of the output. */
static hedge_scale_t scale_of(const hedge_local_t *l, const hedge_node_t *node, uint32_t axis)
{
        const uint32_t from = place_of(l, node->inputs[0], axis), to = place_of(l, node->output, axis);

        return (hedge_scale_t){ shape_of(l->graph, node, 0)->dims[from],
                                l->graph->values[node->output].shape.dims[to] };
}

hedge_window_t hedge_local_round(const hedge_local_t *l, uint32_t i, const hedge_window_t *out)
{
        const hedge_node_t *node = &l->graph->nodes[i];
        hedge_span_t rows, columns;
        hedge_scale_t y, x;

        if (node->op.kind != HEDGE_OP_RESHAPE)
                return *out;
        y = scale_of(l, node, HEDGE_ROWS);
        x = scale_of(l, node, HEDGE_COLUMNS);
        rows = hedge_scale_round(&y, hedge_geometry_span(out, HEDGE_ROWS));
        columns = hedge_scale_round(&x, hedge_geometry_span(out, HEDGE_COLUMNS));
        return (hedge_window_t){ rows.first, rows.n, columns.first, columns.n };
}

static hedge_span_t need_along(const hedge_local_t *l, const hedge_node_t *node, uint32_t j, uint32_t axis,
                               hedge_span_t out)
{
        const hedge_op_t *op = &node->op;
        const hedge_shape_t *in = shape_of(l->graph, node, j);
        hedge_slide_t slide;
        hedge_margin_t margin;
        hedge_scale_t scale;
        uint32_t place;

        switch (op->kind) {
        case HEDGE_OP_CONV:
        case HEDGE_OP_MAX_POOL:
        case HEDGE_OP_AVERAGE_POOL:
                slide = hedge_geometry_slide(op, in, axis);
                return hedge_slide_need(&slide, out);
        case HEDGE_OP_PAD:
                margin = hedge_geometry_margin(op, in, axis);
                return hedge_margin_need(&margin, out);
        case HEDGE_OP_SLICE:
                place = place_of(l, node->inputs[0], axis);
                return (hedge_span_t){ (uint32_t)(op->slice.start[place] + out.first * op->slice.step[place]),
                                       (uint32_t)((out.n - 1) * op->slice.step[place] + 1) };
        case HEDGE_OP_RESIZE:
                return hedge_geometry_resized(op, in, axis, out);
        case HEDGE_OP_RESHAPE:
                scale = scale_of(l, node, axis);
                return hedge_scale_need(&scale, out);
        case HEDGE_OP_TRANSPOSE:
                return out;
        default:
                return need_same(l->graph, node, j, axis, out);
        }
}

hedge_window_t hedge_local_need(const hedge_local_t *l, uint32_t i, uint32_t j, const hedge_window_t *out)
{
        const hedge_node_t *node = &l->graph->nodes[i];
        const hedge_span_t rows = need_along(l, node, j, HEDGE_ROWS, hedge_geometry_span(out, HEDGE_ROWS));
        const hedge_span_t columns = need_along(l, node, j, HEDGE_COLUMNS, hedge_geometry_span(out, HEDGE_COLUMNS));

        return (hedge_window_t){ rows.first, rows.n, columns.first, columns.n };
}

uint64_t hedge_local_macs(const hedge_local_t *l, uint32_t i, const hedge_window_t *out)
{
        const hedge_op_t *op = &l->graph->nodes[i].op;
        const hedge_conv_t *c = &op->conv;

        if (op->kind != HEDGE_OP_CONV)
                return 0;
        return (uint64_t)out->rows * out->cols * c->out_c * c->kernel_h * c->kernel_w * (c->in_c / c->groups);
}
