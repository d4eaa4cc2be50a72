/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/xnnpack_describe.h"

#include <errno.h>
#include <math.h>

/* Threads sleep between operators instead of spinning: a board's other cores have more to do. */
#define FLAGS XNN_FLAG_YIELD_WORKERS

int hedge_xnnpack_error(enum xnn_status status)
{
        switch (status) {
        case xnn_status_success:
                return 0;
        case xnn_status_out_of_memory:
                return -ENOMEM;
        case xnn_status_invalid_parameter:
        case xnn_status_unsupported_parameter:
        case xnn_status_unsupported_hardware:
                return HEDGE_EUNSUPPORTED;
        default:
                return HEDGE_EKERNEL;
        }
}

typedef struct bounds {
        float lo, hi;
} bounds_t;

/* XNNPACK fuses a clamp into most operators; a leaky relu follows on its own (xnnpack.c). */
static bounds_t fused_bounds(const hedge_op_t *op)
{
        if (op->activation.kind == HEDGE_ACT_CLAMP)
                return (bounds_t){ op->activation.lo, op->activation.hi };
        return (bounds_t){ -INFINITY, INFINITY };
}

static bool last_axis(const hedge_kernel_t *k)
{
        return k->op.axis.axis + 1 == k->out.rank;
}

static enum xnn_status create_conv(hedge_kernel_t *k, const float *const *constants, xnn_operator_t *ret)
{
        const hedge_conv_t *c = &k->op.conv;
        bounds_t b = fused_bounds(&k->op);

        k->packed = true;
        k->bytes = (hedge_conv_filter_elements(c) + c->out_c) * sizeof(float);
        return xnn_create_convolution2d_nhwc_f32(
                c->pad_top, c->pad_right, c->pad_bottom, c->pad_left, c->kernel_h, c->kernel_w, c->stride_h,
                c->stride_w, c->dilation_h, c->dilation_w, c->groups, c->in_c / c->groups, c->out_c / c->groups,
                c->in_c, c->out_c, constants[1], k->n_in > 2 ? constants[2] : NULL, b.lo, b.hi, FLAGS, ret);
}

static enum xnn_status create_fully_connected(hedge_kernel_t *k, const float *const *constants, xnn_operator_t *ret)
{
        size_t n = k->in[1].dims[0], depth = k->in[1].dims[1];
        bounds_t b = fused_bounds(&k->op);

        if (depth == 0)
                return xnn_status_unsupported_parameter;
        k->packed = true;
        k->bytes = n * (depth + 1) * sizeof(float);
        return xnn_create_fully_connected_nc_f32(depth, n, depth, n, constants[1], k->n_in > 2 ? constants[2] : NULL,
                                                 b.lo, b.hi, FLAGS, ret);
}

/* Only with one constant matrix on the right, which is a fully connected layer then. */
static enum xnn_status create_matmul(hedge_kernel_t *k, const float *const *constants, xnn_operator_t *ret)
{
        const hedge_shape_t *b = &k->in[1];
        size_t depth = b->dims[b->rank - 2], n = b->dims[b->rank - 1];

        if (!constants || !constants[1] || constants[0] || depth == 0 || hedge_shape_elements(b) != depth * n)
                return xnn_status_unsupported_parameter;
        k->packed = true;
        k->bytes = n * (depth + 1) * sizeof(float);
        return xnn_create_fully_connected_nc_f32(depth, n, depth, n, constants[1], NULL, -INFINITY, INFINITY,
                                                 FLAGS | XNN_FLAG_TRANSPOSE_WEIGHTS, ret);
}

static enum xnn_status create_max_pool(const hedge_kernel_t *k, xnn_operator_t *ret)
{
        const hedge_pool_t *p = &k->op.pool;
        size_t c = k->out.dims[3];

        /* What lies outside is read from the border, which only an undilated window contains for sure. */
        if (!hedge_pool_touches_input(p) || p->kernel_h * p->kernel_w == 1)
                return xnn_status_unsupported_parameter;
        return xnn_create_max_pooling2d_nhwc_f32(p->pad_top, p->pad_right, p->pad_bottom, p->pad_left, p->kernel_h,
                                                 p->kernel_w, p->stride_h, p->stride_w, p->dilation_h, p->dilation_w, c,
                                                 c, c, -INFINITY, INFINITY, FLAGS, ret);
}

