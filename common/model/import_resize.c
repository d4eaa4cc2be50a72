/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/image.h"
#include "common/model/operators.h"
#include "common/model/volume.h"

#define MAX_EXTENT (1u << 20)

/* Factors, output extents and the region of interest, one per logical axis; those that `axes` does not name stay. */
typedef struct sizes {
        float scale[5], roi_start[5], roi_end[5];
        uint32_t out[5];
        uint32_t n_axes, axes[5];
} sizes_t;

/* From opset 18 on the numbers may be those of some axes only. */
static int open_sizes(hedge_import_t *imp, const hedge_shape_t *in, sizes_t *s)
{
        hedge_ints_t axes = { 0, NULL };
        uint32_t mask;
        int r;

        if (imp->opset >= 18)
                axes = hedge_attr_ints(imp, "axes");
        r = hedge_import_axes(imp, &axes, in->rank, &mask);
        *s = (sizes_t){ .n_axes = axes.v ? (uint32_t)axes.n : in->rank };
        for (uint32_t i = 0; i < in->rank; i++) {
                s->scale[i] = s->roi_end[i] = 1;
                s->out[i] = in->dims[i];
        }
        for (uint32_t i = 0; r == 0 && i < s->n_axes; i++)
                r = hedge_import_axis(imp, axes.v ? axes.v[i] : i, in->rank, &s->axes[i]);
        return r;
}

static int set_scale(hedge_import_t *imp, const hedge_shape_t *in, sizes_t *s, uint32_t axis, float scale)
{
        double out = floor((double)scale * in->dims[axis]);

        if (!(scale > 0) || !(out >= 1) || out > MAX_EXTENT)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a scale of %g", (double)scale);
        s->scale[axis] = scale;
        s->out[axis] = (uint32_t)out;
        return 0;
}

static int read_scales(hedge_import_t *imp, const hedge_literal_t *literal, const hedge_shape_t *in, sizes_t *s)
{
        int r = 0;

        if (hedge_shape_elements(&literal->shape) != s->n_axes || literal->is_int)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "there is not one scale for each of %u axes",
                                         s->n_axes);
        for (uint32_t i = 0; r == 0 && i < s->n_axes; i++)
                r = set_scale(imp, in, s, s->axes[i], literal->floats[i]);
        return r;
}

/* The sizes are bounds that one scale for all axes is to keep within, or to reach. */
static int keep_aspect(hedge_import_t *imp, const hedge_shape_t *in, bool larger, sizes_t *s)
{
        float scale = larger ? 0 : INFINITY;

        for (uint32_t i = 0; i < s->n_axes; i++) {
                float each = (float)s->out[s->axes[i]] / (float)in->dims[s->axes[i]];

                scale = larger ? fmaxf(scale, each) : fminf(scale, each);
        }
        for (uint32_t i = 0; i < s->n_axes; i++) {
                double out = floor((double)scale * in->dims[s->axes[i]] + 0.5);

                if (!(out >= 1) || out > MAX_EXTENT)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "an extent of %g", out);
                s->scale[s->axes[i]] = scale;
                s->out[s->axes[i]] = (uint32_t)out;
        }
        return 0;
}

static int read_sizes(hedge_import_t *imp, const hedge_shape_t *in, sizes_t *s)
{
        static const char *const policies[] = { "stretch", "not_larger", "not_smaller", NULL };
        int policy = imp->opset < 18 ? 0 : hedge_attr_choice(imp, "keep_aspect_ratio_policy", policies, 0);
        hedge_literal_t *l;
        int r = hedge_import_literal(imp, 3, "sizes", &l);

        if (r < 0)
                return r;
        if (!l->is_int || hedge_shape_elements(&l->shape) != s->n_axes)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "there is not one size for each of %u axes", s->n_axes);
        for (uint32_t i = 0; i < s->n_axes; i++) {
                uint32_t axis = s->axes[i];

                if (l->ints[i] < 1 || l->ints[i] > MAX_EXTENT)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "a size of %lld", (long long)l->ints[i]);
                s->out[axis] = (uint32_t)l->ints[i];
                s->scale[axis] = (float)s->out[axis] / (float)in->dims[axis];
        }
        return policy == 0 ? 0 : keep_aspect(imp, in, policy == 2, s);
}

static int read_roi(hedge_import_t *imp, sizes_t *s)
{
        hedge_literal_t *roi;
        int r = hedge_import_literal(imp, 1, "roi", &roi);

        if (r < 0)
                return r;
        if (roi->is_int || hedge_shape_elements(&roi->shape) != s->n_axes * 2)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "roi has not two numbers per axis");
        for (uint32_t i = 0; i < s->n_axes; i++) {
                s->roi_start[s->axes[i]] = roi->floats[i];
                s->roi_end[s->axes[i]] = roi->floats[s->n_axes + i];
        }
        return 0;
}

