/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include "common/model/binary.h"
#include "common/model/build.h"
#include "common/model/integers.h"
#include "common/model/operators.h"

static int binary(hedge_import_t *imp, hedge_op_kind_t kind, hedge_view_t *ret)
{
        hedge_literal_t *owned = NULL;
        hedge_operand_t a, b;
        int r = hedge_operand(imp, 0, &a);

        if (r == 0)
                r = hedge_second_operand(imp, &b, &owned);
        if (r == 0)
                r = hedge_binary(imp, kind, &a, &b, ret);
        hedge_literal_destroy(&owned);
        return r;
}

/* How far the result is from what integers of this type can be. A product of 16 bits is not held exactly, nor is x / 0. */
static hedge_past_t past_of(hedge_op_kind_t kind, hedge_element_t element)
{
        if (kind == HEDGE_OP_DIV || (kind == HEDGE_OP_MUL && hedge_element_bytes((int)element) > 1))
                return HEDGE_PAST_EXACT;
        return HEDGE_PAST_TYPE;
}

int hedge_import_binary(hedge_import_t *imp)
{
        hedge_op_kind_t kind = hedge_import_is(imp, "Add")   ? HEDGE_OP_ADD
                               : hedge_import_is(imp, "Sub") ? HEDGE_OP_SUB
                               : hedge_import_is(imp, "Mul") ? HEDGE_OP_MUL
                                                             : HEDGE_OP_DIV;
        hedge_element_t element = hedge_import_element(imp, 0);
        hedge_view_t y;
        int r = hedge_integers_agree(imp, 0, 1);

        if (r == 0)
                r = binary(imp, kind, &y);
        if (r == 0)
                r = hedge_integers_finish(imp, element, past_of(kind, element), &y);
        return hedge_import_pass_on(imp, r, &y);
}

/* Is input i a constant with one element, which leaves the shape of input `other` as it is? */
static bool is_number(const hedge_import_t *imp, uint32_t i, uint32_t other)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, i);

        return sym && hedge_import_has(imp, other) && sym->literal && hedge_shape_elements(&sym->literal->shape) == 1 &&
               sym->literal->shape.rank <= hedge_import_shape_of(imp, other)->rank;
}

/* x to a constant number: the root and the square have their own ways. */
static int power(hedge_import_t *imp, float exponent, hedge_view_t *x)
{
        hedge_op_t root = { .kind = HEDGE_OP_UNARY, .unary = { .kind = HEDGE_UNARY_SQRT } };
        hedge_operand_t a = { .view = *x };

        if (exponent == 2)
                return hedge_binary(imp, HEDGE_OP_MUL, &a, &a, x);
        if (exponent == 0.5f)
                return hedge_build_unary(imp, &root, x);
        return hedge_binary_number(imp, HEDGE_OP_POW, x, exponent, false);
}

/* The result is of the base's type, whatever the exponent's. */
int hedge_import_pow(hedge_import_t *imp)
{
        const hedge_sym_t *exponent = hedge_import_sym(imp, 1);
        hedge_view_t x;
        int r;

        if (is_number(imp, 1, 0)) {
                r = hedge_import_view(imp, 0, &x);
                if (r == 0)
                        r = power(imp, hedge_literal_float(exponent->literal, 0), &x);
        } else {
                r = binary(imp, HEDGE_OP_POW, &x);
        }
        if (r == 0)
                r = hedge_integers_finish(imp, hedge_import_element(imp, 0), HEDGE_PAST_EXACT, &x);
        return hedge_import_pass_on(imp, r, &x);
}

int hedge_import_neg(hedge_import_t *imp)
{
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_binary_number(imp, HEDGE_OP_MUL, &x, -1.0f, false);
        if (r == 0)
                r = hedge_integers_finish(imp, hedge_import_element(imp, 0), HEDGE_PAST_TYPE, &x);
        return hedge_import_pass_on(imp, r, &x);
}

int hedge_import_reciprocal(hedge_import_t *imp)
{
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_binary_number(imp, HEDGE_OP_DIV, &x, 1.0f, true);
        return hedge_import_pass_on(imp, r, &x);
}

