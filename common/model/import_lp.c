/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <float.h>
#include <math.h>

#include "common/model/binary.h"
#include "common/model/build.h"
#include "common/model/image.h"
#include "common/model/operators.h"

/* Lp norms: of an axis, of an image, of windows. */

/* Opset 1 has p as a float. */
static int read_p(hedge_import_t *imp, float *ret)
{
        float p = imp->opset < 2 ? hedge_attr_float(imp, "p", 2) : (float)hedge_attr_int(imp, "p", 2);

        if (!(p >= 1) || p > 1e6f)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "p is %g", (double)p);
        *ret = p;
        return 0;
}

static int function(hedge_import_t *imp, hedge_unary_kind_t kind, hedge_view_t *x)
{
        hedge_op_t op = { .kind = HEDGE_OP_UNARY, .unary = { .kind = kind } };

        return hedge_build_unary(imp, &op, x);
}

/* |x|^p */
static int raise(hedge_import_t *imp, float p, hedge_view_t *x)
{
        hedge_operand_t a = { .view = *x };
        int r;

        if (p == 2)
                return hedge_binary(imp, HEDGE_OP_MUL, &a, &a, x);
        r = function(imp, HEDGE_UNARY_ABS, x);
        return r < 0 || p == 1 ? r : hedge_binary_number(imp, HEDGE_OP_POW, x, p, false);
}

/* x^(1/p) */
static int lower(hedge_import_t *imp, float p, hedge_view_t *x)
{
        if (p == 1)
                return 0;
        return p == 2 ? function(imp, HEDGE_UNARY_SQRT, x) : hedge_binary_number(imp, HEDGE_OP_POW, x, 1 / p, false);
}

int hedge_import_lp_norm(hedge_import_t *imp)
{
        hedge_op_t some = { .kind = HEDGE_OP_CLAMP, .activation = { HEDGE_ACT_CLAMP, FLT_MIN, INFINITY } };
        int64_t p = hedge_attr_int(imp, "p", 2);
        hedge_operand_t x = { .literal = NULL }, norm = { .literal = NULL };
        uint32_t axis = 0;
        int r = hedge_import_view(imp, 0, &x.view);

        if (r == 0 && p != 1 && p != 2)
                r = hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "p is %lld", (long long)p);
        if (r == 0)
                r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", -1), x.view.shape.rank, &axis);
        norm.view = x.view;
        if (r == 0)
                r = hedge_build_reduce(imp, p == 1 ? HEDGE_REDUCE_L1 : HEDGE_REDUCE_L2, 1u << axis, &norm.view);
        if (r == 0)
                r = hedge_build_unary(imp, &some, &norm.view); /* nothing but zeros stays so */
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_DIV, &x, &norm, &x.view);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x.view);
}

int hedge_import_global_lp_pool(hedge_import_t *imp)
{
        uint32_t spatial;
        hedge_view_t x;
        float p = 2;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0 && x.shape.rank < 3)
                r = hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of a tensor with %u axes", x.shape.rank);
        if (r == 0)
                r = read_p(imp, &p);
        if (r < 0)
                return r;
        spatial = ((1u << x.shape.rank) - 1) & ~3u;
        if (p == 1 || p == 2) {
                r = hedge_build_reduce(imp, p == 1 ? HEDGE_REDUCE_L1 : HEDGE_REDUCE_L2, spatial, &x);
        } else {
                r = raise(imp, p, &x);
                if (r == 0)
                        r = hedge_build_reduce(imp, HEDGE_REDUCE_SUM, spatial, &x);
                if (r == 0)
                        r = lower(imp, p, &x);
        }
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* Windows' sums, as their averages with all padding counted, times their extent. */
static int sum_windows(hedge_import_t *imp, uint32_t rank, uint32_t *value, float *ret_extent)
{
        const hedge_shape_t *image = &imp->graph->values[*value].shape;
        hedge_window2_t w = { .kernel = { 0 } };
        uint32_t in[2] = { image->dims[1], image->dims[2] };
        hedge_op_t op = { .kind = HEDGE_OP_AVERAGE_POOL };
        int r = hedge_image_window(imp, rank, in, &w);

        if (r < 0)
                return r;
        op.pool = (hedge_pool_t){ HEDGE_WINDOW_FIELDS(w), .count_pad = true, .count_bottom = w.after[0],
                                  .count_right = w.after[1] };
        *ret_extent = (float)w.kernel[0] * (float)w.kernel[1];
        return hedge_build_op(imp, &op, value, 1, value);
}

static int constant(hedge_import_t *imp, float number, uint32_t *ret)
{
        hedge_shape_t scalar = { .rank = 0 };
        float *data = hedge_floats_new(1);

        if (!data)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        *data = number;
        return hedge_build_value(imp, &scalar, data, ret);
}

/* (extent * average)^(1/p) is output 0. */
static int finish_windows(hedge_import_t *imp, float p, float extent, uint32_t value, hedge_view_t *x)
{
        hedge_op_t product = { .kind = HEDGE_OP_MUL }, power = { .kind = HEDGE_OP_POW };
        uint32_t inputs[2] = { value, 0 };
        int r = constant(imp, extent, &inputs[1]);

        if (r < 0 || p == 1)
                return r < 0 ? r : hedge_image_build(imp, &product, inputs, 2, x);
        r = hedge_build_op(imp, &product, inputs, 2, &inputs[0]);
        if (r == 0)
                r = constant(imp, 1 / p, &inputs[1]);
        return r < 0 ? r : hedge_image_build(imp, &power, inputs, 2, x);
}

int hedge_import_lp_pool(hedge_import_t *imp)
{
        hedge_view_t x;
        uint32_t value;
        float p = 2, extent = 1;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = read_p(imp, &p);
        if (r == 0 && hedge_attr_int(imp, "ceil_mode", 0) != 0)
                r = hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "ceil_mode is not supported");
        if (r == 0)
                r = raise(imp, p, &x);
        if (r == 0)
                r = hedge_image_open(imp, &x, &value);
        if (r == 0)
                r = sum_windows(imp, x.shape.rank, &value, &extent);
        return r < 0 ? r : finish_windows(imp, p, extent, value, &x);
}
