/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/volume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"

enum { N, D, H, W, C };

static const uint32_t *dims_of(const hedge_import_t *imp, uint32_t value)
{
        return imp->graph->values[value].shape.dims;
}

int hedge_volume_reshape(hedge_import_t *imp, uint32_t value, hedge_shape_t shape, uint32_t *ret)
{
        return hedge_build_reshape_value(imp, value, &shape, false, ret);
}

int hedge_volume_open(hedge_import_t *imp, const hedge_view_t *view, uint32_t *ret_value)
{
        hedge_view_t x = *view;
        hedge_shape_t shape = { .rank = 5, .dims = { 1, 1, 1, 1, 1 } };
        uint32_t rank = x.shape.rank;
        int r;

        if (rank < 3 || rank > 5)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED,
                                         "a tensor with %u axes; one to three spatial axes are supported", rank);
        r = hedge_build_channels_last(imp, &x);
        if (r < 0)
                return r;
        shape.dims[N] = x.shape.dims[0];
        shape.dims[C] = x.shape.dims[1];
        for (uint32_t i = 2; i < rank; i++)
                shape.dims[C - rank + i] = x.shape.dims[i];
        return hedge_volume_reshape(imp, x.value, shape, ret_value);
}

int hedge_volume_view(hedge_import_t *imp, uint32_t value, uint32_t rank, hedge_view_t *ret)
{
        hedge_view_t view = { .shape = { .rank = rank } };
        const uint32_t *dims = dims_of(imp, value);
        int r;

        view.shape.dims[0] = dims[N];
        view.shape.dims[1] = dims[C];
        for (uint32_t i = 2; i < rank; i++)
                view.shape.dims[i] = dims[C - rank + i];
        hedge_perm_channels_last(rank, view.perm);
        r = hedge_volume_reshape(imp, value, hedge_view_memory(&view), &view.value);
        if (r == 0)
                *ret = view;
        return r;
}

int hedge_volume_close(hedge_import_t *imp, uint32_t value, uint32_t rank)
{
        hedge_view_t view;
        int r = hedge_volume_view(imp, value, rank, &view);

        return r < 0 ? r : hedge_import_set_view(imp, 0, &view);
}

int hedge_volume_step(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n, const char *what,
                      uint32_t *ret)
{
        uint32_t value, producer;
        int r = hedge_build_op(imp, op, inputs, n, &value);

        if (r < 0)
                return r;
        producer = imp->graph->values[value].producer;
        if (producer != HEDGE_NO_NODE) { /* else it was computed at once */
                char *name = imp->graph->nodes[producer].name;
                size_t length = strnlen(name, HEDGE_NAME_MAX - 32);

                snprintf(name + length, HEDGE_NAME_MAX - length, "/%s", what);
        }
        *ret = value;
        return 0;
}

int hedge_volume_crop(hedge_import_t *imp, uint32_t value, const uint32_t *start, const uint32_t *extent, uint32_t *ret)
{
        hedge_op_t op = { .kind = HEDGE_OP_SLICE };
        hedge_shape_t out = { .rank = 5 };

        memcpy(out.dims, extent, 5 * sizeof(*extent));
        if (hedge_shape_equal(&out, &imp->graph->values[value].shape)) {
                *ret = value;
                return 0;
        }
        op.slice.out = out;
        for (int i = 0; i < 5; i++) {
                op.slice.start[i] = start[i];
                op.slice.step[i] = 1;
        }
        return hedge_volume_step(imp, &op, &value, 1, "crop", ret);
}

/* What a window reaches, its first element to its last. */
static int64_t reach(const hedge_window3_t *w, int axis)
{
        return (int64_t)(w->kernel[axis] - 1) * w->dilation[axis] + 1;
}

/* Zeros before and behind the planes, and `rows` of them below each plane. */
static int pad_planes(hedge_import_t *imp, uint32_t value, const hedge_window3_t *w, uint32_t rows, uint32_t *ret)
{
        hedge_op_t op = { .kind = HEDGE_OP_PAD };

        if (w->before[0] == 0 && w->after[0] == 0 && rows == 0) {
                *ret = value;
                return 0;
        }
        op.pad.before[D] = (int32_t)w->before[0];
        op.pad.after[D] = (int32_t)w->after[0];
        op.pad.after[H] = (int32_t)rows;
        return hedge_volume_step(imp, &op, &value, 1, "pad", ret);
}

