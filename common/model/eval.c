/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "common/model/binary.h"
#include "common/model/eval.h"
#include "common/model/operators.h"

/* Operators whose every input is constant, computed at import. Integers wrap, as those of their type do. */

static int divide(int64_t a, int64_t b, int64_t *ret)
{
        if (b == 0)
                return -1;
        *ret = b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
        return 0;
}

static int combine_ints(char op, int64_t a, int64_t b, int64_t *ret)
{
        uint64_t x = (uint64_t)a, y = (uint64_t)b;

        switch (op) {
        case '+':
                *ret = (int64_t)(x + y);
                return 0;
        case '-':
                *ret = (int64_t)(x - y);
                return 0;
        case '*':
                *ret = (int64_t)(x * y);
                return 0;
        case '<':
                *ret = a < b ? a : b;
                return 0;
        case '>':
                *ret = a > b ? a : b;
                return 0;
        default:
                return divide(a, b, ret);
        }
}

static float combine_floats(char op, float a, float b)
{
        switch (op) {
        case '+':
                return a + b;
        case '-':
                return a - b;
        case '*':
                return a * b;
        case '<':
                return a < b || isnan(a) ? a : b;
        case '>':
                return a > b || isnan(a) ? a : b;
        default:
                return a / b;
        }
}

/* A literal seen under a larger shape: stride 0 where it repeats. */
int hedge_eval_broadcast(hedge_import_t *imp, const hedge_literal_t *in, const hedge_shape_t *shape,
                         hedge_literal_t **ret)
{
        int64_t plain[HEDGE_MAX_RANK], stride[HEDGE_MAX_RANK] = { 0 };
        uint32_t lead = shape->rank - in->shape.rank;
        int r;

        hedge_strides(&in->shape, plain);
        for (uint32_t i = lead; i < shape->rank; i++)
                stride[i] = in->shape.dims[i - lead] == 1 ? 0 : plain[i - lead];
        r = hedge_literal_strided(in, shape, 0, stride, ret);
        return r < 0 ? hedge_import_fail(imp, r, "the model's constants take too much memory") : 0;
}

int hedge_eval_broadcast_shape(hedge_import_t *imp, const hedge_shape_t *a, const hedge_shape_t *b, hedge_shape_t *out)
{
        hedge_shape_t shape = { .rank = a->rank > b->rank ? a->rank : b->rank };

        for (uint32_t i = 0; i < shape.rank; i++) {
                uint32_t x = i < a->rank ? a->dims[a->rank - 1 - i] : 1;
                uint32_t y = i < b->rank ? b->dims[b->rank - 1 - i] : 1;

                if (x != y && x != 1 && y != 1)
                        return hedge_import_fail(imp, HEDGE_ESHAPE, "shapes that do not broadcast");
                shape.dims[shape.rank - 1 - i] = x == 1 ? y : x;
        }
        if (hedge_shape_check(&shape, imp->limits->max_tensor_elements) < 0)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a shape that is too large");
        *out = shape;
        return 0;
}

/* *a = *a OP b; *a is taken over. */
static int combine(hedge_import_t *imp, char op, hedge_literal_t **a, const hedge_literal_t *b)
{
        hedge_literal_t *x = NULL, *y = NULL;
        hedge_shape_t shape;
        int r;

        if ((*a)->is_int != b->is_int)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "of an integer and a float tensor");
        r = hedge_eval_broadcast_shape(imp, &(*a)->shape, &b->shape, &shape);
        if (r == 0)
                r = hedge_eval_broadcast(imp, *a, &shape, &x);
        if (r == 0)
                r = hedge_eval_broadcast(imp, b, &shape, &y);
        for (size_t i = 0, n = r == 0 ? hedge_shape_elements(&shape) : 0; r == 0 && i < n; i++) {
                if (!x->is_int)
                        x->floats[i] = combine_floats(op, x->floats[i], y->floats[i]);
                else if (combine_ints(op, x->ints[i], y->ints[i], &x->ints[i]) < 0)
                        r = hedge_import_fail(imp, HEDGE_EMALFORMED, "a division by zero");
                else
                        x->ints[i] = hedge_element_wrap(x->element, x->ints[i]);
        }
        hedge_literal_destroy(&y);
        if (r < 0) {
                hedge_literal_destroy(&x);
                return r;
        }
        hedge_literal_destroy(a);
        *a = x;
        return 0;
}

