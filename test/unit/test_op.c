/* SPDX-License-Identifier: Apache-2.0 */
#include "common/op.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static hedge_shape_t shape(uint32_t rank, ...)
{
        hedge_shape_t s = { .rank = rank };
        va_list list;

        va_start(list, rank);
        for (uint32_t d = 0; d < rank; d++)
                s.dims[d] = va_arg(list, uint32_t);
        va_end(list);
        return s;
}

static void infers(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t want)
{
        hedge_shape_t out = { .rank = 99 };
        hedge_why_t why = { { 0 } };
        int r = hedge_op_infer(op, in, n_in, &out, &why);

        if (r < 0)
                fail_msg("%s", why.text);
        assert_true(hedge_shape_equal(&out, &want));
        for (uint32_t d = out.rank; d < HEDGE_MAX_RANK; d++)
                assert_int_equal(out.dims[d], 0);
}

static void refuses(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, int code, const char *part)
{
        hedge_shape_t out = { .rank = 99 };
        hedge_why_t why = { { 0 } };

        assert_int_equal(hedge_op_infer(op, in, n_in, &out, &why), code);
        assert_int_equal(out.rank, 99);
        if (!strstr(why.text, part))
                fail_msg("\"%s\" does not say \"%s\"", why.text, part);
        assert_int_equal(hedge_op_infer(op, in, n_in, &out, NULL), code);
        assert_int_equal(hedge_op_work(op, in, n_in), 0);
}

static hedge_op_t conv_op(void)
{
        return (hedge_op_t){ .kind = HEDGE_OP_CONV, .conv = { 8, 9, 4, 6, 3, 3, 2, 1, 1, 1, 1, 0, 1, 0, 2 } };
}

static void convolution(void **state)
{
        hedge_op_t op = conv_op();
        hedge_shape_t in[3] = { shape(4, 5, 8, 9, 4), shape(4, 6, 3, 3, 2), shape(1, 6) };

        infers(&op, in, 3, shape(4, 5, 4, 7, 6));
        infers(&op, in, 2, shape(4, 5, 4, 7, 6));
        assert_int_equal(hedge_op_work(&op, in, 2), 5 * 4 * 7 * 6 * 9 * 2);
        refuses(&op, in, 1, -EINVAL, "Conv: 1 inputs");
        in[2] = shape(1, 5);
        refuses(&op, in, 3, HEDGE_ESHAPE, "bias");
        in[1] = shape(4, 6, 3, 3, 4);
        refuses(&op, in, 2, HEDGE_ESHAPE, "6x3x3x4");
        in[1] = shape(4, 6, 3, 3, 2);
        in[0] = shape(4, 5, 8, 10, 4);
        refuses(&op, in, 2, HEDGE_ESHAPE, "5x8x10x4");
        in[0] = shape(4, 0, 8, 9, 4);
        refuses(&op, in, 2, HEDGE_ESHAPE, "extent of 0");
        in[0] = shape(4, 20000000, 8, 9, 4);
        refuses(&op, in, 2, HEDGE_ELIMIT, "too large");
        in[0] = shape(3, 8, 9, 4);
        refuses(&op, in, 2, HEDGE_ESHAPE, "rank 4");
        in[0] = shape(4, 5, 8, 9, 4);
        op.conv.stride_h = 0;
        refuses(&op, in, 2, -EINVAL, "geometry");
        op = conv_op();
        op.conv.kernel_h = 20;
        refuses(&op, in, 2, -EINVAL, "geometry");
        op = conv_op();
        op.activation = (hedge_activation_t){ HEDGE_ACT_CLAMP, NAN, 1 };
        refuses(&op, in, 2, -EINVAL, "bound");
        op.activation = (hedge_activation_t){ (hedge_activation_kind_t)7, 0, 1 };
        refuses(&op, in, 2, -EINVAL, "activation");
}

