/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of quantised models, on every back end, against integers of 64 bits: they must agree in every bit. */
#include "quantized_bed.h"

#define ROUNDS 12

/* QuantizeLinear of random numbers, ties, infinities and what is not a number, with a scale for all or for each channel. */
static void test_quantize(void **state)
{
        static const int types[] = { UINT8, INT8, INT16 };

        for (unsigned round = 0; round < 4 * ROUNDS; round++) {
                const int type = types[round % 3];
                const size_t channels = 1 + round % 5, each = 6, n = channels * each;
                const bool per_channel = round % 2 && channels > 1;
                float scale[8], x[64];
                int64_t zero[8], want[64];
                make_t m;

                make_init(&m, 13);
                m.random += round;
                for (size_t c = 0; c < channels; c++) {
                        scale[c] = per_channel || c == 0 ? 0.01f + fabsf(make_random(&m)) : scale[0];
                        zero[c] = per_channel || c == 0 ? between(&m, lowest(type), highest(type)) : zero[0];
                }
                for (size_t i = 0; i < n; i++) {
                        x[i] = make_random(&m) * scale[i / each] * 400;
                        if (i % 6 == 1)
                                x[i] = ((float)between(&m, -300, 300) + 0.5f) * scale[i / each];
                        if (i % 6 == 2 && round % 4 == 0)
                                x[i] = i % 4 ? INFINITY : -INFINITY;
                        if (i % 6 == 3 && round % 4 == 1)
                                x[i] = NAN;
                        want[i] = to_type(isnan(x[i]) ? 0 : x[i] / scale[i / each], zero[i / each], type);
                }
                make_input(&m, "x", DIMS(1, (int64_t)channels, 2, 3));
                make_output(&m, "y");
                make_floats(&m, "scale", per_channel ? DIMS((int64_t)channels) : SCALAR, scale);
                make_integers(&m, "zero", per_channel ? DIMS((int64_t)channels) : SCALAR, type, zero);
                make_node(&m, "QuantizeLinear", "x scale zero", "y");
                gives_integers(imported(&m), x, want, n);
        }
}

/* Behind a transpose the axis is another one in memory, and may count from the end. */
static void test_axis(void **state)
{
        static const float scale[3] = { 0.5f, 2, 0.25f }, x[6] = { 1, 2, 3, 4, 5, 6 };
        static const int64_t zero[3] = { 1, 2, 3 }, want[6] = { 3, 5, 4, 4, 23, 27 };

        for (int64_t axis = 1; axis >= -1; axis -= 2) {
                make_t m;

                make_init(&m, 13);
                make_input(&m, "x", DIMS(3, 2));
                make_output(&m, "y");
                make_floats(&m, "scale", DIMS(3), scale);
                make_integers(&m, "zero", DIMS(3), UINT8, zero);
                make_int_list(&m, make_node(&m, "Transpose", "x", "t"), "perm", DIMS(1, 0));
                make_int(&m, make_node(&m, "QuantizeLinear", "t scale zero", "q"), "axis", axis);
                make_int_list(&m, make_node(&m, "Transpose", "q", "y"), "perm", DIMS(1, 0));
                gives_integers(imported(&m), x, want, 6);
        }
}

/* A quantisation that is taken back at once is one operator; with other numbers, or read elsewhere, it stays. */
static void test_back_at_once(void **state)
{
        static const struct {
                const char *scale, *zero, *output;
                unsigned quantize, sub, mul;
        } cases[] = { { "scale", "zero", "y", 1, 0, 0 },
                      { "other", "zero", "y", 1, 0, 1 },
                      { "scale", "other_zero", "y", 1, 1, 1 },
                      { "scale", "zero", "q", 2, 0, 0 } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const float scale = 0.3f, other = 0.7f, x[4] = { -50, 0.44f, 0.46f, 50 };
                const int64_t zero = 7, other_zero = 9;
                char words[64];
                hedge_graph_t *g;
                hedge_tensor_t y;
                make_t m;

                make_init(&m, 13);
                make_input(&m, "x", DIMS(1, 4));
                make_output(&m, "y");
                if (strcmp(cases[i].output, "y") != 0)
                        make_output(&m, cases[i].output);
                make_floats(&m, "scale", SCALAR, &scale);
                make_floats(&m, "other", SCALAR, &other);
                make_integers(&m, "zero", SCALAR, UINT8, &zero);
                make_integers(&m, "other_zero", SCALAR, UINT8, &other_zero);
                make_node(&m, "QuantizeLinear", "x scale zero", "q");
                snprintf(words, sizeof(words), "q %s %s", cases[i].scale, cases[i].zero);
                make_node(&m, "DequantizeLinear", words, "y");
                g = imported(&m);
                assert_int_equal(nodes_of(g, HEDGE_OP_QUANTIZE), cases[i].quantize);
                assert_int_equal(nodes_of(g, HEDGE_OP_SUB), cases[i].sub);
                assert_int_equal(nodes_of(g, HEDGE_OP_MUL), cases[i].mul);
                y = run_on(g, "plain", x);
                for (size_t k = 0; k < 4; k++) {
                        const int64_t q = to_type(x[k] / scale, zero, UINT8);
                        const int64_t z = strcmp(cases[i].zero, "zero") == 0 ? zero : other_zero;
                        const float s = strcmp(cases[i].scale, "scale") == 0 ? scale : other;

                        assert_true(y.data[k] == (float)(q - z) * s);
                }
                hedge_tensor_release(&y);
                hedge_graph_destroy(&g);
        }
}

