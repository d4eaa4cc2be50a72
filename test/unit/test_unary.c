/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one element: against double precision, at the ends of the numbers, and alike at import and when run. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "common/model/operators.h"
#include "make_onnx.h"

#define SAMPLES 400

static double d_celu(double x, double a, double b)
{
        return fmax(0, x) + fmin(0, a * expm1(x / a));
}

static double d_elu(double x, double a, double b)
{
        return x < 0 ? a * expm1(x) : x;
}

static double d_gelu(double x, double a, double b)
{
        return 0.5 * x * erfc(-x / sqrt(2));
}

static double d_gelu_tanh(double x, double a, double b)
{
        return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
}

static double d_hard_sigmoid(double x, double a, double b)
{
        return fmax(0, fmin(1, a * x + b));
}

static double d_hard_swish(double x, double a, double b)
{
        return x * fmax(0, fmin(1, x / 6 + 0.5));
}

static double d_mish(double x, double a, double b)
{
        return x * tanh(log1p(exp(x)));
}

static double d_selu(double x, double a, double b)
{
        return b * d_elu(x, a, 0);
}

static double d_shrink(double x, double a, double b)
{
        return x < -a ? x + b : x > a ? x - b : 0;
}

#define DOUBLE(name, expression)                         \
        static double name(double x, double a, double b) \
        {                                                \
                return expression;                       \
        }

DOUBLE(d_abs, fabs(x))
DOUBLE(d_acos, acos(x))
DOUBLE(d_acosh, acosh(x))
DOUBLE(d_asin, asin(x))
DOUBLE(d_asinh, asinh(x))
DOUBLE(d_atan, atan(x))
DOUBLE(d_atanh, atanh(x))
DOUBLE(d_ceil, ceil(x))
DOUBLE(d_cos, cos(x))
DOUBLE(d_cosh, cosh(x))
DOUBLE(d_erf, erf(x))
DOUBLE(d_exp, exp(x))
DOUBLE(d_floor, floor(x))
DOUBLE(d_log, log(x))
DOUBLE(d_neg, -x)
DOUBLE(d_reciprocal, 1 / x)
DOUBLE(d_round, 2 * round(x / 2) == x - 0.5 || 2 * round(x / 2) == x + 0.5 ? 2 * round(x / 2) : round(x))
DOUBLE(d_sigmoid, 1 / (1 + exp(-x)))
DOUBLE(d_sign, x > 0 ? 1 : x < 0 ? -1 : 0)
DOUBLE(d_sin, sin(x))
DOUBLE(d_sinh, sinh(x))
DOUBLE(d_softplus, log1p(exp(x)))
DOUBLE(d_softsign, x / (1 + fabs(x)))
DOUBLE(d_sqrt, sqrt(x))
DOUBLE(d_tan, tan(x))
DOUBLE(d_tanh, tanh(x))
DOUBLE(d_thresholded_relu, x > a ? x : 0)

/* In the order of the enumeration; tried with these parameters from lo to hi. */
static const struct {
        const char *name;
        double (*function)(double x, double a, double b);
        float alpha, beta, lo, hi;
} kinds[] = {
        { "Abs", d_abs, 0, 0, -9, 9 },
        { "Acos", d_acos, 0, 0, -1, 0.9f },
        { "Acosh", d_acosh, 0, 0, 1.1f, 9 },
        { "Asin", d_asin, 0, 0, -1, 1 },
        { "Asinh", d_asinh, 0, 0, -9, 9 },
        { "Atan", d_atan, 0, 0, -9, 9 },
        { "Atanh", d_atanh, 0, 0, -0.9f, 0.9f },
        { "Ceil", d_ceil, 0, 0, -9, 9 },
        { "Celu", d_celu, 2, 0, -30, 9 },
        { "Cos", d_cos, 0, 0, -1, 1 },
        { "Cosh", d_cosh, 0, 0, -9, 9 },
        { "Elu", d_elu, 0.5f, 0, -30, 9 },
        { "Erf", d_erf, 0, 0, -4, 4 },
        { "Exp", d_exp, 0, 0, -9, 9 },
        { "Floor", d_floor, 0, 0, -9, 9 },
        { "Gelu", d_gelu, 0, 0, -4, 9 },
        { "Gelu (tanh)", d_gelu_tanh, 0, 0, -4, 9 },
        { "HardSigmoid", d_hard_sigmoid, 0.2f, 0.5f, -9, 9 },
        { "HardSwish", d_hard_swish, 0, 0, -9, 9 },
        { "Log", d_log, 0, 0, 1.1f, 9 },
        { "Mish", d_mish, 0, 0, -9, 9 },
        { "Neg", d_neg, 0, 0, -9, 9 },
        { "Reciprocal", d_reciprocal, 0, 0, 0.1f, 9 },
        { "Round", d_round, 0, 0, -10, 10 },
        { "Selu", d_selu, 1.5f, 1.1f, -30, 9 },
        { "Shrink", d_shrink, 1.5f, 0.25f, -9, 9 },
        { "Sigmoid", d_sigmoid, 0, 0, -9, 9 },
        { "Sign", d_sign, 0, 0, -9, 9 },
        { "Sin", d_sin, 0, 0, -1, 1 },
        { "Sinh", d_sinh, 0, 0, -9, 9 },
        { "Softplus", d_softplus, 0, 0, -9, 9 },
        { "Softsign", d_softsign, 0, 0, -9, 9 },
        { "Sqrt", d_sqrt, 0, 0, 0, 9 },
        { "Tan", d_tan, 0, 0, -1, 1 },
        { "Tanh", d_tanh, 0, 0, -9, 9 },
        { "ThresholdedRelu", d_thresholded_relu, 0.75f, 0, -9, 9 },
};

