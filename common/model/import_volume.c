/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/import_volume.h"

#include <string.h>

#include "common/model/build.h"
#include "common/model/volume.h"

enum { N, D, H, W, C };

/* ---- convolution ---- */

/* O x I x D x H x W as O x H x W x (D * I): what hedge_volume_conv takes. */
static int build_filter(hedge_import_t *imp, hedge_literal_t *filter, uint32_t *ret)
{
        static const uint32_t perm[HEDGE_MAX_RANK] = { 0, 3, 4, 2, 1, 5 };
        const uint32_t *f = filter->shape.dims;
        hedge_shape_t shape = { 4, { f[0], f[3], f[4], f[2] * f[1] } };
        hedge_view_t view;
        int r = hedge_build_literal(imp, filter, 5, perm, &view);

        if (r < 0)
                return r;
        imp->graph->values[view.value].shape = shape;
        *ret = view.value;
        return 0;
}

static int read_conv(hedge_import_t *imp, const hedge_shape_t *f, const uint32_t *in, hedge_window3_t *w,
                     uint32_t *ret_groups)
{
        int64_t groups = hedge_attr_int(imp, "group", 1);
        int r;

        if (f->rank != 5)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a filter with %u axes for an input with 5", f->rank);
        *w = (hedge_window3_t){ .kernel = { f->dims[2], f->dims[3], f->dims[4] } };
        r = hedge_image_read_window(imp, 5, w);
        if (r < 0)
                return r;
        if (memcmp(w->kernel, &f->dims[2], sizeof(w->kernel)) != 0)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "kernel_shape is not the filter's");
        if (groups < 1 || groups > in[C] || (int64_t)f->dims[1] * groups != in[C] || f->dims[0] % groups)
                return hedge_import_fail(imp, HEDGE_EMALFORMED,
                                         "%lld groups of filters over %u channels do not fit %u input channels",
                                         (long long)groups, f->dims[1], in[C]);
        hedge_image_pad_same(w, &in[D]);
        *ret_groups = (uint32_t)groups;
        return 0;
}

int hedge_import_conv3(hedge_import_t *imp, const hedge_view_t *x, hedge_literal_t *filter)
{
        uint32_t inputs[3], n = hedge_import_has(imp, 2) ? 3 : 2, groups = 1, value, in[5],
                            out_c = filter->shape.dims[0];
        hedge_window3_t w = { .kernel = { 0 } };
        int r = hedge_volume_open(imp, x, &inputs[0]);

        if (r < 0)
                return r;
        memcpy(in, imp->graph->values[inputs[0]].shape.dims, sizeof(in));
        r = read_conv(imp, &filter->shape, in, &w, &groups);
        if (r == 0)
                r = build_filter(imp, filter, &inputs[1]);
        if (r == 0 && n == 3)
                r = hedge_import_conv_bias(imp, 2, out_c, &inputs[2]);
        if (r == 0)
                r = hedge_volume_conv(imp, &w, out_c, groups, inputs, n, &value);
        return r < 0 ? r : hedge_volume_close(imp, value, 5);
}

/* ---- pools: along height and width, then along the depth, with the greatest of the greatest or the mean of the means ---- */

static int read_pool(hedge_import_t *imp, const uint32_t *in, bool average, hedge_window3_t *w, hedge_pool_t *plane,
                     hedge_pool_t *depth)
{
        bool count = average && hedge_attr_int(imp, "count_include_pad", 0) != 0;
        uint32_t after[3], counted[3];
        int r;

        *w = (hedge_window3_t){ .kernel = { 0 } };
        r = hedge_image_read_window(imp, 5, w);
        if (r < 0)
                return r;
        hedge_image_pad_same(w, in);
        memcpy(after, w->after, sizeof(after));
        if (hedge_attr_int(imp, "ceil_mode", 0) != 0)
                hedge_pool_round_up(w, in);
        for (int i = 0; i < 3; i++)
                counted[i] = count ? after[i] < w->after[i] ? after[i] : w->after[i] : 0;
        *plane = (hedge_pool_t){
                HEDGE_WINDOW3_FIELDS(*w),
                .count_pad = count,
                .count_bottom = counted[1],
                .count_right = counted[2],
        };
        *depth = (hedge_pool_t){ .kernel_h = w->kernel[0],
                                 .kernel_w = 1,
                                 .stride_h = w->stride[0],
                                 .stride_w = 1,
                                 .dilation_h = w->dilation[0],
                                 .dilation_w = 1,
                                 .pad_top = w->before[0],
                                 .pad_bottom = w->after[0],
                                 .count_pad = count,
                                 .count_bottom = counted[0] };
        return 0;
}

/* A pool of the value as images of this shape. */
static int pool_as(hedge_import_t *imp, const hedge_op_t *op, hedge_shape_t shape, const char *what, uint32_t *value)
{
        int r = hedge_volume_reshape(imp, *value, shape, value);

        return r < 0 ? r : hedge_volume_step(imp, op, value, 1, what, value);
}

static int build_pool(hedge_import_t *imp, hedge_op_kind_t kind, uint32_t *value)
{
        hedge_op_t plane = { .kind = kind }, depth = { .kind = kind };
        const uint32_t *out;
        uint32_t in[5], h, w;
        hedge_window3_t window;
        int r;

        memcpy(in, imp->graph->values[*value].shape.dims, sizeof(in));
        r = read_pool(imp, &in[D], kind == HEDGE_OP_AVERAGE_POOL, &window, &plane.pool, &depth.pool);
        if (r == 0)
                r = pool_as(imp, &plane, (hedge_shape_t){ 4, { in[N] * in[D], in[H], in[W], in[C] } }, "planes", value);
        if (r < 0)
                return r;
        out = imp->graph->values[*value].shape.dims;
        h = out[1];
        w = out[2];
        r = pool_as(imp, &depth, (hedge_shape_t){ 4, { in[N], in[D], h * w, in[C] } }, "depth", value);
        if (r < 0)
                return r;
        out = imp->graph->values[*value].shape.dims;
        return hedge_volume_reshape(imp, *value, (hedge_shape_t){ 5, { in[N], out[1], h, w, in[C] } }, value);
}

static int build_global(hedge_import_t *imp, hedge_op_kind_t kind, uint32_t *value)
{
        hedge_op_t op = { .kind = kind };
        uint32_t in[5];
        int r;

        memcpy(in, imp->graph->values[*value].shape.dims, sizeof(in));
        r = pool_as(imp, &op, (hedge_shape_t){ 4, { in[N], in[D] * in[H], in[W], in[C] } }, "all", value);
        if (r < 0)
                return r;
        return hedge_volume_reshape(imp, *value, (hedge_shape_t){ 5, { in[N], 1, 1, 1, in[C] } }, value);
}

int hedge_import_pool3(hedge_import_t *imp, hedge_op_kind_t kind, const hedge_view_t *x)
{
        bool windows = kind == HEDGE_OP_MAX_POOL || kind == HEDGE_OP_AVERAGE_POOL;
        uint32_t value;
        int r = hedge_volume_open(imp, x, &value);

        if (r == 0)
                r = windows ? build_pool(imp, kind, &value) : build_global(imp, kind, &value);
        return r < 0 ? r : hedge_volume_close(imp, value, 5);
}
