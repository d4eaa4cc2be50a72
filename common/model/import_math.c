/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "common/model/binary.h"
#include "common/model/build.h"
#include "common/model/operators.h"

static int pass_on(hedge_import_t *imp, int r, const hedge_view_t *view)
{
        return r < 0 ? r : hedge_import_set_view(imp, 0, view);
}

static bool is(const hedge_import_t *imp, const char *op_type)
{
        return strcmp(imp->node->op_type, op_type) == 0;
}

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

int hedge_import_binary(hedge_import_t *imp)
{
        hedge_op_kind_t kind = is(imp, "Add")   ? HEDGE_OP_ADD
                               : is(imp, "Sub") ? HEDGE_OP_SUB
                               : is(imp, "Mul") ? HEDGE_OP_MUL
                                                : HEDGE_OP_DIV;
        hedge_view_t y;
        int r = binary(imp, kind, &y);

        return pass_on(imp, r, &y);
}

int hedge_import_neg(hedge_import_t *imp)
{
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_binary_number(imp, HEDGE_OP_MUL, &x, -1.0f, false);
        return pass_on(imp, r, &x);
}

int hedge_import_reciprocal(hedge_import_t *imp)
{
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_binary_number(imp, HEDGE_OP_DIV, &x, 1.0f, true);
        return pass_on(imp, r, &x);
}

/* Sum and Mean. */
int hedge_import_sum(hedge_import_t *imp)
{
        uint32_t n = (uint32_t)imp->node->n_input;
        hedge_operand_t a, b;
        int r = hedge_operand(imp, 0, &a);

        if (r == 0 && a.literal)
                r = hedge_import_view(imp, 0, &a.view);
        a.literal = NULL;
        for (uint32_t i = 1; r == 0 && i < n; i++) {
                r = hedge_operand(imp, i, &b);
                if (r == 0)
                        r = hedge_binary(imp, HEDGE_OP_ADD, &a, &b, &a.view);
        }
        if (r == 0 && is(imp, "Mean") && n > 1)
                r = hedge_binary_number(imp, HEDGE_OP_MUL, &a.view, 1.0f / (float)n, false);
        return pass_on(imp, r, &a.view);
}

static int clamp(hedge_import_t *imp, float lo, float hi, hedge_view_t *x)
{
        hedge_op_t op = { .kind = HEDGE_OP_CLAMP, .activation = { HEDGE_ACT_CLAMP, lo, hi } };

        if (lo == -INFINITY && hi == INFINITY)
                return 0;
        return hedge_build_unary(imp, &op, x);
}

/* One computed tensor against numbers. */
int hedge_import_min_max(hedge_import_t *imp)
{
        uint32_t computed = HEDGE_NO_VALUE;
        float bound = is(imp, "Max") ? -INFINITY : INFINITY, v;
        hedge_view_t x;
        int r;

        for (uint32_t i = 0; i < imp->node->n_input; i++) {
                hedge_sym_t *sym = hedge_import_sym(imp, i);

                if (sym && sym->literal) {
                        r = hedge_import_scalar(imp, i, "a constant input", &v);
                        if (r < 0)
                                return r;
                        bound = is(imp, "Max") ? fmaxf(bound, v) : fminf(bound, v);
                } else if (computed == HEDGE_NO_VALUE) {
                        computed = i;
                } else {
                        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of two computed tensors");
                }
        }
        r = hedge_import_view(imp, computed, &x);
        if (r == 0)
                r = clamp(imp, is(imp, "Max") ? bound : -INFINITY, is(imp, "Max") ? INFINITY : bound, &x);
        return pass_on(imp, r, &x);
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
                return pass_on(imp, r, &x);
        }
        op.activation = (hedge_activation_t){ HEDGE_ACT_LEAKY_RELU, hedge_literal_float(slope->literal, 0), 0 };
        r = hedge_import_view(imp, 0, &x);
        if (r == 0)
                r = hedge_build_unary(imp, &op, &x);
        return pass_on(imp, r, &x);
}

int hedge_import_clip(hedge_import_t *imp)
{
        float lo = -INFINITY, hi = INFINITY;
        hedge_view_t x;
        int r = 0;

        if (imp->opset < 11) {
                lo = hedge_attr_float(imp, "min", -FLT_MAX);
                hi = hedge_attr_float(imp, "max", FLT_MAX);
        }
        if (hedge_import_has(imp, 1))
                r = hedge_import_scalar(imp, 1, "the lower bound", &lo);
        if (r == 0 && hedge_import_has(imp, 2))
                r = hedge_import_scalar(imp, 2, "the upper bound", &hi);
        if (r == 0)
                r = hedge_import_view(imp, 0, &x);
        if (r == 0)
                r = clamp(imp, lo, hi, &x);
        return pass_on(imp, r, &x);
}

static const struct {
        const char *name;
        hedge_op_kind_t kind;
} unaries[] = {
        { "Exp", HEDGE_OP_EXP },
        { "HardSigmoid", HEDGE_OP_HARD_SIGMOID },
        { "HardSwish", HEDGE_OP_HARD_SWISH },
        { "LeakyRelu", HEDGE_OP_LEAKY_RELU },
        { "Relu", HEDGE_OP_CLAMP },
        { "Sigmoid", HEDGE_OP_SIGMOID },
        { "Sqrt", HEDGE_OP_SQRT },
        { "Tanh", HEDGE_OP_TANH },
};

int hedge_import_unary(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_KINDS };
        hedge_view_t x;
        int r;

        for (size_t i = 0; i < sizeof(unaries) / sizeof(unaries[0]); i++)
                if (is(imp, unaries[i].name))
                        op.kind = unaries[i].kind;
        if (op.kind == HEDGE_OP_CLAMP)
                op.activation = (hedge_activation_t){ HEDGE_ACT_CLAMP, 0, INFINITY };
        if (op.kind == HEDGE_OP_LEAKY_RELU)
                op.activation = (hedge_activation_t){ HEDGE_ACT_LEAKY_RELU, hedge_attr_float(imp, "alpha", 0.01f), 0 };
        if (op.kind == HEDGE_OP_HARD_SIGMOID) {
                op.hard_sigmoid.alpha = hedge_attr_float(imp, "alpha", 0.2f);
                op.hard_sigmoid.beta = hedge_attr_float(imp, "beta", 0.5f);
        }
        r = hedge_import_view(imp, 0, &x);
        if (r == 0)
                r = hedge_build_unary(imp, &op, &x);
        return pass_on(imp, r, &x);
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
        hedge_op_t op = { .kind = is(imp, "Softmax") ? HEDGE_OP_SOFTMAX : HEDGE_OP_LOG_SOFTMAX };
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
        return pass_on(imp, r, &x);
}
