/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/operators.h"
#include "common/model/phases.h"
#include "common/model/volume.h"

/* ConvTranspose: convolutions of stride 1, whose outputs are put between one another (phases.h). */

#define MAX_EXTENT (1u << 20)

enum { N, D, H, W, C };

typedef struct transposed {
        hedge_phases_t axis[3]; /* depth, height, width */
        uint32_t images, in_c, out_c, groups;
        const hedge_literal_t *filter, *bias; /* bias: NULL where there is none */
} transposed_t;

/* A run of phases along each axis, computed by one convolution. */
typedef struct piece {
        uint32_t first[3], n[3];
        hedge_taps_t taps[3];
} piece_t;

/* ---- geometry ---- */

/* What the pads come to, where the model says how large the result is. */
static void share_out(hedge_window3_t *w, int axis, int64_t total)
{
        enum { SAME_UPPER = 1 };
        uint32_t all = (uint32_t)(total > 0 ? total : 0), half = all / 2;

        w->before[axis] = w->auto_pad == SAME_UPPER ? half : all - half;
        w->after[axis] = all - w->before[axis];
}

/* The extent along one axis; wanted: what the model asks for, 0: what follows from the rest. */
static int set_extent(hedge_import_t *imp, hedge_window3_t *w, int axis, int64_t in, int64_t more, int64_t wanted,
                      hedge_phases_t *ret)
{
        int64_t reach = (int64_t)(w->kernel[axis] - 1) * w->dilation[axis] + 1;
        int64_t out = (in - 1) * w->stride[axis] + reach + more;

        if (wanted > 0)
                share_out(w, axis, out - wanted);
        out = wanted > 0 ? wanted : out - w->before[axis] - w->after[axis];
        if (out < 1)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "the padding leaves nothing of the output");
        if (out > MAX_EXTENT || reach > MAX_EXTENT)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "an extent of %lld is too large",
                                         (long long)(out > reach ? out : reach));
        *ret = (hedge_phases_t){
                .in = (uint32_t)in,
                .kernel = w->kernel[axis],
                .stride = w->stride[axis],
                .dilation = w->dilation[axis],
                .before = w->before[axis],
                .out = (uint32_t)out,
        };
        return 0;
}

/* One number per spatial axis, as the last of three; `absent` where the model has not that axis, or says nothing. */
static int read_three(hedge_import_t *imp, const char *name, uint32_t spatial, int64_t absent, int64_t least,
                      int64_t *ret)
{
        hedge_ints_t ints = hedge_attr_ints(imp, name);
        size_t extra = ints.n == spatial + 2 ? 2 : 0; /* some write output_shape with batch and channels */

        for (int i = 0; i < 3; i++)
                ret[i] = absent;
        if (!ints.v)
                return 0;
        if (ints.n - extra != spatial)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%s has %zu numbers for %u spatial axes", name, ints.n,
                                         spatial);
        for (uint32_t i = 0; i < spatial; i++) {
                int64_t v = ints.v[extra + i];

                if (v < least || v > MAX_EXTENT)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "%s of %lld is out of range", name,
                                                 (long long)v);
                ret[3 - spatial + i] = v;
        }
        return 0;
}

static int set_axes(hedge_import_t *imp, const uint32_t *in, uint32_t rank, hedge_window3_t *w, transposed_t *t)
{
        int64_t more[3], wanted[3];
        bool same = w->auto_pad == 1 || w->auto_pad == 2;
        int r = read_three(imp, "output_padding", rank - 2, 0, 0, more);

        if (r == 0)
                r = read_three(imp, "output_shape", rank - 2, 0, 1, wanted);
        for (int i = 0; r == 0 && i < 3; i++) {
                if (same && wanted[i] == 0)
                        wanted[i] = (int64_t)in[D + i] * w->stride[i];
                r = set_extent(imp, w, i, in[D + i], more[i], wanted[i], &t->axis[i]);
        }
        return r;
}

static int check_filter(hedge_import_t *imp, const hedge_shape_t *f, uint32_t rank, const hedge_window3_t *w,
                        transposed_t *t)
{
        int64_t groups = hedge_attr_int(imp, "group", 1);

        for (uint32_t i = 2; i < rank; i++)
                if (w->kernel[3 - rank + i] != f->dims[i])
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "kernel_shape is not the filter's");
        if (f->dims[0] != t->in_c || groups < 1 || groups > t->in_c || t->in_c % groups ||
            (uint64_t)f->dims[1] * (uint64_t)groups > MAX_EXTENT)
                return hedge_import_fail(imp, HEDGE_EMALFORMED,
                                         "%lld groups of filters over %u channels do not fit %u input channels",
                                         (long long)groups, f->dims[0], t->in_c);
        t->groups = (uint32_t)groups;
        t->out_c = f->dims[1] * t->groups;
        return 0;
}