/* Input i of an operator of two or more. Before opset 7 two may be aligned by attributes. */
static int combine_input(hedge_import_t *imp, char op, uint32_t i, hedge_literal_t **y)
{
        hedge_literal_t *owned = NULL;
        hedge_operand_t b;
        int r = op == '<' || op == '>' || i > 1 ? hedge_operand(imp, i, &b) : hedge_second_operand(imp, &b, &owned);

        if (r == 0)
                r = combine(imp, op, y, b.literal);
        hedge_literal_destroy(&owned);
        return r;
}

/* Add, Sub, Mul, Div, Min, Max. */
int hedge_eval_binary(hedge_import_t *imp)
{
        char op = hedge_import_is(imp, "Add")   ? '+'
                  : hedge_import_is(imp, "Sub") ? '-'
                  : hedge_import_is(imp, "Mul") ? '*'
                  : hedge_import_is(imp, "Div") ? '/'
                                                : '<';
        hedge_literal_t *y = NULL;
        int r;

        if (hedge_import_is(imp, "Max"))
                op = '>';
        r = hedge_eval_broadcast(imp, hedge_import_sym(imp, 0)->literal, &hedge_import_sym(imp, 0)->literal->shape, &y);
        for (uint32_t i = 1; r == 0 && i < imp->node->n_input; i++)
                r = combine_input(imp, op, i, &y);
        if (r < 0) {
                hedge_literal_destroy(&y);
                return r;
        }
        return hedge_import_set_literal(imp, 0, y);
}

/* A list (or, alone, one number) from an attribute. */
static int set_numbers(hedge_import_t *imp, bool is_int, const void *v, size_t n, uint32_t rank)
{
        hedge_shape_t shape = { .rank = rank };
        hedge_literal_t *y;
        int r;

        if (n > INT32_MAX)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a list that is too long");
        if (rank == 1)
                shape.dims[0] = (uint32_t)n;
        r = hedge_import_new_literal(imp, &shape, is_int, &y);
        if (r < 0)
                return r;
        if (n > 0)
                memcpy(is_int ? (void *)y->ints : (void *)y->floats, v, n * (is_int ? sizeof(int64_t) : sizeof(float)));
        return hedge_import_set_literal(imp, 0, y);
}

static int tensor_attribute(hedge_import_t *imp, const Onnx__TensorProto *proto, hedge_literal_t **ret)
{
        hedge_why_t detail = { { 0 } };
        int r = hedge_literal_from_proto(proto, &imp->budget, ret, &detail);

        return r < 0 ? hedge_import_fail(imp, r, "%s", detail.text) : 0;
}

int hedge_eval_constant(hedge_import_t *imp)
{
        const Onnx__AttributeProto *a;
        hedge_literal_t *y;
        int r;

        if ((a = hedge_attr_find(imp, "value")) && a->t) {
                r = tensor_attribute(imp, a->t, &y);
                return r < 0 ? r : hedge_import_set_literal(imp, 0, y);
        }
        if ((a = hedge_attr_find(imp, "value_float")) && a->has_f)
                return set_numbers(imp, false, &a->f, 1, 0);
        if ((a = hedge_attr_find(imp, "value_floats")))
                return set_numbers(imp, false, a->floats, a->n_floats, 1);
        if ((a = hedge_attr_find(imp, "value_int")) && a->has_i)
                return set_numbers(imp, true, &a->i, 1, 0);
        if ((a = hedge_attr_find(imp, "value_ints")))
                return set_numbers(imp, true, a->ints, a->n_ints, 1);
        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "neither a tensor nor numbers");
}

