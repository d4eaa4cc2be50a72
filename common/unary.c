/* SPDX-License-Identifier: Apache-2.0 */
#include "common/unary.h"

#include <math.h>
#include <string.h>

typedef void function_t(const float *in, float *out, size_t n, float alpha, float beta);

#define FUNCTION(name, expression)                                                       \
        static void name(const float *in, float *out, size_t n, float alpha, float beta) \
        {                                                                                \
                for (size_t i = 0; i < n; i++) {                                         \
                        float x = in[i];                                                 \
                        out[i] = expression;                                             \
                }                                                                        \
        }

/* Written so that what is not a number stays so. */
static inline float to_unit(float x)
{
        x = x < 0 ? 0 : x;
        return x > 1 ? 1 : x;
}

/* log(1 + e) for e from 0 to 1: what 1 + e loses of e is made up for (Kahan). libm's own takes five times as long. */
static inline float log_past_1(float e)
{
        float u = 1 + e;

        return u == 1 ? e : logf(u) * (e / (u - 1));
}

/* log(1 + e^x), without the overflow of e^x. */
static inline float softplus(float x)
{
        return (x > 0 ? x : 0) + log_past_1(expf(x > 0 ? -x : x));
}

/* tanh(log(1 + e^x)) is n / (n + 2) with n = e^x (e^x + 2), which cancels nowhere. From 20 on it is 1. */
static inline float mish_factor(float x)
{
        float e = expf(x > 20 ? 20 : x), n = e * (e + 2);

        return n / (n + 2);
}

/* By the exponential, and near 0, where that cancels, by the first terms of the series: the next is 5e-8 of the whole.
 * libm's own takes seven times as long. */
static inline float tanh_of(float x)
{
        float large = 1 - 2 / (expf(2 * fabsf(x)) + 1), s = x * x;
        float series = 1 + s * (-0.33333334f + s * (0.13333334f + s * (-0.05396825f + s * 0.021869488f)));

        return fabsf(x) < 0.3f ? x * series : copysignf(large, x);
}

FUNCTION(absolute, fabsf(x))
FUNCTION(arc_cosine, acosf(x))
FUNCTION(area_cosine, acoshf(x))
FUNCTION(arc_sine, asinf(x))
FUNCTION(area_sine, asinhf(x))
FUNCTION(arc_tangent, atanf(x))
FUNCTION(area_tangent, atanhf(x))
FUNCTION(round_up, ceilf(x))
FUNCTION(celu, x < 0 ? alpha * expm1f(x / alpha) : x)
FUNCTION(cosine, cosf(x))
FUNCTION(hyperbolic_cosine, coshf(x))
FUNCTION(elu, x < 0 ? alpha * expm1f(x) : x)
FUNCTION(error_function, erff(x))
FUNCTION(exponential, expf(x))
FUNCTION(round_down, floorf(x))
/* 1 + erf(x / sqrt 2) loses all digits where x is negative; erfc keeps them. */
FUNCTION(gelu, 0.5f * x * erfcf(-0.70710678f * x))
/* 0.5 (1 + tanh u) is 1 / (1 + e^-2u), for the same reason. */
FUNCTION(gelu_tanh, x / (1 + expf(-1.59576912f * (x + 0.044715f * x * x * x))))
FUNCTION(hard_sigmoid, to_unit(alpha *x + beta))
FUNCTION(hard_swish, x *to_unit(x / 6 + 0.5f))
FUNCTION(logarithm, logf(x))
FUNCTION(mish, x *mish_factor(x))
FUNCTION(negative, -x)
FUNCTION(reciprocal, 1 / x)
FUNCTION(round_even, rintf(x))
FUNCTION(selu, x > 0 ? beta * x : beta * (alpha * expm1f(x)))
FUNCTION(shrink, x<-alpha ? x + beta : x> alpha ? x - beta : x == x ? 0 : x)
FUNCTION(sigmoid, 1 / (1 + expf(-x)))
FUNCTION(sign, x > 0 ? 1 : x < 0 ? -1 : x)
FUNCTION(sine, sinf(x))
FUNCTION(hyperbolic_sine, sinhf(x))
FUNCTION(soft_plus, softplus(x))
FUNCTION(softsign, x / (1 + fabsf(x)))
FUNCTION(square_root, sqrtf(x))
FUNCTION(tangent, tanf(x))
FUNCTION(hyperbolic_tangent, tanh_of(x))
FUNCTION(thresholded_relu, x <= alpha ? 0 : x)