static int read_geometry(hedge_import_t *imp, uint32_t value, uint32_t rank, transposed_t *t)
{
        const hedge_shape_t *f = &t->filter->shape;
        hedge_window3_t w = { .kernel = { 1, 1, 1 } };
        const uint32_t *in = imp->graph->values[value].shape.dims;
        int r;

        if (f->rank != rank || t->filter->is_int || hedge_shape_elements(f) == 0)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a filter with %u axes for an input with %u", f->rank,
                                         rank);
        for (uint32_t i = 2; i < rank; i++)
                w.kernel[3 - rank + i] = f->dims[i];
        t->images = in[N];
        t->in_c = in[C];
        r = hedge_image_read_window(imp, rank, &w);
        if (r == 0)
                r = check_filter(imp, f, rank, &w, t);
        return r < 0 ? r : set_axes(imp, in, rank, &w, t);
}

/* ---- filters ---- */

static uint32_t phases_in(const piece_t *p)
{
        return p->n[0] * p->n[1] * p->n[2];
}

/* Where in a filter of the model (depth, height, width) the tap of a phase is; -1: nowhere, it is 0. */
static int64_t weight_at(const transposed_t *t, const piece_t *p, uint32_t phase, const uint32_t *tap)
{
        int64_t at = 0;

        for (int i = 0; i < 3; i++) {
                uint32_t behind = (i < 2 ? p->n[2] : 1) * (i < 1 ? p->n[1] : 1);
                int64_t k =
                        hedge_phases_weight(&t->axis[i], &p->taps[i], p->first[i] + phase / behind % p->n[i], tap[i]);

                if (k < 0)
                        return -1;
                at = at * t->axis[i].kernel + k;
        }
        return at;
}

/* The filter of an output channel and phase: taps in the order height, width, depth, each with its input channels, which
 * lie `apart` in the model's. */
static void fill_filter(const transposed_t *t, const piece_t *p, uint32_t phase, const float *from, size_t apart,
                        float *to)
{
        uint32_t in_g = t->in_c / t->groups, tap[3];

        for (tap[1] = 0; tap[1] < p->taps[1].count; tap[1]++) {
                for (tap[2] = 0; tap[2] < p->taps[2].count; tap[2]++) {
                        for (tap[0] = 0; tap[0] < p->taps[0].count; tap[0]++) {
                                int64_t at = weight_at(t, p, phase, tap);

                                for (uint32_t i = 0; i < in_g; i++)
                                        *to++ = at < 0 ? 0 : from[i * apart + (size_t)at];
                        }
                }
        }
}

/* A constant of the graph from a literal that nobody else has. Takes it over. */
static int build_own(hedge_import_t *imp, hedge_literal_t *literal, uint32_t *ret)
{
        static const uint32_t once = 1;
        hedge_view_t view;
        int r;

        literal->readers = &once;
        r = hedge_build_literal(imp, literal, literal->shape.rank, NULL, &view);
        hedge_literal_destroy(&literal);
        if (r == 0)
                *ret = view.value;
        return r;
}

/* Per group: every phase, with all its channels. */
static int build_filters(hedge_import_t *imp, const transposed_t *t, const piece_t *p, uint32_t *ret)
{
        uint32_t in_g = t->in_c / t->groups, out_g = t->out_c / t->groups, phases = phases_in(p);
        hedge_shape_t shape = { 4, { t->out_c * phases, p->taps[1].count, p->taps[2].count, p->taps[0].count * in_g } };
        size_t all = (size_t)t->axis[0].kernel * t->axis[1].kernel * t->axis[2].kernel;
        size_t each = (size_t)shape.dims[1] * shape.dims[2] * shape.dims[3];
        hedge_literal_t *filters;
        int r;

        if ((uint64_t)p->taps[0].count * in_g > UINT32_MAX)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a dilation that is too large");
        r = hedge_import_new_literal(imp, &shape, false, &filters);
        if (r < 0)
                return r;
        for (uint32_t f = 0; f < shape.dims[0]; f++) {
                uint32_t group = f / (out_g * phases), phase = f / out_g % phases, o = f % out_g;

                fill_filter(t, p, phase, t->filter->floats + ((size_t)group * in_g * out_g + o) * all, out_g * all,
                            filters->floats + f * each);
        }
        return build_own(imp, filters, ret);
}

static int build_bias(hedge_import_t *imp, const transposed_t *t, const piece_t *p, uint32_t *ret)
{
        uint32_t out_g = t->out_c / t->groups, phases = phases_in(p);
        hedge_shape_t shape = { 1, { t->out_c * phases } };
        hedge_literal_t *bias;
        int r = hedge_import_new_literal(imp, &shape, false, &bias);

        if (r < 0)
                return r;
        for (uint32_t f = 0; f < shape.dims[0]; f++)
                bias->floats[f] = hedge_literal_float(t->bias, f / (out_g * phases) * out_g + f % out_g);
        return build_own(imp, bias, ret);
}

/* ---- operators ---- */

