/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/model/build.h"
#include "common/model/operators.h"

/* Operators that change only the shape, or nothing; each works on constants and on computed values. */

/* Output 0 is input 0 under another shape. */
static int reshape_to(hedge_import_t *imp, const hedge_shape_t *shape)
{
        hedge_sym_t *sym = hedge_import_sym(imp, 0);
        hedge_literal_t *literal;
        hedge_view_t view;
        int r;

        if (hedge_shape_check(shape, imp->limits->max_tensor_elements) < 0)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a shape that is too large");
        if (hedge_shape_elements(shape) != hedge_shape_elements(hedge_import_shape_of(imp, 0)))
                return hedge_import_fail(imp, HEDGE_ESHAPE, "%zu elements cannot take a shape of %zu",
                                         hedge_shape_elements(hedge_import_shape_of(imp, 0)),
                                         hedge_shape_elements(shape));
        if (sym->literal) {
                r = hedge_import_take(imp, 0, &literal);
                if (r < 0)
                        return r;
                literal->shape = *shape;
                return hedge_import_set_literal(imp, 0, literal);
        }
        view = sym->view;
        r = hedge_build_reshape(imp, &view, shape);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &view);
}

/* Multiply extents from..to - 1 of a shape; 0 where they are too many. */
static int product(hedge_import_t *imp, const hedge_shape_t *s, uint32_t from, uint32_t to, uint32_t *ret)
{
        uint64_t n = 1;

        for (uint32_t i = from; i < to; i++)
                if (__builtin_mul_overflow(n, (uint64_t)s->dims[i], &n) || n > INT32_MAX)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "a shape that is too large");
        *ret = (uint32_t)n;
        return 0;
}

int hedge_import_flatten(hedge_import_t *imp)
{
        const hedge_shape_t *in = hedge_import_shape_of(imp, 0);
        int64_t axis = hedge_attr_int(imp, "axis", 1);
        hedge_shape_t out = { .rank = 2 };
        int r;

        axis += axis < 0 ? in->rank : 0;
        if (axis < 0 || axis > in->rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "axis %lld of a tensor with %u axes", (long long)axis,
                                         in->rank);
        r = product(imp, in, 0, (uint32_t)axis, &out.dims[0]);
        if (r == 0)
                r = product(imp, in, (uint32_t)axis, in->rank, &out.dims[1]);
        return r < 0 ? r : reshape_to(imp, &out);
}

/* 0 copies the input's extent (without allowzero), -1 is worked out from the others. */
static int reshape_target(hedge_import_t *imp, const hedge_ints_t *spec, hedge_shape_t *out)
{
        const hedge_shape_t *in = hedge_import_shape_of(imp, 0);
        bool allow_zero = hedge_attr_int(imp, "allowzero", 0) != 0;
        uint64_t known = 1, all = hedge_shape_elements(in);
        int unknown = -1;

        *out = (hedge_shape_t){ .rank = (uint32_t)spec->n };
        for (uint32_t i = 0; i < out->rank; i++) {
                int64_t v = spec->v[i];

                if (v == -1 && unknown < 0) {
                        unknown = (int)i;
                        continue;
                }
                if (v == 0 && !allow_zero && i < in->rank)
                        v = in->dims[i];
                if (v < 0 || v > INT32_MAX || __builtin_mul_overflow(known, (uint64_t)v, &known))
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "a shape with an extent of %lld", (long long)v);
                out->dims[i] = (uint32_t)v;
        }
        if (unknown >= 0) {
                if (known == 0 || all % known || all / known > INT32_MAX)
                        return hedge_import_fail(imp, HEDGE_ESHAPE, "%llu elements do not divide into the shape",
                                                 (unsigned long long)all);
                out->dims[unknown] = (uint32_t)(all / known);
        }
        return 0;
}

/* Before opset 5 the shape is an attribute. */
static int reshape_spec(hedge_import_t *imp, hedge_ints_t *ret)
{
        hedge_literal_t *spec;
        int r;

        if (imp->opset < 5) {
                *ret = hedge_attr_ints(imp, "shape");
                return !ret->v || ret->n > HEDGE_MAX_RANK
                               ? hedge_import_fail(imp, HEDGE_EMALFORMED, "the shape is missing or too long")
                               : 0;
        }
        r = hedge_import_extents(imp, 1, &spec);
        if (r == 0)
                *ret = (hedge_ints_t){ spec->shape.dims[0], spec->ints };
        return r;
}

