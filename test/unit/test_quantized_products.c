/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions and products of integers, on every back end, against sums in 64 bits: they must agree in every bit. */
#include "quantized_bed.h"

#define ROUNDS 12

/* A random QLinearConv, or ConvInteger, whose sums stay below 2^24. */
typedef struct conv_case {
        hedge_conv_t conv;
        int x_type, w_type, y_type;
        int64_t x_zero, w_zero[64], y_zero, bias[64], *x, *w;
        float x_scale, w_scale[64], y_scale;
        bool per_channel;
} conv_case_t;

static void any_conv(make_t *m, unsigned round, conv_case_t *c)
{
        const uint32_t groups = round % 4 == 3 ? 1 + make_below(m, 3) : 1,
                       kernel = round % 3 == 0 ? 3 : 1 + make_below(m, 3);
        const uint32_t in = kernel == 3 ? 1 + make_below(m, 28) : 1 + make_below(m, 60);
        hedge_conv_t g = { .in_h = 3 + make_below(m, 12),
                           .in_w = 3 + make_below(m, 12),
                           .in_c = groups * in,
                           .out_c = groups * (1 + make_below(m, 64 / groups)),
                           .kernel_h = kernel,
                           .kernel_w = kernel,
                           .stride_h = round % 3 ? 1 + make_below(m, 2) : 1,
                           .stride_w = round % 3 ? 1 + make_below(m, 2) : 1,
                           .dilation_h = 1,
                           .dilation_w = 1,
                           .pad_top = make_below(m, kernel),
                           .pad_left = make_below(m, kernel),
                           .pad_bottom = make_below(m, kernel),
                           .pad_right = make_below(m, kernel),
                           .groups = groups };
        const size_t weights = hedge_conv_filter_elements(&g);

        *c = (conv_case_t){ .conv = g, .x_type = round % 2 ? INT8 : UINT8, .w_type = round % 5 ? INT8 : UINT8 };
        c->y_type = c->x_type;
        c->per_channel = round % 4 > 1;
        c->x_zero = between(m, lowest(c->x_type), highest(c->x_type));
        c->y_zero = between(m, lowest(c->y_type), highest(c->y_type));
        c->x_scale = 0.004f + 0.01f * fabsf(make_random(m));
        c->y_scale = 0.1f + fabsf(make_random(m));
        for (uint32_t o = 0; o < g.out_c; o++) {
                c->w_scale[o] = c->per_channel || o == 0 ? 0.002f + 0.02f * fabsf(make_random(m)) : c->w_scale[0];
                c->w_zero[o] =
                        c->per_channel || o == 0 ? between(m, -5, 5) + (c->w_type == UINT8 ? 128 : 0) : c->w_zero[0];
                c->bias[o] = between(m, -20000, 20000);
        }
        c->x = any_integers(m, c->x_type, hedge_conv_in_elements(&g));
        c->w = any_integers(m, c->w_type, weights);
}

/* The sum of one output element, channels first as in the file. */
static int64_t conv_sum(const conv_case_t *c, uint32_t o, uint32_t y, uint32_t x)
{
        const hedge_conv_t *g = &c->conv;
        const uint32_t group_in = g->in_c / g->groups, group = o / (g->out_c / g->groups);
        int64_t sum = 0;

        for (uint32_t k = 0; k < group_in; k++)
                for (uint32_t i = 0; i < g->kernel_h; i++)
                        for (uint32_t j = 0; j < g->kernel_w; j++) {
                                const int64_t row = (int64_t)y * g->stride_h + i - g->pad_top;
                                const int64_t column = (int64_t)x * g->stride_w + j - g->pad_left;

                                if (row < 0 || row >= g->in_h || column < 0 || column >= g->in_w)
                                        continue;
                                sum += (c->x[(((size_t)group * group_in + k) * g->in_h + (size_t)row) * g->in_w +
                                             (size_t)column] -
                                        c->x_zero) *
                                       (c->w[(((size_t)o * group_in + k) * g->kernel_h + i) * g->kernel_w + j] -
                                        c->w_zero[o]);
                        }
        return sum;
}

typedef enum conv_kind { QLINEAR, INTEGER, SCALED } conv_kind_t;

static void conv_attributes(make_t *m, Onnx__NodeProto *node, const hedge_conv_t *g)
{
        make_int(m, node, "group", g->groups);
        make_int_list(m, node, "strides", DIMS(g->stride_h, g->stride_w));
        make_int_list(m, node, "pads", DIMS(g->pad_top, g->pad_left, g->pad_bottom, g->pad_right));
}