static enum xnn_status create_average_pool(const hedge_kernel_t *k, xnn_operator_t *ret)
{
        const hedge_pool_t *p = &k->op.pool;
        bool padded = p->pad_top || p->pad_left || p->pad_bottom || p->pad_right;
        size_t c = k->out.dims[3];

        if (!hedge_pool_touches_input(p) || p->dilation_h != 1 || p->dilation_w != 1 || (padded && p->count_pad) ||
            p->kernel_h * p->kernel_w == 1)
                return xnn_status_unsupported_parameter;
        return xnn_create_average_pooling2d_nhwc_f32(p->pad_top, p->pad_right, p->pad_bottom, p->pad_left, p->kernel_h,
                                                     p->kernel_w, p->stride_h, p->stride_w, c, c, c, -INFINITY,
                                                     INFINITY, FLAGS, ret);
}

static enum xnn_status create_binary(const hedge_kernel_t *k, xnn_operator_t *ret)
{
        bounds_t b = fused_bounds(&k->op);

        if (k->out.rank == 0)
                return xnn_status_unsupported_parameter;
        switch (k->op.kind) {
        case HEDGE_OP_ADD:
                return xnn_create_add_nd_f32(b.lo, b.hi, FLAGS, ret);
        case HEDGE_OP_SUB:
                return xnn_create_subtract_nd_f32(b.lo, b.hi, FLAGS, ret);
        case HEDGE_OP_MUL:
                return xnn_create_multiply_nd_f32(b.lo, b.hi, FLAGS, ret);
        default:
                return xnn_create_divide_nd_f32(b.lo, b.hi, FLAGS, ret);
        }
}

/* Only with one constant slope per channel. */
static enum xnn_status create_prelu(hedge_kernel_t *k, const float *const *constants, xnn_operator_t *ret)
{
        const hedge_shape_t *x = &k->in[0], *slope = &k->in[1];
        size_t c = x->rank ? x->dims[x->rank - 1] : 0;

        if (!constants || !constants[1] || constants[0] || c == 0 || slope->rank == 0 || slope->rank > x->rank ||
            slope->dims[slope->rank - 1] != c || hedge_shape_elements(slope) != c)
                return xnn_status_unsupported_parameter;
        k->packed = true;
        k->bytes = c * sizeof(float);
        return xnn_create_prelu_nc_f32(c, c, c, constants[1], FLAGS, ret);
}

static enum xnn_status create_pad(const hedge_kernel_t *k, xnn_operator_t *ret)
{
        if (k->op.pad.mode != HEDGE_PAD_CONSTANT || k->out.rank == 0 || hedge_shape_elements(&k->in[0]) == 0)
                return xnn_status_unsupported_parameter;
        for (uint32_t d = 0; d < k->out.rank; d++)
                if (k->op.pad.before[d] < 0 || k->op.pad.after[d] < 0)
                        return xnn_status_unsupported_parameter;
        return xnn_create_constant_pad_nd_x32(&k->op.pad.value, FLAGS, ret);
}

static enum xnn_status create_resize(const hedge_kernel_t *k, xnn_operator_t *ret)
{
        const hedge_resize_t *r = &k->op.resize;
        size_t c = k->out.dims[3];
        uint32_t flags = FLAGS;

        if (r->mode != HEDGE_RESIZE_LINEAR || r->antialias || r->out_h < 2 || r->out_w < 2 || r->part_h.whole_in ||
            r->part_w.whole_in)
                return xnn_status_unsupported_parameter;
        switch (r->coord) {
        case HEDGE_COORD_HALF_PIXEL:
        case HEDGE_COORD_PYTORCH_HALF_PIXEL:
                break;
        case HEDGE_COORD_ALIGN_CORNERS:
                flags |= XNN_FLAG_ALIGN_CORNERS;
                break;
        case HEDGE_COORD_ASYMMETRIC:
                flags |= XNN_FLAG_TENSORFLOW_LEGACY_MODE;
                break;
        default:
                return xnn_status_unsupported_parameter;
        }
        /* It takes its scale from the sizes. */
        if (!(flags & XNN_FLAG_ALIGN_CORNERS))
                if (r->scale_h != (float)((double)r->out_h / k->in[0].dims[1]) ||
                    r->scale_w != (float)((double)r->out_w / k->in[0].dims[2]))
                        return xnn_status_unsupported_parameter;
        return xnn_create_resize_bilinear2d_nhwc_f32(c, c, c, flags, ret);
}

