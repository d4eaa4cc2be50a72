/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/dequantize.h"

#include <errno.h>
#include <math.h>

static bool is_one(const hedge_scaling_t *s)
{
        return (!s->scale || hedge_shape_elements(&s->scale->shape) == 1) &&
               (!s->zero || hedge_shape_elements(&s->zero->shape) == 1);
}

/* The scale, or, of what is only centred, the zero point. */
static const hedge_shape_t *shape_of(const hedge_scaling_t *s)
{
        return s->scale ? &s->scale->shape : &s->zero->shape;
}

/* Blocks: the shape of x, but for the axis, which has a scale for each block, the last of which may be short. */
static bool blocks_fit(const hedge_scaling_t *s, const hedge_shape_t *x)
{
        const hedge_shape_t *scale = shape_of(s);

        if (scale->rank != x->rank || s->axis >= x->rank)
                return false;
        for (uint32_t i = 0; i < x->rank; i++)
                if (scale->dims[i] != (i == s->axis ? (x->dims[i] + s->block - 1) / s->block : x->dims[i]))
                        return false;
        return true;
}

int hedge_scaling_check(hedge_import_t *imp, const hedge_scaling_t *s, const hedge_shape_t *x)
{
        if (is_one(s))
                return 0;
        if (s->scale && s->zero && hedge_shape_elements(&s->zero->shape) != 1 &&
            !hedge_shape_equal(&s->scale->shape, &s->zero->shape))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "scale and zero point have different shapes");
        if (s->block > 0 ? blocks_fit(s, x)
                         : shape_of(s)->rank == 1 && s->axis < x->rank && shape_of(s)->dims[0] == x->dims[s->axis])
                return 0;
        return hedge_import_fail(imp, HEDGE_EMALFORMED, "the scale does not fit what it scales");
}

hedge_scale_index_t hedge_scale_index(const hedge_scaling_t *s, const hedge_shape_t *x)
{
        hedge_scale_index_t index = { 1, 1, s->block ? s->block : 1, 1, is_one(s), s->block > 0 };

        if (index.one)
                return index;
        index.extent = x->dims[s->axis];
        index.count = (index.extent + index.block - 1) / index.block;
        for (uint32_t i = s->axis + 1; i < x->rank; i++)
                index.inner *= x->dims[i];
        return index;
}

size_t hedge_scale_of(const hedge_scale_index_t *index, size_t i)
{
        uint64_t place = i / index->inner % index->extent, outer = i / index->inner / index->extent;

        if (index->one)
                return 0;
        if (!index->blocked)
                return (size_t)place;
        return (size_t)((outer * index->count + place / index->block) * index->inner + i % index->inner);
}

static float scale_at(const hedge_scaling_t *s, size_t i)
{
        return s->scale ? hedge_literal_float(s->scale, i) : 1;
}

static float zero_at(const hedge_scaling_t *s, size_t i)
{
        if (!s->zero)
                return 0;
        return hedge_literal_float(s->zero, hedge_shape_elements(&s->zero->shape) == 1 ? 0 : i);
}

/* The same in bytes, where a row has one scale. */
static int keep_narrow(hedge_import_t *imp, const hedge_literal_t *x, const hedge_scaling_t *s, hedge_literal_t *y)
{
        size_t n = hedge_shape_elements(&x->shape);
        uint32_t rows = is_one(s) ? 1 : x->shape.dims[s->axis];
        int r;

        if (!x->is_int || (x->element != HEDGE_ELEMENT_INT8 && x->element != HEDGE_ELEMENT_UINT8) || s->block > 0 ||
            n == 0)
                return 0;
        r = hedge_narrow_new(n, rows, x->element == HEDGE_ELEMENT_INT8, &y->narrow);
        if (r < 0)
                return hedge_why(imp->why, r, "out of memory");
        y->narrow->axis = is_one(s) ? 0 : s->axis;
        for (uint32_t row = 0; row < rows; row++) {
                y->narrow->scale[row] = scale_at(s, row);
                y->narrow->zero[row] = zero_at(s, row);
        }
        for (size_t i = 0; i < n; i++)
                y->narrow->bytes[i] = (uint8_t)x->ints[i];
        return 0;
}

int hedge_dequantize(hedge_import_t *imp, const hedge_literal_t *x, const hedge_scaling_t *s, hedge_literal_t **ret)
{
        hedge_literal_t *y = NULL;
        hedge_scale_index_t index;
        int r = hedge_scaling_check(imp, s, &x->shape);

        if (r == 0)
                r = hedge_import_new_literal(imp, &x->shape, false, &y);
        if (r < 0)
                return r;
        index = hedge_scale_index(s, &x->shape);
        for (size_t i = 0, n = hedge_shape_elements(&x->shape); i < n; i++) {
                size_t j = hedge_scale_of(&index, i);

                y->floats[i] = (hedge_literal_float(x, i) - zero_at(s, j)) * scale_at(s, j);
        }
        r = keep_narrow(imp, x, s, y);
        if (r < 0)
                hedge_literal_destroy(&y);
        else
                *ret = y;
        return r;
}

int hedge_quantize(hedge_import_t *imp, const hedge_literal_t *x, const hedge_scaling_t *s, hedge_element_t element,
                   hedge_literal_t **ret)
{
        hedge_literal_t *y = NULL;
        hedge_scale_index_t index;
        float lo, hi;
        int r = hedge_scaling_check(imp, s, &x->shape);

        if (r == 0)
                r = hedge_import_new_literal(imp, &x->shape, true, &y);
        if (r < 0)
                return r;
        y->element = element;
        hedge_element_range(element, &lo, &hi);
        index = hedge_scale_index(s, &x->shape);
        for (size_t i = 0, n = hedge_shape_elements(&x->shape); i < n; i++) {
                size_t j = hedge_scale_of(&index, i);
                float zero = zero_at(s, j), q = hedge_literal_float(x, i) / scale_at(s, j);

                q = isnan(q) ? 0 : rintf(fminf(fmaxf(q, lo - zero), hi - zero));
                y->ints[i] = (int64_t)(q + zero);
        }
        *ret = y;
        return 0;
}
