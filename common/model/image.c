/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/image.h"

#include "common/model/build.h"

#define MAX_EXTENT (1 << 20)

enum { NOTSET, SAME_UPPER, SAME_LOWER, VALID };

int hedge_image_open(hedge_import_t *imp, hedge_view_t *view, uint32_t *ret_value)
{
        hedge_view_t x = *view;
        hedge_shape_t shape;
        int r;

        if (x.shape.rank != 3 && x.shape.rank != 4)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED,
                                         "a tensor with %u axes; one or two spatial axes are supported", x.shape.rank);
        r = hedge_build_channels_last(imp, &x);
        if (r < 0)
                return r;
        shape = hedge_view_memory(&x);
        if (shape.rank == 3)
                shape = (hedge_shape_t){ 4, { shape.dims[0], 1, shape.dims[1], shape.dims[2] } };
        return hedge_build_reshape_value(imp, x.value, &shape, false, ret_value);
}

/* A view with `rank` (3 or 4) logical axes on an N x H x W x C value. */
static int close_image(hedge_import_t *imp, uint32_t value, uint32_t rank, hedge_view_t *ret)
{
        hedge_shape_t s = imp->graph->values[value].shape;
        hedge_view_t view = { .element = ret->element, .value = value };
        int r = 0;

        hedge_perm_channels_last(rank, view.perm);
        if (rank == 3) {
                hedge_shape_t line = { 3, { s.dims[0], s.dims[2], s.dims[3] } };

                view.shape = (hedge_shape_t){ 3, { s.dims[0], s.dims[3], s.dims[2] } };
                r = hedge_build_reshape_value(imp, value, &line, false, &view.value);
        } else {
                view.shape = (hedge_shape_t){ 4, { s.dims[0], s.dims[3], s.dims[1], s.dims[2] } };
        }
        if (r == 0)
                *ret = view;
        return r;
}

int hedge_image_close(hedge_import_t *imp, uint32_t value, hedge_view_t *view)
{
        int r = close_image(imp, value, view->shape.rank, view);

        return r < 0 ? r : hedge_import_set_view(imp, 0, view);
}

int hedge_image_build(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n, hedge_view_t *view)
{
        uint32_t value;
        int r = hedge_build_op(imp, op, inputs, n, &value);

        return r < 0 ? r : hedge_image_close(imp, value, view);
}

/* One number per spatial axis, the last of three. */
static int read_axes(hedge_import_t *imp, const char *name, const int64_t *v, size_t spatial, int64_t least,
                     uint32_t *out)
{
        for (size_t i = 0; i < spatial; i++) {
                if (v[i] < least || v[i] > MAX_EXTENT)
                        return hedge_import_fail(imp, v[i] < 0 ? HEDGE_EUNSUPPORTED : HEDGE_ELIMIT,
                                                 "%s of %lld is out of range", name, (long long)v[i]);
                out[3 - spatial + i] = (uint32_t)v[i];
        }
        return 0;
}

static int read_list(hedge_import_t *imp, const char *name, size_t spatial, uint32_t *out)
{
        hedge_ints_t ints = hedge_attr_ints(imp, name);

        if (!ints.v)
                return 0;
        if (ints.n != spatial)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%s has %zu numbers for %zu spatial axes", name, ints.n,
                                         spatial);
        return read_axes(imp, name, ints.v, spatial, 1, out);
}

static int read_pads(hedge_import_t *imp, size_t spatial, hedge_window3_t *w)
{
        hedge_ints_t pads = hedge_attr_ints(imp, "pads");
        int r;

        if (!pads.v || w->auto_pad != NOTSET)
                return 0;
        if (pads.n != spatial * 2)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "pads has %zu numbers for %zu spatial axes", pads.n,
                                         spatial);
        r = read_axes(imp, "pads", pads.v, spatial, 0, w->before);
        if (r == 0)
                r = read_axes(imp, "pads", pads.v + spatial, spatial, 0, w->after);
        return r;
}

int hedge_image_read_window(hedge_import_t *imp, uint32_t rank, hedge_window3_t *window)
{
        static const char *const auto_pads[] = { "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", NULL };
        const uint32_t *k = window->kernel;
        hedge_window3_t w = { { k[0], k[1], k[2] }, { 1, 1, 1 }, { 1, 1, 1 }, { 0 }, { 0 }, 0 };
        size_t spatial = rank - 2;
        int r;

        for (size_t i = 0; i < 3 - spatial; i++)
                w.kernel[i] = 1;
        w.auto_pad = hedge_attr_choice(imp, "auto_pad", auto_pads, NOTSET);
        r = read_list(imp, "kernel_shape", spatial, w.kernel);
        if (r == 0)
                r = read_list(imp, "strides", spatial, w.stride);
        if (r == 0)
                r = read_list(imp, "dilations", spatial, w.dilation);
        if (r == 0)
                r = read_pads(imp, spatial, &w);
        if (r < 0)
                return r;
        if (w.kernel[0] == 0 || w.kernel[1] == 0 || w.kernel[2] == 0)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "kernel_shape is missing");
        *window = w;
        return 0;
}

/* The output has ceil(in / stride) elements; what that needs is shared out, the odd one at the end or the start. */
void hedge_image_pad_same(hedge_window3_t *w, const uint32_t *in)
{
        if (w->auto_pad != SAME_UPPER && w->auto_pad != SAME_LOWER)
                return;
        for (int i = 0; i < 3; i++) {
                int64_t out = ((int64_t)in[i] + w->stride[i] - 1) / w->stride[i];
                int64_t reach = (out - 1) * w->stride[i] + (int64_t)(w->kernel[i] - 1) * w->dilation[i] + 1;
                int64_t total = reach > in[i] ? reach - in[i] : 0;

                w->before[i] = (uint32_t)(w->auto_pad == SAME_UPPER ? total / 2 : total - total / 2);
                w->after[i] = (uint32_t)(total - w->before[i]);
        }
}

static void last_two(uint32_t *to, const uint32_t *from)
{
        to[0] = from[1];
        to[1] = from[2];
}

int hedge_image_window(hedge_import_t *imp, uint32_t rank, const uint32_t *in, hedge_window2_t *window)
{
        hedge_window3_t w = { .kernel = { 1, window->kernel[0], window->kernel[1] } };
        int r = hedge_image_read_window(imp, rank, &w);

        if (r < 0)
                return r;
        hedge_image_pad_same(&w, (const uint32_t[]){ 1, in[0], in[1] });
        last_two(window->kernel, w.kernel);
        last_two(window->stride, w.stride);
        last_two(window->dilation, w.dilation);
        last_two(window->before, w.before);
        last_two(window->after, w.after);
        window->auto_pad = w.auto_pad;
        return 0;
}
