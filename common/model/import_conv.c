/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/image.h"
#include "common/model/import_conv.h"
#include "common/model/import_volume.h"
#include "common/model/operators.h"
#include "common/model/volume.h"

int hedge_conv_filter(hedge_import_t *imp, hedge_literal_t *filter, uint32_t *ret)
{
        uint32_t perm[HEDGE_MAX_RANK], rank = filter->shape.rank;
        hedge_view_t view;
        hedge_shape_t *s;
        int r;

        hedge_perm_channels_last(rank, perm);
        r = hedge_build_literal(imp, filter, rank, perm, &view);
        if (r < 0)
                return r;
        s = &imp->graph->values[view.value].shape;
        if (rank == 3)
                *s = (hedge_shape_t){ 4, { s->dims[0], 1, s->dims[1], s->dims[2] } };
        *ret = view.value;
        return 0;
}

int hedge_import_conv_bias(hedge_import_t *imp, uint32_t i, uint32_t out_c, uint32_t *ret)
{
        hedge_literal_t *bias;
        hedge_view_t view;
        int r = hedge_import_literal(imp, i, "the bias", &bias);

        if (r < 0)
                return r;
        if (bias->shape.rank != 1 || bias->shape.dims[0] != out_c)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "the bias has not one number per output channel");
        r = hedge_build_literal(imp, bias, 1, NULL, &view);
        if (r == 0)
                *ret = view.value;
        return r;
}

int hedge_conv_geometry(hedge_import_t *imp, const hedge_shape_t *x, const hedge_literal_t *filter, uint32_t rank,
                        hedge_conv_t *ret)
{
        const uint32_t *f = filter->shape.dims;
        uint32_t in[2] = { x->dims[1], x->dims[2] }, height = rank == 4 ? f[2] : 1, width = f[rank - 1];
        int64_t groups = hedge_attr_int(imp, "group", 1);
        hedge_window2_t w = { .kernel = { height, width } };
        int r = hedge_image_window(imp, rank, in, &w);

        if (r < 0)
                return r;
        if (w.kernel[0] != height || w.kernel[1] != width)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "kernel_shape is not the filter's");
        if (groups < 1 || groups > x->dims[3] || (int64_t)f[1] * groups != x->dims[3] || f[0] % groups)
                return hedge_import_fail(imp, HEDGE_EMALFORMED,
                                         "%lld groups of filters over %u channels do not fit %u input channels",
                                         (long long)groups, f[1], x->dims[3]);
        *ret = (hedge_conv_t){
                .in_h = in[0],
                .in_w = in[1],
                .in_c = x->dims[3],
                .out_c = f[0],
                HEDGE_WINDOW_FIELDS(w),
                .groups = (uint32_t)groups,
        };
        return 0;
}

/* A signal lies in memory as one row of pixels or as one column: as a column, since rows are what is cut into strips. */
static int build_signal(hedge_import_t *imp, hedge_op_t *op, uint32_t *inputs, uint32_t n)
{
        hedge_value_t *filter = &imp->graph->values[inputs[1]];
        hedge_conv_t row = op->conv, *c = &op->conv;
        const uint32_t *dims = imp->graph->values[inputs[0]].shape.dims;
        uint32_t value, images = dims[0];
        int r;

        *c = (hedge_conv_t){ .in_h = row.in_w,
                             .in_w = 1,
                             .in_c = row.in_c,
                             .out_c = row.out_c,
                             .kernel_h = row.kernel_w,
                             .kernel_w = 1,
                             .stride_h = row.stride_w,
                             .stride_w = 1,
                             .dilation_h = row.dilation_w,
                             .dilation_w = 1,
                             .pad_top = row.pad_left,
                             .pad_bottom = row.pad_right,
                             .groups = row.groups };
        filter->shape = (hedge_shape_t){ 4, { c->out_c, c->kernel_h, 1, c->in_c / c->groups } };
        r = hedge_volume_reshape(imp, inputs[0], (hedge_shape_t){ 4, { images, c->in_h, 1, c->in_c } }, &inputs[0]);
        if (r == 0)
                r = hedge_build_op(imp, op, inputs, n, &value);
        if (r == 0)
                r = hedge_volume_reshape(
                        imp, value,
                        (hedge_shape_t){ 5, { images, 1, 1, imp->graph->values[value].shape.dims[1], c->out_c } },
                        &value);
        return r < 0 ? r : hedge_volume_close(imp, value, 3);
}

int hedge_import_conv(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONV };
        uint32_t inputs[3], n = hedge_import_has(imp, 2) ? 3 : 2, rank;
        hedge_literal_t *filter;
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_import_literal(imp, 1, "the filter", &filter);
        if (r == 0 && x.shape.rank == 5)
                return hedge_import_conv3(imp, &x, filter);
        if (r == 0)
                r = hedge_image_open(imp, &x, &inputs[0]);
        if (r < 0)
                return r;
        rank = x.shape.rank;
        if (filter->shape.rank != rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a filter with %u axes for an input with %u",
                                         filter->shape.rank, rank);
        r = hedge_conv_geometry(imp, &imp->graph->values[inputs[0]].shape, filter, rank, &op.conv);
        if (r == 0)
                r = hedge_conv_filter(imp, filter, &inputs[1]);
        if (r == 0 && n == 3)
                r = hedge_import_conv_bias(imp, 2, op.conv.out_c, &inputs[2]);
        if (r == 0 && rank == 3)
                return build_signal(imp, &op, inputs, n);
        return r < 0 ? r : hedge_image_build(imp, &op, inputs, n, &x);
}

int hedge_import_lrn(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_LRN };
        int64_t size = hedge_attr_int(imp, "size", 0);
        hedge_view_t x;
        uint32_t value;
        int r = hedge_import_view(imp, 0, &x);

        if (r < 0)
                return r;
        if (size < 1 || size > INT32_MAX)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a size of %lld", (long long)size);
        op.lrn.size = (uint32_t)size;
        op.lrn.alpha = hedge_attr_float(imp, "alpha", 1e-4f);
        op.lrn.beta = hedge_attr_float(imp, "beta", 0.75f);
        op.lrn.bias = hedge_attr_float(imp, "bias", 1.0f);
        r = hedge_image_open(imp, &x, &value);
        return r < 0 ? r : hedge_image_build(imp, &op, &value, 1, &x);
}
