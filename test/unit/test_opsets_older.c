/* SPDX-License-Identifier: Apache-2.0 */
/* What operators meant before opset 7: small models, answers worked out by hand. */
#include "test/unit/opset_bed.h"

static void refused(make_t *m, const char *words)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        size_t size;
        unsigned char *bytes = make_bytes(m, &size);

        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) == 0 || !strstr(why.text, words))
                fail_msg("'%s' instead of '%s'", why.text, words);
        make_free(m);
}

/* b stands under the axes of x from `axis` on; without it under the last ones. */
static void test_broadcast_is_an_attribute(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 6, DIMS(2, 2, 2));
        make_floats(&m, "b", DIMS(2), FLOATS(10, 20));
        node = make_node(&m, "Add", "x b", "y");
        make_int(&m, node, "broadcast", 1);
        make_int(&m, node, "axis", 1);
        check(&m, DIMS(2, 2, 2), FLOATS(10, 11, 22, 23, 14, 15, 26, 27));
        start(&m, 1, DIMS(2, 2));
        make_floats(&m, "b", DIMS(2), FLOATS(1, 10));
        node = make_node(&m, "Mul", "x b", "y");
        make_int(&m, node, "broadcast", 1);
        make_int_list(&m, node, "consumed_inputs", DIMS(0, 0));
        check(&m, DIMS(2, 2), FLOATS(0, 10, 2, 30));
        start(&m, 6, DIMS(2, 2, 2));
        make_floats(&m, "b", DIMS(2), FLOATS(1, 2));
        make_node(&m, "Sub", "x b", "y");
        refused(&m, "of different shapes, without `broadcast`");
        start(&m, 6, DIMS(2, 3));
        make_floats(&m, "b", DIMS(3, 1), FLOATS(1, 2, 3));
        node = make_node(&m, "Sub", "x b", "y");
        make_int(&m, node, "broadcast", 1);
        make_int(&m, node, "axis", 1);
        refused(&m, "2 axes do not fit under 2 from axis 1 on");
}

/* The same where the second tensor is computed, and where both are constant. */
static void test_broadcast_of_computed_and_of_constants(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 6, DIMS(2, 3));
        make_input(&m, "b", DIMS(2));
        node = make_node(&m, "Sub", "x b", "y");
        make_int(&m, node, "broadcast", 1);
        make_int(&m, node, "axis", 0);
        check(&m, DIMS(2, 3), FLOATS(0, 1, 2, 2, 3, 4));
        start(&m, 6, DIMS(2, 2));
        make_floats(&m, "a", DIMS(2, 2), FLOATS(1, 2, 3, 4));
        make_floats(&m, "b", DIMS(2), FLOATS(10, 20));
        node = make_node(&m, "Div", "a b", "c");
        make_int(&m, node, "broadcast", 1);
        make_int(&m, node, "axis", 0);
        make_node(&m, "Add", "x c", "y");
        check(&m, DIMS(2, 2), FLOATS(0.1f, 1.2f, 2.15f, 3.2f));
}

/* The answer is cast to a type that is named, as it was then. */
static void test_comparisons_are_broadcast_as_well(void **state)
{
        for (int constant = 0; constant < 2; constant++) {
                make_t m;
                Onnx__NodeProto *node;

                start(&m, 1, DIMS(2, 2));
                make_floats(&m, "a", DIMS(2, 2), FLOATS(0, 1, 2, 3));
                make_floats(&m, "b", DIMS(2), FLOATS(0.5f, 2.5f));
                node = make_node(&m, "Greater", constant ? "a b" : "x b", "g");
                make_int(&m, node, "broadcast", 1);
                make_int(&m, node, "axis", 0);
                node = make_node(&m, "Cast", "g", "f");
                make_string(&m, node, "to", "FLOAT");
                make_node(&m, "Add", "x f", "y");
                check(&m, DIMS(2, 2), FLOATS(0, 2, 2, 4));
        }
}

static void test_slopes_are_those_of_channels(void **state)
{
        make_t m;

        start(&m, 6, DIMS(1, 2, 1, 2));
        make_node(&m, "Neg", "x", "n");
        make_floats(&m, "slope", DIMS(2), FLOATS(0.5f, 0.25f));
        make_node(&m, "PRelu", "n slope", "y");
        check(&m, DIMS(1, 2, 1, 2), FLOATS(0, -0.5f, -0.5f, -0.75f));
}

static void test_reshape_and_concat_of_1(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 1, DIMS(2, 3));
        node = make_node(&m, "Reshape", "x", "r");
        make_int_list(&m, node, "shape", DIMS(3, -2)); /* -1 */
        make_node(&m, "Concat", "r r", "y");
        check(&m, DIMS(3, 4), FLOATS(0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5));
        start(&m, 1, DIMS(2, 3));
        make_node(&m, "Reshape", "x", "y");
        refused(&m, "the shape is missing");
}

