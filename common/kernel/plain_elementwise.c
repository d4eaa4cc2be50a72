/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/broadcast.h"

#include <math.h>

#define PIECE 2048

static inline float clamp(float x, float lo, float hi)
{
        x = x < lo ? lo : x; /* written so that what is not a number stays so */
        return x > hi ? hi : x;
}

static void clamp_all(const float *x, float *out, size_t n, float lo, float hi)
{
        for (size_t i = 0; i < n; i++)
                out[i] = clamp(x[i], lo, hi);
}

static void leak_all(const float *x, float *out, size_t n, float slope)
{
        for (size_t i = 0; i < n; i++)
                out[i] = x[i] < 0 ? slope * x[i] : x[i];
}

void hedge_plain_activate(const hedge_activation_t *activation, float *x, size_t n)
{
        switch (activation->kind) {
        case HEDGE_ACT_NONE:
                break;
        case HEDGE_ACT_CLAMP:
                clamp_all(x, x, n, activation->lo, activation->hi);
                break;
        case HEDGE_ACT_LEAKY_RELU:
                leak_all(x, x, n, activation->lo);
                break;
        }
}

int hedge_plain_clamp(const hedge_kernel_t *k, const float *const *in, float *out)
{
        clamp_all(in[0], out, hedge_shape_elements(&k->out), k->op.activation.lo, k->op.activation.hi);
        return 0;
}

int hedge_plain_leaky_relu(const hedge_kernel_t *k, const float *const *in, float *out)
{
        leak_all(in[0], out, hedge_shape_elements(&k->out), k->op.activation.lo);
        return 0;
}

int hedge_plain_unary(const hedge_kernel_t *k, const float *const *in, float *out)
{
        hedge_unary_run(&k->op.unary, in[0], out, hedge_shape_elements(&k->out));
        return 0;
}

static float rounded(float x, hedge_rounding_t rounding)
{
        return rounding == HEDGE_ROUND_HALF_EVEN ? rintf(x) : truncf(x);
}

/* A whole number outside lo .. hi, or none at all. @return false: it is refused. */
static bool bring_in(const hedge_to_integer_t *t, float *x)
{
        double span = (double)t->hi - (double)t->lo + 1, past;

        if (t->overflow == HEDGE_OVERFLOW_REFUSE)
                return false;
        if (t->overflow == HEDGE_OVERFLOW_SATURATE && !isnan(*x)) {
                *x = *x < t->lo ? t->lo : t->hi;
                return true;
        }
        past = fmod(fmod((double)*x, span) - (double)t->lo, span); /* exact: the difference is small */
        *x = isfinite(past) ? (float)(t->lo + (past < 0 ? past + span : past)) : 0;
        return true;
}

int hedge_plain_to_integer(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_to_integer_t *t = &k->op.to_integer;

        for (size_t i = 0, n = hedge_shape_elements(&k->out); i < n; i++) {
                float x = in[0][i], y = rounded(x, t->rounding);

                if (t->rounding == HEDGE_ROUND_REFUSE && y != x)
                        return HEDGE_ERANGE;
                if (!(y >= t->lo && y <= t->hi) && !bring_in(t, &y))
                        return HEDGE_ERANGE;
                out[i] = y + 0; /* there is no -0 among integers */
        }
        return 0;
}

/* One row of a binary operator; step_a and step_b are 0 for an operand that stays the same along it, else 1. */
#define ROW(name, expression)                                                                          \
        static void name(const float *a, const float *b, float *out, size_t n, int step_a, int step_b) \
        {                                                                                              \
                if (step_a && step_b) {                                                                \
                        for (size_t i = 0; i < n; i++) {                                               \
                                float x = a[i], y = b[i];                                              \
                                out[i] = expression;                                                   \
                        }                                                                              \
                } else if (step_a) {                                                                   \
                        float y = *b;                                                                  \
                        for (size_t i = 0; i < n; i++) {                                               \
                                float x = a[i];                                                        \
                                out[i] = expression;                                                   \
                        }                                                                              \
                } else {                                                                               \
                        float x = *a;                                                                  \
                        for (size_t i = 0; i < n; i++) {                                               \
                                float y = b[step_b ? i : 0];                                           \
                                out[i] = expression;                                                   \
                        }                                                                              \
                }                                                                                      \
        }

ROW(row_add, x + y)
ROW(row_sub, x - y)
ROW(row_mul, x *y)
ROW(row_div, x / y)
ROW(row_max, x > y || x != x ? x : y)
ROW(row_min, x < y || x != x ? x : y)
ROW(row_pow, powf(x, y))
ROW(row_prelu, x < 0 ? x * y : x)

typedef void row_fn(const float *a, const float *b, float *out, size_t n, int step_a, int step_b);

static row_fn *row_of(hedge_op_kind_t kind)
{
        switch (kind) {
        case HEDGE_OP_ADD:
                return row_add;
        case HEDGE_OP_SUB:
                return row_sub;
        case HEDGE_OP_MUL:
                return row_mul;
        case HEDGE_OP_DIV:
                return row_div;
        case HEDGE_OP_MAX:
                return row_max;
        case HEDGE_OP_MIN:
                return row_min;
        case HEDGE_OP_POW:
                return row_pow;
        default:
                return row_prelu;
        }
}

/* One row in pieces that stay in the nearest cache until their activation is done. */
static void whole_row(const hedge_op_t *op, const float *const *in, const int *step, float *out, size_t n)
{
        row_fn *row = row_of(op->kind);

        for (size_t i = 0; i < n; i += PIECE) {
                size_t m = n - i < PIECE ? n - i : PIECE;

                row(in[0] + (step[0] ? i : 0), in[1] + (step[1] ? i : 0), out + i, m, step[0], step[1]);
                hedge_plain_activate(&op->activation, out + i, m);
        }
}

int hedge_plain_binary(const hedge_kernel_t *k, const float *const *in, float *out)
{
        hedge_broadcast_run(k, in, out, whole_row);
        return 0;
}
