/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/batch_same.h"

#include <string.h>

static bool same_kind(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
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

static bool same_grid(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->grid.mode == b->grid.mode && a->grid.outside == b->grid.outside &&
               a->grid.align_corners == b->grid.align_corners;
}

static bool same_resize(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        const hedge_resize_t *x = &a->resize, *y = &b->resize;

        return x->mode == y->mode && x->coord == y->coord && x->nearest == y->nearest && x->out_h == y->out_h &&
               x->out_w == y->out_w && x->scale_h == y->scale_h && x->scale_w == y->scale_w &&
               x->cubic_a == y->cubic_a && x->exclude_outside == y->exclude_outside && x->roi_top == y->roi_top &&
               x->roi_left == y->roi_left && x->roi_bottom == y->roi_bottom && x->roi_right == y->roi_right &&
               x->outside == y->outside && x->antialias == y->antialias &&
               memcmp(&x->part_h, &y->part_h, sizeof(x->part_h)) == 0 &&
               memcmp(&x->part_w, &y->part_w, sizeof(x->part_w)) == 0;
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
        return a->reduce.kind == b->reduce.kind && a->reduce.axes == b->reduce.axes;
}

static bool same_normalize(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->normalize.axes == b->normalize.axes && a->normalize.epsilon == b->normalize.epsilon &&
               a->normalize.centred == b->normalize.centred;
}

static bool same_to_integer(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->to_integer.rounding == b->to_integer.rounding && a->to_integer.overflow == b->to_integer.overflow &&
               a->to_integer.lo == b->to_integer.lo && a->to_integer.hi == b->to_integer.hi;
}

static bool same_quantize(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        const hedge_quantize_t *x = &a->quantize, *y = &b->quantize;

        return x->lo == y->lo && x->hi == y->hi && x->result == y->result && x->multiplies == y->multiplies &&
               x->whole == y->whole;
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

static bool same_scatter(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->scatter.axis == b->scatter.axis && a->scatter.how == b->scatter.how;
}

static bool same_one_hot(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->one_hot.axis == b->one_hot.axis && a->one_hot.depth == b->one_hot.depth;
}

static bool same_cum_sum(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->cum_sum.axis == b->cum_sum.axis && a->cum_sum.exclusive == b->cum_sum.exclusive &&
               a->cum_sum.reverse == b->cum_sum.reverse;
}

static bool same_trilu(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank)
{
        return a->trilu.diagonal == b->trilu.diagonal && a->trilu.upper == b->trilu.upper;
}

static const struct {
        bool (*same)(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank);
        bool axes; /* what `same` compares are axes, or is told by axis */
} rows[HEDGE_OP_KINDS] = {
        [HEDGE_OP_CONV] = { same_conv, false },
        [HEDGE_OP_MAX_POOL] = { same_pool, false },
        [HEDGE_OP_AVERAGE_POOL] = { same_pool, false },
        [HEDGE_OP_GLOBAL_AVERAGE_POOL] = { same_kind, false },
        [HEDGE_OP_GLOBAL_MAX_POOL] = { same_kind, false },
        [HEDGE_OP_FULLY_CONNECTED] = { same_kind, false },
        [HEDGE_OP_MATMUL] = { same_kind, false },
        [HEDGE_OP_ADD] = { same_kind, false },
        [HEDGE_OP_SUB] = { same_kind, false },
        [HEDGE_OP_MUL] = { same_kind, false },
        [HEDGE_OP_DIV] = { same_kind, false },
        [HEDGE_OP_MAX] = { same_kind, false },
        [HEDGE_OP_MIN] = { same_kind, false },
        [HEDGE_OP_POW] = { same_kind, false },
        [HEDGE_OP_PRELU] = { same_kind, false },
        [HEDGE_OP_QUANTIZE] = { same_quantize, false },
        [HEDGE_OP_CLAMP] = { same_kind, false },
        [HEDGE_OP_LEAKY_RELU] = { same_kind, false },
        [HEDGE_OP_UNARY] = { same_unary, false },
        [HEDGE_OP_TO_INTEGER] = { same_to_integer, false },
        [HEDGE_OP_SOFTMAX] = { same_axis, true },
        [HEDGE_OP_LOG_SOFTMAX] = { same_axis, true },
        [HEDGE_OP_CONCAT] = { same_axis, true },
        [HEDGE_OP_PAD] = { same_pad, true },
        [HEDGE_OP_RESIZE] = { same_resize, false },
        [HEDGE_OP_LRN] = { same_lrn, false },
        [HEDGE_OP_GRID_SAMPLE] = { same_grid, false },
        [HEDGE_OP_TRANSPOSE] = { same_transpose, true },
        [HEDGE_OP_SLICE] = { same_slice, true },
        [HEDGE_OP_REDUCE] = { same_reduce, true },
        [HEDGE_OP_NORMALIZE] = { same_normalize, true },
        [HEDGE_OP_RESHAPE] = { same_kind, false },
        [HEDGE_OP_EXPAND] = { same_kind, false },
        [HEDGE_OP_EQUAL] = { same_kind, false },
        [HEDGE_OP_LESS] = { same_kind, false },
        [HEDGE_OP_LESS_EQUAL] = { same_kind, false },
        [HEDGE_OP_AND] = { same_kind, false },
        [HEDGE_OP_OR] = { same_kind, false },
        [HEDGE_OP_XOR] = { same_kind, false },
        [HEDGE_OP_MODULO] = { same_kind, false },
        [HEDGE_OP_FMOD] = { same_kind, false },
        [HEDGE_OP_SHIFT_LEFT] = { same_shift, false },
        [HEDGE_OP_SHIFT_RIGHT] = { same_shift, false },
        [HEDGE_OP_WHERE] = { same_kind, false },
        [HEDGE_OP_NOT] = { same_kind, false },
        [HEDGE_OP_TO_BOOL] = { same_kind, false },
        [HEDGE_OP_IS_NAN] = { same_kind, false },
        [HEDGE_OP_IS_INF] = { same_infinite, false },
        [HEDGE_OP_ARG_MAX] = { same_arg, true },
        [HEDGE_OP_ARG_MIN] = { same_arg, true },
        [HEDGE_OP_TOP] = { same_top, true },
        [HEDGE_OP_GATHER] = { same_axis, true },
        [HEDGE_OP_GATHER_ELEMENTS] = { same_axis, true },
        [HEDGE_OP_GATHER_ND] = { same_axis, true },
        [HEDGE_OP_SCATTER_ELEMENTS] = { same_scatter, true },
        [HEDGE_OP_ONE_HOT] = { same_one_hot, true },
        [HEDGE_OP_CUM_SUM] = { same_cum_sum, true },
        [HEDGE_OP_TRILU] = { same_trilu, false },
        [HEDGE_OP_TILE] = { same_kind, false },
};

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
