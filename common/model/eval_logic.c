/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/model/eval.h"
#include "common/model/operators.h"

/* Comparisons, logic, what chooses, remainders and shifts of constants: integers in 64 bits, as shapes and their bounds need. */

/* The inputs from `first` on under the shape that all broadcast to. Release them with let_go, also after a failure. */
static int take_operands(hedge_import_t *imp, uint32_t n, hedge_literal_t **ret)
{
        hedge_shape_t shape = hedge_import_sym(imp, 0)->literal->shape;
        int r = 0;

        for (uint32_t i = 1; r == 0 && i < n; i++)
                r = hedge_eval_broadcast_shape(imp, &shape, &hedge_import_sym(imp, i)->literal->shape, &shape);
        for (uint32_t i = 0; r == 0 && i < n; i++)
                r = hedge_eval_broadcast(imp, hedge_import_sym(imp, i)->literal, &shape, &ret[i]);
        return r;
}

static void let_go(hedge_literal_t **literals, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                hedge_literal_destroy(&literals[i]);
}

static bool is_true(const hedge_literal_t *l, size_t i)
{
        return l->is_int ? l->ints[i] != 0 : l->floats[i] != 0;
}

/* -1, 0, 1 for a < b, a == b, a > b; 2 where they do not compare. UINT64 is kept by its bits. */
static int order(const hedge_literal_t *a, const hedge_literal_t *b, size_t i)
{
        if (!a->is_int)
                return a->floats[i] < b->floats[i]    ? -1
                       : a->floats[i] == b->floats[i] ? 0
                       : a->floats[i] > b->floats[i]  ? 1
                                                      : 2;
        if (a->ints[i] == b->ints[i])
                return 0;
        if (a->element == HEDGE_ELEMENT_UINT64)
                return (uint64_t)a->ints[i] < (uint64_t)b->ints[i] ? -1 : 1;
        return a->ints[i] < b->ints[i] ? -1 : 1;
}

typedef bool answer_fn(const hedge_literal_t *a, const hedge_literal_t *b, size_t i);

static bool both(const hedge_literal_t *a, const hedge_literal_t *b, size_t i)
{
        return is_true(a, i) && is_true(b, i);
}

static bool either(const hedge_literal_t *a, const hedge_literal_t *b, size_t i)
{
        return is_true(a, i) || is_true(b, i);
}

static bool one_of(const hedge_literal_t *a, const hedge_literal_t *b, size_t i)
{
        return is_true(a, i) != is_true(b, i);
}

static bool equal(const hedge_literal_t *a, const hedge_literal_t *b, size_t i)
{
        return order(a, b, i) == 0;
}

static bool less(const hedge_literal_t *a, const hedge_literal_t *b, size_t i)
{
        return order(a, b, i) == -1;
}

static bool less_equal(const hedge_literal_t *a, const hedge_literal_t *b, size_t i)
{
        return order(a, b, i) <= 0;
}

static bool greater(const hedge_literal_t *a, const hedge_literal_t *b, size_t i)
{
        return order(a, b, i) == 1;
}

static bool greater_equal(const hedge_literal_t *a, const hedge_literal_t *b, size_t i)
{
        return order(a, b, i) == 0 || order(a, b, i) == 1;
}

static const struct {
        const char *name;
        answer_fn *answer;
} answers[] = {
        { "And", both },        { "Equal", equal },
        { "Greater", greater }, { "GreaterOrEqual", greater_equal },
        { "Less", less },       { "LessOrEqual", less_equal },
        { "Or", either },       { "Xor", one_of },
};