/* Every stride-th plane, beginning with `first`: `planes` of them, with their channels group by group (rank 6). */
static int take_planes(hedge_import_t *imp, uint32_t value, uint32_t first, uint32_t stride, uint32_t planes,
                       uint32_t groups, uint32_t *ret)
{
        hedge_op_t op = { .kind = HEDGE_OP_SLICE };
        hedge_shape_t s = imp->graph->values[value].shape;
        int r = 0;

        if (planes != s.dims[D]) {
                op.slice.out = s;
                op.slice.out.dims[D] = planes;
                for (int i = 0; i < 5; i++)
                        op.slice.step[i] = 1;
                op.slice.start[D] = first;
                op.slice.step[D] = stride;
                r = hedge_volume_step(imp, &op, &value, 1, "planes", &value);
        }
        s = (hedge_shape_t){ 6, { s.dims[N], planes, s.dims[H], s.dims[W], groups, s.dims[C] / groups } };
        return r < 0 ? r : hedge_volume_reshape(imp, value, s, ret);
}

/* The planes under the window, for each of its `planes` places along the depth, joined per group. */
static int join_planes(hedge_import_t *imp, uint32_t value, const hedge_window3_t *w, uint32_t planes, uint32_t groups,
                       uint32_t *ret)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONCAT, .axis = { 5 } };
        uint32_t n = w->kernel[0], *taps = malloc(n * sizeof(*taps));
        int r = taps ? 0 : hedge_why(imp->why, -ENOMEM, "out of memory");

        for (uint32_t i = 0; r == 0 && i < n; i++)
                r = take_planes(imp, value, i * w->dilation[0], w->stride[0], planes, groups, &taps[i]);
        if (r == 0 && n > 1)
                r = hedge_volume_step(imp, &op, taps, n, "planes", ret);
        else if (r == 0)
                *ret = taps[0];
        free(taps);
        return r;
}

/* Where things lie: images of one plane, or tall ones of all planes of an image. */
typedef struct stack {
        bool tall;
        uint32_t planes; /* of one image's output */
        uint32_t
                rows; /* from the first of one plane to the first of the next; where it is tall, a multiple of the stride */
        uint32_t kept; /* output rows of a plane */
        hedge_conv_t conv;
} stack_t;

/* A window of one plane reaches into the zeros below it, and into those below the plane before it: one gap serves both. It
 * is larger only where whole windows lie in the padding. */
static uint32_t rows_between(const hedge_window3_t *w, uint32_t height, uint32_t kept)
{
        uint32_t gap = w->before[1] > w->after[1] ? w->before[1] : w->after[1], stride = w->stride[1];
        uint32_t steps = (height + gap + stride - 1) / stride;

        return (steps > kept ? steps : kept) * stride;
}

/* Padding at the bottom, so that the last plane of a tall image has as many output rows as the others, or more. */
static uint32_t pad_bottom(const hedge_window3_t *w, bool tall)
{
        int64_t missing = reach(w, 1) - w->stride[1] - w->before[1];

        return tall ? (uint32_t)(missing > 0 ? missing : 0) : w->after[1];
}

static int plan_stack(hedge_import_t *imp, const hedge_window3_t *w, const uint32_t *in, stack_t *ret)
{
        int64_t deep = (int64_t)in[D] + w->before[0] + w->after[0] - reach(w, 0), height;
        int64_t high = (int64_t)in[H] + w->before[1] + w->after[1] - reach(w, 1);

        if (deep < 0 || high < 0)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "the filter is larger than its padded input");
        ret->planes = (uint32_t)(deep / w->stride[0] + 1);
        ret->kept = (uint32_t)(high / w->stride[1] + 1);
        ret->tall = ret->planes > 1;
        ret->rows = ret->tall ? rows_between(w, in[H], ret->kept) : in[H];
        height = (int64_t)ret->rows * ret->planes;
        if (height > UINT32_MAX)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "%lld rows of planes", (long long)height);
        ret->conv = (hedge_conv_t){
                .in_h = (uint32_t)height,
                .in_w = in[W],
                .in_c = w->kernel[0] * in[C],
                .kernel_h = w->kernel[1],
                .kernel_w = w->kernel[2],
                .stride_h = w->stride[1],
                .stride_w = w->stride[2],
                .dilation_h = w->dilation[1],
                .dilation_w = w->dilation[2],
                .pad_top = w->before[1],
                .pad_left = w->before[2],
                .pad_bottom = pad_bottom(w, ret->tall),
                .pad_right = w->after[2],
        };
        return 0;
}