static void test_pad_and_upsample_of_1(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 1, DIMS(1, 2));
        node = make_node(&m, "Pad", "x", "y");
        make_int_list(&m, node, "paddings", DIMS(0, 1, 1, 0));
        make_float(&m, node, "value", 9);
        check(&m, DIMS(2, 3), FLOATS(9, 0, 1, 9, 9, 9));
        start(&m, 1, DIMS(1, 1, 1, 2));
        node = make_node(&m, "Upsample", "x", "y");
        make_float(&m, node, "height_scale", 1);
        make_float(&m, node, "width_scale", 2);
        make_string(&m, node, "mode", "bilinear");
        check(&m, DIMS(1, 1, 1, 4), FLOATS(0, 0.5f, 1, 1));
}

static void make_batch_norm(make_t *m, int64_t opset, int64_t is_test, const char *outputs)
{
        Onnx__NodeProto *node;

        start(m, opset, DIMS(1, 2, 1, 2));
        make_floats(m, "scale", DIMS(2), FLOATS(2, 3));
        make_floats(m, "b", DIMS(2), FLOATS(1, -1));
        make_floats(m, "mean", DIMS(2), FLOATS(1, 0));
        make_floats(m, "var", DIMS(2), FLOATS(4, 9));
        node = make_node(m, "BatchNormalization", "x scale b mean var", outputs);
        make_float(m, node, "epsilon", 0);
        make_int(m, node, "is_test", is_test);
        make_int_list(m, node, "consumed_inputs", DIMS(0, 0, 0, 1, 1));
}

static void test_batch_norm_and_dropout_in_test_mode(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        make_batch_norm(&m, 1, 1, "n");
        node = make_node(&m, "Dropout", "n", "y mask");
        make_int(&m, node, "is_test", 1);
        check(&m, DIMS(1, 2, 1, 2), FLOATS(0, 1, 1, 2));
        make_batch_norm(&m, 6, 0, "y p q r s");
        refused(&m, "training mode is not supported");
        start(&m, 6, DIMS(2));
        make_node(&m, "Dropout", "x", "y");
        refused(&m, "training mode (is_test is 0) is not supported");
}

/* Statistics of each element, not of each channel. */
static void test_batch_norm_that_is_not_spatial(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 7, DIMS(1, 2, 1, 2));
        make_floats(&m, "scale", DIMS(2, 1, 2), FLOATS(1, 2, 3, 4));
        make_floats(&m, "b", DIMS(2, 1, 2), FLOATS(1, 0, -1, 2));
        make_floats(&m, "mean", DIMS(2, 1, 2), FLOATS(0, 2, 1, 1));
        make_floats(&m, "var", DIMS(2, 1, 2), FLOATS(1, 4, 9, 16));
        node = make_node(&m, "BatchNormalization", "x scale b mean var", "y");
        make_float(&m, node, "epsilon", 0);
        make_int(&m, node, "spatial", 0);
        check(&m, DIMS(1, 2, 1, 2), FLOATS(1, -1, 0, 4));
}

/* Scale, B, mean and variance that the graph computes: x - 1 over the root of 4, and so on. */
static void test_batch_norm_of_computed_statistics(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 9, DIMS(1, 2, 1, 2));
        make_input(&m, "v", DIMS(2)); /* 0, 1 */
        make_floats(&m, "scale", DIMS(2), FLOATS(2, 3));
        make_floats(&m, "b", DIMS(2), FLOATS(1, -1));
        make_floats(&m, "three", DIMS(2), FLOATS(3, 3));
        make_node(&m, "Add", "v three", "var"); /* 3, 4 */
        node = make_node(&m, "BatchNormalization", "x scale b v var", "y");
        make_float(&m, node, "epsilon", 1);
        check(&m, DIMS(1, 2, 1, 2), FLOATS(1, 2, 3 / sqrtf(5) - 1, 6 / sqrtf(5) - 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_broadcast_is_an_attribute),
                cmocka_unit_test(test_broadcast_of_computed_and_of_constants),
                cmocka_unit_test(test_comparisons_are_broadcast_as_well),
                cmocka_unit_test(test_slopes_are_those_of_channels),
                cmocka_unit_test(test_reshape_and_concat_of_1),
                cmocka_unit_test(test_pad_and_upsample_of_1),
                cmocka_unit_test(test_batch_norm_and_dropout_in_test_mode),
                cmocka_unit_test(test_batch_norm_that_is_not_spatial),
                cmocka_unit_test(test_batch_norm_of_computed_statistics),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