static void pools(void **state)
{
        const hedge_pool_t fine = { 3, 2, 2, 2, 1, 1, 1, 0, 2, 1, true, 1, 0 };
        hedge_op_t op = { .kind = HEDGE_OP_AVERAGE_POOL, .pool = fine };
        hedge_shape_t in = shape(4, 1, 6, 7, 3);

        infers(&op, &in, 1, shape(4, 1, 4, 4, 3));
        op.pool.stride_w = 0;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "AveragePool: a pool's window");
        op.pool = fine;
        op.pool.kernel_h = 0;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "window");
        op.pool = fine;
        op.pool.kernel_h = 10;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "window");
        op.pool = fine;
        op.pool.dilation_h = UINT32_MAX;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "window");
        op.pool = fine;
        op.pool.pad_top = 3; /* a window of padding alone */
        refuses(&op, &in, 1, HEDGE_ESHAPE, "window");
        op.pool = fine;
        op.pool.count_bottom = 3;
        refuses(&op, &in, 1, -EINVAL, "counts more");
        op.kind = HEDGE_OP_GLOBAL_MAX_POOL;
        infers(&op, &in, 1, shape(4, 1, 1, 1, 3));
        in.dims[1] = 0;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "GlobalMaxPool: an image");
}

static void products(void **state)
{
        hedge_op_t op = { .kind = HEDGE_OP_FULLY_CONNECTED };
        hedge_shape_t in[3] = { shape(2, 3, 5), shape(2, 7, 5), shape(1, 7) };

        infers(&op, in, 3, shape(2, 3, 7));
        assert_int_equal(hedge_op_work(&op, in, 3), 3 * 5 * 7);
        in[1] = shape(2, 5, 7);
        refuses(&op, in, 2, HEDGE_ESHAPE, "3x5 and 5x7");
        op.kind = HEDGE_OP_MATMUL;
        infers(&op, in, 2, shape(2, 3, 7));
        in[0] = shape(4, 2, 1, 3, 5);
        in[1] = shape(3, 4, 5, 7);
        infers(&op, in, 2, shape(4, 2, 4, 3, 7));
        assert_int_equal(hedge_op_work(&op, in, 2), 2 * 4 * 3 * 7 * 5);
        in[0] = shape(4, 2, 3, 3, 5);
        refuses(&op, in, 2, HEDGE_ESHAPE, "broadcast");
        in[0] = shape(1, 5);
        refuses(&op, in, 2, HEDGE_ESHAPE, "M x K");
        in[0] = shape(2, 1 << 20, 1);
        in[1] = shape(2, 1, 1 << 20);
        refuses(&op, in, 2, HEDGE_ELIMIT, "output");
}

