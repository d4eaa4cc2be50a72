/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/onednn_describe.h"

#include <errno.h>
#include <math.h>

#define SHORT_ROW 4 /* below, its softmax of a row takes longer than ours: as long as of a whole vector */

int hedge_onednn_error(dnnl_status_t status)
{
        switch (status) {
        case dnnl_success:
                return 0;
        case dnnl_out_of_memory:
                return -ENOMEM;
        case dnnl_unimplemented:
        case dnnl_invalid_arguments:
                return HEDGE_EUNSUPPORTED;
        default:
                return HEDGE_EKERNEL;
        }
}

/* A dense tensor of the caller's: row-major, or, for images, N x C x H x W in name and NHWC in memory. */
static dnnl_status_t dense(dnnl_memory_desc_t *md, const hedge_shape_t *shape)
{
        dnnl_dims_t dims = { 1 }, strides = { 1 };
        dnnl_dim_t stride = 1;

        for (uint32_t d = shape->rank; d-- > 0;) {
                dims[d] = shape->dims[d];
                strides[d] = stride;
                stride *= shape->dims[d];
        }
        return dnnl_memory_desc_init_by_strides(md, shape->rank ? (int)shape->rank : 1, dims, dnnl_f32, strides);
}

static dnnl_status_t image(dnnl_memory_desc_t *md, const hedge_shape_t *shape)
{
        dnnl_dims_t dims = { shape->dims[0], shape->dims[3], shape->dims[1], shape->dims[2] };

        return dnnl_memory_desc_init_by_tag(md, 4, dims, dnnl_f32, dnnl_nhwc);
}

/* The algorithm of an activation; relu proper is faster than a clip to 0 and infinity. */
static int activation_words(const hedge_activation_t *a, dnnl_alg_kind_t *alg, float *alpha, float *beta)
{
        *beta = 0;
        if (a->kind == HEDGE_ACT_LEAKY_RELU) {
                *alg = dnnl_eltwise_relu;
                *alpha = a->lo;
        } else if (a->lo == 0 && isinf(a->hi) && a->hi > 0) {
                *alg = dnnl_eltwise_relu;
                *alpha = 0;
        } else {
                *alg = dnnl_eltwise_clip;
                *alpha = a->lo;
                *beta = a->hi;
                if (!(a->lo <= a->hi))
                        return HEDGE_EUNSUPPORTED;
        }
        return 0;
}

int hedge_onednn_fuse(const hedge_activation_t *activation, dnnl_primitive_attr_t attr)
{
        dnnl_alg_kind_t alg;
        dnnl_post_ops_t ops;
        float alpha, beta;
        int r;

        if (activation->kind == HEDGE_ACT_NONE)
                return 0;
        r = activation_words(activation, &alg, &alpha, &beta);
        if (r == 0)
                r = hedge_onednn_error(dnnl_post_ops_create(&ops));
        if (r < 0)
                return r;
        r = hedge_onednn_error(dnnl_post_ops_append_eltwise(ops, 1, alg, alpha, beta));
        if (r == 0)
                r = hedge_onednn_error(dnnl_primitive_attr_set_post_ops(attr, ops));
        dnnl_post_ops_destroy(ops);
        return r;
}

/* OHWI, as oneDNN's [G x] O x I x H x W with our strides. */
static dnnl_status_t filter(const hedge_conv_t *c, dnnl_memory_desc_t *ours, dnnl_memory_desc_t *any)
{
        dnnl_dim_t in_g = c->in_c / c->groups, out_g = c->out_c / c->groups,
                   area = (dnnl_dim_t)c->kernel_h * c->kernel_w;
        dnnl_dims_t dims = { c->groups, out_g, in_g, c->kernel_h, c->kernel_w };
        dnnl_dims_t strides = { out_g * area * in_g, area * in_g, 1, (dnnl_dim_t)c->kernel_w * in_g, in_g };
        int skip = c->groups == 1;
        dnnl_status_t s;

        s = dnnl_memory_desc_init_by_strides(ours, 5 - skip, dims + skip, dnnl_f32, strides + skip);
        if (s != dnnl_success)
                return s;
        return dnnl_memory_desc_init_by_tag(any, 5 - skip, dims + skip, dnnl_f32, dnnl_format_tag_any);
}

static dnnl_status_t bias(dnnl_memory_desc_t *md, uint32_t extent)
{
        dnnl_dims_t dims = { extent };

        return dnnl_memory_desc_init_by_tag(md, 1, dims, dnnl_f32, dnnl_a);
}

static void swap(uint32_t *a, uint32_t *b)
{
        uint32_t c = *a;

        *a = *b;
        *b = c;
}

