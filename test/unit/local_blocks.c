/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks that local nets are made of. */
#include <math.h>

#include "local_net.h"

static uint32_t any(local_net_t *net, uint32_t from, uint32_t to)
{
        return local_net_any(net, from, to);
}

static const uint32_t *dims_of(const local_net_t *net, uint32_t value)
{
        return net->graph->values[value].shape.dims;
}

static uint32_t node_over(local_net_t *net, const hedge_op_t *op, uint32_t a, uint32_t b)
{
        return local_net_node(net, op, (const uint32_t[]){ a, b }, b == HEDGE_NO_VALUE ? 1 : 2);
}

static uint32_t conv_over(local_net_t *net, uint32_t x, const hedge_conv_t *geometry)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = *geometry };
        const uint32_t *d = dims_of(net, x);
        uint32_t filter, bias;

        op.conv.in_h = d[1];
        op.conv.in_w = d[2];
        op.conv.in_c = d[3];
        if (any(net, 0, 1))
                op.activation = (hedge_activation_t){ HEDGE_ACT_CLAMP, 0, INFINITY };
        filter = local_net_constant(
                net,
                &(hedge_shape_t){ 4, { op.conv.out_c, op.conv.kernel_h, op.conv.kernel_w, d[3] / op.conv.groups } });
        bias = local_net_constant(net, &(hedge_shape_t){ 1, { op.conv.out_c } });
        return local_net_node(net, &op, (const uint32_t[]){ x, filter, bias }, 2 + any(net, 0, 1));
}

/* "Same" for odd kernels. */
static uint32_t even_conv(local_net_t *net, uint32_t x, uint32_t out_c, uint32_t kernel, uint32_t stride)
{
        const uint32_t pad = kernel / 2;

        return conv_over(
                net, x, &(hedge_conv_t){ 0, 0, 0, out_c, kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad, 1 });
}

static hedge_conv_t any_geometry(local_net_t *net, uint32_t out_c, uint32_t groups)
{
        hedge_conv_t c = { .out_c = out_c, .groups = groups, .kernel_h = any(net, 1, 4), .kernel_w = any(net, 1, 4) };

        c.stride_h = any(net, 1, 3);
        c.stride_w = any(net, 1, 3);
        c.dilation_h = any(net, 1, 2);
        c.dilation_w = any(net, 1, 2);
        c.pad_top = any(net, 0, (c.kernel_h - 1) * c.dilation_h);
        c.pad_bottom = any(net, 0, (c.kernel_h - 1) * c.dilation_h);
        c.pad_left = any(net, 0, (c.kernel_w - 1) * c.dilation_w);
        c.pad_right = any(net, 0, (c.kernel_w - 1) * c.dilation_w);
        return c;
}

static uint32_t add_conv(local_net_t *net, uint32_t x)
{
        const hedge_conv_t c = any_geometry(net, any(net, 1, 6), 1);

        return conv_over(net, x, &c);
}

static uint32_t add_grouped(local_net_t *net, uint32_t x)
{
        const uint32_t c = dims_of(net, x)[3], groups = c % 2 == 0 && any(net, 0, 1) ? 2 : c;
        const hedge_conv_t geometry = any_geometry(net, groups * any(net, 1, 2), groups);

        return conv_over(net, x, &geometry);
}

/* Rounding up is padding behind, which does not count; it may hang over by less than a stride. */
static hedge_op_t any_pool(local_net_t *net, hedge_op_kind_t kind)
{
        const hedge_conv_t c = any_geometry(net, 1, 1);
        hedge_op_t op = { .kind = kind,
                          .pool = { .kernel_h = c.kernel_h,
                                    .kernel_w = c.kernel_w,
                                    .stride_h = c.stride_h,
                                    .stride_w = c.stride_w,
                                    .dilation_h = c.dilation_h,
                                    .dilation_w = c.dilation_w,
                                    .pad_top = c.pad_top,
                                    .pad_left = c.pad_left,
                                    .pad_bottom = c.pad_bottom,
                                    .pad_right = c.pad_right } };

        if (kind == HEDGE_OP_AVERAGE_POOL && any(net, 0, 1)) {
                op.pool.count_pad = true;
                op.pool.count_bottom = c.pad_bottom;
                op.pool.count_right = c.pad_right;
        }
        op.pool.pad_bottom += any(net, 0, c.stride_h - 1);
        op.pool.pad_right += any(net, 0, c.stride_w - 1);
        return op;
}

