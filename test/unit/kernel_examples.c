/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel_examples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed;

static uint32_t any(uint32_t from, uint32_t to)
{
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return from + (uint32_t)((seed >> 33) % (to - from + 1));
}

static float any_float(float lo, float hi)
{
        return lo + (hi - lo) * (float)any(0, 1 << 20) / (1 << 20);
}

void example_seed(uint64_t value)
{
        seed = value;
}

hedge_shape_t example_image(uint32_t n, uint32_t h, uint32_t w, uint32_t c)
{
        return (hedge_shape_t){ .rank = 4, .dims = { n, h, w, c } };
}

static hedge_shape_t any_shape(uint32_t rank, uint32_t extent)
{
        hedge_shape_t s = { .rank = rank };

        for (uint32_t d = 0; d < rank; d++)
                s.dims[d] = any(1, extent);
        return s;
}

static hedge_activation_t any_activation(void)
{
        switch (any(0, 4)) {
        case 0:
                return (hedge_activation_t){ HEDGE_ACT_CLAMP, 0, INFINITY };
        case 1:
                return (hedge_activation_t){ HEDGE_ACT_CLAMP, -2, 6 };
        case 2:
                return (hedge_activation_t){ HEDGE_ACT_LEAKY_RELU, 0.1f, 0 };
        case 3:
                return (hedge_activation_t){ HEDGE_ACT_CLAMP, -INFINITY, 5 };
        default:
                return (hedge_activation_t){ HEDGE_ACT_NONE, 0, 0 };
        }
}

static void make_conv(example_t *e)
{
        hedge_conv_t c = { 0 };
        uint32_t style = any(0, 5);

        c.groups = style == 0 ? any(2, 4) : 1;
        c.in_c = c.groups * any(1, style == 1 ? 64 : 20);
        c.out_c = c.groups * any(1, style == 1 ? 64 : 20);
        if (style == 2) { /* depthwise, with a multiplier at times */
                c.groups = c.in_c = any(1, 40);
                c.out_c = c.in_c * any(1, 2);
        }
        c.kernel_h = style == 3 ? 1 : any(1, 5);
        c.kernel_w = style == 3 ? 1 : any(1, 5);
        if (style == 4)
                c.kernel_h = c.kernel_w = any(7, 11);
        c.stride_h = any(1, 3);
        c.stride_w = any(1, 3);
        c.dilation_h = any(0, 3) ? 1 : any(2, 3);
        c.dilation_w = any(0, 3) ? 1 : any(2, 3);
        c.pad_top = any(0, c.kernel_h / 2);
        c.pad_left = any(0, c.kernel_w / 2);
        c.pad_bottom = any(0, c.kernel_h);
        c.pad_right = any(0, c.kernel_w);
        c.in_h = c.dilation_h * (c.kernel_h - 1) + 1 + any(0, 12);
        c.in_w = c.dilation_w * (c.kernel_w - 1) + 1 + any(0, 12);
        if (style == 5 && any(0, 1)) { /* one column of pixels */
                c.in_w = c.kernel_w = 1;
                c.pad_left = c.pad_right = 0;
        }
        e->op.conv = c;
        e->op.activation = any_activation();
        e->in[0] = example_image(any(1, 3), c.in_h, c.in_w, c.in_c);
        e->in[1] = example_image(c.out_c, c.kernel_h, c.kernel_w, c.in_c / c.groups);
        e->in[2] = (hedge_shape_t){ .rank = 1, .dims = { c.out_c } };
        e->n_in = any(2, 3);
        e->constant[1] = e->constant[2] = true;
}

static void make_pool(example_t *e)
{
        hedge_pool_t *p = &e->op.pool;

        *p = (hedge_pool_t){
                .kernel_h = any(1, 4), .kernel_w = any(1, 4), .stride_h = any(1, 3), .stride_w = any(1, 3)
        };
        p->dilation_h = any(0, 3) ? 1 : 2;
        p->dilation_w = any(0, 3) ? 1 : 2;
        p->pad_top = any(0, p->kernel_h - 1);
        p->pad_left = any(0, p->kernel_w - 1);
        p->pad_bottom = any(0, p->kernel_h - 1);
        p->pad_right = any(0, p->kernel_w - 1);
        p->count_pad = any(0, 1);
        p->count_bottom = any(0, 1) ? p->pad_bottom : any(0, p->pad_bottom);
        p->count_right = any(0, 1) ? p->pad_right : any(0, p->pad_right);
        e->in[0] = example_image(any(1, 2), any(7, 16), any(7, 16), any(1, 24));
}