static enum xnn_status create_unary(const hedge_unary_t *unary, xnn_operator_t *ret)
{
        switch (unary->kind) {
        case HEDGE_UNARY_ELU:
                if (!(unary->alpha > 0)) /* what it takes */
                        return xnn_status_unsupported_parameter;
                return xnn_create_elu_nc_f32(1, 1, 1, unary->alpha, FLAGS, ret);
        case HEDGE_UNARY_HARD_SWISH:
                return xnn_create_hardswish_nc_f32(1, 1, 1, FLAGS, ret);
        case HEDGE_UNARY_SIGMOID:
                return xnn_create_sigmoid_nc_f32(1, 1, 1, FLAGS, ret);
        default:
                return xnn_status_unsupported_parameter;
        }
}

int hedge_xnnpack_create(hedge_kernel_t *k, const float *const *constants, xnn_operator_t *ret)
{
        const hedge_activation_t *a = &k->op.activation;
        bounds_t b = fused_bounds(&k->op);

        if (!(b.lo < b.hi))
                return HEDGE_EUNSUPPORTED;
        switch (k->op.kind) {
        case HEDGE_OP_CONV:
                return hedge_xnnpack_error(create_conv(k, constants, ret));
        case HEDGE_OP_FULLY_CONNECTED:
                return hedge_xnnpack_error(create_fully_connected(k, constants, ret));
        case HEDGE_OP_MATMUL:
                return hedge_xnnpack_error(create_matmul(k, constants, ret));
        case HEDGE_OP_MAX_POOL:
                return hedge_xnnpack_error(create_max_pool(k, ret));
        case HEDGE_OP_AVERAGE_POOL:
                return hedge_xnnpack_error(create_average_pool(k, ret));
        case HEDGE_OP_GLOBAL_AVERAGE_POOL:
                return hedge_xnnpack_error(xnn_create_global_average_pooling_nwc_f32(
                        k->out.dims[3], k->out.dims[3], k->out.dims[3], b.lo, b.hi, FLAGS, ret));
        case HEDGE_OP_ADD:
        case HEDGE_OP_SUB:
        case HEDGE_OP_MUL:
        case HEDGE_OP_DIV:
                return hedge_xnnpack_error(create_binary(k, ret));
        case HEDGE_OP_PRELU:
                return hedge_xnnpack_error(create_prelu(k, constants, ret));
        case HEDGE_OP_CLAMP:
                if (!(a->lo < a->hi))
                        return HEDGE_EUNSUPPORTED;
                return hedge_xnnpack_error(xnn_create_clamp_nc_f32(1, 1, 1, a->lo, a->hi, FLAGS, ret));
        case HEDGE_OP_LEAKY_RELU:
                return hedge_xnnpack_error(xnn_create_leaky_relu_nc_f32(1, 1, 1, a->lo, FLAGS, ret));
        case HEDGE_OP_UNARY:
                return hedge_xnnpack_error(create_unary(&k->op.unary, ret));
        case HEDGE_OP_SOFTMAX:
                if (!last_axis(k))
                        return HEDGE_EUNSUPPORTED;
                return hedge_xnnpack_error(xnn_create_softmax_nc_f32(k->out.dims[k->out.rank - 1],
                                                                     k->out.dims[k->out.rank - 1],
                                                                     k->out.dims[k->out.rank - 1], FLAGS, ret));
        case HEDGE_OP_PAD:
                return hedge_xnnpack_error(create_pad(k, ret));
        case HEDGE_OP_RESIZE:
                return hedge_xnnpack_error(create_resize(k, ret));
        default:
                return HEDGE_EUNSUPPORTED;
        }
}

static void sizes(const hedge_shape_t *shape, size_t *ret)
{
        for (uint32_t d = 0; d < shape->rank; d++)
                ret[d] = shape->dims[d];
}

static enum xnn_status setup_binary(const hedge_kernel_t *k, xnn_operator_t op, const float *const *in, float *out,
                                    pthreadpool_t pool)
{
        size_t a[HEDGE_MAX_RANK], b[HEDGE_MAX_RANK], rank_a = k->in[0].rank, rank_b = k->in[1].rank;

        sizes(&k->in[0], a);
        sizes(&k->in[1], b);
        switch (k->op.kind) {
        case HEDGE_OP_ADD:
                return xnn_setup_add_nd_f32(op, rank_a, a, rank_b, b, in[0], in[1], out, pool);
        case HEDGE_OP_SUB:
                return xnn_setup_subtract_nd_f32(op, rank_a, a, rank_b, b, in[0], in[1], out, pool);
        case HEDGE_OP_MUL:
                return xnn_setup_multiply_nd_f32(op, rank_a, a, rank_b, b, in[0], in[1], out, pool);
        default:
                return xnn_setup_divide_nd_f32(op, rank_a, a, rank_b, b, in[0], in[1], out, pool);
        }
}