static uint32_t add_max_pool(local_net_t *net, uint32_t x)
{
        const hedge_op_t op = any_pool(net, HEDGE_OP_MAX_POOL);

        return node_over(net, &op, x, HEDGE_NO_VALUE);
}

static uint32_t add_average_pool(local_net_t *net, uint32_t x)
{
        const hedge_op_t op = any_pool(net, HEDGE_OP_AVERAGE_POOL);

        return node_over(net, &op, x, HEDGE_NO_VALUE);
}

/* Numbers of any shape that broadcasts to what is there: one, per channel, per row, per pixel... */
static uint32_t any_operand(local_net_t *net, uint32_t x)
{
        const uint32_t *d = dims_of(net, x);
        hedge_shape_t shape = { .rank = any(net, 0, 4) };

        for (uint32_t i = 0; i < shape.rank; i++)
                shape.dims[i] = any(net, 0, 1) ? d[4 - shape.rank + i] : 1;
        return local_net_constant(net, &shape);
}

static uint32_t add_elementwise(local_net_t *net, uint32_t x)
{
        static const hedge_op_kind_t kinds[] = { HEDGE_OP_ADD, HEDGE_OP_SUB,   HEDGE_OP_MUL,
                                                 HEDGE_OP_MAX, HEDGE_OP_PRELU, HEDGE_OP_LESS };
        const hedge_op_t op = { .kind = kinds[any(net, 0, net->smooth ? 4 : 5)] };
        const uint32_t other = any_operand(net, x);

        return op.kind != HEDGE_OP_PRELU && any(net, 0, 1) ? node_over(net, &op, other, x)
                                                           : node_over(net, &op, x, other);
}

static uint32_t add_quantize(local_net_t *net, uint32_t x)
{
        const hedge_op_t op = { .kind = HEDGE_OP_QUANTIZE,
                                .quantize = { -128, 127, HEDGE_QUANTIZED_REAL, false, false } };
        uint32_t scale;

        if (net->smooth)
                return HEDGE_NO_VALUE;
        scale = local_net_constant(net, &(hedge_shape_t){ .rank = 0 });
        return node_over(net, &op, x, scale);
}

static uint32_t add_function(local_net_t *net, uint32_t x)
{
        const hedge_op_t ops[] = {
                { .kind = HEDGE_OP_UNARY, .unary.kind = HEDGE_UNARY_SIGMOID },
                { .kind = HEDGE_OP_CLAMP, .activation = { HEDGE_ACT_CLAMP, -0.5f, 0.5f } },
                { .kind = HEDGE_OP_LEAKY_RELU, .activation = { HEDGE_ACT_LEAKY_RELU, 0.1f, 0 } },
                { .kind = HEDGE_OP_LRN, .lrn = { 3, 0.5f, 0.75f, 1 } },
                { .kind = HEDGE_OP_SOFTMAX, .axis.axis = 3 },
                { .kind = HEDGE_OP_REDUCE, .reduce = { HEDGE_REDUCE_MEAN, 1u << 3 } },
                { .kind = HEDGE_OP_TRANSPOSE, .transpose.perm = { 0, 1, 2, 3 } },
                { .kind = HEDGE_OP_ARG_MAX, .arg.axis = 3 },
                { .kind = HEDGE_OP_NORMALIZE, .normalize = { 1u << 3, 1e-3f, true } },
        };

        return node_over(net, &ops[any(net, 0, net->smooth ? 6 : 8)], x, HEDGE_NO_VALUE);
}

static uint32_t add_pad(local_net_t *net, uint32_t x)
{
        hedge_op_t op = { .kind = HEDGE_OP_PAD, .pad.value = any(net, 0, 1) ? 0 : 0.25f };

        for (uint32_t d = 1; d < 4; d++) {
                op.pad.before[d] = (int32_t)any(net, 0, 5) - 2;
                op.pad.after[d] = (int32_t)any(net, 0, 5) - 2;
        }
        return node_over(net, &op, x, HEDGE_NO_VALUE);
}

static uint32_t add_slice(local_net_t *net, uint32_t x)
{
        const uint32_t *d = dims_of(net, x);
        hedge_op_t op = { .kind = HEDGE_OP_SLICE, .slice.out = { .rank = 4 } };

        for (uint32_t i = 0; i < 4; i++) {
                const uint32_t step = any(net, 1, 2), start = any(net, 0, (d[i] - 1) / 2),
                               most = (d[i] - 1 - start) / step + 1;

                op.slice.start[i] = start;
                op.slice.step[i] = step;
                op.slice.out.dims[i] = any(net, (most + 1) / 2, most);
        }
        if (any(net, 0, 1)) { /* channels backwards */
                op.slice.step[3] = -1;
                op.slice.start[3] = d[3] - 1;
                op.slice.out.dims[3] = d[3];
        }
        return node_over(net, &op, x, HEDGE_NO_VALUE);
}

