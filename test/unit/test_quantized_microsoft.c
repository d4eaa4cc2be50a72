/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of com.microsoft: what ONNX Runtime's quantised files have beside ONNX's own. */
#include "quantized_bed.h"

#define N 24 /* elements of a tensor of the tests: 1 x 2 x 3 x 4 */

/* What each input and the result are quantised with. */
static const float scales[3] = { 0.1f, 0.05f, 0.2f };
static const int64_t zeros[3] = { 128, 7, 99 };

static char domain[] = "com.microsoft";

static Onnx__NodeProto *microsoft(make_t *m, const char *op, const char *inputs)
{
        Onnx__NodeProto *node = make_node(m, op, inputs, "y");

        node->domain = domain;
        return node;
}

static void open_model(make_t *m, int64_t *x)
{
        int64_t *any;

        make_init(m, 13);
        any = any_integers(m, UINT8, N);
        memcpy(x, any, N * sizeof(*x));
        free(any);
        make_typed_input(m, "x", UINT8, DIMS(1, 2, 3, 4));
        make_output(m, "y");
        make_floats(m, "xs", SCALAR, &scales[0]);
        make_integers(m, "xz", SCALAR, UINT8, &zeros[0]);
        make_floats(m, "bs", SCALAR, &scales[1]);
        make_integers(m, "bz", SCALAR, UINT8, &zeros[1]);
        make_floats(m, "ys", SCALAR, &scales[2]);
        make_integers(m, "yz", SCALAR, UINT8, &zeros[2]);
}

static float real(int64_t q, int input)
{
        return (float)(q - zeros[input]) * scales[input];
}

static int64_t result(float v)
{
        return to_type(v / scales[2], zeros[2], UINT8);
}

static void gives_results(make_t *m, const int64_t *x, const int64_t *want, size_t n)
{
        float in[N];

        for (size_t i = 0; i < N; i++)
                in[i] = (float)x[i];
        gives_integers(imported(m), in, want, n);
}

/* QLinearAdd and QLinearMul, with a constant and with the input itself. */
static void test_binary(void **state)
{
        for (unsigned k = 0; k < 4; k++) {
                const bool adds = k % 2, itself = k / 2;
                int64_t x[N], b[N], want[N], *any;
                make_t m;

                open_model(&m, x);
                any = any_integers(&m, UINT8, N);
                memcpy(b, any, sizeof(b));
                free(any);
                make_integers(&m, "b", DIMS(1, 2, 3, 4), UINT8, b);
                microsoft(&m, adds ? "QLinearAdd" : "QLinearMul",
                          itself ? "x xs xz x xs xz ys yz" : "x xs xz b bs bz ys yz");
                for (size_t i = 0; i < N; i++) {
                        /* volatile: not drawn into one with the sum, which would round once where the model does twice */
                        const volatile float p = real(x[i], 0), q = itself ? real(x[i], 0) : real(b[i], 1);

                        want[i] = result(adds ? p + q : p * q);
                }
                gives_results(&m, x, want, N);
        }
}

static void test_concat(void **state)
{
        int64_t x[N], want[2 * N];
        make_t m;

        open_model(&m, x);
        make_int(&m, microsoft(&m, "QLinearConcat", "ys yz x xs xz x bs bz"), "axis", 0);
        for (size_t i = 0; i < N; i++) {
                want[i] = result(real(x[i], 0));
                want[N + i] = result(real(x[i], 1));
        }
        gives_results(&m, x, want, 2 * N);
}

/* Means are sums in another order: the values are chosen so that none lies at the border between two results. */
static void test_pools(void **state)
{
        for (unsigned global = 0; global < 2; global++) {
                int64_t x[N], want[4];
                Onnx__NodeProto *node;
                make_t m;

                open_model(&m, x);
                node = microsoft(&m, global ? "QLinearGlobalAveragePool" : "QLinearAveragePool", "x xs xz ys yz");
                if (!global)
                        make_int_list(&m, node, "kernel_shape", DIMS(3, 2));
                if (!global)
                        make_int_list(&m, node, "strides", DIMS(1, 2));
                for (size_t c = 0; c < 2; c++)
                        for (size_t half = 0; half < (global ? 1u : 2u); half++) {
                                double sum = 0, mean, rest;

                                for (size_t i = 0; i < 12; i++)
                                        sum += global || i % 4 / 2 == half ? (double)real(x[c * 12 + i], 0) : 0;
                                mean = sum / (global ? 12 : 6) / (double)scales[2];
                                rest = mean - floor(mean);
                                assert_true(fabs(rest - 0.5) > 1e-3);
                                want[global ? c : c * 2 + half] = to_type((float)mean, zeros[2], UINT8);
                        }
                gives_results(&m, x, want, global ? 2 : 4);
        }
}