/* One column of pixels lies in memory as one row does, for which oneDNN is 4 to 6 times as fast. (The importer makes columns
 * of signals, since rows can be cut.) */
static void lay_down(hedge_conv_t *c, hedge_shape_t *in, hedge_shape_t *out)
{
        if (c->in_w != 1 || c->kernel_w != 1 || c->pad_left || c->pad_right)
                return;
        swap(&c->in_h, &c->in_w);
        swap(&c->kernel_h, &c->kernel_w);
        swap(&c->stride_h, &c->stride_w);
        swap(&c->dilation_h, &c->dilation_w);
        swap(&c->pad_top, &c->pad_left);
        swap(&c->pad_bottom, &c->pad_right);
        swap(&in->dims[1], &in->dims[2]);
        swap(&out->dims[1], &out->dims[2]);
}

static dnnl_status_t convolution(hedge_conv_t c, hedge_shape_t in, hedge_shape_t out, bool has_bias,
                                 hedge_onednn_words_t *w)
{
        dnnl_memory_desc_t any;
        dnnl_status_t s;

        lay_down(&c, &in, &out);
        s = image(&w->in[0], &in);
        if (s == dnnl_success)
                s = image(&w->out, &out);
        if (s == dnnl_success)
                s = filter(&c, &w->weights, &any);
        if (s == dnnl_success && has_bias)
                s = bias(&w->bias, c.out_c);
        if (s == dnnl_success)
                s = dnnl_dilated_convolution_forward_desc_init(
                        &w->op.conv, dnnl_forward_inference, dnnl_convolution_direct, &w->in[0], &any,
                        has_bias ? &w->bias : NULL, &w->out, (dnnl_dims_t){ c.stride_h, c.stride_w },
                        (dnnl_dims_t){ c.dilation_h - 1, c.dilation_w - 1 }, (dnnl_dims_t){ c.pad_top, c.pad_left },
                        (dnnl_dims_t){ c.pad_bottom, c.pad_right });
        return s;
}

int hedge_onednn_describe_pixels(const hedge_kernel_t *k, hedge_onednn_words_t *w)
{
        bool row = k->op.kind == HEDGE_OP_FULLY_CONNECTED;
        uint32_t n_out = k->in[1].dims[0], n_in = (uint32_t)(hedge_shape_elements(&k->in[1]) / n_out);
        uint32_t h = row ? 1 : k->out.dims[0] * k->out.dims[1], width = row ? 1 : k->out.dims[2];
        hedge_conv_t c = { .in_h = h, .in_w = width, .in_c = n_in, .out_c = n_out, .kernel_h = 1, .kernel_w = 1 };
        hedge_shape_t in = { 4, { 1, h, width, n_in } }, out = { 4, { 1, h, width, n_out } };

        c.stride_h = c.stride_w = c.dilation_h = c.dilation_w = c.groups = 1;
        *w = (hedge_onednn_words_t){ .n_in = 1, .args = { DNNL_ARG_SRC }, .columns = !row };
        return hedge_onednn_error(convolution(c, in, out, k->n_in > 2, w));
}

static dnnl_status_t describe_inner_product(const hedge_kernel_t *k, hedge_onednn_words_t *w)
{
        dnnl_dims_t dims = { k->in[1].dims[0], k->in[1].dims[1] };
        dnnl_memory_desc_t any;
        dnnl_status_t s;

        if (k->in[0].dims[1] == 0)
                return dnnl_unimplemented;
        s = dense(&w->in[0], &k->in[0]);
        if (s == dnnl_success)
                s = dense(&w->out, &k->out);
        if (s == dnnl_success)
                s = dense(&w->weights, &k->in[1]);
        if (s == dnnl_success)
                s = dnnl_memory_desc_init_by_tag(&any, 2, dims, dnnl_f32, dnnl_format_tag_any);
        if (s == dnnl_success && k->n_in > 2)
                s = bias(&w->bias, k->in[1].dims[0]);
        if (s == dnnl_success)
                s = dnnl_inner_product_forward_desc_init(&w->op.inner_product, dnnl_forward_inference, &w->in[0], &any,
                                                         k->n_in > 2 ? &w->bias : NULL, &w->out);
        return s;
}

/* Stacks of matrices need the same rank on both sides. */
static hedge_shape_t lift(const hedge_shape_t *shape, uint32_t rank)
{
        hedge_shape_t s = { .rank = rank };

        for (uint32_t d = 0; d < rank; d++)
                s.dims[d] = d + shape->rank < rank ? 1 : shape->dims[d + shape->rank - rank];
        return s;
}