/* All inputs, one after the other. */
static int combine_all(hedge_import_t *imp, hedge_op_kind_t kind, hedge_view_t *ret)
{
        hedge_operand_t a = { .literal = NULL }, b;
        int r = hedge_import_view(imp, 0, &a.view);

        for (uint32_t i = 1; r == 0 && i < imp->node->n_input; i++) {
                r = hedge_operand(imp, i, &b);
                if (r == 0)
                        r = hedge_binary(imp, kind, &a, &b, &a.view);
        }
        if (r == 0)
                *ret = a.view;
        return r;
}

static int import_all(hedge_import_t *imp, hedge_op_kind_t kind)
{
        hedge_view_t y;
        int r = combine_all(imp, kind, &y);

        return hedge_import_pass_on(imp, r, &y);
}

/* Sum and Mean. */
int hedge_import_sum(hedge_import_t *imp)
{
        uint32_t n = (uint32_t)imp->node->n_input;
        hedge_view_t y;
        int r = combine_all(imp, HEDGE_OP_ADD, &y);

        if (r == 0 && hedge_import_is(imp, "Mean") && n > 1)
                r = hedge_binary_number(imp, HEDGE_OP_MUL, &y, 1.0f / (float)n, false);
        return hedge_import_pass_on(imp, r, &y);
}

static int clamp(hedge_import_t *imp, float lo, float hi, hedge_view_t *x)
{
        hedge_op_t op = { .kind = HEDGE_OP_CLAMP, .activation = { HEDGE_ACT_CLAMP, lo, hi } };

        if (lo == -INFINITY && hi == INFINITY)
                return 0;
        return hedge_build_unary(imp, &op, x);
}

/* Integers may meet a bound that nothing reaches, as the largest of 64 bits; where it does, the run fails. */
static hedge_past_t past_bound(float bound)
{
        return fabsf(bound) > HEDGE_EXACT ? HEDGE_PAST_TYPE : HEDGE_PAST_NOTHING;
}

/* One tensor against a number is a clamp, which may be fused; what is more is compared two by two. */
int hedge_import_min_max(hedge_import_t *imp)
{
        bool max = hedge_import_is(imp, "Max"), two = imp->node->n_input == 2;
        uint32_t number = is_number(imp, 1, 0) ? 1 : 0;
        hedge_view_t x;
        float bound;
        int r;

        if (!two || !is_number(imp, number, 1 - number))
                return import_all(imp, max ? HEDGE_OP_MAX : HEDGE_OP_MIN);
        bound = hedge_literal_float(hedge_import_sym(imp, number)->literal, 0);
        r = hedge_integers_agree(imp, 0, 1);
        if (r == 0)
                r = hedge_import_view(imp, 1 - number, &x);
        if (r == 0)
                r = clamp(imp, max ? bound : -INFINITY, max ? INFINITY : bound, &x);
        if (r == 0)
                r = hedge_integers_finish(imp, hedge_import_element(imp, 0), past_bound(bound), &x);
        return hedge_import_pass_on(imp, r, &x);
}

/* Before opset 7 a list of slopes has one for each channel. */
static int channels_slope(hedge_import_t *imp, hedge_view_t *ret)
{
        const hedge_shape_t *x = hedge_import_shape_of(imp, 0), *slope = hedge_import_shape_of(imp, 1);
        hedge_literal_t *owned = NULL;
        hedge_operand_t a, b;
        int r = hedge_operand(imp, 0, &a);

        if (r == 0 && imp->opset < 7 && slope->rank == 1 && hedge_shape_elements(slope) != 1)
                r = hedge_operand_under(imp, 1, x->rank, 1, &b, &owned);
        else if (r == 0)
                r = hedge_operand(imp, 1, &b);
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_PRELU, &a, &b, ret);
        hedge_literal_destroy(&owned);
        return r;
}