static uint32_t add_resize(local_net_t *net, uint32_t x)
{
        const uint32_t *d = dims_of(net, x);
        const bool whole = any(net, 0, 1);
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE };
        hedge_resize_t *r = &op.resize;

        r->mode = (hedge_resize_mode_t)any(net, 0, HEDGE_RESIZE_CUBIC);
        r->coord = (hedge_resize_coord_t)any(net, 0, HEDGE_COORD_HALF_PIXEL_SYMMETRIC);
        r->nearest = (hedge_resize_nearest_t)any(net, 0, HEDGE_NEAREST_CEIL);
        r->out_h = whole ? d[1] * any(net, 1, 3) : any(net, 1, 30);
        r->out_w = whole ? d[2] * any(net, 1, 3) : any(net, 1, 30);
        r->scale_h = (float)r->out_h / (float)d[1];
        r->scale_w = (float)r->out_w / (float)d[2];
        r->cubic_a = -0.75f;
        r->exclude_outside = any(net, 0, 1);
        r->antialias = any(net, 0, 1);
        r->roi_top = -0.1f;
        r->roi_left = 0.9f; /* mirrored, and beyond */
        r->roi_bottom = 0.7f;
        r->roi_right = -0.2f;
        r->outside = 0.5f;
        return node_over(net, &op, x, HEDGE_NO_VALUE);
}

static uint32_t add_of(local_net_t *net, uint32_t a, uint32_t b)
{
        const hedge_op_t op = { .kind = HEDGE_OP_ADD, .activation = { HEDGE_ACT_CLAMP, 0, INFINITY } };

        return a == HEDGE_NO_VALUE || b == HEDGE_NO_VALUE ? HEDGE_NO_VALUE : node_over(net, &op, a, b);
}

static uint32_t add_residual(local_net_t *net, uint32_t x)
{
        const uint32_t c = dims_of(net, x)[3], y = even_conv(net, x, any(net, 1, 5), 3, 1);

        return y == HEDGE_NO_VALUE ? y : add_of(net, even_conv(net, y, c, 3, 1), x);
}

static uint32_t add_downsampled(local_net_t *net, uint32_t x)
{
        const uint32_t y = even_conv(net, x, 4, 3, 2), z = even_conv(net, x, 4, 1, 2);

        return add_of(net, y, z);
}

static uint32_t concat_of(local_net_t *net, const uint32_t *values, uint32_t n)
{
        return local_net_node(net, &(hedge_op_t){ .kind = HEDGE_OP_CONCAT, .axis.axis = 3 }, values, n);
}

static uint32_t add_fire(local_net_t *net, uint32_t x)
{
        const uint32_t y = even_conv(net, x, 2, 1, 1);
        const uint32_t branches[] = { even_conv(net, y, 3, 1, 1), even_conv(net, y, 3, 3, 1) };

        return concat_of(net, branches, 2);
}

/* Branches of all reaches, one of them a constant image. */
static uint32_t add_inception(local_net_t *net, uint32_t x)
{
        const uint32_t *d = dims_of(net, x);
        const hedge_op_t pool = { .kind = HEDGE_OP_MAX_POOL, .pool = { 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false, 0, 0 } };
        const hedge_shape_t grid = { 4, { 1, d[1], d[2], 2 } };
        const uint32_t branches[] = { x, even_conv(net, x, 2, 5, 1), node_over(net, &pool, x, HEDGE_NO_VALUE),
                                      local_net_constant(net, &grid),
                                      even_conv(net, even_conv(net, x, 3, 3, 1), 2, 3, 1) };

        return concat_of(net, branches, 5);
}

/* Down and up again, beside what there was: a pyramid. */
static uint32_t add_pyramid(local_net_t *net, uint32_t x)
{
        const uint32_t h = dims_of(net, x)[1], w = dims_of(net, x)[2], c = dims_of(net, x)[3];
        const uint32_t low = even_conv(net, x, c, 3, 2);
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE };

        op.resize = (hedge_resize_t){ .mode = (hedge_resize_mode_t)any(net, 0, 1), .out_h = h, .out_w = w };
        op.resize.nearest = HEDGE_NEAREST_FLOOR;
        op.resize.coord = any(net, 0, 1) ? HEDGE_COORD_ASYMMETRIC : HEDGE_COORD_HALF_PIXEL;
        op.resize.scale_h = (float)h / (float)dims_of(net, low)[1];
        op.resize.scale_w = (float)w / (float)dims_of(net, low)[2];
        return add_of(net, x, node_over(net, &op, low, HEDGE_NO_VALUE));
}