/* The rows that belong to planes, of the tall image's. */
static int unstack(hedge_import_t *imp, uint32_t value, const stack_t *s, uint32_t images, uint32_t *ret)
{
        const uint32_t none[5] = { 0 }, *out = dims_of(imp, value), out_h = out[1], out_w = out[2], c = out[3];
        uint32_t rows = s->tall ? s->rows / s->conv.stride_h : out_h;
        int r = 0;

        if (s->tall) {
                r = hedge_volume_reshape(imp, value, (hedge_shape_t){ 5, { images, 1, out_h, out_w, c } }, &value);
                if (r == 0)
                        r = hedge_volume_crop(imp, value, none,
                                              (const uint32_t[]){ images, 1, s->planes * rows, out_w, c }, &value);
        }
        if (r == 0)
                r = hedge_volume_reshape(imp, value, (hedge_shape_t){ 5, { images, s->planes, rows, out_w, c } },
                                         &value);
        if (r == 0)
                r = hedge_volume_crop(imp, value, none, (const uint32_t[]){ images, s->planes, s->kept, out_w, c },
                                      ret);
        return r;
}

int hedge_volume_conv(hedge_import_t *imp, const hedge_window3_t *w, uint32_t out_c, uint32_t groups,
                      const uint32_t *inputs, uint32_t n, uint32_t *ret)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONV };
        uint32_t in[5], value, conv[3] = { 0, inputs[1], n > 2 ? inputs[2] : 0 };
        stack_t s = { .tall = false };
        int r;

        memcpy(in, dims_of(imp, inputs[0]), sizeof(in));
        r = plan_stack(imp, w, in, &s);
        if (r == 0)
                r = pad_planes(imp, inputs[0], w, s.rows - in[H], &value);
        if (r == 0)
                r = join_planes(imp, value, w, s.planes, groups, &value);
        if (r < 0)
                return r;
        op.conv = s.conv;
        op.conv.out_c = out_c;
        op.conv.groups = groups;
        r = hedge_volume_reshape(imp, value, (hedge_shape_t){ 4, { in[N], s.conv.in_h, in[W], s.conv.in_c } },
                                 &conv[0]);
        if (r == 0)
                r = hedge_build_op(imp, &op, conv, n, &value);
        return r < 0 ? r : unstack(imp, value, &s, in[N], ret);
}

/* One step of the interleaving: the axis of phases goes from among the channels to behind the axis that it refines.
 * outer x extent x middle x groups x scale x inner becomes outer x extent x scale x middle x groups x inner. */
static int refine(hedge_import_t *imp, uint32_t *value, hedge_shape_t from)
{
        hedge_op_t op = { .kind = HEDGE_OP_TRANSPOSE, .transpose = { { 0, 1, 4, 2, 3, 5 } } };
        int r = hedge_volume_reshape(imp, *value, from, value);

        if (r < 0 || from.dims[4] == 1 || (from.dims[2] == 1 && from.dims[3] == 1))
                return r;
        return hedge_volume_step(imp, &op, value, 1, "phases", value);
}

int hedge_volume_interleave(hedge_import_t *imp, uint32_t value, uint32_t groups, const uint32_t *scale, uint32_t *ret)
{
        uint32_t in[5], c, plane = scale[1] * scale[2];
        int r;

        memcpy(in, dims_of(imp, value), sizeof(in));
        c = in[C] / (groups * scale[0] * plane);
        r = refine(imp, &value, (hedge_shape_t){ 6, { 1, in[N] * in[D], in[H] * in[W], groups, scale[0], plane * c } });
        if (r == 0)
                r = refine(imp, &value,
                           (hedge_shape_t){
                                   6, { in[N] * in[D] * scale[0], in[H], in[W], groups, scale[1], scale[2] * c } });
        if (r == 0)
                r = refine(imp, &value,
                           (hedge_shape_t){
                                   6, { in[N] * in[D] * scale[0] * in[H] * scale[1], in[W], 1, groups, scale[2], c } });
        if (r < 0)
                return r;
        return hedge_volume_reshape(
                imp, value,
                (hedge_shape_t){ 5, { in[N], in[D] * scale[0], in[H] * scale[1], in[W] * scale[2], groups * c } }, ret);
}
