/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/image.h"
#include "common/model/operators.h"

#define MAX_EXTENT (1u << 20)

/* Factors, output extents and the region of interest, one per logical axis. */
typedef struct sizes {
        float scale[4], roi_start[4], roi_end[4];
        uint32_t out[4];
} sizes_t;

static int read_scales(hedge_import_t *imp, const hedge_literal_t *literal, const hedge_shape_t *in, sizes_t *s)
{
        if (hedge_shape_elements(&literal->shape) != in->rank || literal->is_int)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "there is not one scale for each of %u axes", in->rank);
        for (uint32_t i = 0; i < in->rank; i++) {
                double out = floor((double)literal->floats[i] * in->dims[i]);

                s->scale[i] = literal->floats[i];
                if (!(s->scale[i] > 0) || !(out >= 1) || out > MAX_EXTENT)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "a scale of %g", (double)s->scale[i]);
                s->out[i] = (uint32_t)out;
        }
        return 0;
}

static int read_sizes(hedge_import_t *imp, const hedge_shape_t *in, sizes_t *s)
{
        hedge_literal_t *l;
        int r = hedge_import_literal(imp, 3, "sizes", &l);

        if (r < 0)
                return r;
        if (!l->is_int || hedge_shape_elements(&l->shape) != in->rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "there is not one size for each of %u axes", in->rank);
        for (uint32_t i = 0; i < in->rank; i++) {
                if (l->ints[i] < 1 || l->ints[i] > MAX_EXTENT)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "a size of %lld", (long long)l->ints[i]);
                s->out[i] = (uint32_t)l->ints[i];
                s->scale[i] = (float)s->out[i] / (float)in->dims[i];
        }
        return 0;
}

static int read_roi(hedge_import_t *imp, uint32_t rank, sizes_t *s)
{
        hedge_literal_t *roi;
        int r = hedge_import_literal(imp, 1, "roi", &roi);

        if (r < 0)
                return r;
        if (roi->is_int || hedge_shape_elements(&roi->shape) != rank * 2)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "roi has not two numbers per axis");
        memcpy(s->roi_start, roi->floats, rank * sizeof(float));
        memcpy(s->roi_end, roi->floats + rank, rank * sizeof(float));
        return 0;
}

/* The last two axes (or one) are resized; the others must stay. */
static int apply(hedge_import_t *imp, hedge_view_t *x, hedge_op_t *op, const sizes_t *s)
{
        uint32_t last = x->shape.rank - 1, value;
        bool image = x->shape.rank == 4;
        hedge_resize_t *z = &op->resize;
        int r;

        if (s->out[0] != x->shape.dims[0] || s->out[1] != x->shape.dims[1])
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of other axes than height and width");
        z->out_h = image ? s->out[2] : 1;
        z->scale_h = image ? s->scale[2] : 1;
        z->roi_top = image ? s->roi_start[2] : 0;
        z->roi_bottom = image ? s->roi_end[2] : 1;
        z->out_w = s->out[last];
        z->scale_w = s->scale[last];
        z->roi_left = s->roi_start[last];
        z->roi_right = s->roi_end[last];
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

        if (r == 0 && x->shape.rank != 3 && x->shape.rank != 4)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of a tensor with %u axes", x->shape.rank);
        return r;
}

/* Opset 10, and Upsample: pixel i of the output lies at i / scale; the nearest is the one below (above, when the
 * image shrinks). */
static int resize_simple(hedge_import_t *imp, const hedge_literal_t *scales, hedge_view_t *x)
{
        static const char *const modes[] = { "nearest", "linear", NULL };
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE };
        sizes_t s = { { 0 }, { 0 }, { 0 }, { 0 } };
        int r = read_scales(imp, scales, &x->shape, &s);

        if (r < 0)
                return r;
        op.resize.mode = (hedge_resize_mode_t)hedge_attr_choice(imp, "mode", modes, 0);
        op.resize.coord = HEDGE_COORD_ASYMMETRIC;
        op.resize.nearest = smaller(&s, x->shape.rank) ? HEDGE_NEAREST_CEIL : HEDGE_NEAREST_FLOOR;
        op.resize.cubic_a = -0.75f;
        return apply(imp, x, &op, &s);
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
        if (imp->opset > 9)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "this opset has Resize instead");
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
        static const char *const coords[] = { "half_pixel", "pytorch_half_pixel",   "align_corners",
                                              "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize",
                                              NULL };
        static const char *const nearests[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL };

        z->mode = (hedge_resize_mode_t)hedge_attr_choice(imp, "mode", modes, 0);
        z->coord = (hedge_resize_coord_t)hedge_attr_choice(imp, "coordinate_transformation_mode", coords, 0);
        z->nearest = (hedge_resize_nearest_t)hedge_attr_choice(imp, "nearest_mode", nearests, 0);
        z->cubic_a = hedge_attr_float(imp, "cubic_coeff_a", -0.75f);
        z->exclude_outside = hedge_attr_int(imp, "exclude_outside", 0) != 0;
        z->outside = hedge_attr_float(imp, "extrapolation_value", 0);
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
        sizes_t s = { { 0 }, { 0 }, { 0 }, { 0 } };
        hedge_literal_t *scales = NULL;
        hedge_view_t x;
        int r = open_input(imp, &x);

        if (r < 0)
                return r;
        if (imp->opset < 11) {
                r = hedge_import_literal(imp, 1, "scales", &scales);
                return r < 0 ? r : resize_simple(imp, scales, &x);
        }
        read_modes(imp, &op.resize);
        if (op.resize.coord == HEDGE_COORD_TF_CROP_AND_RESIZE)
                r = read_roi(imp, x.shape.rank, &s);
        if (r == 0 && given(imp, 3)) {
                r = read_sizes(imp, &x.shape, &s);
        } else if (r == 0) {
                r = hedge_import_literal(imp, 2, "scales", &scales);
                if (r == 0)
                        r = read_scales(imp, scales, &x.shape, &s);
        }
        return r < 0 ? r : apply(imp, &x, &op, &s);
}
