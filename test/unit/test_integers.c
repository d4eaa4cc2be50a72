/* SPDX-License-Identifier: Apache-2.0 */
/* Integers and booleans in models: computed as their types would, on every back end, or refused. */
#include "test/unit/typed_bed.h"

#define INT8   HEDGE_ELEMENT_INT8
#define UINT8  HEDGE_ELEMENT_UINT8
#define INT16  HEDGE_ELEMENT_INT16
#define UINT16 HEDGE_ELEMENT_UINT16
#define INT32  HEDGE_ELEMENT_INT32
#define INT64  HEDGE_ELEMENT_INT64
#define BOOL   HEDGE_ELEMENT_BOOL
#define FLOAT  HEDGE_ELEMENT_FLOAT

/* x OP b, both of a type. */
static void start_two(make_t *m, hedge_element_t element, const char *op_type, int64_t n)
{
        typed_start(m, element, DIMS(n));
        make_typed_input(m, "b", element, DIMS(n));
        make_node(m, op_type, "x b", "y");
}

static void two_give(hedge_element_t element, const char *op_type, int64_t n, const float *a, const float *b,
                     const float *want)
{
        make_t m;

        start_two(&m, element, op_type, n);
        typed_gives(&m, (const float *const[]){ a, b }, element, DIMS(n), want);
}

static void two_fail(hedge_element_t element, const char *op_type, float a, float b)
{
        make_t m;
        hedge_graph_t *g;

        start_two(&m, element, op_type, 1);
        g = import_made(&m);
        for (const char *const *backend = hedge_kernels_available(); *backend; backend++) {
                hedge_tensor_t out = { { 0 }, NULL };

                assert_int_equal(typed_run(g, *backend, (const float *const[]){ &a, &b }, &out), HEDGE_ERANGE);
        }
        hedge_graph_destroy(&g);
        make_free(&m);
}

static void test_small_types_wrap(void **state)
{
        two_give(UINT8, "Add", 2, FLOATS(200, 1), FLOATS(100, 2), FLOATS(44, 3));
        two_give(UINT8, "Sub", 2, FLOATS(5, 5), FLOATS(6, 5), FLOATS(255, 0));
        two_give(UINT8, "Mul", 2, FLOATS(255, 16), FLOATS(255, 16), FLOATS(1, 0));
        two_give(INT8, "Add", 2, FLOATS(127, -128), FLOATS(1, -1), FLOATS(-128, 127));
        two_give(INT8, "Div", 4, FLOATS(-128, 7, -7, 7), FLOATS(-1, 2, 2, -2), FLOATS(-128, 3, -3, -3));
        two_give(INT16, "Mul", 2, FLOATS(300, -300), FLOATS(300, 300), FLOATS(24464, -24464));
        two_give(UINT16, "Sub", 1, FLOATS(0), FLOATS(1), FLOATS(65535));
}

static void test_large_types_are_exact_or_fail(void **state)
{
        two_give(INT64, "Mul", 2, FLOATS(4096, -4095), FLOATS(4095, 4096), FLOATS(16773120, -16773120));
        two_give(INT32, "Add", 1, FLOATS(16777214), FLOATS(1), FLOATS(16777215));
        two_give(INT32, "Div", 2, FLOATS(16777215, -16777215), FLOATS(2, 16777215), FLOATS(8388607, -1));
        two_fail(INT32, "Add", 16777215, 1);
        two_fail(INT64, "Sub", -16777215, 1);
        two_fail(INT64, "Mul", 10000, 10000);
        two_fail(HEDGE_ELEMENT_UINT32, "Sub", 1, 2); /* 4294967295 */
        two_fail(UINT16, "Mul", 60000, 60000);       /* not held before it wraps */
        two_fail(INT32, "Div", 1, 0);
        two_fail(UINT8, "Div", 1, 0);
        two_fail(INT64, "Mod", 1, 0);
        two_fail(INT8, "Mod", 1, 0);
}

/* Every quotient near a whole number, where a division in float32 could round up. */
static void test_quotients_truncate(void **state)
{
        make_t m;
        hedge_graph_t *g;
        float a[999], b[999];

        for (int i = 0; i < 999; i++) {
                b[i] = (float)(3 + i * 4);
                a[i] = b[i] * floorf(16777215 / b[i]) - 1;
        }
        start_two(&m, INT32, "Div", 999);
        g = import_made(&m);
        for (const char *const *backend = hedge_kernels_available(); *backend; backend++) {
                hedge_tensor_t out = { { 0 }, NULL };

                assert_int_equal(typed_run(g, *backend, (const float *const[]){ a, b }, &out), 0);
                for (int i = 0; i < 999; i++)
                        assert_true((int64_t)out.data[i] == (int64_t)a[i] / (int64_t)b[i]);
                hedge_tensor_release(&out);
        }
        hedge_graph_destroy(&g);
        make_free(&m);
}