int hedge_import_prelu(hedge_import_t *imp)
{
        hedge_sym_t *slope = hedge_import_sym(imp, 1);
        hedge_op_t op = { .kind = HEDGE_OP_LEAKY_RELU };
        hedge_view_t x;
        int r;

        if (!slope->literal || hedge_shape_elements(&slope->literal->shape) != 1) {
                r = channels_slope(imp, &x);
                return hedge_import_pass_on(imp, r, &x);
        }
        op.activation = (hedge_activation_t){ HEDGE_ACT_LEAKY_RELU, hedge_literal_float(slope->literal, 0), 0 };
        r = hedge_import_view(imp, 0, &x);
        if (r == 0)
                r = hedge_build_unary(imp, &op, &x);
        return hedge_import_pass_on(imp, r, &x);
}

/* A bound that is an input: a number that is known, or (*ret_computed) one that the graph computes. */
static int read_bound(hedge_import_t *imp, uint32_t i, const char *what, float *bound, bool *ret_computed)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, i);

        *ret_computed = sym && !sym->literal;
        if (*ret_computed && hedge_shape_elements(&sym->view.shape) != 1)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%s is not one number", what);
        return sym && sym->literal ? hedge_import_scalar(imp, i, what, bound) : 0;
}

static int computed_bound(hedge_import_t *imp, uint32_t i, hedge_op_kind_t kind, hedge_view_t *x)
{
        hedge_shape_t scalar = { .rank = 0 };
        hedge_operand_t a = { .view = *x }, b = { .literal = NULL };
        int r = hedge_import_view(imp, i, &b.view);

        if (r == 0)
                r = hedge_build_reshape(imp, &b.view, &scalar);
        return r < 0 ? r : hedge_binary(imp, kind, &a, &b, x);
}

int hedge_import_clip(hedge_import_t *imp)
{
        float lo = -INFINITY, hi = INFINITY;
        bool computed_lo = false, computed_hi = false;
        hedge_view_t x;
        int r;

        if (imp->opset < 11) {
                lo = hedge_attr_float(imp, "min", -FLT_MAX);
                hi = hedge_attr_float(imp, "max", FLT_MAX);
        }
        r = read_bound(imp, 1, "the lower bound", &lo, &computed_lo);
        if (r == 0)
                r = read_bound(imp, 2, "the upper bound", &hi, &computed_hi);
        if (r == 0)
                r = hedge_import_view(imp, 0, &x);
        if (r == 0 && computed_lo)
                r = computed_bound(imp, 1, HEDGE_OP_MAX, &x);
        if (r == 0)
                r = clamp(imp, lo, hi, &x);
        if (r == 0 && computed_hi)
                r = computed_bound(imp, 2, HEDGE_OP_MIN, &x);
        if (r == 0 && (lo > HEDGE_EXACT || hi < -HEDGE_EXACT))
                r = hedge_integers_finish(imp, hedge_import_element(imp, 0), HEDGE_PAST_TYPE, &x);
        return hedge_import_pass_on(imp, r, &x);
}

/* Relu and LeakyRelu, which are fused behind what comes before. */
static int import_activation(hedge_import_t *imp, hedge_op_kind_t kind, hedge_activation_t activation)
{
        hedge_op_t op = { .kind = kind, .activation = activation };
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_build_unary(imp, &op, &x);
        return hedge_import_pass_on(imp, r, &x);
}

int hedge_import_relu(hedge_import_t *imp)
{
        return import_activation(imp, HEDGE_OP_CLAMP, (hedge_activation_t){ HEDGE_ACT_CLAMP, 0, INFINITY });
}

int hedge_import_leaky_relu(hedge_import_t *imp)
{
        hedge_activation_t a = { HEDGE_ACT_LEAKY_RELU, hedge_attr_float(imp, "alpha", 0.01f), 0 };

        return import_activation(imp, HEDGE_OP_LEAKY_RELU, a);
}

/* The function of unary.h that the node is, with its attributes. */
static hedge_unary_t read_function(hedge_import_t *imp)
{
        static const char *const ways[] = { "none", "tanh", NULL };
        hedge_unary_t u = { .kind = hedge_unary_find(imp->node->op_type) };
        const hedge_unary_about_t *about = hedge_unary_about(u.kind);
        float otherwise[2] = { about->otherwise[0], about->otherwise[1] };

        if (u.kind == HEDGE_UNARY_SELU && imp->opset < 6) {
                otherwise[0] = 1.6732f;
                otherwise[1] = 1.0507f;
        }
        if (about->parameters[0])
                u.alpha = hedge_attr_float(imp, about->parameters[0], otherwise[0]);
        if (about->parameters[1])
                u.beta = hedge_attr_float(imp, about->parameters[1], otherwise[1]);
        if (u.kind == HEDGE_UNARY_GELU && hedge_attr_choice(imp, "approximate", ways, 0) == 1)
                u.kind = HEDGE_UNARY_GELU_TANH;
        return u;
}