int hedge_import_reshape(hedge_import_t *imp)
{
        hedge_ints_t spec = { 0, NULL };
        hedge_shape_t out;
        int r = reshape_spec(imp, &spec);

        if (r < 0)
                return r;
        r = reshape_target(imp, &spec, &out);
        return r < 0 ? r : reshape_to(imp, &out);
}

int hedge_import_squeeze(hedge_import_t *imp)
{
        const hedge_shape_t *in = hedge_import_shape_of(imp, 0);
        hedge_shape_t out = { .rank = 0 };
        uint32_t mask = 0;
        hedge_ints_t axes;
        int r = hedge_import_ints(imp, 1, "axes", &axes);

        if (r == 0)
                r = hedge_import_axes(imp, &axes, in->rank, &mask);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < in->rank; i++) {
                bool named = axes.v ? (mask & 1u << i) != 0 : in->dims[i] == 1;

                if (named && in->dims[i] != 1)
                        return hedge_import_fail(imp, HEDGE_ESHAPE, "axis %u has an extent of %u", i, in->dims[i]);
                if (!named)
                        out.dims[out.rank++] = in->dims[i];
        }
        return reshape_to(imp, &out);
}

int hedge_import_unsqueeze(hedge_import_t *imp)
{
        const hedge_shape_t *in = hedge_import_shape_of(imp, 0);
        hedge_shape_t out = { .rank = 0 };
        uint32_t mask = 0, next = 0;
        hedge_ints_t axes;
        int r = hedge_import_ints(imp, 1, "axes", &axes);

        if (r < 0)
                return r;
        if (!axes.v || in->rank + axes.n > HEDGE_MAX_RANK)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "axes are missing or too many");
        out.rank = in->rank + (uint32_t)axes.n;
        r = hedge_import_axes(imp, &axes, out.rank, &mask);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < out.rank; i++)
                out.dims[i] = mask & 1u << i ? 1 : in->dims[next++];
        return reshape_to(imp, &out);
}

int hedge_import_identity(hedge_import_t *imp)
{
        hedge_shape_t shape = *hedge_import_shape_of(imp, 0);

        return reshape_to(imp, &shape);
}

/* Outside training nothing is dropped: the mask is all ones. */
static int set_mask(hedge_import_t *imp)
{
        hedge_literal_t *mask;
        int r;

        if (!hedge_import_wanted(imp, 1))
                return 0;
        r = hedge_import_new_literal(imp, hedge_import_shape_of(imp, 0), true, &mask);
        if (r < 0)
                return r;
        mask->element = HEDGE_ELEMENT_BOOL;
        for (size_t i = 0, n = hedge_shape_elements(&mask->shape); i < n; i++)
                mask->ints[i] = 1;
        return hedge_import_set_literal(imp, 1, mask);
}

int hedge_import_dropout(hedge_import_t *imp)
{
        hedge_literal_t *training = NULL;
        float ratio = 0.5f;
        int r = 0;

        if (imp->opset < 7 && hedge_attr_int(imp, "is_test", 0) == 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "training mode (is_test is 0) is not supported");
        if (hedge_import_has(imp, 2))
                r = hedge_import_literal(imp, 2, "training_mode", &training);
        if (r == 0 && hedge_import_has(imp, 1) && training)
                r = hedge_import_scalar(imp, 1, "the ratio", &ratio);
        if (r < 0)
                return r;
        if (training && ratio != 0 &&
            (hedge_shape_elements(&training->shape) != 1 || hedge_literal_float(training, 0) != 0))
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "training mode is not supported");
        r = set_mask(imp);
        if (r < 0)
                return r;
        return hedge_import_identity(imp);
}

/* A list of n integers as output 0. */
static int set_ints(hedge_import_t *imp, const int64_t *v, uint32_t n, uint32_t rank)
{
        hedge_shape_t shape = { .rank = rank, .dims = { rank ? n : 0 } };
        hedge_literal_t *literal;
        int r = hedge_import_new_literal(imp, &shape, true, &literal);

        if (r < 0)
                return r;
        memcpy(literal->ints, v, n * sizeof(*v));
        return hedge_import_set_literal(imp, 0, literal);
}

static uint32_t clip_index(int64_t i, uint32_t rank)
{
        i += i < 0 ? rank : 0;
        return (uint32_t)(i < 0 ? 0 : i > rank ? rank : i);
}