static void make_fully_connected(example_t *e)
{
        uint32_t m = any(1, 5), k = any(1, 90), n = any(1, 50);

        e->in[0] = (hedge_shape_t){ .rank = 2, .dims = { m, k } };
        e->in[1] = (hedge_shape_t){ .rank = 2, .dims = { n, k } };
        e->in[2] = (hedge_shape_t){ .rank = 1, .dims = { n } };
        e->n_in = any(2, 3);
        e->constant[1] = e->constant[2] = true;
        e->op.activation = any_activation();
}

static void make_matmul(example_t *e)
{
        uint32_t rank = any(2, 4), m = any(1, 9), k = any(1, 20), n = any(1, 80);
        hedge_shape_t a = any_shape(rank, 3), b = a;

        for (uint32_t d = 0; d + 2 < rank; d++)
                if (any(0, 2) == 0)
                        b.dims[d] = 1;
        a.dims[rank - 2] = m;
        a.dims[rank - 1] = b.dims[rank - 2] = k;
        b.dims[rank - 1] = n;
        if (any(0, 3) == 0)
                b = (hedge_shape_t){ .rank = 2, .dims = { k, n } };
        e->in[0] = a;
        e->in[1] = b;
        e->n_in = 2;
        e->constant[1] = any(0, 1);
}

static void make_binary(example_t *e)
{
        hedge_shape_t whole = any_shape(any(0, HEDGE_MAX_RANK), 6);

        e->n_in = 2;
        for (unsigned i = 0; i < 2; i++) {
                uint32_t cut = i ? any(0, whole.rank) : 0;

                e->in[i].rank = whole.rank - cut;
                for (uint32_t d = 0; d < e->in[i].rank; d++)
                        e->in[i].dims[d] = any(0, 3) ? whole.dims[d + cut] : 1;
        }
        if (any(0, 2) == 0)
                e->in[1] = e->in[0];
        e->constant[1] = any(0, 1);
        if (e->op.kind == HEDGE_OP_ADD || e->op.kind == HEDGE_OP_MUL)
                e->op.activation = any_activation();
}

static void make_unary(example_t *e)
{
        e->in[0] = any(0, 5) ? any_shape(any(0, 5), 9) : example_image(1, 40, 50, any(1, 8));
        e->op.activation = (hedge_activation_t){ 0 };
        if (e->op.kind == HEDGE_OP_CLAMP) {
                e->op.activation = any_activation();
                if (e->op.activation.kind != HEDGE_ACT_CLAMP)
                        e->op.activation = (hedge_activation_t){ HEDGE_ACT_CLAMP, 0.5f, -0.5f };
        } else if (e->op.kind == HEDGE_OP_LEAKY_RELU) {
                e->op.activation = (hedge_activation_t){ HEDGE_ACT_LEAKY_RELU, any_float(-0.5f, 1.5f), 0 };
        } else if (e->op.kind == HEDGE_OP_TO_INTEGER) {
                e->op.to_integer = (hedge_to_integer_t){ HEDGE_ROUND_HALF_EVEN, HEDGE_OVERFLOW_SATURATE, -128, 127 };
        } else if (e->op.kind == HEDGE_OP_UNARY) {
                e->op.unary.kind = (hedge_unary_kind_t)any(0, HEDGE_UNARY_KINDS - 1);
                e->op.unary.alpha = any_float(0, 1);
                e->op.unary.beta = any_float(0, 1);
        }
}

/* One scale for all, one per place of an axis, or one each; with a zero point or without. */
static void make_quantize(example_t *e)
{
        uint32_t kept;

        e->in[0] = any_shape(any(0, 5), 9);
        e->in[1] = e->in[0];
        kept = any(0, 2) ? any(0, e->in[0].rank) : HEDGE_MAX_RANK;
        for (uint32_t d = 0; kept < HEDGE_MAX_RANK && d < e->in[1].rank; d++)
                e->in[1].dims[d] = d == kept ? e->in[1].dims[d] : 1;
        e->in[2] = e->in[1];
        e->n_in = any(2, 3);
        e->constant[1] = e->constant[2] = any(0, 1);
        e->op.quantize = (hedge_quantize_t){ -128, 127, (hedge_quantized_t)any(0, 2), any(0, 1), any(0, 1) };
        if (e->op.quantize.result == HEDGE_QUANTIZED_REAL)
                e->op.quantize.multiplies = false;
}