/* The whole tensor's range gives scale and zero point; of nothing but zeros the scale is 0 and all codes are 0. */
static void test_dynamic(void **state)
{
        static const float cases[3][6] = { { -1, 0.25f, 3, 2.5f, -0.5f, 0.0117f }, { 0 }, { 5, 1, 2, 3, 4, 4.5f } };

        for (size_t k = 0; k < 3; k++) {
                float most = 0, least = 0, scale;
                int64_t zero, want[6];
                make_t m;

                for (size_t i = 0; i < 6; i++) {
                        most = fmaxf(most, cases[k][i]);
                        least = fminf(least, cases[k][i]);
                }
                scale = (most - least) / 255;
                zero = scale > 0 ? to_type(-least / scale, 0, UINT8) : 0;
                for (size_t i = 0; i < 6; i++)
                        want[i] = scale > 0 ? to_type(cases[k][i] / scale, zero, UINT8) : 0;
                make_init(&m, 13);
                make_input(&m, "x", DIMS(2, 3));
                make_output(&m, "y");
                make_output(&m, "s");
                make_output(&m, "z");
                make_node(&m, "DynamicQuantizeLinear", "x", "y s z");
                gives_integers(imported(&m), cases[k], want, 6);
        }
}

/* Whole numbers lose errors below one half before they are scaled; of large ones, and of other numbers, nothing is lost. */
static void test_whole(void **state)
{
        static const struct {
                float x, scale;
                bool whole;
                float want;
        } cases[] = { { 4.4f, 0.125f, true, 0 },  { 4.4f, 0.125f, false, 1 },       { 3.6f, 0.125f, true, 0 },
                      { -4.4f, 0.25f, true, -1 }, { 12582913, 0x1p-20f, true, 12 }, { 5e6f, 1e-5f, true, 50 },
                      { -0.4f, 100, true, 0 } };
        const hedge_shape_t shapes[2] = { { 1, { 1 } }, { 0 } };
        hedge_kernels_t *kernels;

        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const hedge_op_t op = { .kind = HEDGE_OP_QUANTIZE,
                                        .quantize = { -128, 127, HEDGE_QUANTIZED_CODE, true, cases[i].whole } };
                const float *const in[2] = { &cases[i].x, &cases[i].scale };
                hedge_kernel_t *kernel;
                float y;

                assert_int_equal(hedge_kernel_new(kernels, &op, shapes, 2, NULL, &kernel), 0);
                assert_int_equal(hedge_kernel_run(kernel, in, &y), 0);
                assert_true(y == cases[i].want);
                hedge_kernel_destroy(&kernel);
        }
        hedge_kernels_destroy(&kernels);
}

/* One zero point for all scales of a constant. */
static void test_one_zero_point(void **state)
{
        static const float scale[2] = { 1, 2 }, x[2] = { 1, 10 };
        static const int64_t w[4] = { 1, 2, 3, 4 }, zero = 1, want[2] = { 0 + 40, 1 + 60 };
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 2));
        make_output(&m, "y");
        make_integers(&m, "w", DIMS(2, 2), INT8, w);
        make_floats(&m, "scale", DIMS(2), scale);
        make_integers(&m, "zero", SCALAR, INT8, &zero);
        make_int(&m, make_node(&m, "DequantizeLinear", "w scale zero", "r"), "axis", 0);
        make_node(&m, "MatMul", "x r", "y");
        gives_integers(imported(&m), x, want, 2);
}

/* Weights whose scale goes along the rows that are summed over do not stay in bytes, and are the same numbers. */
static void test_scale_along_the_sum(void **state)
{
        static const float scale[3] = { 1, 2, 4 }, x[3] = { 1, 10, 100 };
        static const int64_t w[6] = { 1, 2, 3, 4, 5, 6 }, want[2] = { 1 + 60 + 2000, 2 + 80 + 2400 };
        hedge_graph_t *g;
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 3));
        make_output(&m, "y");
        make_integers(&m, "w", DIMS(3, 2), INT8, w);
        make_floats(&m, "scale", DIMS(3), scale);
        make_int(&m, make_node(&m, "DequantizeLinear", "w scale", "r"), "axis", 0);
        make_node(&m, "MatMul", "x r", "y");
        g = imported(&m);
        for (uint32_t i = 0; i < g->n_values; i++)
                assert_null(g->values[i].narrow);
        gives_integers(g, x, want, 2);
}