/* What an operator resizes: height by logical axis h, width by w; 0: there is none, its extent is 1. */
static hedge_resize_t along(hedge_resize_t z, const sizes_t *s, uint32_t h, uint32_t w)
{
        z.out_h = h ? s->out[h] : 1;
        z.scale_h = h ? s->scale[h] : 1;
        z.roi_top = h ? s->roi_start[h] : 0;
        z.roi_bottom = h ? s->roi_end[h] : 1;
        z.out_w = w ? s->out[w] : 1;
        z.scale_w = w ? s->scale[w] : 1;
        z.roi_left = w ? s->roi_start[w] : 0;
        z.roi_right = w ? s->roi_end[w] : 1;
        z.antialias = z.antialias && (z.scale_h < 1 || z.scale_w < 1); /* it changes nothing else */
        return z;
}

/* A volume's planes, then its depth, with all of a plane as channels. */
static int apply_to_volume(hedge_import_t *imp, hedge_view_t *x, const hedge_resize_t *z, const sizes_t *s)
{
        hedge_op_t planes = { .kind = HEDGE_OP_RESIZE, .resize = along(*z, s, 3, 4) };
        hedge_op_t depth = { .kind = HEDGE_OP_RESIZE, .resize = along(*z, s, 2, 0) };
        const uint32_t *in = x->shape.dims, n = in[0], c = in[1], d = in[2], *out = s->out;
        uint64_t plane = (uint64_t)out[3] * out[4] * c;
        uint32_t value;
        int r = hedge_volume_open(imp, x, &value);

        if (r == 0 && plane > UINT32_MAX)
                r = hedge_import_fail(imp, HEDGE_ELIMIT, "planes that are too large");
        if (r == 0)
                r = hedge_volume_reshape(imp, value, (hedge_shape_t){ 4, { n * d, in[3], in[4], c } }, &value);
        if (r == 0)
                r = hedge_volume_step(imp, &planes, &value, 1, "planes", &value);
        if (r == 0)
                r = hedge_volume_reshape(imp, value, (hedge_shape_t){ 4, { n, d, 1, (uint32_t)plane } }, &value);
        if (r == 0)
                r = hedge_volume_step(imp, &depth, &value, 1, "depth", &value);
        if (r == 0)
                r = hedge_volume_reshape(imp, value, (hedge_shape_t){ 5, { n, out[2], out[3], out[4], c } }, &value);
        return r < 0 ? r : hedge_volume_close(imp, value, 5);
}

/* The last axes (one to three) are resized; the others must stay. */
static int apply(hedge_import_t *imp, hedge_view_t *x, hedge_op_t *op, const sizes_t *s)
{
        uint32_t last = x->shape.rank - 1, value;
        int r;

        if (s->out[0] != x->shape.dims[0] || s->out[1] != x->shape.dims[1])
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of other axes than depth, height and width");
        if (x->shape.rank == 5)
                return apply_to_volume(imp, x, &op->resize, s);
        op->resize = along(op->resize, s, x->shape.rank == 4 ? 2 : 0, last);
        r = hedge_image_open(imp, x, &value);
        return r < 0 ? r : hedge_image_build(imp, op, &value, 1, x);
}

static bool smaller(const sizes_t *s, uint32_t rank)
{
        for (uint32_t i = 0; i < rank; i++)
                if (s->scale[i] < 1)
                        return true;
        return false;
}

static int open_input(hedge_import_t *imp, hedge_view_t *x)
{
        int r = hedge_import_view(imp, 0, x);

        if (r == 0 && (x->shape.rank < 3 || x->shape.rank > 5))
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of a tensor with %u axes", x->shape.rank);
        return r;
}

/* Opset 10, and Upsample: pixel i of the output lies at i / scale; the nearest is the one below (above, when the
 * image shrinks). */
static int resize_by(hedge_import_t *imp, const sizes_t *s, hedge_view_t *x)
{
        static const char *const modes[] = { "nearest", "linear", NULL }, *const old[] = { "nearest", "bilinear",
                                                                                           NULL };
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE };

        op.resize.mode = (hedge_resize_mode_t)hedge_attr_choice(imp, "mode", imp->opset < 7 ? old : modes, 0);
        op.resize.coord = HEDGE_COORD_ASYMMETRIC;
        op.resize.nearest = smaller(s, x->shape.rank) ? HEDGE_NEAREST_CEIL : HEDGE_NEAREST_FLOOR;
        op.resize.cubic_a = -0.75f;
        return apply(imp, x, &op, s);
}

