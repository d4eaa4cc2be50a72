/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/batch_rules.h"

#include <string.h>

#define NONE HEDGE_NO_AXIS

typedef hedge_batch_step_t step_t;

static uint32_t axis_of(const step_t *s, uint32_t input)
{
        return input < s->node->n_inputs ? s->axes[s->node->inputs[input]] : NONE;
}

static const hedge_shape_t *shape_of(const step_t *s, uint32_t input)
{
        return &s->graph->values[s->node->inputs[input]].shape;
}

static const hedge_shape_t *shape_out(const step_t *s)
{
        return &s->graph->values[s->node->output].shape;
}

static bool only_first(const step_t *s)
{
        for (uint32_t i = 1; i < s->node->n_inputs; i++)
                if (axis_of(s, i) != NONE)
                        return false;
        return true;
}

/* Element by element. */
static bool keeps_unary(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return only_first(s);
}

/* N x ..., each image by itself. */
static bool keeps_image(const step_t *s, uint32_t *ret)
{
        *ret = 0;
        return axis_of(s, 0) == 0 && only_first(s);
}

/* One input of an operator that broadcasts: does it agree with the output's axis? */
static bool agrees(const step_t *s, uint32_t input, uint32_t axis)
{
        const hedge_shape_t *in = shape_of(s, input);
        const uint32_t missing = shape_out(s)->rank - in->rank;

        if (axis_of(s, input) != NONE)
                return axis_of(s, input) + missing == axis;
        return !s->strict || axis < missing || in->dims[axis - missing] == 1;
}

static bool keeps_broadcast(const step_t *s, uint32_t *ret)
{
        *ret = NONE;
        for (uint32_t i = 0; i < s->node->n_inputs; i++)
                if (axis_of(s, i) != NONE)
                        *ret = axis_of(s, i) + shape_out(s)->rank - shape_of(s, i)->rank;
        for (uint32_t i = 0; i < s->node->n_inputs; i++)
                if (!agrees(s, i, *ret))
                        return false;
        return true;
}

/* ... x M x K by ... x K x N: not along K; along M or N of one of them only, as the other would meet every picture. */
static bool keeps_matmul(const step_t *s, uint32_t *ret)
{
        const uint32_t a = axis_of(s, 0), b = axis_of(s, 1), rank = shape_out(s)->rank;
        const uint32_t rank_a = shape_of(s, 0)->rank, rank_b = shape_of(s, 1)->rank;

        if (a == rank_a - 1 || b == rank_b - 2)
                return false;
        if (a == rank_a - 2 || b == rank_b - 1) {
                *ret = a == rank_a - 2 ? rank - 2 : rank - 1;
                return a == NONE || b == NONE;
        }
        return keeps_broadcast(s, ret);
}

static bool keeps_softmax(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return *ret != s->node->op.axis.axis;
}

static bool keeps_concat(const step_t *s, uint32_t *ret)
{
        return keeps_broadcast(s, ret) && *ret != s->node->op.axis.axis;
}

static bool keeps_pad(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return s->node->op.pad.before[*ret] == 0 && s->node->op.pad.after[*ret] == 0;
}

static bool keeps_transpose(const step_t *s, uint32_t *ret)
{
        for (uint32_t i = 0; i < shape_out(s)->rank; i++)
                if (s->node->op.transpose.perm[i] == axis_of(s, 0))
                        *ret = i;
        return true;
}

static bool keeps_slice(const step_t *s, uint32_t *ret)
{
        const uint32_t axis = *ret = axis_of(s, 0);

        return s->node->op.slice.start[axis] == 0 && s->node->op.slice.step[axis] == 1 &&
               shape_out(s)->dims[axis] == shape_of(s, 0)->dims[axis];
}

static bool keeps_reduce(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return !(s->node->op.reduce.axes >> *ret & 1);
}

static bool keeps_arg(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return *ret != s->node->op.arg.axis;
}

static bool keeps_top(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return *ret != s->node->op.top.axis;
}

static bool keeps_cum_sum(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return *ret != s->node->op.cum_sum.axis;
}

/* A picture's piece stays together where as many elements' indices lie before the batch as did. */
static bool keeps_reshape(const step_t *s, uint32_t *ret)
{
        const hedge_shape_t *in = shape_of(s, 0), *out = shape_out(s);
        uint64_t before = 1, at = 1;
        uint32_t i = 0;

        for (uint32_t j = 0; j < axis_of(s, 0); j++)
                before *= in->dims[j];
        while (i < out->rank && (at < before || out->dims[i] == 1))
                at *= out->dims[i++];
        *ret = i;
        return at == before && i < out->rank && out->dims[i] % s->pictures == 0;
}

