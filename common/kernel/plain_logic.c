/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/kernel/broadcast.h"

/* What answers with 0 or 1, what chooses, and what only integers have. */

/* Nothing compares with what is not a number. */
#define ROW(name, expression)                                                                                 \
        static void name(const hedge_op_t *op, const float *const *in, const int *step, float *out, size_t n) \
        {                                                                                                     \
                for (size_t i = 0; i < n; i++) {                                                              \
                        float x = in[0][step[0] ? i : 0], y = in[1][step[1] ? i : 0];                         \
                                                                                                              \
                        out[i] = expression;                                                                  \
                }                                                                                             \
        }

/* The remainder has the divisor's sign, as Python's has. */
static float modulo(float x, float y)
{
        float r = fmodf(x, y);

        return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

/* x << y in `bits`: the product is exact, as y only moves the exponent; what does not fit is lost. */
static float shift_left(float x, float y, uint32_t bits)
{
        return y >= 0 && y < (float)bits ? (float)fmod(ldexp(x, (int)y), ldexp(1, (int)bits)) : 0;
}

static float shift_right(float x, float y, uint32_t bits)
{
        return y >= 0 && y < (float)bits ? (float)floor(ldexp(x, -(int)y)) : 0;
}

ROW(row_equal, x == y)
ROW(row_less, x < y)
ROW(row_less_equal, x <= y)
ROW(row_and, x != 0 && y != 0)
ROW(row_or, x != 0 || y != 0)
ROW(row_xor, (x != 0) != (y != 0))
ROW(row_modulo, modulo(x, y))
ROW(row_fmod, fmodf(x, y))
ROW(row_shift_left, shift_left(x, y, op->shift.bits))
ROW(row_shift_right, shift_right(x, y, op->shift.bits))

static hedge_broadcast_row_fn *row_of(hedge_op_kind_t kind)
{
        switch (kind) {
        case HEDGE_OP_EQUAL:
                return row_equal;
        case HEDGE_OP_LESS:
                return row_less;
        case HEDGE_OP_LESS_EQUAL:
                return row_less_equal;
        case HEDGE_OP_AND:
                return row_and;
        case HEDGE_OP_OR:
                return row_or;
        case HEDGE_OP_XOR:
                return row_xor;
        case HEDGE_OP_MODULO:
                return row_modulo;
        case HEDGE_OP_FMOD:
                return row_fmod;
        case HEDGE_OP_SHIFT_LEFT:
                return row_shift_left;
        default:
                return row_shift_right;
        }
}

int hedge_plain_logic(const hedge_kernel_t *k, const float *const *in, float *out)
{
        hedge_broadcast_run(k, in, out, row_of(k->op.kind));
        return 0;
}

static void row_where(const hedge_op_t *op, const float *const *in, const int *step, float *out, size_t n)
{
        for (size_t i = 0; i < n; i++)
                out[i] = in[0][step[0] ? i : 0] != 0 ? in[1][step[1] ? i : 0] : in[2][step[2] ? i : 0];
}

int hedge_plain_where(const hedge_kernel_t *k, const float *const *in, float *out)
{
        hedge_broadcast_run(k, in, out, row_where);
        return 0;
}

int hedge_plain_not(const hedge_kernel_t *k, const float *const *in, float *out)
{
        for (size_t i = 0, n = hedge_shape_elements(&k->out); i < n; i++)
                out[i] = in[0][i] == 0;
        return 0;
}

int hedge_plain_to_bool(const hedge_kernel_t *k, const float *const *in, float *out)
{
        for (size_t i = 0, n = hedge_shape_elements(&k->out); i < n; i++)
                out[i] = in[0][i] != 0;
        return 0;
}

int hedge_plain_is_nan(const hedge_kernel_t *k, const float *const *in, float *out)
{
        for (size_t i = 0, n = hedge_shape_elements(&k->out); i < n; i++)
                out[i] = isnan(in[0][i]) != 0;
        return 0;
}

int hedge_plain_is_inf(const hedge_kernel_t *k, const float *const *in, float *out)
{
        bool positive = k->op.infinite.positive, negative = k->op.infinite.negative;

        for (size_t i = 0, n = hedge_shape_elements(&k->out); i < n; i++)
                out[i] = (positive && in[0][i] == INFINITY) || (negative && in[0][i] == -INFINITY);
        return 0;
}