static void make_conv(make_t *m, const conv_case_t *c, conv_kind_t kind)
{
        const hedge_conv_t *g = &c->conv;
        const int64_t out_c = g->out_c;

        make_typed_input(m, "x", c->x_type, DIMS(1, g->in_c, g->in_h, g->in_w));
        make_output(m, "y");
        make_integers(m, "xz", SCALAR, c->x_type, &c->x_zero);
        make_integers(m, "w", DIMS(out_c, g->in_c / g->groups, g->kernel_h, g->kernel_w), c->w_type, c->w);
        make_integers(m, "wz", c->per_channel ? DIMS(out_c) : SCALAR, c->w_type, c->w_zero);
        make_floats(m, "xs", SCALAR, &c->x_scale);
        if (kind != QLINEAR) {
                conv_attributes(m, make_node(m, "ConvInteger", "x w xz wz", kind == INTEGER ? "y" : "sum"), g);
                make_int(m, make_node(m, "Cast", kind == INTEGER ? "y" : "sum", "float"), "to",
                         ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
                make_node(m, "Mul", "float xs", kind == INTEGER ? "unread" : "y");
                return;
        }
        make_floats(m, "ws", c->per_channel ? DIMS(out_c) : SCALAR, c->w_scale);
        make_floats(m, "ys", SCALAR, &c->y_scale);
        make_integers(m, "yz", SCALAR, c->y_type, &c->y_zero);
        make_integers(m, "b", DIMS(out_c), INT32, c->bias);
        conv_attributes(m, make_node(m, "QLinearConv", "x xs xz w ws wz ys yz b", "y"), g);
}

/* SCALED: an integer convolution whose sums become floats and are multiplied, which must not get into the filter. */
static void check_conv_case(make_t *m, conv_case_t *c, conv_kind_t kind)
{
        const size_t inputs = hedge_conv_in_elements(&c->conv), n = hedge_conv_out_elements(&c->conv);
        float *x = malloc(inputs * sizeof(*x)), *want = malloc(n * sizeof(*want));

        assert_true(want && x);
        make_conv(m, c, kind);
        for (size_t i = 0; i < inputs; i++)
                x[i] = (float)c->x[i];
        for (size_t i = 0; i < n; i++) {
                const uint32_t w = hedge_conv_out_w(&c->conv), h = hedge_conv_out_h(&c->conv);
                const uint32_t o = (uint32_t)(i / w / h);
                const int64_t sum = conv_sum(c, o, (uint32_t)(i / w % h), (uint32_t)(i % w));
                const float factor = c->x_scale * c->w_scale[o] / c->y_scale;
                const float scaled = (float)(sum + c->bias[o]) * factor;

                assert_true(llabs(sum) + llabs(c->bias[o]) < 1 << 24);
                want[i] = kind == QLINEAR   ? (float)to_type(scaled, c->y_zero, c->y_type)
                          : kind == INTEGER ? (float)sum
                                            : (float)sum * c->x_scale;
        }
        gives(imported(m), x, want, n);
        free(want);
        free(x);
        free(c->x);
        free(c->w);
}

static void check_conv(unsigned round, conv_kind_t kind)
{
        conv_case_t c;
        make_t m;

        make_init(&m, 13);
        m.random += round * 77;
        any_conv(&m, round, &c);
        check_conv_case(&m, &c, kind);
}

/* So many channels and pixels that floats are best computed by Winograd, whose sums are not exact. */
static void test_large_conv(void **state)
{
        conv_case_t c;
        make_t m;

        make_init(&m, 13);
        any_conv(&m, 0, &c);
        free(c.x);
        free(c.w);
        c.conv = (hedge_conv_t){ 40, 40, 28, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        c.per_channel = false;
        for (size_t o = 0; o < 64; o++) {
                c.w_zero[o] = c.w_zero[0];
                c.bias[o] = 0;
        }
        c.x = any_integers(&m, c.x_type, hedge_conv_in_elements(&c.conv));
        c.w = any_integers(&m, c.w_type, hedge_conv_filter_elements(&c.conv));
        check_conv_case(&m, &c, INTEGER);
}

static void test_qlinear_conv(void **state)
{
        for (unsigned round = 0; round < 4 * ROUNDS; round++)
                check_conv(round, QLINEAR);
}

static void test_conv_integer(void **state)
{
        for (unsigned round = 0; round < ROUNDS; round++)
                check_conv(round, round % 2 ? INTEGER : SCALED);
}

/* Products of a computed matrix with a constant one, a zero point and a scale per column in every other round. */
static void check_matmul(unsigned round, bool integer)
{
        make_t m;
        int64_t rows, depth, columns, a_zero, y_zero, b_zero[32], *a, *b, want[16 * 32];
        float a_scale, y_scale, b_scale[32], x[16 * 128];
        const bool many = round % 2;
        const int type = round % 3 ? INT8 : UINT8;

        make_init(&m, 13);
        m.random += round * 91;
        rows = 1 + make_below(&m, 15);
        depth = 1 + make_below(&m, 128);
        columns = 2 + make_below(&m, 30);
        a = any_integers(&m, type, (size_t)(rows * depth));
        b = any_integers(&m, INT8, (size_t)(depth * columns));
        a_zero = between(&m, lowest(type), highest(type));
        y_zero = between(&m, lowest(type), highest(type));
        a_scale = 0.01f + 0.01f * fabsf(make_random(&m));
        y_scale = 0.5f + fabsf(make_random(&m));
        for (int64_t i = 0; i < columns; i++) {
                b_scale[i] = many || i == 0 ? 0.01f + 0.01f * fabsf(make_random(&m)) : b_scale[0];
                b_zero[i] = many || i == 0 ? between(&m, -9, 9) : b_zero[0];
        }
        for (int64_t i = 0; i < rows * depth; i++)
                x[i] = (float)a[i];
        for (int64_t i = 0; i < rows * columns; i++) {
                const int64_t row = i / columns, column = i % columns;
                int64_t sum = 0;
                float scaled;

                for (int64_t k = 0; k < depth; k++)
                        sum += (a[row * depth + k] - a_zero) * (b[k * columns + column] - b_zero[column]);
                scaled = (float)sum * (a_scale * b_scale[column] / y_scale);
                want[i] = integer ? sum : to_type(scaled, y_zero, type);
        }
        make_typed_input(&m, "a", type, DIMS(rows, depth));
        make_output(&m, "y");
        make_integers(&m, "az", SCALAR, type, &a_zero);
        make_integers(&m, "b", DIMS(depth, columns), INT8, b);
        make_integers(&m, "bz", many ? DIMS(columns) : SCALAR, INT8, b_zero);
        make_floats(&m, "as", SCALAR, &a_scale);
        make_floats(&m, "bs", many ? DIMS(columns) : SCALAR, b_scale);
        make_floats(&m, "ys", SCALAR, &y_scale);
        make_integers(&m, "yz", SCALAR, type, &y_zero);
        if (integer)
                make_node(&m, "MatMulInteger", "a b az bz", "y");
        else
                make_node(&m, "QLinearMatMul", "a as az b bs bz ys yz", "y");
        gives_integers(imported(&m), x, want, (size_t)(rows * columns));
        free(a);
        free(b);
}

static void test_matmul(void **state)
{
        for (unsigned round = 0; round < 2 * ROUNDS; round++) {
                check_matmul(round, false);
                check_matmul(round, true);
        }
}

/* Factors are multiplied and divided from left to right in float32: a product where another order gives another number. */
static void test_order_of_factors(void **state)
{
        unsigned found = 0;
        make_t m;

        make_init(&m, 13);
        for (unsigned round = 0; found < 5 && round < 100000; round++) {
                const float a = 0.01f + fabsf(make_random(&m)), b = 0.01f + fabsf(make_random(&m));
                const int64_t x = between(&m, 1, 255), w = between(&m, 1, 127), zero = 0;
                /* so that the product lies next to the border between two numbers */
                const float y = (float)(x * w) * a * b / ((float)between(&m, 1, 250) + 0.5f), in = (float)x;
                const int64_t want = to_type((float)(x * w) * (a * b / y), 0, UINT8);
                make_t model;

                if (want == to_type((float)(x * w) * (a * (b / y)), 0, UINT8))
                        continue;
                found++;
                make_init(&model, 13);
                make_typed_input(&model, "a", UINT8, DIMS(1, 1));
                make_output(&model, "y");
                make_integers(&model, "z", SCALAR, UINT8, &zero);
                make_integers(&model, "wz", SCALAR, INT8, &zero);
                make_integers(&model, "b", DIMS(1, 1), INT8, &w);
                make_floats(&model, "as", SCALAR, &a);
                make_floats(&model, "bs", SCALAR, &b);
                make_floats(&model, "ys", SCALAR, &y);
                make_node(&model, "QLinearMatMul", "a as z b bs wz ys z", "y");
                gives_integers(imported(&model), &in, &want, 1);
        }
        make_free(&m);
        assert_int_equal(found, 5);
}

static void start_product(make_t *m, int64_t depth, int64_t weight)
{
        int64_t *b = malloc((size_t)depth * sizeof(*b));

        assert_non_null(b);
        for (int64_t k = 0; k < depth; k++)
                b[k] = weight;
        make_init(m, 13);
        make_typed_input(m, "a", UINT8, DIMS(1, depth));
        make_output(m, "y");
        make_integers(m, "b", DIMS(depth, 1), INT8, b);
        free(b);
}

/* Sums that float32 may not hold are refused where they stay integers. 519 * 255 * 127 is the first such depth. */
static void test_sums(void **state)
{
        make_t m;

        start_product(&m, 519, 127);
        make_node(&m, "MatMulInteger", "a b", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "its sums may reach 16807815");
        start_product(&m, 518, 127);
        make_node(&m, "MatMulInteger", "a b", "y");
        {
                float x[518];
                const int64_t want = 518 * 255 * 127;

                for (size_t k = 0; k < 518; k++)
                        x[k] = 255;
                gives_integers(imported(&m), x, &want, 1);
        }
        start_product(&m, 519, 127);
        make_node(&m, "MatMulInteger", "a b", "sum");
        make_int(&m, make_node(&m, "Cast", "sum", "y"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        {
                hedge_graph_t *g = imported(&m);

                hedge_graph_destroy(&g);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_large_conv),       cmocka_unit_test(test_qlinear_conv),
                cmocka_unit_test(test_conv_integer),     cmocka_unit_test(test_matmul),
                cmocka_unit_test(test_order_of_factors), cmocka_unit_test(test_sums),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