static int list_to_shape(hedge_import_t *imp, const hedge_literal_t *list, hedge_shape_t *ret)
{
        if (!list->is_int || list->shape.rank != 1 || list->shape.dims[0] > HEDGE_MAX_RANK)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "a shape that is not a list of at most %u integers",
                                         HEDGE_MAX_RANK);
        *ret = (hedge_shape_t){ .rank = list->shape.dims[0] };
        for (uint32_t i = 0; i < ret->rank; i++) {
                if (list->ints[i] < 0 || list->ints[i] > INT32_MAX)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "an extent of %lld", (long long)list->ints[i]);
                ret->dims[i] = (uint32_t)list->ints[i];
        }
        if (hedge_shape_check(ret, imp->limits->max_tensor_elements) < 0)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a shape that is too large");
        return 0;
}

int hedge_eval_constant_of_shape(hedge_import_t *imp)
{
        const Onnx__AttributeProto *a = hedge_attr_find(imp, "value");
        hedge_shape_t scalar = { .rank = 0 }, shape;
        hedge_literal_t *value = NULL, *y = NULL;
        int r = list_to_shape(imp, hedge_import_sym(imp, 0)->literal, &shape);

        if (r < 0)
                return r;
        if (a && a->t)
                r = tensor_attribute(imp, a->t, &value);
        else
                r = hedge_import_new_literal(imp, &scalar, false, &value);
        if (r < 0)
                return r;
        if (!a || !a->t)
                value->floats[0] = 0;
        if (hedge_shape_elements(&value->shape) != 1)
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "the value is not one number");
        if (r == 0) {
                value->shape = scalar;
                r = hedge_eval_broadcast(imp, value, &shape, &y);
        }
        hedge_literal_destroy(&value);
        return r < 0 ? r : hedge_import_set_literal(imp, 0, y);
}

/* Elements before and behind an axis. */
static void around(const hedge_shape_t *shape, uint32_t axis, size_t *outer, size_t *inner)
{
        *outer = *inner = 1;
        for (uint32_t i = 0; i < shape->rank; i++)
                if (i < axis)
                        *outer *= shape->dims[i];
                else if (i > axis)
                        *inner *= shape->dims[i];
}

/* `count` elements from one literal to another of the same type. */
static void copy(hedge_literal_t *to, size_t at, const hedge_literal_t *from, size_t source, size_t count)
{
        if (count == 0)
                return;
        if (to->is_int)
                memcpy(to->ints + at, from->ints + source, count * sizeof(*to->ints));
        else
                memcpy(to->floats + at, from->floats + source, count * sizeof(*to->floats));
}

static int concat_shape(hedge_import_t *imp, uint32_t axis, hedge_shape_t *out)
{
        const hedge_literal_t *first = hedge_import_sym(imp, 0)->literal;
        uint64_t extent = 0;

        *out = first->shape;
        for (uint32_t i = 0; i < imp->node->n_input; i++) {
                const hedge_sym_t *sym = hedge_import_sym(imp, i);
                hedge_shape_t s;

                if (!sym)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "input %u is missing", i);
                s = sym->literal->shape;
                if (s.rank != out->rank || sym->literal->is_int != first->is_int)
                        return hedge_import_fail(imp, HEDGE_ESHAPE, "of tensors that differ in type or axes");
                extent += s.dims[axis];
                s.dims[axis] = out->dims[axis];
                if (!hedge_shape_equal(&s, out))
                        return hedge_import_fail(imp, HEDGE_ESHAPE, "of tensors that differ in another axis");
        }
        out->dims[axis] = extent > INT32_MAX ? INT32_MAX : (uint32_t)extent;
        if (extent > INT32_MAX || hedge_shape_check(out, imp->limits->max_tensor_elements) < 0)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a result that is too large");
        return 0;
}

int hedge_eval_concat(hedge_import_t *imp)
{
        const hedge_literal_t *first = hedge_import_sym(imp, 0)->literal;
        size_t outer, inner, at = 0;
        hedge_literal_t *y;
        hedge_shape_t shape;
        uint32_t axis;
        int r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", imp->opset < 4 ? 1 : 0), first->shape.rank, &axis);

        if (r == 0)
                r = concat_shape(imp, axis, &shape);
        if (r == 0)
                r = hedge_import_new_literal(imp, &shape, first->is_int, &y);
        if (r < 0)
                return r;
        y->element = first->element;
        around(&shape, axis, &outer, &inner);
        for (uint32_t i = 0; i < imp->node->n_input; i++) {
                const hedge_literal_t *x = hedge_import_sym(imp, i)->literal;
                size_t run = x->shape.dims[axis] * inner;

                for (size_t o = 0; run > 0 && o < outer; o++)
                        copy(y, o * shape.dims[axis] * inner + at, x, o * run, run);
                at += run;
        }
        return hedge_import_set_literal(imp, 0, y);
}