static void test_functions(void **state)
{
        for (unsigned k = 0; k < 2; k++) {
                int64_t x[N], want[N];
                Onnx__NodeProto *node;
                make_t m;

                open_model(&m, x);
                node = microsoft(&m, k ? "QLinearSigmoid" : "QLinearLeakyRelu", "x xs xz ys yz");
                if (!k)
                        make_float(&m, node, "alpha", 0.25f);
                for (size_t i = 0; i < N; i++) {
                        const double v = (double)real(x[i], 0), y = k ? 1 / (1 + exp(-v)) : v < 0 ? v * 0.25 : v;
                        const double steps = y / (double)scales[2];

                        /* a tie may fall on either side by an error of a function's last bit; LeakyRelu is exact */
                        assert_true(!k || fabs(steps - floor(steps) - 0.5) > 1e-5);
                        want[i] = k ? to_type((float)steps, zeros[2], UINT8) : result((float)y);
                }
                gives_results(&m, x, want, N);
        }
}

/* A x B + C in integers, with B either way round, scaled and quantised, or left as it is. */
static void test_gemm(void **state)
{
        for (unsigned k = 0; k < 4; k++) {
                static const int64_t bias[3] = { 1000, -2000, 300 };
                static const float columns[3] = { 0.01f, 0.02f, 0.03f };
                const bool transposed = k % 2, quantizes = k / 2;
                int64_t x[N], w[12], none = 0, *any;
                float want[18], in[N];
                Onnx__NodeProto *node;
                make_t m;

                open_model(&m, x);
                any = any_integers(&m, INT8, 12);
                memcpy(w, any, sizeof(w));
                free(any);
                make_integers(&m, "w", transposed ? DIMS(3, 4) : DIMS(4, 3), INT8, w);
                make_floats(&m, "ws", DIMS(3), columns);
                make_integers(&m, "wz", SCALAR, INT8, &none);
                make_integers(&m, "c", DIMS(3), INT32, bias);
                make_ints(&m, "shape", DIMS(2), (const int64_t[]){ 6, 4 });
                make_node(&m, "Reshape", "x shape", "rows");
                node = microsoft(&m, "QGemm", quantizes ? "rows xs xz w ws wz c ys yz" : "rows xs xz w ws wz c");
                make_int(&m, node, "transB", transposed);
                for (size_t i = 0; i < 18; i++) {
                        const size_t row = i / 3, column = i % 3;
                        int64_t sum = bias[column];

                        for (size_t j = 0; j < 4; j++)
                                sum += (x[row * 4 + j] - zeros[0]) * w[transposed ? column * 4 + j : j * 3 + column];
                        if (quantizes)
                                want[i] = (float)to_type((float)sum * (scales[0] * columns[column] / scales[2]),
                                                         zeros[2], UINT8);
                        else
                                want[i] = (float)sum * (scales[0] * columns[column]);
                }
                for (size_t i = 0; i < N; i++)
                        in[i] = (float)x[i];
                gives(imported(&m), in, want, 18);
        }
}

static void test_linear(void **state)
{
        int64_t x[N], want[N];
        make_t m;

        open_model(&m, x);
        make_node(&m, "DequantizeLinear", "x xs xz", "real");
        microsoft(&m, "QuantizeLinear", "real ys yz");
        for (size_t i = 0; i < N; i++)
                want[i] = result(real(x[i], 0));
        gives_results(&m, x, want, N);
}

static void test_refused(void **state)
{
        int64_t x[N];
        make_t m;

        open_model(&m, x);
        make_int(&m, microsoft(&m, "QLinearGlobalAveragePool", "x xs xz ys yz"), "channels_last", 1);
        refused(&m, HEDGE_EUNSUPPORTED, "with channels last");
        open_model(&m, x);
        microsoft(&m, "QLinearAdd", "x xs xz x xs xz");
        refused(&m, HEDGE_EMALFORMED, "the scale of the result is missing");
        open_model(&m, x);
        microsoft(&m, "QLinearConcat", "ys yz");
        refused(&m, HEDGE_EMALFORMED, "input 2 or its scale is missing");
        open_model(&m, x);
        microsoft(&m, "QGemm", "x xs");
        refused(&m, HEDGE_EMALFORMED, "B is missing");
        open_model(&m, x);
        make_node(&m, "QLinearAdd", "x xs xz x xs xz ys yz", "- y")->domain = domain;
        refused(&m, HEDGE_EMALFORMED, "the output 'y' is not computed");
        open_model(&m, x);
        microsoft(&m, "QAttention", "x xs");
        refused(&m, HEDGE_EUNSUPPORTED, "operator of domain com.microsoft: QAttention");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_binary),    cmocka_unit_test(test_concat), cmocka_unit_test(test_pools),
                cmocka_unit_test(test_functions), cmocka_unit_test(test_gemm),   cmocka_unit_test(test_linear),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