/* Attributes that say nothing for one scale, or what is done anyway, are no reason to refuse. */
static void test_attributes(void **state)
{
        static const float scale = 0.5f, x[2] = { 1.2f, -3 }, want[2] = { 1, -3 };
        static const int64_t w[2] = { 4, 6 }, zero = 0;
        hedge_graph_t *g;
        make_t m;

        make_init(&m, 23);
        make_input(&m, "x", DIMS(2));
        make_output(&m, "y");
        make_floats(&m, "scale", SCALAR, &scale);
        make_integers(&m, "zero", SCALAR, INT8, &zero);
        make_integers(&m, "w", DIMS(2), INT8, w);
        for (unsigned k = 0; k < 3; k++) {
                Onnx__NodeProto *node = k == 0   ? make_node(&m, "QuantizeLinear", "x scale zero", "q")
                                        : k == 1 ? make_node(&m, "DequantizeLinear", "q scale zero", "d")
                                                 : make_node(&m, "DequantizeLinear", "w scale zero", "v");

                make_int(&m, node, "axis", 1);
                make_int(&m, node, "block_size", 0);
                make_int(&m, node, "output_dtype", k ? ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT : INT8);
                if (k == 0)
                        make_int(&m, node, "precision", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
                if (k == 0)
                        make_int(&m, node, "saturate", 1);
        }
        make_node(&m, "Mul", "d v", "p");
        make_node(&m, "Div", "p v", "y");
        g = imported(&m);
        gives(g, x, want, 2);
}

static void start_scaled(make_t *m, const char *op, int type, make_dims_t scales)
{
        static const int64_t zeros[4];
        static const float ones[4] = { 1, 1, 1, 1 };

        make_init(m, 13);
        make_input(m, "x", DIMS(1, 3, 2));
        make_output(m, "y");
        make_floats(m, "scale", scales, ones);
        make_integers(m, "zero", scales, type, zeros);
        make_node(m, op, "x scale zero", "y");
}

static void test_refused(void **state)
{
        make_t m;

        start_scaled(&m, "QuantizeLinear", INT32, SCALAR);
        refused(&m, HEDGE_EUNSUPPORTED, "to numbers that are INT32");
        start_scaled(&m, "DequantizeLinear", UINT8, SCALAR);
        refused(&m, HEDGE_EUNSUPPORTED, "of numbers that are FLOAT");
        start_scaled(&m, "QuantizeLinear", UINT8, DIMS(4));
        refused(&m, HEDGE_EMALFORMED, "the scale does not fit what it scales");
        start_scaled(&m, "QuantizeLinear", UINT8, DIMS(3));
        make_int(&m, m.graph.node[0], "axis", 3);
        refused(&m, HEDGE_EMALFORMED, "axis 3 of a tensor with 3 axes");
        start_scaled(&m, "QuantizeLinear", UINT8, DIMS(3));
        make_int(&m, m.graph.node[0], "block_size", -1);
        refused(&m, HEDGE_EMALFORMED, "blocks of -1");
}

/* Blocks of two places share a scale; the last block is short. Of a constant and of what is computed. */
static void test_blocks(void **state)
{
        static const float scale[4] = { 0.5f, 0.25f, 2, 4 };
        static const int64_t zero[4] = { 1, 2, 3, 4 }, codes[6] = { 9, 8, 7, 6, 5, 4 };
        static const size_t block[6] = { 0, 0, 1, 2, 2, 3 };

        for (unsigned constant = 0; constant < 2; constant++) {
                hedge_graph_t *g;
                hedge_tensor_t y;
                float x[6] = { 0 };
                make_t m;

                make_init(&m, 13);
                make_output(&m, "y");
                make_floats(&m, "scale", DIMS(2, 2), scale);
                make_integers(&m, "zero", DIMS(2, 2), UINT8, zero);
                if (constant) {
                        make_integers(&m, "w", DIMS(2, 3), UINT8, codes);
                        make_input(&m, "x", DIMS(2, 3));
                } else {
                        make_typed_input(&m, "w", UINT8, DIMS(2, 3));
                }
                make_int(&m, make_node(&m, "DequantizeLinear", "w scale zero", constant ? "v" : "y"), "block_size", 2);
                if (constant)
                        make_node(&m, "Add", "x v", "y");
                for (size_t i = 0; i < 6 && !constant; i++)
                        x[i] = (float)codes[i];
                g = imported(&m);
                y = run_on(g, "plain", x);
                for (size_t i = 0; i < 6; i++)
                        assert_true(y.data[i] == (float)(codes[i] - zero[block[i]]) * scale[block[i]]);
                hedge_tensor_release(&y);
                hedge_graph_destroy(&g);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_quantize),
                cmocka_unit_test(test_axis),
                cmocka_unit_test(test_back_at_once),
                cmocka_unit_test(test_dynamic),
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_one_zero_point),
                cmocka_unit_test(test_scale_along_the_sum),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_attributes),
                cmocka_unit_test(test_blocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