/* Padding that is negative crops the input. */
static int crop_input(hedge_import_t *imp, const int64_t *before, const int64_t *after, uint32_t *value)
{
        uint32_t start[5] = { 0 }, extent[5];

        memcpy(extent, imp->graph->values[*value].shape.dims, sizeof(extent));
        for (int i = 0; i < 3; i++) {
                int64_t first = before[i] < 0 ? -before[i] : 0, behind = after[i] < 0 ? -after[i] : 0;

                if (first + behind >= extent[D + i])
                        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "the padding leaves nothing of the input");
                start[D + i] = (uint32_t)first;
                extent[D + i] -= (uint32_t)(first + behind);
        }
        return hedge_volume_crop(imp, *value, start, extent, value);
}

static int build_piece(hedge_import_t *imp, const transposed_t *t, piece_t *p, uint32_t value, uint32_t *ret)
{
        hedge_window3_t w = { .stride = { 1, 1, 1 } };
        uint32_t inputs[3] = { value };
        int64_t before[3], after[3];
        int r;

        for (int i = 0; i < 3; i++) {
                const hedge_phases_t *a = &t->axis[i];

                p->taps[i] = hedge_phases_taps(a, p->first[i], p->n[i]);
                w.kernel[i] = p->taps[i].count;
                w.dilation[i] = p->taps[i].spacing;
                before[i] = p->taps[i].last;
                after[i] = (int64_t)hedge_phases_outputs(a) - a->in - p->taps[i].last +
                           (int64_t)(p->taps[i].count - 1) * p->taps[i].spacing;
                w.before[i] = (uint32_t)(before[i] > 0 ? before[i] : 0);
                w.after[i] = (uint32_t)(after[i] > 0 ? after[i] : 0);
        }
        r = crop_input(imp, before, after, &inputs[0]);
        if (r == 0)
                r = build_filters(imp, t, p, &inputs[1]);
        if (r == 0 && t->bias)
                r = build_bias(imp, t, p, &inputs[2]);
        if (r < 0)
                return r;
        return hedge_volume_conv(imp, &w, t->out_c * phases_in(p), t->groups, inputs, t->bias ? 3 : 2, ret);
}

/* All phases by one convolution. */
static int build_together(hedge_import_t *imp, transposed_t *t, uint32_t value, uint32_t *ret)
{
        piece_t p = { .first = { 0 } };
        uint64_t phases = 1;
        int r;

        for (int i = 0; i < 3; i++) {
                hedge_phases_choose(&t->axis[i]);
                p.n[i] = t->axis[i].stride;
                phases *= p.n[i];
                if (phases * t->out_c > MAX_EXTENT)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "strides that are too large");
        }
        r = build_piece(imp, t, &p, value, &value);
        return r < 0 ? r : hedge_volume_interleave(imp, value, t->groups, p.n, ret);
}

/* A signal as a column, not a row: rows are what is cut into strips. */
static int lay_upright(hedge_import_t *imp, transposed_t *t, uint32_t *value)
{
        hedge_phases_t row = t->axis[2];

        t->axis[2] = t->axis[1];
        t->axis[1] = row;
        return hedge_volume_reshape(imp, *value, (hedge_shape_t){ 5, { t->images, 1, row.in, 1, t->in_c } }, value);
}

static int lay_down(hedge_import_t *imp, uint32_t *value)
{
        hedge_shape_t s = imp->graph->values[*value].shape;

        return hedge_volume_reshape(imp, *value, (hedge_shape_t){ 5, { s.dims[N], 1, 1, s.dims[H], s.dims[C] } },
                                    value);
}

static int build(hedge_import_t *imp, transposed_t *t, uint32_t value, uint32_t rank)
{
        uint32_t start[5] = { 0 }, extent[5] = { t->images, 1, 1, 1, t->out_c };
        int r = rank == 3 ? lay_upright(imp, t, &value) : 0;

        if (r == 0)
                r = build_together(imp, t, value, &value);

        for (int i = 0; i < 3; i++) {
                start[D + i] = t->axis[i].shift;
                extent[D + i] = t->axis[i].out;
        }
        if (r == 0)
                r = hedge_volume_crop(imp, value, start, extent, &value);
        if (r == 0 && rank == 3)
                r = lay_down(imp, &value);
        return r < 0 ? r : hedge_volume_close(imp, value, rank);
}

int hedge_import_conv_transpose(hedge_import_t *imp)
{
        transposed_t t = { .bias = NULL };
        hedge_literal_t *filter, *bias = NULL;
        hedge_view_t x;
        uint32_t value;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_import_literal(imp, 1, "the filter", &filter);
        if (r == 0 && hedge_import_has(imp, 2))
                r = hedge_import_literal(imp, 2, "the bias", &bias);
        if (r == 0)
                r = hedge_volume_open(imp, &x, &value);
        if (r < 0)
                return r;
        t.filter = filter;
        t.bias = bias;
        r = read_geometry(imp, value, x.shape.rank, &t);
        if (r == 0 && bias && (bias->shape.rank != 1 || bias->shape.dims[0] != t.out_c))
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "the bias has not one number per output channel");
        return r < 0 ? r : build(imp, &t, value, x.shape.rank);
}
