/* SPDX-License-Identifier: Apache-2.0 */

#include "common/model/binary.h"
#include "common/model/build.h"
#include "common/model/integers.h"
#include "common/model/operators.h"

/* Comparisons, logic, what chooses, remainders, shifts. */

/* Inputs `first` and `second` of the node, in this order. */
static int of_two(hedge_import_t *imp, const hedge_op_t *op, uint32_t first, uint32_t second, hedge_view_t *ret)
{
        hedge_literal_t *owned = NULL;
        hedge_operand_t in[2], operands[2];
        int r = hedge_integers_agree(imp, 0, 1);

        if (r == 0)
                r = hedge_operand(imp, 0, &in[0]);
        if (r == 0)
                r = hedge_second_operand(imp, &in[1], &owned);
        if (r == 0) {
                operands[0] = in[first];
                operands[1] = in[second];
                r = hedge_elementwise(imp, op, operands, 2, ret);
        }
        hedge_literal_destroy(&owned);
        return r;
}

static const struct {
        const char *name;
        hedge_op_kind_t kind;
        bool swapped; /* a > b is b < a */
} answers[] = {
        { "And", HEDGE_OP_AND, false },     { "Equal", HEDGE_OP_EQUAL, false },
        { "Greater", HEDGE_OP_LESS, true }, { "GreaterOrEqual", HEDGE_OP_LESS_EQUAL, true },
        { "Less", HEDGE_OP_LESS, false },   { "LessOrEqual", HEDGE_OP_LESS_EQUAL, false },
        { "Or", HEDGE_OP_OR, false },       { "Xor", HEDGE_OP_XOR, false },
};

int hedge_import_compare(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_EQUAL };
        bool swapped = false;
        hedge_view_t y;
        int r;

        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
                if (hedge_import_is(imp, answers[i].name)) {
                        op.kind = answers[i].kind;
                        swapped = answers[i].swapped;
                }
        r = of_two(imp, &op, swapped ? 1 : 0, swapped ? 0 : 1, &y);
        y.element = HEDGE_ELEMENT_BOOL;
        return hedge_import_pass_on(imp, r, &y);
}

/* Not, IsNaN, IsInf. */
int hedge_import_test(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = hedge_import_is(imp, "Not")     ? HEDGE_OP_NOT
                                  : hedge_import_is(imp, "IsNaN") ? HEDGE_OP_IS_NAN
                                                                  : HEDGE_OP_IS_INF };
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (op.kind == HEDGE_OP_IS_INF) {
                op.infinite.positive = hedge_attr_int(imp, "detect_positive", 1) != 0;
                op.infinite.negative = hedge_attr_int(imp, "detect_negative", 1) != 0;
        }
        if (r == 0)
                r = hedge_build_unary(imp, &op, &x);
        x.element = HEDGE_ELEMENT_BOOL;
        return hedge_import_pass_on(imp, r, &x);
}

int hedge_import_where(hedge_import_t *imp)
{
        const hedge_op_t op = { .kind = HEDGE_OP_WHERE };
        hedge_operand_t operands[3];
        hedge_view_t y;
        int r = hedge_integers_agree(imp, 1, 2);

        for (uint32_t i = 0; r == 0 && i < 3; i++)
                r = hedge_operand(imp, i, &operands[i]);
        if (r == 0)
                r = hedge_elementwise(imp, &op, operands, 3, &y);
        y.element = hedge_import_element(imp, 1);
        return hedge_import_pass_on(imp, r, &y);
}

/* With fmod = 0 (integers only) the remainder has the divisor's sign. By 0 there is none, which integers cannot say. */
int hedge_import_mod(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = hedge_attr_int(imp, "fmod", 0) != 0 ? HEDGE_OP_FMOD : HEDGE_OP_MODULO };
        hedge_element_t element = hedge_import_element(imp, 0);
        hedge_view_t y;
        int r;

        if (op.kind == HEDGE_OP_MODULO && hedge_element_is_float((int)element))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "of floats, without fmod");
        r = of_two(imp, &op, 0, 1, &y);
        if (r == 0)
                r = hedge_integers_finish(imp, element, HEDGE_PAST_EXACT, &y);
        return hedge_import_pass_on(imp, r, &y);
}

int hedge_import_bit_shift(hedge_import_t *imp)
{
        static const char *const directions[] = { "LEFT", "RIGHT", NULL };
        hedge_element_t element = hedge_import_element(imp, 0);
        hedge_op_t op = { .kind = HEDGE_OP_SHIFT_LEFT };
        hedge_view_t y;
        int r;

        if (hedge_attr_choice(imp, "direction", directions, 0) == 1)
                op.kind = HEDGE_OP_SHIFT_RIGHT;
        op.shift.bits = 8 * hedge_element_bytes((int)element);
        if (!hedge_element_is_integer((int)element))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "of %s", hedge_element_name((int)element));
        r = of_two(imp, &op, 0, 1, &y);
        if (r == 0)
                r = hedge_integers_finish(imp, element, HEDGE_PAST_TYPE, &y);
        return hedge_import_pass_on(imp, r, &y);
}