/* What is expanded to the number of pictures is the same for each. */
static bool keeps_expand(const step_t *s, uint32_t *ret)
{
        if (axis_of(s, 0) != NONE)
                return keeps_broadcast(s, ret);
        *ret = s->grows;
        return s->grows == NONE ||
               agrees(&(step_t){ .graph = s->graph, .node = s->node, .axes = s->axes, .strict = true }, 0, s->grows);
}

static bool same_shapes_only(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->kind == b->kind;
}

static bool same_conv(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        const hedge_conv_t *x = &a->conv, *y = &b->conv;

        return x->in_h == y->in_h && x->in_w == y->in_w && x->in_c == y->in_c && x->out_c == y->out_c &&
               x->kernel_h == y->kernel_h && x->kernel_w == y->kernel_w && x->stride_h == y->stride_h &&
               x->stride_w == y->stride_w && x->dilation_h == y->dilation_h && x->dilation_w == y->dilation_w &&
               x->pad_top == y->pad_top && x->pad_left == y->pad_left && x->pad_bottom == y->pad_bottom &&
               x->pad_right == y->pad_right && x->groups == y->groups;
}

static bool same_pool(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        const hedge_pool_t *x = &a->pool, *y = &b->pool;

        return x->kernel_h == y->kernel_h && x->kernel_w == y->kernel_w && x->stride_h == y->stride_h &&
               x->stride_w == y->stride_w && x->dilation_h == y->dilation_h && x->dilation_w == y->dilation_w &&
               x->pad_top == y->pad_top && x->pad_left == y->pad_left && x->pad_bottom == y->pad_bottom &&
               x->pad_right == y->pad_right && x->count_pad == y->count_pad &&
               (!x->count_pad || (x->count_bottom == y->count_bottom && x->count_right == y->count_right));
}

static bool same_resize(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        const hedge_resize_t *x = &a->resize, *y = &b->resize;

        return x->mode == y->mode && x->coord == y->coord && x->nearest == y->nearest && x->out_h == y->out_h &&
               x->out_w == y->out_w && x->scale_h == y->scale_h && x->scale_w == y->scale_w &&
               x->cubic_a == y->cubic_a && x->exclude_outside == y->exclude_outside && x->roi_top == y->roi_top &&
               x->roi_left == y->roi_left && x->roi_bottom == y->roi_bottom && x->roi_right == y->roi_right &&
               x->outside == y->outside && x->antialias == y->antialias;
}

static bool same_unary(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->unary.kind == b->unary.kind && a->unary.alpha == b->unary.alpha && a->unary.beta == b->unary.beta;
}

static bool same_axis(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->axis.axis == b->axis.axis;
}

static bool same_pad(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->pad.mode == b->pad.mode && a->pad.value == b->pad.value &&
               !memcmp(a->pad.before, b->pad.before, rank * sizeof(a->pad.before[0])) &&
               !memcmp(a->pad.after, b->pad.after, rank * sizeof(a->pad.after[0]));
}

static bool same_lrn(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->lrn.size == b->lrn.size && a->lrn.alpha == b->lrn.alpha && a->lrn.beta == b->lrn.beta &&
               a->lrn.bias == b->lrn.bias;
}

static bool same_transpose(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return !memcmp(a->transpose.perm, b->transpose.perm, rank * sizeof(a->transpose.perm[0]));
}

/* How much is taken is the output's shape. */
static bool same_slice(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return !memcmp(a->slice.start, b->slice.start, rank * sizeof(a->slice.start[0])) &&
               !memcmp(a->slice.step, b->slice.step, rank * sizeof(a->slice.step[0]));
}

static bool same_reduce(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->reduce.axes == b->reduce.axes;
}

static bool same_to_integer(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->to_integer.rounding == b->to_integer.rounding && a->to_integer.overflow == b->to_integer.overflow &&
               a->to_integer.lo == b->to_integer.lo && a->to_integer.hi == b->to_integer.hi;
}

static bool same_shift(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->shift.bits == b->shift.bits;
}

static bool same_infinite(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->infinite.positive == b->infinite.positive && a->infinite.negative == b->infinite.negative;
}

static bool same_arg(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->arg.axis == b->arg.axis && a->arg.last == b->arg.last;
}

static bool same_top(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->top.axis == b->top.axis && a->top.k == b->top.k && a->top.smallest == b->top.smallest;
}

static bool same_cum_sum(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->cum_sum.axis == b->cum_sum.axis && a->cum_sum.exclusive == b->cum_sum.exclusive &&
               a->cum_sum.reverse == b->cum_sum.reverse;
}