static void element_wise(void **state)
{
        hedge_op_t op = { .kind = HEDGE_OP_ADD };
        hedge_shape_t in[2] = { shape(3, 2, 1, 4), shape(2, 3, 1) };

        infers(&op, in, 2, shape(3, 2, 3, 4));
        in[1] = shape(0);
        infers(&op, in, 2, shape(3, 2, 1, 4));
        in[1] = shape(2, 0, 1);
        infers(&op, in, 2, shape(3, 2, 0, 4));
        in[1] = shape(1, 3);
        refuses(&op, in, 2, HEDGE_ESHAPE, "2x1x4 and 3");
        in[0] = shape(2, UINT32_MAX, UINT32_MAX);
        refuses(&op, in, 2, HEDGE_ELIMIT, "input 0");
        in[0].rank = HEDGE_MAX_RANK + 1;
        refuses(&op, in, 2, HEDGE_ELIMIT, "input 0");
        in[0] = shape(1, 3);
        op.kind = HEDGE_OP_SUB;
        op.activation.kind = HEDGE_ACT_CLAMP;
        refuses(&op, in, 2, -EINVAL, "fused");
        op = (hedge_op_t){ .kind = HEDGE_OP_CLAMP, .activation = { HEDGE_ACT_NONE, NAN, 1 } };
        refuses(&op, in, 1, -EINVAL, "bound");
        op = (hedge_op_t){ .kind = HEDGE_OP_UNARY, .unary = { HEDGE_UNARY_HARD_SIGMOID, INFINITY, 0 } };
        refuses(&op, in, 1, -EINVAL, "finite");
        op = (hedge_op_t){ .kind = HEDGE_OP_UNARY, .unary = { HEDGE_UNARY_KINDS, 0, 0 } };
        refuses(&op, in, 1, -EINVAL, "unknown");
        op = (hedge_op_t){ .kind = HEDGE_OP_SOFTMAX, .axis = { 1 } };
        refuses(&op, in, 1, HEDGE_ESHAPE, "axis");
        op.kind = HEDGE_OP_LRN;
        in[0] = shape(4, 1, 2, 3, 4);
        op.lrn.size = 0;
        refuses(&op, in, 1, -EINVAL, "size");
        op = (hedge_op_t){ .kind = HEDGE_OP_KINDS };
        refuses(&op, in, 1, -EINVAL, "unknown");
        assert_string_equal(hedge_op_name(HEDGE_OP_KINDS), "unknown operator");
        op = (hedge_op_t){ .kind = HEDGE_OP_UNARY, .unary = { HEDGE_UNARY_MISH, 0, 0 } };
        assert_string_equal(hedge_op_title(&op), "Mish");
        op.unary.kind = HEDGE_UNARY_KINDS;
        assert_string_equal(hedge_op_title(&op), "Function");
}

static void joins(void **state)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONCAT, .axis = { 1 } };
        hedge_shape_t in[3] = { shape(2, 2, 3), shape(2, 2, 0), shape(2, 2, 4) };

        infers(&op, in, 3, shape(2, 2, 7));
        in[1] = shape(2, 3, 3);
        refuses(&op, in, 3, HEDGE_ESHAPE, "another axis");
        in[1] = shape(1, 3);
        refuses(&op, in, 3, HEDGE_ESHAPE, "ranks");
        op.axis.axis = 2;
        refuses(&op, in, 3, HEDGE_ESHAPE, "axis");
}

static void pads(void **state)
{
        hedge_op_t op = { .kind = HEDGE_OP_PAD, .pad = { HEDGE_PAD_CONSTANT, 0, { 1, -3 }, { 2, 1 } } };
        hedge_shape_t in = shape(2, 2, 3);

        infers(&op, &in, 1, shape(2, 5, 1));
        op.pad.mode = HEDGE_PAD_EDGE;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "nothing to repeat");
        op.pad.after[1] = 0;
        infers(&op, &in, 1, shape(2, 5, 0));
        op.pad.before[1] = -4;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "crops");
        op.pad.before[1] = op.pad.after[1] = INT32_MIN;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "crops");
        op.pad.before[1] = op.pad.after[1] = INT32_MAX;
        refuses(&op, &in, 1, HEDGE_ELIMIT, "too long");
        op.pad.mode = (hedge_pad_mode_t)9;
        refuses(&op, &in, 1, -EINVAL, "mode");
}

static void resizes(void **state)
{
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE, .resize = { .out_h = 4, .out_w = 5, .scale_h = 2, .scale_w = 2 } };
        hedge_shape_t in = shape(4, 2, 2, 3, 8);

        infers(&op, &in, 1, shape(4, 2, 4, 5, 8));
        op.resize.scale_h = 0;
        refuses(&op, &in, 1, -EINVAL, "scale");
        op.resize.scale_h = NAN;
        refuses(&op, &in, 1, -EINVAL, "scale");
        op.resize.scale_h = 1;
        op.resize.out_w = 0;
        refuses(&op, &in, 1, HEDGE_ELIMIT, "4 x 0");
        op.resize.out_w = 1;
        op.resize.coord = HEDGE_COORD_TF_CROP_AND_RESIZE;
        op.resize.roi_right = INFINITY;
        refuses(&op, &in, 1, -EINVAL, "region");
        op.resize.coord = (hedge_resize_coord_t)99;
        refuses(&op, &in, 1, -EINVAL, "unknown way");
}