static void test_one_operand(void **state)
{
        make_t m;

        typed_start(&m, INT8, DIMS(3));
        make_node(&m, "Neg", "x", "y");
        GIVES(&m, FLOATS(-128, 5, 0), INT8, DIMS(3), -128, -5, 0);
        typed_start(&m, INT8, DIMS(2));
        make_node(&m, "Abs", "x", "y");
        GIVES(&m, FLOATS(-128, -5), INT8, DIMS(2), -128, 5);
        typed_start(&m, INT32, DIMS(3));
        make_node(&m, "Sign", "x", "y");
        GIVES(&m, FLOATS(-7, 0, 9), INT32, DIMS(3), -1, 0, 1);
        typed_start(&m, INT64, DIMS(3));
        make_ints(&m, "lo", SCALAR, (const int64_t[]){ -2 });
        make_ints(&m, "hi", SCALAR, (const int64_t[]){ INT64_MAX });
        make_node(&m, "Clip", "x lo hi", "y");
        GIVES(&m, FLOATS(-7, 0, 9), INT64, DIMS(3), -2, 0, 9);
        typed_start(&m, INT64, DIMS(2));
        make_ints(&m, "most", SCALAR, (const int64_t[]){ INT64_MAX });
        make_node(&m, "Min", "x most", "y");
        GIVES(&m, FLOATS(-7, 9), INT64, DIMS(2), -7, 9);
        typed_start(&m, INT64, DIMS(1));
        make_ints(&m, "least", SCALAR, (const int64_t[]){ INT64_MAX });
        make_node(&m, "Max", "x least", "y");
        typed_fails(&m, FLOATS(9));
}

static void start_cast(make_t *m, hedge_element_t from, hedge_element_t to, int64_t n)
{
        Onnx__NodeProto *node;

        typed_start(m, from, DIMS(n));
        node = make_node(m, "Cast", "x", "y");
        make_int(m, node, "to", (int64_t)to);
}

static void test_casts(void **state)
{
        make_t m;

        start_cast(&m, FLOAT, UINT8, 4);
        GIVES(&m, FLOATS(1.9f, 0.1f, 255.9f, 256), UINT8, DIMS(4), 1, 0, 255, 0);
        start_cast(&m, FLOAT, INT32, 3);
        GIVES(&m, FLOATS(-1.9f, 2.5f, -0.5f), INT32, DIMS(3), -1, 2, 0);
        start_cast(&m, FLOAT, INT32, 1);
        typed_fails(&m, FLOATS(3e9f));
        start_cast(&m, FLOAT, INT64, 1);
        typed_fails(&m, FLOATS(NAN));
        start_cast(&m, FLOAT, BOOL, 4);
        GIVES(&m, FLOATS(0, 0.5f, NAN, -0.0f), BOOL, DIMS(4), 0, 1, 1, 0);
        start_cast(&m, INT32, INT8, 3);
        GIVES(&m, FLOATS(128, -129, 5), INT8, DIMS(3), -128, 127, 5);
        start_cast(&m, BOOL, FLOAT, 2);
        GIVES(&m, FLOATS(0, 1), FLOAT, DIMS(2), 0, 1);
        typed_start(&m, FLOAT, DIMS(2));
        m.opset.version = 15;
        make_typed_input(&m, "like", INT16, DIMS(1));
        make_node(&m, "CastLike", "x like", "y");
        typed_gives(&m, (const float *const[]){ FLOATS(-3.7f, 3.7f), FLOATS(0) }, INT16, DIMS(2), FLOATS(-3, 3));
}