static void make_along_axis(example_t *e)
{
        e->in[0] = any_shape(any(1, 5), 9);
        e->op.axis.axis = any(0, 1) ? e->in[0].rank - 1 : any(0, e->in[0].rank - 1);
        e->n_in = e->op.kind == HEDGE_OP_CONCAT ? any(1, EXAMPLE_MAX_IN) : 1;
        for (unsigned i = 1; i < e->n_in; i++) {
                e->in[i] = e->in[0];
                e->in[i].dims[e->op.axis.axis] = any(0, 9);
                e->constant[i] = any(0, 3) == 0;
        }
}

static void make_pad(example_t *e)
{
        e->in[0] = any_shape(any(0, HEDGE_MAX_RANK), 5);
        e->op.pad.mode = (hedge_pad_mode_t)any(HEDGE_PAD_CONSTANT, HEDGE_PAD_WRAP);
        e->op.pad.value = any(0, 1) ? 0 : any_float(-1, 1);
        for (uint32_t d = 0; d < e->in[0].rank; d++) {
                e->op.pad.before[d] = (int32_t)any(0, 2);
                e->op.pad.after[d] = (int32_t)any(0, 2);
                if (any(0, 5) == 0 && e->in[0].dims[d] > 1)
                        e->op.pad.after[d] = -1;
        }
}

static void make_resize(example_t *e)
{
        hedge_resize_t *r = &e->op.resize;

        e->in[0] = example_image(any(1, 2), any(1, 9), any(1, 9), any(1, 9));
        *r = (hedge_resize_t){ .mode = (hedge_resize_mode_t)any(0, 2),
                               .coord = (hedge_resize_coord_t)any(0, HEDGE_COORD_HALF_PIXEL_SYMMETRIC),
                               .nearest = (hedge_resize_nearest_t)any(0, HEDGE_NEAREST_CEIL),
                               .out_h = any(1, 20),
                               .out_w = any(1, 20),
                               .cubic_a = -0.75f,
                               .exclude_outside = any(0, 1),
                               .roi_bottom = 0.8f,
                               .roi_left = 0.1f,
                               .roi_right = 1.2f,
                               .outside = 0.5f };
        r->scale_h = (float)r->out_h / (float)e->in[0].dims[1];
        r->scale_w = (float)r->out_w / (float)e->in[0].dims[2];
        if (any(0, 3) == 0)
                r->scale_h *= 0.9f;
        if (any(0, 3) == 0)
                r->part_h = (hedge_resize_part_t){ e->in[0].dims[1] + 3, r->out_h + 2, any(0, 3), any(0, 2) };
        r->antialias =
                any(0, 1) && fabsf(r->scale_h * (float)e->in[0].dims[1] - (float)r->out_h) <= 1 && !r->part_h.whole_in;
}

static void make_shape_op(example_t *e)
{
        hedge_shape_t s = any_shape(any(1, HEDGE_MAX_RANK), 7);

        e->in[0] = s;
        switch (e->op.kind) {
        case HEDGE_OP_TRANSPOSE:
                for (uint32_t d = 0; d < s.rank; d++)
                        e->op.transpose.perm[d] = d;
                for (uint32_t d = s.rank; d-- > 1;) {
                        uint32_t other = any(0, d), kept = e->op.transpose.perm[d];

                        e->op.transpose.perm[d] = e->op.transpose.perm[other];
                        e->op.transpose.perm[other] = kept;
                }
                break;
        case HEDGE_OP_SLICE:
                e->op.slice.out.rank = s.rank;
                for (uint32_t d = 0; d < s.rank; d++) {
                        bool back = any(0, 2) == 0;

                        e->op.slice.step[d] = any(1, 3);
                        e->op.slice.start[d] = any(0, s.dims[d] - 1);
                        e->op.slice.out.dims[d] =
                                back ? (uint32_t)(e->op.slice.start[d] / e->op.slice.step[d]) + 1
                                     : (uint32_t)((s.dims[d] - 1 - e->op.slice.start[d]) / e->op.slice.step[d]) + 1;
                        e->op.slice.step[d] *= back ? -1 : 1;
                }
                break;
        case HEDGE_OP_REDUCE:
                e->op.reduce.kind = (hedge_reduce_kind_t)any(0, HEDGE_REDUCE_KINDS - 1);
                e->op.reduce.axes = any(0, (1u << s.rank) - 1);
                break;
        case HEDGE_OP_NORMALIZE:
                e->op.normalize.axes = any(0, (1u << s.rank) - 1);
                e->op.normalize.epsilon = 0.01f;
                e->op.normalize.centred = any(0, 1);
                break;
        case HEDGE_OP_RESHAPE:
                e->op.shape.out = (hedge_shape_t){ .rank = 1, .dims = { (uint32_t)hedge_shape_elements(&s) } };
                break;
        default: /* HEDGE_OP_EXPAND */
                e->op.shape.out = s;
                for (uint32_t d = 0; d < s.rank; d++)
                        e->in[0].dims[d] = any(0, 1) ? 1 : s.dims[d];
        }
}