static int gather_shape(hedge_import_t *imp, const hedge_shape_t *in, const hedge_literal_t *indices, uint32_t axis,
                        hedge_shape_t *out)
{
        if (!indices->is_int || in->rank - 1 + indices->shape.rank > HEDGE_MAX_RANK)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "these indices");
        *out = (hedge_shape_t){ .rank = 0 };
        for (uint32_t i = 0; i < in->rank; i++) {
                for (uint32_t j = 0; i == axis && j < indices->shape.rank; j++)
                        out->dims[out->rank++] = indices->shape.dims[j];
                if (i != axis)
                        out->dims[out->rank++] = in->dims[i];
        }
        if (hedge_shape_check(out, imp->limits->max_tensor_elements) < 0)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a result that is too large");
        return 0;
}

int hedge_eval_gather(hedge_import_t *imp)
{
        const hedge_literal_t *x = hedge_import_sym(imp, 0)->literal, *indices = hedge_import_sym(imp, 1)->literal;
        size_t outer, inner, n = hedge_shape_elements(&indices->shape);
        hedge_literal_t *y;
        hedge_shape_t shape;
        uint32_t axis;
        int r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", 0), x->shape.rank, &axis);

        if (r == 0)
                r = gather_shape(imp, &x->shape, indices, axis, &shape);
        if (r == 0)
                r = hedge_import_new_literal(imp, &shape, x->is_int, &y);
        if (r < 0)
                return r;
        y->element = x->element;
        around(&x->shape, axis, &outer, &inner);
        for (size_t j = 0; r == 0 && j < n; j++) {
                int64_t extent = x->shape.dims[axis], v = indices->ints[j] + (indices->ints[j] < 0 ? extent : 0);

                if (v < 0 || v >= extent) {
                        r = hedge_import_fail(imp, HEDGE_EMALFORMED, "an index of %lld on an axis of %lld",
                                              (long long)indices->ints[j], (long long)extent);
                        break;
                }
                for (size_t o = 0; inner > 0 && o < outer; o++)
                        copy(y, (o * n + j) * inner, x, (o * (size_t)extent + (size_t)v) * inner, inner);
        }
        if (r < 0) {
                hedge_literal_destroy(&y);
                return r;
        }
        return hedge_import_set_literal(imp, 0, y);
}

int hedge_eval_range(hedge_import_t *imp)
{
        const hedge_literal_t *l[3];
        hedge_shape_t shape = { .rank = 1 };
        hedge_literal_t *y;
        double first, step, n;
        int r;

        for (uint32_t i = 0; i < 3; i++) {
                l[i] = hedge_import_sym(imp, i) ? hedge_import_sym(imp, i)->literal : NULL;
                if (!l[i] || hedge_shape_elements(&l[i]->shape) != 1 || l[i]->is_int != l[0]->is_int)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "start, limit and delta are not numbers");
        }
        first = l[0]->is_int ? (double)l[0]->ints[0] : l[0]->floats[0];
        step = l[2]->is_int ? (double)l[2]->ints[0] : l[2]->floats[0];
        n = ceil(((l[1]->is_int ? (double)l[1]->ints[0] : l[1]->floats[0]) - first) / step);
        if (!(n <= INT32_MAX))
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a range that is too long");
        shape.dims[0] = n > 0 ? (uint32_t)n : 0;
        r = hedge_import_new_literal(imp, &shape, l[0]->is_int, &y);
        if (r < 0)
                return r;
        y->element = l[0]->element;
        for (uint32_t i = 0; i < shape.dims[0]; i++)
                if (y->is_int)
                        y->ints[i] = (int64_t)((uint64_t)l[0]->ints[0] + i * (uint64_t)l[2]->ints[0]);
                else
                        y->floats[i] = (float)(first + i * step);
        return hedge_import_set_literal(imp, 0, y);
}