int hedge_import_shape(hedge_import_t *imp)
{
        const hedge_shape_t *in = hedge_import_shape_of(imp, 0);
        uint32_t start = clip_index(hedge_attr_int(imp, "start", 0), in->rank);
        uint32_t end = clip_index(hedge_attr_int(imp, "end", in->rank), in->rank);
        int64_t dims[HEDGE_MAX_RANK];

        for (uint32_t i = 0; i < in->rank; i++)
                dims[i] = in->dims[i];
        return set_ints(imp, dims + start, end > start ? end - start : 0, 1);
}

int hedge_import_size(hedge_import_t *imp)
{
        int64_t n = (int64_t)hedge_shape_elements(hedge_import_shape_of(imp, 0));

        return set_ints(imp, &n, 1, 0);
}

/* One constant element in another type. What does not fit an integer becomes its nearest. */
static int64_t to_int(float f)
{
        if (!(f > -0x1p63f))
                return f == f ? INT64_MIN : 0;
        return f >= 0x1p63f ? INT64_MAX : (int64_t)f;
}

static int cast_literal(hedge_import_t *imp, const hedge_literal_t *in, hedge_element_t to)
{
        bool to_ints = hedge_element_is_integer((int)to);
        hedge_literal_t *out;
        int r = hedge_import_new_literal(imp, &in->shape, to_ints, &out);

        if (r < 0)
                return r;
        out->element = to;
        for (size_t i = 0, n = hedge_shape_elements(&in->shape); i < n; i++) {
                if (!to_ints)
                        out->floats[i] = hedge_literal_float(in, i);
                else if (to == HEDGE_ELEMENT_BOOL && !in->is_int)
                        out->ints[i] = in->floats[i] != 0;
                else
                        out->ints[i] = hedge_element_wrap(to, in->is_int ? in->ints[i] : to_int(in->floats[i]));
        }
        return hedge_import_set_literal(imp, 0, out);
}

/* Of a computed value: wider types lose nothing, narrower ones wrap where float32 has all that can come, and refuse else. */
static int cast_view(hedge_import_t *imp, hedge_element_t to)
{
        const hedge_op_t truth = { .kind = HEDGE_OP_TO_BOOL };
        hedge_op_t op = { .kind = HEDGE_OP_TO_INTEGER, .to_integer = { .overflow = HEDGE_OVERFLOW_WRAP } };
        hedge_view_t x;
        float lo = 0, hi = 0;
        int r = hedge_import_view(imp, 0, &x);

        hedge_element_range(x.element, &lo, &hi);
        hedge_element_range(to, &op.to_integer.lo, &op.to_integer.hi);
        if (op.to_integer.hi == HEDGE_EXACT)
                op.to_integer.overflow = HEDGE_OVERFLOW_REFUSE;
        if (r == 0 && to == HEDGE_ELEMENT_BOOL)
                r = hedge_build_unary(imp, &truth, &x);
        else if (r == 0 && hedge_element_is_integer((int)to) &&
                 (hedge_element_is_float((int)x.element) || lo < op.to_integer.lo || hi > op.to_integer.hi))
                r = hedge_build_unary(imp, &op, &x);
        x.element = to;
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* Cast: to the type of its attribute (before opset 6 its name); CastLike: to that of its second input. */
static int64_t cast_target(hedge_import_t *imp)
{
        static const char *const names[] = { "UNDEFINED", "FLOAT",  "UINT8",  "INT8",   "UINT16",
                                             "INT16",     "INT32",  "INT64",  "STRING", "BOOL",
                                             "FLOAT16",   "DOUBLE", "UINT32", "UINT64", NULL };

        if (hedge_import_has(imp, 1))
                return (int64_t)hedge_import_element(imp, 1);
        return imp->opset < 6 ? hedge_attr_choice(imp, "to", names, 0) : hedge_attr_int(imp, "to", 0);
}

int hedge_import_cast(hedge_import_t *imp)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, 0);
        int64_t to = cast_target(imp);
        int element = to < 0 || to > INT32_MAX ? -1 : (int)to;

        if (hedge_element_bytes(element) == 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "to %s", hedge_element_name(element));
        if (sym->literal)
                return cast_literal(imp, sym->literal, (hedge_element_t)element);
        return cast_view(imp, (hedge_element_t)element);
}