void example_make(example_t *e, hedge_op_kind_t kind)
{
        *e = (example_t){ .op = { .kind = kind }, .n_in = 1 };
        switch (kind) {
        case HEDGE_OP_CONV:
                make_conv(e);
                break;
        case HEDGE_OP_MAX_POOL:
        case HEDGE_OP_AVERAGE_POOL:
                make_pool(e);
                break;
        case HEDGE_OP_GLOBAL_AVERAGE_POOL:
        case HEDGE_OP_GLOBAL_MAX_POOL:
                e->in[0] = example_image(any(1, 3), any(1, 12), any(1, 12), any(1, 90));
                break;
        case HEDGE_OP_FULLY_CONNECTED:
                make_fully_connected(e);
                break;
        case HEDGE_OP_MATMUL:
                make_matmul(e);
                break;
        case HEDGE_OP_ADD:
        case HEDGE_OP_SUB:
        case HEDGE_OP_MUL:
        case HEDGE_OP_DIV:
        case HEDGE_OP_MAX:
        case HEDGE_OP_MIN:
        case HEDGE_OP_POW:
        case HEDGE_OP_PRELU:
                make_binary(e);
                break;
        case HEDGE_OP_QUANTIZE:
                make_quantize(e);
                break;
        case HEDGE_OP_SOFTMAX:
        case HEDGE_OP_LOG_SOFTMAX:
        case HEDGE_OP_CONCAT:
                make_along_axis(e);
                break;
        case HEDGE_OP_PAD:
                make_pad(e);
                break;
        case HEDGE_OP_RESIZE:
                make_resize(e);
                break;
        case HEDGE_OP_LRN:
                e->in[0] = example_image(any(1, 2), any(1, 6), any(1, 6), any(1, 40));
                e->op.lrn.size = any(1, 6);
                e->op.lrn.alpha = any_float(0, 1);
                e->op.lrn.beta = 0.75f;
                e->op.lrn.bias = any_float(1, 2);
                break;
        case HEDGE_OP_TRANSPOSE:
        case HEDGE_OP_SLICE:
        case HEDGE_OP_REDUCE:
        case HEDGE_OP_NORMALIZE:
        case HEDGE_OP_RESHAPE:
        case HEDGE_OP_EXPAND:
                make_shape_op(e);
                break;
        default:
                make_unary(e);
        }
}

/* Of the numbers that an operator is tried with: those for which its result is a number of moderate size. */
static float lowest(const hedge_op_t *op, unsigned input)
{
        if (op->kind == HEDGE_OP_UNARY)
                return op->unary.kind == HEDGE_UNARY_SQRT         ? 0
                       : op->unary.kind == HEDGE_UNARY_LOG        ? 0.1f
                       : op->unary.kind == HEDGE_UNARY_RECIPROCAL ? 0.1f
                       : op->unary.kind == HEDGE_UNARY_ACOSH      ? 1
                                                                  : -1;
        if (op->kind == HEDGE_OP_QUANTIZE && input)
                return 0.1f;
        if (op->kind == HEDGE_OP_REDUCE && op->reduce.kind == HEDGE_REDUCE_LOG_SUM)
                return 0.1f;
        return op->kind == HEDGE_OP_DIV && input ? 0.5f : op->kind == HEDGE_OP_POW && !input ? 0.1f : -1;
}

void example_fill(example_t *e)
{
        for (unsigned i = 0; i < e->n_in; i++) {
                size_t n = hedge_shape_elements(&e->in[i]);
                float lo = lowest(&e->op, i);

                e->data[i] = hedge_floats_new(n);
                assert_non_null(e->data[i]);
                for (size_t j = 0; j < n; j++)
                        e->data[i][j] = any_float(lo, 1);
        }
}

void example_drop(example_t *e)
{
        for (unsigned i = 0; i < e->n_in; i++)
                free(e->data[i]);
}

void example_heavy_conv(example_t *e)
{
        *e = (example_t){ .op = { .kind = HEDGE_OP_CONV, .conv = { 24, 24, 24, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
                          .n_in = 3 };
        e->in[0] = example_image(1, 24, 24, 24);
        e->in[1] = example_image(32, 3, 3, 24);
        e->in[2] = (hedge_shape_t){ .rank = 1, .dims = { 32 } };
        e->constant[1] = e->constant[2] = true;
}