int hedge_eval_compare(hedge_import_t *imp)
{
        hedge_literal_t *in[2] = { NULL, NULL }, *y = NULL;
        answer_fn *answer = equal;
        int r;

        if (imp->opset < 7) /* attributes say how the two meet */
                return hedge_import_compare(imp);
        r = take_operands(imp, 2, in);
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
                if (hedge_import_is(imp, answers[i].name))
                        answer = answers[i].answer;
        if (r == 0 && in[0]->is_int != in[1]->is_int)
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "of an integer and a float tensor");
        if (r == 0)
                r = hedge_import_new_literal(imp, &in[0]->shape, true, &y);
        for (size_t i = 0, n = r == 0 ? hedge_shape_elements(&y->shape) : 0; i < n; i++)
                y->ints[i] = answer(in[0], in[1], i);
        let_go(in, 2);
        if (r < 0)
                return r;
        y->element = HEDGE_ELEMENT_BOOL;
        return hedge_import_set_literal(imp, 0, y);
}

int hedge_eval_where(hedge_import_t *imp)
{
        hedge_literal_t *in[3] = { NULL, NULL, NULL }, *y;
        int r = take_operands(imp, 3, in);

        if (r == 0 && in[1]->is_int != in[2]->is_int)
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "of an integer and a float tensor");
        for (size_t i = 0, n = r == 0 ? hedge_shape_elements(&in[0]->shape) : 0; i < n; i++) {
                if (is_true(in[0], i))
                        continue;
                if (in[1]->is_int)
                        in[1]->ints[i] = in[2]->ints[i];
                else
                        in[1]->floats[i] = in[2]->floats[i];
        }
        y = in[1];
        in[1] = NULL;
        let_go(in, 3);
        if (r < 0) {
                hedge_literal_destroy(&y);
                return r;
        }
        return hedge_import_set_literal(imp, 0, y);
}

/* The remainder with b's sign, or with a's. */
static int remainder_of(hedge_element_t element, int64_t a, int64_t b, bool sign_of_a, int64_t *ret)
{
        int64_t rest;

        if (b == 0)
                return -1;
        if (element == HEDGE_ELEMENT_UINT64) {
                *ret = (int64_t)((uint64_t)a % (uint64_t)b);
                return 0;
        }
        rest = b == -1 ? 0 : a % b;
        *ret = !sign_of_a && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
        return 0;
}

static int64_t shifted(hedge_element_t element, int64_t a, int64_t by, bool left)
{
        if (by < 0 || by >= 8 * (int64_t)hedge_element_bytes((int)element))
                return 0;
        return hedge_element_wrap(element, (int64_t)(left ? (uint64_t)a << by : (uint64_t)a >> by));
}

static int calculate(hedge_import_t *imp, hedge_literal_t *a, const hedge_literal_t *b)
{
        bool sign_of_a = hedge_attr_int(imp, "fmod", 0) != 0, left = true;
        static const char *const directions[] = { "LEFT", "RIGHT", NULL };
        int r = 0;

        if (hedge_import_is(imp, "BitShift"))
                left = hedge_attr_choice(imp, "direction", directions, 0) == 0;
        if (a->is_int != b->is_int || (!a->is_int && !sign_of_a))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "of %s and %s", hedge_element_name((int)a->element),
                                         hedge_element_name((int)b->element));
        for (size_t i = 0, n = hedge_shape_elements(&a->shape); r == 0 && i < n; i++) {
                if (!a->is_int)
                        a->floats[i] = fmodf(a->floats[i], b->floats[i]);
                else if (hedge_import_is(imp, "BitShift"))
                        a->ints[i] = shifted(a->element, a->ints[i], b->ints[i], left);
                else
                        r = remainder_of(a->element, a->ints[i], b->ints[i], sign_of_a, &a->ints[i]);
        }
        return r < 0 ? hedge_import_fail(imp, HEDGE_EMALFORMED, "a division by zero") : 0;
}

/* Mod, BitShift. */
int hedge_eval_remainder(hedge_import_t *imp)
{
        hedge_literal_t *in[2] = { NULL, NULL };
        int r = take_operands(imp, 2, in);

        if (r == 0)
                r = calculate(imp, in[0], in[1]);
        hedge_literal_destroy(&in[1]);
        if (r < 0) {
                hedge_literal_destroy(&in[0]);
                return r;
        }
        return hedge_import_set_literal(imp, 0, in[0]);
}