int hedge_import_unary(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_UNARY, .unary = read_function(imp) };
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_build_unary(imp, &op, &x);
        if (r == 0 && op.unary.kind == HEDGE_UNARY_ABS)
                r = hedge_integers_finish(imp, hedge_import_element(imp, 0), HEDGE_PAST_TYPE, &x);
        return hedge_import_pass_on(imp, r, &x);
}

/* Of floats as kernels would, of integers what has a meaning. */
int hedge_eval_unary(hedge_import_t *imp)
{
        hedge_unary_t u = read_function(imp);
        hedge_literal_t *y = NULL;
        int r = imp->attr_error ? imp->attr_error : hedge_import_take(imp, 0, &y);

        if (r < 0)
                return r;
        if (y->is_int && u.kind != HEDGE_UNARY_NEG && u.kind != HEDGE_UNARY_ABS && u.kind != HEDGE_UNARY_SIGN) {
                hedge_literal_destroy(&y);
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "of integers");
        }
        for (size_t i = 0, n = y->is_int ? hedge_shape_elements(&y->shape) : 0; i < n; i++) {
                int64_t x = y->ints[i];
                uint64_t minus = 0 - (uint64_t)x;

                if (u.kind == HEDGE_UNARY_SIGN)
                        y->ints[i] = (x > 0) - (x < 0);
                else if (u.kind == HEDGE_UNARY_NEG || x < 0)
                        y->ints[i] = hedge_element_wrap(y->element, (int64_t)minus);
        }
        if (!y->is_int)
                hedge_unary_run(&u, y->floats, y->floats, hedge_shape_elements(&y->shape));
        return hedge_import_set_literal(imp, 0, y);
}

/* Before opset 13 the axes from `axis` on are one. That is one axis' own softmax if the others have extent 1. */
static bool single_axis(const hedge_shape_t *shape, uint32_t axis, uint32_t *ret)
{
        uint32_t found = shape->rank - 1, wide = 0;

        for (uint32_t i = axis; i < shape->rank; i++)
                if (shape->dims[i] != 1) {
                        found = i;
                        wide++;
                }
        if (wide > 1)
                return false;
        *ret = found;
        return true;
}

static int softmax_flat(hedge_import_t *imp, hedge_op_t *op, uint32_t axis, hedge_view_t *x)
{
        hedge_shape_t shape = x->shape, flat = { 2, { 1, 1 } };
        int r;

        for (uint32_t i = 0; i < shape.rank; i++)
                flat.dims[i >= axis] *= shape.dims[i];
        op->axis.axis = 1;
        r = hedge_build_plain(imp, x);
        if (r == 0)
                r = hedge_build_reshape_value(imp, x->value, &flat, false, &x->value);
        if (r == 0)
                r = hedge_build_op(imp, op, &x->value, 1, &x->value);
        return r < 0 ? r : hedge_build_reshape_value(imp, x->value, &shape, false, &x->value);
}

int hedge_import_softmax(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = hedge_import_is(imp, "Softmax") ? HEDGE_OP_SOFTMAX : HEDGE_OP_LOG_SOFTMAX };
        hedge_view_t x;
        uint32_t axis;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", imp->opset < 13 ? 1 : -1), x.shape.rank, &axis);
        if (r < 0)
                return r;
        if (imp->opset < 13 && !single_axis(&x.shape, axis, &axis)) {
                r = softmax_flat(imp, &op, axis, &x);
        } else {
                op.axis.axis = hedge_view_axis(&x, axis);
                r = hedge_build_unary(imp, &op, &x);
        }
        return hedge_import_pass_on(imp, r, &x);
}