/* Operators without a row here are taken to mix pictures: gathers and scatters by computed places, NMS, one-hot, ... */
static const struct {
        bool (*keeps)(const step_t *step, uint32_t *ret);
        bool (*same)(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank);
        bool axes; /* what `same` compares are axes, or is told by axis */
} rows[HEDGE_OP_KINDS] = {
        [HEDGE_OP_CONV] = { keeps_image, same_conv },
        [HEDGE_OP_MAX_POOL] = { keeps_image, same_pool },
        [HEDGE_OP_AVERAGE_POOL] = { keeps_image, same_pool },
        [HEDGE_OP_GLOBAL_AVERAGE_POOL] = { keeps_image, same_shapes_only },
        [HEDGE_OP_GLOBAL_MAX_POOL] = { keeps_image, same_shapes_only },
        [HEDGE_OP_FULLY_CONNECTED] = { keeps_image, same_shapes_only }, /* rows by rows */
        [HEDGE_OP_MATMUL] = { keeps_matmul, same_shapes_only },
        [HEDGE_OP_ADD] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_SUB] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_MUL] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_DIV] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_MAX] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_MIN] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_POW] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_PRELU] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_CLAMP] = { keeps_unary, same_shapes_only },
        [HEDGE_OP_LEAKY_RELU] = { keeps_unary, same_shapes_only },
        [HEDGE_OP_UNARY] = { keeps_unary, same_unary },
        [HEDGE_OP_TO_INTEGER] = { keeps_unary, same_to_integer },
        [HEDGE_OP_SOFTMAX] = { keeps_softmax, same_axis, true },
        [HEDGE_OP_LOG_SOFTMAX] = { keeps_softmax, same_axis, true },
        [HEDGE_OP_CONCAT] = { keeps_concat, same_axis, true },
        [HEDGE_OP_PAD] = { keeps_pad, same_pad, true },
        [HEDGE_OP_RESIZE] = { keeps_image, same_resize },
        [HEDGE_OP_LRN] = { keeps_image, same_lrn },
        [HEDGE_OP_TRANSPOSE] = { keeps_transpose, same_transpose, true },
        [HEDGE_OP_SLICE] = { keeps_slice, same_slice, true },
        [HEDGE_OP_REDUCE_MEAN] = { keeps_reduce, same_reduce, true },
        [HEDGE_OP_RESHAPE] = { keeps_reshape, same_shapes_only },
        [HEDGE_OP_EXPAND] = { keeps_expand, same_shapes_only },
        [HEDGE_OP_EQUAL] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_LESS] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_LESS_EQUAL] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_AND] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_OR] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_XOR] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_MODULO] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_FMOD] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_SHIFT_LEFT] = { keeps_broadcast, same_shift },
        [HEDGE_OP_SHIFT_RIGHT] = { keeps_broadcast, same_shift },
        [HEDGE_OP_WHERE] = { keeps_broadcast, same_shapes_only },
        [HEDGE_OP_NOT] = { keeps_unary, same_shapes_only },
        [HEDGE_OP_TO_BOOL] = { keeps_unary, same_shapes_only },
        [HEDGE_OP_IS_NAN] = { keeps_unary, same_shapes_only },
        [HEDGE_OP_IS_INF] = { keeps_unary, same_infinite },
        [HEDGE_OP_ARG_MAX] = { keeps_arg, same_arg, true },
        [HEDGE_OP_ARG_MIN] = { keeps_arg, same_arg, true },
        [HEDGE_OP_TOP] = { keeps_top, same_top, true },
        [HEDGE_OP_CUM_SUM] = { keeps_cum_sum, same_cum_sum, true },
};

bool hedge_batch_keeps(const step_t *s, uint32_t *ret)
{
        bool carried = false;
        uint32_t axis = NONE;

        for (uint32_t i = 0; i < s->node->n_inputs; i++)
                carried = carried || axis_of(s, i) != NONE;
        if ((unsigned)s->node->op.kind >= HEDGE_OP_KINDS || !rows[s->node->op.kind].keeps)
                return false;
        if ((carried || s->node->op.kind == HEDGE_OP_EXPAND) && !rows[s->node->op.kind].keeps(s, &axis))
                return false;
        *ret = axis;
        return true;
}

static bool same_activation(const hedge_activation_t *a, const hedge_activation_t *b)
{
        return a->kind == b->kind && (a->kind == HEDGE_ACT_NONE || (a->lo == b->lo && a->hi == b->hi));
}

static bool comparable(const hedge_op_t *a, const hedge_op_t *b)
{
        return a->kind == b->kind && (unsigned)a->kind < HEDGE_OP_KINDS && rows[a->kind].same &&
               same_activation(&a->activation, &b->activation);
}

bool hedge_batch_same_op(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return comparable(a, b) && rows[a->kind].same(a, b, rank);
}

bool hedge_batch_like_op(const hedge_op_t *a, const hedge_op_t *b)
{
        return comparable(a, b) && (rows[a->kind].axes || rows[a->kind].same(a, b, HEDGE_MAX_RANK));
}