/* What they answer is of a type of its own. */
static void test_answers_have_types(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        typed_start(&m, FLOAT, DIMS(2, 2));
        make_node(&m, "ArgMax", "x", "y");
        GIVES(&m, FLOATS(1, 5, 3, 4), INT64, DIMS(1, 2), 1, 0);
        typed_start(&m, INT32, DIMS(2));
        make_node(&m, "Equal", "x x", "y");
        GIVES(&m, FLOATS(1, 2), BOOL, DIMS(2), 1, 1);
        typed_start(&m, BOOL, DIMS(2));
        make_ints(&m, "three", DIMS(1), (const int64_t[]){ 3 });
        make_ints(&m, "four", DIMS(1), (const int64_t[]){ 4 });
        make_node(&m, "Where", "x three four", "y");
        GIVES(&m, FLOATS(1, 0), INT64, DIMS(2), 3, 4);
        typed_start(&m, FLOAT, DIMS(4));
        make_ints(&m, "k", DIMS(1), (const int64_t[]){ 2 });
        node = make_node(&m, "TopK", "x k", "v y");
        make_int(&m, node, "largest", 0);
        GIVES(&m, FLOATS(4, 1, 3, 2), INT64, DIMS(2), 1, 3);
        typed_start(&m, UINT8, DIMS(3));
        make_ints(&m, "indices", DIMS(2), (const int64_t[]){ 2, 0 });
        make_node(&m, "Gather", "x indices", "y");
        GIVES(&m, FLOATS(7, 8, 9), UINT8, DIMS(2), 9, 7);
        typed_start(&m, INT64, DIMS(2)); /* a tensor that is indexed by one that is computed */
        make_floats(&m, "table", DIMS(3), FLOATS(0.5f, 1.5f, 2.5f));
        make_node(&m, "Gather", "table x", "y");
        GIVES(&m, FLOATS(-1, 1), FLOAT, DIMS(2), 2.5f, 1.5f);
        typed_start(&m, INT64, DIMS(1));
        make_floats(&m, "table", DIMS(3), FLOATS(0.5f, 1.5f, 2.5f));
        make_node(&m, "Gather", "table x", "y");
        typed_fails(&m, FLOATS(3));
}

/* Images lie with their channels last: an axis is the model's axis all the same. */
static void test_axes_of_images(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        for (int keep = 0; keep < 2; keep++) {
                typed_start(&m, FLOAT, DIMS(1, 2, 2, 2));
                make_floats(&m, "w", DIMS(3, 2, 1, 1), FLOATS(1, 0, 0, 1, 0.5f, 0.5f));
                make_node(&m, "Conv", "x w", "c");
                node = make_node(&m, "ArgMax", "c", "y");
                make_int(&m, node, "axis", 1);
                make_int(&m, node, "keepdims", keep);
                GIVES(&m, FLOATS(1, 5, 3, 3, 2, 4, 3, 8), INT64, keep ? DIMS(1, 1, 2, 2) : DIMS(1, 2, 2), 1, 0, 0, 1);
        }
        typed_start(&m, FLOAT, DIMS(1, 2, 1, 2));
        make_floats(&m, "w", DIMS(2, 2, 1, 1), FLOATS(1, 0, 0, 1));
        make_ints(&m, "axis", SCALAR, (const int64_t[]){ 1 });
        make_node(&m, "Conv", "x w", "c");
        make_node(&m, "CumSum", "c axis", "y");
        GIVES(&m, FLOATS(1, 2, 3, 5), FLOAT, DIMS(1, 2, 1, 2), 1, 2, 4, 7);
        typed_start(&m, FLOAT, DIMS(1, 2, 1, 2)); /* a mask in the plain order */
        make_typed_input(&m, "mask", BOOL, DIMS(1, 2, 1, 2));
        make_floats(&m, "w", DIMS(2, 2, 1, 1), FLOATS(1, 0, 0, 1));
        make_floats(&m, "none", SCALAR, FLOATS(-1));
        make_node(&m, "Conv", "x w", "c");
        make_node(&m, "Where", "mask c none", "y");
        typed_gives(&m, (const float *const[]){ FLOATS(1, 2, 3, 5), FLOATS(1, 0, 0, 1) }, FLOAT, DIMS(1, 2, 1, 2),
                    FLOATS(1, -1, -1, 5));
}

/* Pads of integers, in a shape with the picture's channels last too. */
static void test_integers_are_padded(void **state)
{
        make_t m;

        typed_start(&m, UINT8, DIMS(1, 2, 1, 2));
        make_ints(&m, "pads", DIMS(8), (const int64_t[]){ 0, 0, 0, 1, 0, 0, 0, 0 });
        make_ints(&m, "value", SCALAR, (const int64_t[]){ 9 });
        make_node(&m, "Pad", "x pads value", "y");
        GIVES(&m, FLOATS(1, 2, 3, 4), UINT8, DIMS(1, 2, 1, 3), 9, 1, 2, 9, 3, 4);
        typed_start(&m, INT64, DIMS(2));
        make_ints(&m, "pads", DIMS(2), (const int64_t[]){ 1, 0 });
        make_ints(&m, "value", SCALAR, (const int64_t[]){ INT64_MAX });
        make_node(&m, "Pad", "x pads value", "y");
        refused_with(&m, NULL, HEDGE_EUNSUPPORTED, "more than is computed exactly");
}