static dnnl_status_t describe_matmul(const hedge_kernel_t *k, hedge_onednn_words_t *w)
{
        hedge_shape_t a = lift(&k->in[0], k->out.rank), b = lift(&k->in[1], k->out.rank);
        dnnl_status_t s;

        if (a.dims[a.rank - 1] == 0)
                return dnnl_unimplemented;
        s = dense(&w->in[0], &a);
        if (s == dnnl_success)
                s = dense(&w->in[1], &b);
        if (s == dnnl_success)
                s = dense(&w->out, &k->out);
        if (s == dnnl_success)
                s = dnnl_matmul_desc_init(&w->op.matmul, &w->in[0], &w->in[1], NULL, &w->out);
        w->n_in = 2;
        w->args[1] = DNNL_ARG_WEIGHTS;
        return s;
}

/* oneDNN counts all padding or none. */
static bool pool_fits(const hedge_op_t *op)
{
        const hedge_pool_t *p = &op->pool;

        if (!hedge_pool_touches_input(p))
                return false;
        return op->kind == HEDGE_OP_MAX_POOL || !p->count_pad ||
               (p->count_bottom == p->pad_bottom && p->count_right == p->pad_right);
}

static dnnl_status_t describe_pool(const hedge_kernel_t *k, hedge_onednn_words_t *w)
{
        const hedge_pool_t *p = &k->op.pool;
        dnnl_dims_t strides = { p->stride_h, p->stride_w }, kernel = { p->kernel_h, p->kernel_w };
        dnnl_dims_t before = { p->pad_top, p->pad_left }, after = { p->pad_bottom, p->pad_right };
        dnnl_dims_t dilation = { p->dilation_h - 1, p->dilation_w - 1 };
        dnnl_alg_kind_t alg = k->op.kind == HEDGE_OP_MAX_POOL ? dnnl_pooling_max
                              : p->count_pad                  ? dnnl_pooling_avg_include_padding
                                                              : dnnl_pooling_avg_exclude_padding;
        dnnl_status_t s;

        if (!pool_fits(&k->op))
                return dnnl_unimplemented;
        s = image(&w->in[0], &k->in[0]);
        if (s == dnnl_success)
                s = image(&w->out, &k->out);
        if (s == dnnl_success)
                s = dnnl_pooling_v2_forward_desc_init(&w->op.pool, dnnl_forward_inference, alg, &w->in[0], &w->out,
                                                      strides, kernel, dilation, before, after);
        return s;
}

/* Repeating one element, and adding the same shape, it does by whole vectors only if there is one axis. */
static hedge_shape_t flat(const hedge_shape_t *shape)
{
        return (hedge_shape_t){ .rank = 1, .dims = { (uint32_t)hedge_shape_elements(shape) } };
}

static dnnl_status_t describe_binary(const hedge_kernel_t *k, hedge_onednn_words_t *w, dnnl_alg_kind_t alg)
{
        hedge_shape_t a = k->in[0], b = lift(&k->in[1], k->out.rank);
        dnnl_status_t s;

        if (!hedge_shape_equal(&k->in[0], &k->out))
                return dnnl_unimplemented; /* only the second operand may be repeated */
        if (hedge_shape_elements(&b) == 1 || hedge_shape_equal(&a, &b)) {
                a = flat(&a);
                b = flat(&b);
        }
        s = dense(&w->in[0], &a);
        if (s == dnnl_success)
                s = dense(&w->in[1], &b);
        w->out = w->in[0];
        w->n_in = 2;
        w->args[1] = DNNL_ARG_SRC_1;
        if (s == dnnl_success)
                s = dnnl_binary_desc_init(&w->op.binary, alg, &w->in[0], &w->in[1], &w->out);
        return s;
}

static dnnl_status_t describe_softmax(const hedge_kernel_t *k, hedge_onednn_words_t *w)
{
        dnnl_status_t s = dense(&w->in[0], &k->in[0]);

        if (k->out.dims[k->op.axis.axis] < SHORT_ROW)
                return dnnl_unimplemented;
        w->out = w->in[0];
        if (s == dnnl_success)
                s = dnnl_softmax_v2_forward_desc_init(&w->op.softmax, dnnl_forward_inference, dnnl_softmax_accurate,
                                                      &w->in[0], &w->out, (int)k->op.axis.axis);
        return s;
}