static void moves(void **state)
{
        hedge_op_t op = { .kind = HEDGE_OP_TRANSPOSE, .transpose = { { 2, 0, 1 } } };
        hedge_shape_t in = shape(3, 2, 3, 4);

        infers(&op, &in, 1, shape(3, 4, 2, 3));
        op.transpose.perm[1] = 2;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "permutation");
        op.transpose.perm[1] = 77;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "permutation");

        op = (hedge_op_t){ .kind = HEDGE_OP_REDUCE, .reduce = { HEDGE_REDUCE_MEAN, 5 } };
        infers(&op, &in, 1, shape(3, 1, 3, 1));
        op.reduce.axes = 8;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "axis");
        op.reduce.axes = 1;
        in.dims[0] = 0;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "nothing to reduce");
        in.dims[0] = 2;

        op.reduce.kind = HEDGE_REDUCE_KINDS;
        refuses(&op, &in, 1, -EINVAL, "unknown");
        op = (hedge_op_t){ .kind = HEDGE_OP_NORMALIZE, .normalize = { 5, 0, true } };
        infers(&op, &in, 1, in);
        op.normalize.axes = 8;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "axis");
        op = (hedge_op_t){ .kind = HEDGE_OP_NORMALIZE, .normalize = { 1, -1, true } };
        refuses(&op, &in, 1, -EINVAL, "epsilon");

        op = (hedge_op_t){ .kind = HEDGE_OP_RESHAPE, .shape = { shape(2, 6, 4) } };
        infers(&op, &in, 1, shape(2, 6, 4));
        op.shape.out.dims[0] = 5;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "2x3x4 and 5x4");
        op.shape.out.rank = 40;
        refuses(&op, &in, 1, HEDGE_ELIMIT, "rank 40");

        in = shape(2, 3, 1);
        op = (hedge_op_t){ .kind = HEDGE_OP_EXPAND, .shape = { shape(3, 2, 3, 4) } };
        infers(&op, &in, 1, shape(3, 2, 3, 4));
        op.shape.out.dims[1] = 2;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "broadcast");
        op.shape.out = shape(1, 3);
        refuses(&op, &in, 1, HEDGE_ESHAPE, "lose axes");
}

static void slices(void **state)
{
        hedge_op_t op = { .kind = HEDGE_OP_SLICE };
        hedge_shape_t in = shape(2, 5, 6);

        op.slice.start[0] = 4;
        op.slice.step[0] = -2;
        op.slice.step[1] = INT64_MAX;
        op.slice.out = shape(2, 3, 1);
        infers(&op, &in, 1, shape(2, 3, 1));
        op.slice.start[0] = 1;
        op.slice.step[0] = 2; /* 1, 3, 5 of 0 .. 4 */
        refuses(&op, &in, 1, HEDGE_ESHAPE, "outside axis 0");
        op.slice.start[0] = 3;
        op.slice.step[0] = -2;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "outside axis 0");
        op.slice.out.dims[0] = 2;
        op.slice.out.dims[1] = 2;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "outside axis 1");
        op.slice.step[1] = 0;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "outside axis 1");
        op.slice.step[1] = 1;
        op.slice.start[1] = INT64_MIN;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "outside axis 1");
        op.slice.out.dims[1] = 0;
        infers(&op, &in, 1, shape(2, 2, 0));
        op.slice.out.rank = 1;
        refuses(&op, &in, 1, HEDGE_ESHAPE, "rank 1 from");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(convolution),  cmocka_unit_test(pools), cmocka_unit_test(products),
                cmocka_unit_test(element_wise), cmocka_unit_test(joins), cmocka_unit_test(pads),
                cmocka_unit_test(resizes),      cmocka_unit_test(moves), cmocka_unit_test(slices),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