/* Each step rounds by 6e-8, libm's functions a little more, and no function here makes more than 20 times as much of it
 * (Gelu at -4); those that add to what they multiply also lose what the sum is smaller. */
static void test_each_against_double(void **state)
{
        assert_int_equal(sizeof(kinds) / sizeof(kinds[0]), HEDGE_UNARY_KINDS);
        for (hedge_unary_kind_t kind = 0; kind < HEDGE_UNARY_KINDS; kind++) {
                hedge_unary_t u = { kind, kinds[kind].alpha, kinds[kind].beta };
                float x[SAMPLES + 1], y[SAMPLES + 1];

                assert_string_equal(hedge_unary_about(kind)->name, kinds[kind].name);
                for (int i = 0; i <= SAMPLES; i++)
                        y[i] = x[i] = kinds[kind].lo + (kinds[kind].hi - kinds[kind].lo) * (float)i / SAMPLES;
                hedge_unary_run(&u, y, y, SAMPLES + 1);
                for (int i = 0; i <= SAMPLES; i++) {
                        double want = kinds[kind].function(x[i], u.alpha, u.beta);

                        double past = kind == HEDGE_UNARY_HARD_SIGMOID || kind == HEDGE_UNARY_HARD_SWISH ? 0.1 : 1e-6;

                        if (!(fabs(y[i] - want) <= 20 * 6e-8 * (fabs(want) + past)))
                                fail_msg("%s of %.9g is %.9g, not %.9g", kinds[kind].name, (double)x[i], (double)y[i],
                                         want);
                }
        }
}

static float of(hedge_unary_kind_t kind, float x)
{
        hedge_unary_t u = { kind, 1, 1 };
        float y;

        hedge_unary_run(&u, &x, &y, 1);
        return y;
}

static void test_at_the_ends(void **state)
{
        for (hedge_unary_kind_t kind = 0; kind < HEDGE_UNARY_KINDS; kind++)
                if (!isnan(of(kind, NAN)))
                        fail_msg("%s of nothing is a number", kinds[kind].name);
        assert_true(of(HEDGE_UNARY_SOFTPLUS, 200) == 200);
        assert_true(of(HEDGE_UNARY_SOFTPLUS, -200) == 0);
        assert_true(of(HEDGE_UNARY_MISH, 1e4f) == 1e4f);
        assert_true(of(HEDGE_UNARY_GELU_TANH, -1e20f) == 0);
        assert_true(of(HEDGE_UNARY_GELU_TANH, 1e20f) == 1e20f);
        assert_true(of(HEDGE_UNARY_ELU, -INFINITY) == -1);
        assert_true(of(HEDGE_UNARY_SIGMOID, -INFINITY) == 0);
        assert_true(of(HEDGE_UNARY_ROUND, 2.5f) == 2);
        assert_true(of(HEDGE_UNARY_ROUND, -3.5f) == -4);
}

/* y = function(x), k = function(c): x is given when the graph runs, c known at import, both the same. */
static void run_both(hedge_unary_kind_t kind, const char *op_type, const char *way)
{
        static const float v[4] = { -1.5f, 0.25f, 0.5f, 7.5f };
        hedge_tensor_t in = { { 1, { 4 } }, (float *)(uintptr_t)v }, out[2] = { { { 0 }, NULL } };
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        unsigned char *bytes;
        size_t size;
        make_t m;

        make_init(&m, 23);
        make_input(&m, "x", DIMS(4));
        make_floats(&m, "c", DIMS(4), v);
        for (int i = 0; i < 2; i++) {
                Onnx__NodeProto *node = make_node(&m, op_type, i ? "c" : "x", i ? "k" : "y");

                make_output(&m, i ? "k" : "y");
                if (way)
                        make_string(&m, node, "approximate", way);
                for (int p = 0; p < 2 && hedge_unary_about(kind)->parameters[p]; p++)
                        make_float(&m, node, hedge_unary_about(kind)->parameters[p], p ? 0.5f : 0.75f);
        }
        bytes = make_bytes(&m, &size);
        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, out), 0);
        for (int i = 0; i < 4; i++) {
                hedge_unary_t u = { kind, 0.75f, 0.5f };
                float want = v[i];

                hedge_unary_run(&u, &want, &want, 1);
                if (kind == HEDGE_UNARY_NEG || !isnan(want)) /* what is not a number differs in its sign at most */
                        if (out[0].data[i] != want || out[1].data[i] != want)
                                fail_msg("%s of %g is %g, of a constant %g, not %g", op_type, (double)v[i],
                                         (double)out[0].data[i], (double)out[1].data[i], (double)want);
        }
        hedge_tensor_release(&out[0]);
        hedge_tensor_release(&out[1]);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        hedge_graph_destroy(&graph);
        make_free(&m);
}

static void test_constants_are_as_what_is_run(void **state)
{
        for (hedge_unary_kind_t kind = 0; kind < HEDGE_UNARY_KINDS; kind++)
                if (kind != HEDGE_UNARY_GELU_TANH)
                        run_both(kind, hedge_unary_about(kind)->name, NULL);
        run_both(HEDGE_UNARY_GELU_TANH, "Gelu", "tanh");
        run_both(HEDGE_UNARY_GELU, "Gelu", "none");
        assert_int_equal(hedge_unary_find("Relu"), HEDGE_UNARY_KINDS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_against_double),
                cmocka_unit_test(test_at_the_ends),
                cmocka_unit_test(test_constants_are_as_what_is_run),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