static uint32_t reshape_of(local_net_t *net, uint32_t x, const hedge_shape_t *shape)
{
        return node_over(net, &(hedge_op_t){ .kind = HEDGE_OP_RESHAPE, .shape.out = *shape }, x, HEDGE_NO_VALUE);
}

static uint32_t transpose_of(local_net_t *net, uint32_t x, const uint32_t *perm)
{
        hedge_op_t op = { .kind = HEDGE_OP_TRANSPOSE };

        if (x == HEDGE_NO_VALUE)
                return x;
        for (uint32_t d = 0; d < net->graph->values[x].shape.rank; d++)
                op.transpose.perm[d] = perm[d];
        return node_over(net, &op, x, HEDGE_NO_VALUE);
}

#define ORDER(...) ((const uint32_t[]){ __VA_ARGS__ })

/* Pixels become b x b smaller ones, as a transposed convolution ends. */
static uint32_t add_depth_to_space(local_net_t *net, uint32_t x)
{
        const uint32_t b = any(net, 2, 3), a = any(net, 1, 3), c = any(net, 1, 2);
        const uint32_t y = even_conv(net, x, a * b * c, 1, 1), h = dims_of(net, x)[1], w = dims_of(net, x)[2];
        const uint32_t pixels = reshape_of(net, y, &(hedge_shape_t){ 6, { 1, h, w, a, b, c } });

        return reshape_of(net, transpose_of(net, pixels, ORDER(0, 1, 3, 2, 4, 5)),
                          &(hedge_shape_t){ 4, { 1, h * a, w * b, c } });
}

static uint32_t add_space_to_depth(local_net_t *net, uint32_t x)
{
        const uint32_t h = dims_of(net, x)[1], w = dims_of(net, x)[2], c = dims_of(net, x)[3];
        const uint32_t a = h % 3 == 0 ? 3 : h % 2 == 0 ? 2 : 1, b = w % 2 == 0 ? 2 : 1;
        const uint32_t pixels = reshape_of(net, x, &(hedge_shape_t){ 6, { 1, h / a, a, w / b, b, c } });

        return reshape_of(net, transpose_of(net, pixels, ORDER(0, 1, 3, 2, 4, 5)),
                          &(hedge_shape_t){ 4, { 1, h / a, w / b, a * b * c } });
}

/* Channels of two groups take turns, by way of the order with channels first. */
static uint32_t add_shuffle(local_net_t *net, uint32_t x)
{
        const uint32_t h = dims_of(net, x)[1], w = dims_of(net, x)[2], c = 2 * any(net, 1, 3);
        const uint32_t y = transpose_of(net, even_conv(net, x, c, 1, 1), ORDER(0, 3, 1, 2));
        const uint32_t groups = reshape_of(net, y, &(hedge_shape_t){ 5, { 1, 2, c / 2, h, w } });
        const uint32_t turns = transpose_of(net, groups, ORDER(0, 2, 1, 3, 4));

        return transpose_of(net, reshape_of(net, turns, &(hedge_shape_t){ 4, { 1, c, h, w } }), ORDER(0, 2, 3, 1));
}

typedef uint32_t block_fn(local_net_t *net, uint32_t x);

static block_fn *const blocks[] = { add_conv,           add_grouped,   add_max_pool, add_average_pool,
                                    add_elementwise,    add_quantize,  add_function, add_pad,
                                    add_slice,          add_resize,    add_residual, add_downsampled,
                                    add_fire,           add_inception, add_pyramid,  add_depth_to_space,
                                    add_space_to_depth, add_shuffle };

const char *const local_net_kinds[] = { "convolution",
                                        "grouped convolution",
                                        "max pool",
                                        "average pool",
                                        "element-wise",
                                        "quantise",
                                        "function",
                                        "pad",
                                        "slice",
                                        "resize",
                                        "residual",
                                        "downsampled",
                                        "fire",
                                        "inception",
                                        "pyramid",
                                        "depth to space",
                                        "space to depth",
                                        "shuffle",
                                        NULL };

const unsigned local_net_rearrangements = 15;

bool local_net_add(local_net_t *net, unsigned kind)
{
        const uint32_t y = blocks[kind](net, net->at);

        if (y == HEDGE_NO_VALUE)
                return false;
        net->at = y;
        return true;
}