static dnnl_status_t describe_lrn(const hedge_kernel_t *k, hedge_onednn_words_t *w)
{
        dnnl_status_t s;

        if (k->op.lrn.size % 2 == 0)
                return dnnl_unimplemented; /* it has no window that is longer on one side */
        s = image(&w->in[0], &k->in[0]);
        w->out = w->in[0];
        if (s == dnnl_success)
                s = dnnl_lrn_forward_desc_init(&w->op.lrn, dnnl_forward_inference, dnnl_lrn_across_channels, &w->in[0],
                                               k->op.lrn.size, k->op.lrn.alpha, k->op.lrn.beta, k->op.lrn.bias);
        return s;
}

static dnnl_status_t eltwise(const hedge_kernel_t *k, hedge_onednn_words_t *w, dnnl_alg_kind_t alg, float alpha,
                             float beta)
{
        hedge_shape_t all = flat(&k->out);
        dnnl_status_t s = dense(&w->in[0], &all);

        w->out = w->in[0];
        if (s == dnnl_success)
                s = dnnl_eltwise_forward_desc_init(&w->op.eltwise, dnnl_forward_inference, alg, &w->in[0], alpha, beta);
        return s;
}

static dnnl_status_t describe_activation(const hedge_kernel_t *k, hedge_onednn_words_t *w)
{
        hedge_activation_t a = k->op.activation;
        dnnl_alg_kind_t alg;
        float alpha, beta;

        a.kind = k->op.kind == HEDGE_OP_CLAMP ? HEDGE_ACT_CLAMP : HEDGE_ACT_LEAKY_RELU;
        if (activation_words(&a, &alg, &alpha, &beta) < 0)
                return dnnl_unimplemented;
        return eltwise(k, w, alg, alpha, beta);
}

static dnnl_status_t describe_unary(const hedge_kernel_t *k, hedge_onednn_words_t *w)
{
        static const struct {
                bool has;
                dnnl_alg_kind_t alg;
        } algs[HEDGE_UNARY_KINDS] = {
                [HEDGE_UNARY_ELU] = { true, dnnl_eltwise_elu },
                [HEDGE_UNARY_EXP] = { true, dnnl_eltwise_exp },
                [HEDGE_UNARY_GELU] = { true, dnnl_eltwise_gelu_erf },
                [HEDGE_UNARY_GELU_TANH] = { true, dnnl_eltwise_gelu_tanh },
                [HEDGE_UNARY_HARD_SWISH] = { true, dnnl_eltwise_hardswish },
                [HEDGE_UNARY_MISH] = { true, dnnl_eltwise_mish },
                [HEDGE_UNARY_SIGMOID] = { true, dnnl_eltwise_logistic },
                [HEDGE_UNARY_TANH] = { true, dnnl_eltwise_tanh },
        };
        hedge_unary_kind_t kind = k->op.unary.kind;

        return algs[kind].has ? eltwise(k, w, algs[kind].alg, k->op.unary.alpha, 0) : dnnl_unimplemented;
}

int hedge_onednn_describe(const hedge_kernel_t *k, hedge_onednn_words_t *w)
{
        *w = (hedge_onednn_words_t){ .n_in = 1, .args = { DNNL_ARG_SRC } };
        switch (k->op.kind) {
        case HEDGE_OP_CONV:
                return hedge_onednn_error(convolution(k->op.conv, k->in[0], k->out, k->n_in > 2, w));
        case HEDGE_OP_FULLY_CONNECTED:
                return hedge_onednn_error(describe_inner_product(k, w));
        case HEDGE_OP_MATMUL:
                return hedge_onednn_error(describe_matmul(k, w));
        case HEDGE_OP_MAX_POOL:
        case HEDGE_OP_AVERAGE_POOL:
                return hedge_onednn_error(describe_pool(k, w));
        case HEDGE_OP_ADD:
                return hedge_onednn_error(describe_binary(k, w, dnnl_binary_add));
        case HEDGE_OP_SUB:
                return hedge_onednn_error(describe_binary(k, w, dnnl_binary_sub));
        case HEDGE_OP_MUL:
                return hedge_onednn_error(describe_binary(k, w, dnnl_binary_mul));
        case HEDGE_OP_DIV:
                return hedge_onednn_error(describe_binary(k, w, dnnl_binary_div));
        case HEDGE_OP_SOFTMAX:
                return hedge_onednn_error(describe_softmax(k, w));
        case HEDGE_OP_LRN:
                return hedge_onednn_error(describe_lrn(k, w));
        case HEDGE_OP_CLAMP:
        case HEDGE_OP_LEAKY_RELU:
                return hedge_onednn_error(describe_activation(k, w));
        case HEDGE_OP_UNARY:
                return hedge_onednn_error(describe_unary(k, w));
        default:
                return HEDGE_EUNSUPPORTED;
        }
}