static enum xnn_status setup_unary(hedge_unary_kind_t kind, xnn_operator_t op, size_t n, const float *in, float *out,
                                   pthreadpool_t pool)
{
        switch (kind) {
        case HEDGE_UNARY_ELU:
                return xnn_setup_elu_nc_f32(op, n, in, out, pool);
        case HEDGE_UNARY_HARD_SWISH:
                return xnn_setup_hardswish_nc_f32(op, n, in, out, pool);
        default:
                return xnn_setup_sigmoid_nc_f32(op, n, in, out, pool);
        }
}

static enum xnn_status setup_pad(const hedge_kernel_t *k, xnn_operator_t op, const float *in, float *out,
                                 pthreadpool_t pool)
{
        size_t shape[HEDGE_MAX_RANK], before[HEDGE_MAX_RANK], after[HEDGE_MAX_RANK];

        sizes(&k->in[0], shape);
        for (uint32_t d = 0; d < k->out.rank; d++) {
                before[d] = (size_t)k->op.pad.before[d];
                after[d] = (size_t)k->op.pad.after[d];
        }
        return xnn_setup_constant_pad_nd_x32(op, k->out.rank, shape, before, after, in, out, pool);
}

/* Operators over one image: x is N x H x W x C. */
static enum xnn_status setup_image(const hedge_kernel_t *k, xnn_operator_t op, const float *x, float *out,
                                   pthreadpool_t pool)
{
        size_t n = k->in[0].dims[0], h = k->in[0].dims[1], w = k->in[0].dims[2];

        switch (k->op.kind) {
        case HEDGE_OP_CONV:
                return xnn_setup_convolution2d_nhwc_f32(op, n, h, w, x, out, pool);
        case HEDGE_OP_MAX_POOL:
                return xnn_setup_max_pooling2d_nhwc_f32(op, n, h, w, x, out, pool);
        case HEDGE_OP_AVERAGE_POOL:
                return xnn_setup_average_pooling2d_nhwc_f32(op, n, h, w, x, out, pool);
        case HEDGE_OP_GLOBAL_AVERAGE_POOL:
                return xnn_setup_global_average_pooling_nwc_f32(op, n, h * w, x, out, pool);
        default:
                return xnn_setup_resize_bilinear2d_nhwc_f32(op, n, h, w, k->out.dims[1], k->out.dims[2], x, out, pool);
        }
}

int hedge_xnnpack_setup(const hedge_kernel_t *k, xnn_operator_t op, const float *const *in, float *out,
                        pthreadpool_t pool)
{
        size_t n = hedge_shape_elements(&k->out), row = k->out.rank ? k->out.dims[k->out.rank - 1] : 1;

        switch (k->op.kind) {
        case HEDGE_OP_FULLY_CONNECTED:
        case HEDGE_OP_MATMUL:
                return hedge_xnnpack_error(xnn_setup_fully_connected_nc_f32(op, n / row, in[0], out, pool));
        case HEDGE_OP_ADD:
        case HEDGE_OP_SUB:
        case HEDGE_OP_MUL:
        case HEDGE_OP_DIV:
                return hedge_xnnpack_error(setup_binary(k, op, in, out, pool));
        case HEDGE_OP_PRELU:
                return hedge_xnnpack_error(xnn_setup_prelu_nc_f32(op, n / row, in[0], out, pool));
        case HEDGE_OP_CLAMP:
                return hedge_xnnpack_error(xnn_setup_clamp_nc_f32(op, n, in[0], out, pool));
        case HEDGE_OP_LEAKY_RELU:
                return hedge_xnnpack_error(xnn_setup_leaky_relu_nc_f32(op, n, in[0], out, pool));
        case HEDGE_OP_UNARY:
                return hedge_xnnpack_error(setup_unary(k->op.unary.kind, op, n, in[0], out, pool));
        case HEDGE_OP_SOFTMAX:
                return hedge_xnnpack_error(xnn_setup_softmax_nc_f32(op, n / row, in[0], out, pool));
        case HEDGE_OP_PAD:
                return hedge_xnnpack_error(setup_pad(k, op, in[0], out, pool));
        default:
                return hedge_xnnpack_error(setup_image(k, op, in[0], out, pool));
        }
}