/* What comes of constants is a constant: a shape may be worked out by any operator. */
static void test_shapes_are_worked_out(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        typed_start(&m, FLOAT, DIMS(2, 6));
        make_ints(&m, "given", DIMS(2), (const int64_t[]){ -1, 3 });
        make_ints(&m, "minus", DIMS(1), (const int64_t[]){ -1 });
        make_ints(&m, "big", DIMS(1), (const int64_t[]){ INT64_MAX });
        make_ints(&m, "two", DIMS(1), (const int64_t[]){ 2 });
        make_node(&m, "Equal", "given minus", "open");
        make_node(&m, "Where", "open big given", "far"); /* 64 bits are kept among constants */
        make_node(&m, "Min", "far six", "near");
        make_ints(&m, "six", DIMS(1), (const int64_t[]){ 6 });
        make_node(&m, "TopK", "near two", "sorted which");
        make_node(&m, "ScatterElements", "given which cut", "turned");
        make_ints(&m, "cut", DIMS(2), (const int64_t[]){ 4, 3 });
        make_node(&m, "Reshape", "x turned", "y");
        GIVES(&m, FLOATS(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), FLOAT, DIMS(4, 3), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
              11);
        typed_start(&m, FLOAT, DIMS(4));
        make_ints(&m, "mask", DIMS(4), (const int64_t[]){ 0, 1, 0, 1 });
        make_node(&m, "NonZero", "mask", "where");
        make_node(&m, "Gather", "x where", "y");
        GIVES(&m, FLOATS(5, 6, 7, 8), FLOAT, DIMS(1, 2), 6, 8);
        typed_start(&m, FLOAT, DIMS(2));
        make_ints(&m, "v", DIMS(3), (const int64_t[]){ 1, 0, 1 });
        node = make_node(&m, "Unique", "v", "u f i c");
        make_int(&m, node, "sorted", 0);
        make_node(&m, "Gather", "x u", "y");
        GIVES(&m, FLOATS(5, 6), FLOAT, DIMS(2), 6, 5);
}

static void test_what_is_refused(void **state)
{
        make_t m;

        typed_start(&m, INT64, DIMS(2)); /* a constant that float32 has not */
        make_ints(&m, "big", DIMS(1), (const int64_t[]){ 16777217 });
        make_node(&m, "Add", "x big", "y");
        refused_with(&m, NULL, HEDGE_EUNSUPPORTED, "a constant of 16777217, which is more than is computed exactly");
        typed_start(&m, INT64, DIMS(2));
        make_floats(&m, "half", DIMS(1), FLOATS(0.5f));
        make_node(&m, "Mul", "x half", "y");
        refused_with(&m, NULL, HEDGE_EMALFORMED, "of INT64 and FLOAT");
        typed_start(&m, INT32, DIMS(2));
        make_node(&m, "Sigmoid", "x", "y");
        refused_with(&m, NULL, HEDGE_EUNSUPPORTED, "INT32");
        typed_start(&m, FLOAT, DIMS(2));
        make_ints(&m, "i", DIMS(1), (const int64_t[]){ 2 });
        make_floats(&m, "t", DIMS(2), FLOATS(1, 2));
        make_node(&m, "GatherElements", "t i", "g");
        make_node(&m, "Mul", "x g", "y");
        refused_with(&m, NULL, HEDGE_EMALFORMED, "GatherElements 'g' (opset 13)");
        typed_start(&m, FLOAT, DIMS(2));
        make_node(&m, "NonZero", "x", "y");
        refused_with(&m, NULL, HEDGE_EUNSUPPORTED, "only with constant inputs");
        typed_start(&m, FLOAT, DIMS(2));
        make_ints(&m, "k", DIMS(1), (const int64_t[]){ 3 });
        make_node(&m, "TopK", "x k", "y i");
        refused_with(&m, NULL, HEDGE_EUNSUPPORTED, "the first 3 of 2 elements");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_small_types_wrap),
                cmocka_unit_test(test_large_types_are_exact_or_fail),
                cmocka_unit_test(test_quotients_truncate),
                cmocka_unit_test(test_one_operand),
                cmocka_unit_test(test_casts),
                cmocka_unit_test(test_answers_have_types),
                cmocka_unit_test(test_axes_of_images),
                cmocka_unit_test(test_integers_are_padded),
                cmocka_unit_test(test_shapes_are_worked_out),
                cmocka_unit_test(test_what_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