static const struct {
        function_t *function;
        hedge_unary_about_t about;
} kinds[HEDGE_UNARY_KINDS] = {
        [HEDGE_UNARY_ABS] = { absolute, { .name = "Abs" } },
        [HEDGE_UNARY_ACOS] = { arc_cosine, { .name = "Acos" } },
        [HEDGE_UNARY_ACOSH] = { area_cosine, { .name = "Acosh" } },
        [HEDGE_UNARY_ASIN] = { arc_sine, { .name = "Asin" } },
        [HEDGE_UNARY_ASINH] = { area_sine, { .name = "Asinh" } },
        [HEDGE_UNARY_ATAN] = { arc_tangent, { .name = "Atan" } },
        [HEDGE_UNARY_ATANH] = { area_tangent, { .name = "Atanh" } },
        [HEDGE_UNARY_CEIL] = { round_up, { .name = "Ceil" } },
        [HEDGE_UNARY_CELU] = { celu, { "Celu", { "alpha" }, { 1 } } },
        [HEDGE_UNARY_COS] = { cosine, { .name = "Cos" } },
        [HEDGE_UNARY_COSH] = { hyperbolic_cosine, { .name = "Cosh" } },
        [HEDGE_UNARY_ELU] = { elu, { "Elu", { "alpha" }, { 1 } } },
        [HEDGE_UNARY_ERF] = { error_function, { .name = "Erf" } },
        [HEDGE_UNARY_EXP] = { exponential, { .name = "Exp" } },
        [HEDGE_UNARY_FLOOR] = { round_down, { .name = "Floor" } },
        [HEDGE_UNARY_GELU] = { gelu, { .name = "Gelu" } },
        [HEDGE_UNARY_GELU_TANH] = { gelu_tanh, { .name = "Gelu (tanh)" } },
        [HEDGE_UNARY_HARD_SIGMOID] = { hard_sigmoid, { "HardSigmoid", { "alpha", "beta" }, { 0.2f, 0.5f } } },
        [HEDGE_UNARY_HARD_SWISH] = { hard_swish, { .name = "HardSwish" } },
        [HEDGE_UNARY_LOG] = { logarithm, { .name = "Log" } },
        [HEDGE_UNARY_MISH] = { mish, { .name = "Mish" } },
        [HEDGE_UNARY_NEG] = { negative, { .name = "Neg" } },
        [HEDGE_UNARY_RECIPROCAL] = { reciprocal, { .name = "Reciprocal" } },
        [HEDGE_UNARY_ROUND] = { round_even, { .name = "Round" } },
        [HEDGE_UNARY_SELU] = { selu, { "Selu", { "alpha", "gamma" }, { 1.67326319f, 1.05070102f } } },
        [HEDGE_UNARY_SHRINK] = { shrink, { "Shrink", { "lambd", "bias" }, { 0.5f, 0 } } },
        [HEDGE_UNARY_SIGMOID] = { sigmoid, { .name = "Sigmoid" } },
        [HEDGE_UNARY_SIGN] = { sign, { .name = "Sign" } },
        [HEDGE_UNARY_SIN] = { sine, { .name = "Sin" } },
        [HEDGE_UNARY_SINH] = { hyperbolic_sine, { .name = "Sinh" } },
        [HEDGE_UNARY_SOFTPLUS] = { soft_plus, { .name = "Softplus" } },
        [HEDGE_UNARY_SOFTSIGN] = { softsign, { .name = "Softsign" } },
        [HEDGE_UNARY_SQRT] = { square_root, { .name = "Sqrt" } },
        [HEDGE_UNARY_TAN] = { tangent, { .name = "Tan" } },
        [HEDGE_UNARY_TANH] = { hyperbolic_tangent, { .name = "Tanh" } },
        [HEDGE_UNARY_THRESHOLDED_RELU] = { thresholded_relu, { "ThresholdedRelu", { "alpha" }, { 1 } } },
};

const hedge_unary_about_t *hedge_unary_about(hedge_unary_kind_t kind)
{
        return &kinds[kind].about;
}

hedge_unary_kind_t hedge_unary_find(const char *name)
{
        hedge_unary_kind_t kind = 0;

        while (kind < HEDGE_UNARY_KINDS && strcmp(kinds[kind].about.name, name) != 0)
                kind++;
        return kind;
}

void hedge_unary_run(const hedge_unary_t *unary, const float *x, float *out, size_t n)
{
        kinds[unary->kind].function(x, out, n, unary->alpha, unary->beta);
}