static int resize_simple(hedge_import_t *imp, const hedge_literal_t *scales, hedge_view_t *x)
{
        sizes_t s;
        int r = open_sizes(imp, &x->shape, &s);

        if (r == 0)
                r = read_scales(imp, scales, &x->shape, &s);
        return r < 0 ? r : resize_by(imp, &s, x);
}

/* Opset 1 names the two factors. */
static int upsample_image(hedge_import_t *imp, hedge_view_t *x)
{
        sizes_t s;
        int r;

        if (x->shape.rank != 4)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "of a tensor with %u axes", x->shape.rank);
        r = open_sizes(imp, &x->shape, &s);
        if (r == 0)
                r = set_scale(imp, &x->shape, &s, 2, hedge_attr_float(imp, "height_scale", 0));
        if (r == 0)
                r = set_scale(imp, &x->shape, &s, 3, hedge_attr_float(imp, "width_scale", 0));
        return r < 0 ? r : resize_by(imp, &s, x);
}

int hedge_import_upsample(hedge_import_t *imp)
{
        const Onnx__AttributeProto *a = hedge_attr_find(imp, "scales");
        hedge_shape_t shape = { .rank = 1 };
        hedge_literal_t *scales = NULL;
        hedge_view_t x;
        int r = open_input(imp, &x);

        if (r < 0)
                return r;
        if (imp->opset < 7)
                return upsample_image(imp, &x);
        if (imp->opset == 9) {
                r = hedge_import_literal(imp, 1, "scales", &scales);
                return r < 0 ? r : resize_simple(imp, scales, &x);
        }
        if (!a || a->n_floats > HEDGE_MAX_RANK)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "scales are missing or too many");
        shape.dims[0] = (uint32_t)a->n_floats;
        r = hedge_import_new_literal(imp, &shape, false, &scales);
        if (r < 0)
                return r;
        if (a->n_floats > 0)
                memcpy(scales->floats, a->floats, a->n_floats * sizeof(float));
        r = resize_simple(imp, scales, &x);
        hedge_literal_destroy(&scales);
        return r;
}

static void read_modes(hedge_import_t *imp, hedge_resize_t *z)
{
        static const char *const modes[] = { "nearest", "linear", "cubic", NULL };
        static const char *const coords[] = { "half_pixel",           "pytorch_half_pixel",
                                              "align_corners",        "asymmetric",
                                              "tf_half_pixel_for_nn", "tf_crop_and_resize",
                                              "half_pixel_symmetric", NULL };
        static const char *const nearests[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL };

        z->mode = (hedge_resize_mode_t)hedge_attr_choice(imp, "mode", modes, 0);
        z->coord = (hedge_resize_coord_t)hedge_attr_choice(imp, "coordinate_transformation_mode", coords, 0);
        z->nearest = (hedge_resize_nearest_t)hedge_attr_choice(imp, "nearest_mode", nearests, 0);
        z->cubic_a = hedge_attr_float(imp, "cubic_coeff_a", -0.75f);
        z->exclude_outside = hedge_attr_int(imp, "exclude_outside", 0) != 0;
        z->outside = hedge_attr_float(imp, "extrapolation_value", 0);
        z->antialias = z->mode != HEDGE_RESIZE_NEAREST && hedge_attr_int(imp, "antialias", 0) != 0;
}

/* Is there a literal with elements at input i? An empty one counts as left out. */
static bool given(const hedge_import_t *imp, uint32_t i)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, i);

        return sym && (!sym->literal || hedge_shape_elements(&sym->literal->shape) > 0);
}

int hedge_import_resize(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE };
        hedge_literal_t *scales = NULL;
        hedge_view_t x;
        sizes_t s;
        int r = open_input(imp, &x);

        if (r < 0)
                return r;
        if (imp->opset < 11) {
                r = hedge_import_literal(imp, 1, "scales", &scales);
                return r < 0 ? r : resize_simple(imp, scales, &x);
        }
        read_modes(imp, &op.resize);
        r = open_sizes(imp, &x.shape, &s);
        if (r == 0 && op.resize.coord == HEDGE_COORD_TF_CROP_AND_RESIZE)
                r = read_roi(imp, &s);
        if (r == 0 && given(imp, 3)) {
                r = read_sizes(imp, &x.shape, &s);
        } else if (r == 0) {
                r = hedge_import_literal(imp, 2, "scales", &scales);
                if (r == 0)
                        r = read_scales(imp, scales, &x.shape, &s);
        }
        return r < 0 ? r : apply(imp, &x, &op, &s);
}
