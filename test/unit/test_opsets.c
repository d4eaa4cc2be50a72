/* SPDX-License-Identifier: Apache-2.0 */
/* What operators meant in older opsets: small models, answers worked out by hand. */
#include "test/unit/opset_bed.h"

static void test_softmax_flattens_before_13(void **state)
{
        float want[4];
        double sum = 1 + exp(1) + exp(2) + exp(3);
        make_t m;

        start(&m, 11, DIMS(1, 2, 2));
        make_node(&m, "Softmax", "x", "y");
        for (int i = 0; i < 4; i++)
                want[i] = (float)(exp(i) / sum);
        check(&m, DIMS(1, 2, 2), want);
        start(&m, 13, DIMS(1, 2, 2));
        make_node(&m, "Softmax", "x", "y");
        check(&m, DIMS(1, 2, 2), FLOATS(0.26894142f, 0.73105858f, 0.26894142f, 0.73105858f));
}

static void test_clip_has_attributes_before_11(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 7, DIMS(4));
        node = make_node(&m, "Clip", "x", "y");
        make_float(&m, node, "min", 0.5f);
        make_float(&m, node, "max", 2.5f);
        check(&m, DIMS(4), FLOATS(0.5f, 1, 2, 2.5f));
        start(&m, 11, DIMS(4));
        make_floats(&m, "hi", SCALAR, FLOATS(1.5f));
        make_node(&m, "Clip", "x - hi", "y");
        check(&m, DIMS(4), FLOATS(0, 1, 1.5f, 1.5f));
}

/* Bounds that the graph works out, with a constant one between. */
static void test_clip_of_computed_bounds(void **state)
{
        make_t m;

        start(&m, 13, DIMS(4));
        make_input(&m, "z", SCALAR); /* 0 */
        make_floats(&m, "lo", SCALAR, FLOATS(1.5f));
        make_node(&m, "Add", "z lo", "l");
        make_node(&m, "Add", "l l", "h");
        make_node(&m, "Clip", "x l h", "c");
        make_node(&m, "Clip", "c - h", "d");
        make_node(&m, "Clip", "d l lo", "e");
        make_node(&m, "Add", "c e", "f");
        make_node(&m, "Max", "x f d", "g");
        make_node(&m, "Min", "g h x", "y");
        check(&m, DIMS(4), FLOATS(0, 1, 2, 3));
        start(&m, 13, DIMS(4));
        make_input(&m, "z", SCALAR);
        make_floats(&m, "lo", SCALAR, FLOATS(1.5f));
        make_node(&m, "Add", "z lo", "l");
        make_node(&m, "Clip", "x l", "c");
        make_node(&m, "Add", "c z", "h");
        make_node(&m, "Max", "x h c", "y");
        check(&m, DIMS(4), FLOATS(1.5f, 1.5f, 2, 3));
}

static void test_slice_has_attributes_before_10(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 9, DIMS(2, 4));
        node = make_node(&m, "Slice", "x", "y");
        make_int_list(&m, node, "axes", DIMS(1));
        make_int_list(&m, node, "starts", DIMS(-4)); /* -3 */
        make_int_list(&m, node, "ends", DIMS(9000));
        check(&m, DIMS(2, 3), FLOATS(1, 2, 3, 5, 6, 7));
        start(&m, 10, DIMS(2, 4));
        make_ints(&m, "starts", DIMS(1), (const int64_t[]){ 3 });
        make_ints(&m, "ends", DIMS(1), (const int64_t[]){ -9000 });
        make_ints(&m, "axes", DIMS(1), (const int64_t[]){ -1 });
        make_ints(&m, "steps", DIMS(1), (const int64_t[]){ -2 });
        make_node(&m, "Slice", "x starts ends axes steps", "y");
        check(&m, DIMS(2, 2), FLOATS(3, 1, 7, 5));
}

static void test_pad_has_attributes_before_11(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 7, DIMS(1, 2));
        node = make_node(&m, "Pad", "x", "y");
        make_int_list(&m, node, "pads", DIMS(0, 1, 1, 0));
        make_float(&m, node, "value", 9);
        check(&m, DIMS(2, 3), FLOATS(9, 0, 1, 9, 9, 9));
}

static void test_squeeze_has_attributes_before_13(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 11, DIMS(1, 2, 1));
        node = make_node(&m, "Squeeze", "x", "s");
        make_int_list(&m, node, "axes", DIMS(0));
        node = make_node(&m, "Unsqueeze", "s", "y");
        make_int_list(&m, node, "axes", DIMS(1, 3));
        check(&m, DIMS(2, 1, 1, 1), FLOATS(0, 1));
}

static void test_split_has_attributes_before_13(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 11, DIMS(4));
        node = make_node(&m, "Split", "x", "a y");
        make_int_list(&m, node, "split", DIMS(1, 3));
        make_output(&m, "a");
        check(&m, DIMS(3), FLOATS(1, 2, 3));
}

static void test_upsample_7_and_9(void **state)
{
        static const float want[] = { 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3 };
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 7, DIMS(1, 1, 2, 2));
        node = make_node(&m, "Upsample", "x", "y");
        make_float_list(&m, node, "scales", 4, FLOATS(1, 1, 2, 2));
        check(&m, DIMS(1, 1, 4, 4), want);
        start(&m, 9, DIMS(1, 1, 2, 2));
        make_floats(&m, "scales", DIMS(4), FLOATS(1, 1, 2, 2));
        make_node(&m, "Upsample", "x scales", "y");
        check(&m, DIMS(1, 1, 4, 4), want);
        start(&m, 9, DIMS(1, 1, 1, 2));
        make_floats(&m, "scales", DIMS(4), FLOATS(1, 1, 1, 2));
        node = make_node(&m, "Upsample", "x scales", "y");
        make_string(&m, node, "mode", "linear");
        check(&m, DIMS(1, 1, 1, 4), FLOATS(0, 0.5f, 1, 1));
}

/* Opset 10 takes the pixel above when it shrinks: the answers are those of ONNX 1.5's cases. */
static void test_resize_10(void **state)
{
        make_t m;

        start(&m, 10, DIMS(1, 1, 2, 4));
        make_floats(&m, "scales", DIMS(4), FLOATS(1, 1, 0.6f, 0.6f));
        make_node(&m, "Resize", "x scales", "y");
        check(&m, DIMS(1, 1, 1, 2), FLOATS(0, 2));
}

static void test_dropout_and_batch_norm_of_7(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 7, DIMS(1, 2, 1, 1));
        make_floats(&m, "scale", DIMS(2), FLOATS(2, 3));
        make_floats(&m, "b", DIMS(2), FLOATS(1, -1));
        make_floats(&m, "mean", DIMS(2), FLOATS(1, 0));
        make_floats(&m, "var", DIMS(2), FLOATS(4, 9));
        node = make_node(&m, "BatchNormalization", "x scale b mean var", "n");
        make_float(&m, node, "epsilon", 0);
        make_node(&m, "Dropout", "n", "y unused");
        check(&m, DIMS(1, 2, 1, 1), FLOATS(0, 0));
}

static void test_reduce_mean_and_sum(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 8, DIMS(2, 2, 2));
        node = make_node(&m, "ReduceMean", "x", "r");
        make_int_list(&m, node, "axes", DIMS(2));
        make_int(&m, node, "keepdims", 0);
        make_floats(&m, "c", DIMS(2), FLOATS(10, 20));
        make_node(&m, "Sum", "r c r", "y");
        check(&m, DIMS(2, 2), FLOATS(11, 25, 19, 33));
}

static void test_average_pool_ceil(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 10, DIMS(1, 1, 1, 5));
        node = make_node(&m, "AveragePool", "x", "y");
        make_int_list(&m, node, "kernel_shape", DIMS(1, 3));
        make_int_list(&m, node, "strides", DIMS(1, 2));
        make_int_list(&m, node, "pads", DIMS(0, 1, 0, 0));
        make_int(&m, node, "ceil_mode", 1);
        make_int(&m, node, "count_include_pad", 1);
        /* windows -1..1 (the padding counts), 1..3, and 3..5, which overhangs the end (that does not count) */
        check(&m, DIMS(1, 1, 1, 3), FLOATS(1.0f / 3, 2, 3.5f));
}

static void test_gemm_of_constants_and_views(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 9, DIMS(2, 2));
        make_floats(&m, "b", DIMS(2, 2), FLOATS(1, 2, 3, 4));
        make_floats(&m, "c", DIMS(2, 1), FLOATS(10, 20));
        node = make_node(&m, "Gemm", "x b c", "y");
        make_int(&m, node, "transA", 1);
        make_float(&m, node, "alpha", 2);
        make_float(&m, node, "beta", 0.5f);
        /* x' = [[0 2] [1 3]]; x' b = [[6 8] [10 14]] */
        check(&m, DIMS(2, 2), FLOATS(17, 21, 30, 38));
}

/* Shape -> Gather -> Unsqueeze -> Concat -> Reshape, as exporters write it. */
static void test_shape_chain(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 11, DIMS(2, 3, 2));
        make_ints(&m, "zero", SCALAR, (const int64_t[]){ 0 });
        make_ints(&m, "rest", DIMS(1), (const int64_t[]){ -1 });
        make_node(&m, "Shape", "x", "shape");
        make_node(&m, "Gather", "shape zero", "batch");
        node = make_node(&m, "Unsqueeze", "batch", "list");
        make_int_list(&m, node, "axes", DIMS(0));
        node = make_node(&m, "Concat", "list rest", "target");
        make_int(&m, node, "axis", 0);
        make_node(&m, "Reshape", "x target", "y");
        check(&m, DIMS(2, 6), FLOATS(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

/* Weights that the graph itself makes, and integers where floats are wanted. */
static void test_constants_made_in_the_graph(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 9, DIMS(3));
        make_ints(&m, "three", DIMS(1), (const int64_t[]){ 3 });
        make_node(&m, "ConstantOfShape", "three", "zeros");
        make_ints(&m, "i", DIMS(3), (const int64_t[]){ 1, 2, 3 });
        node = make_node(&m, "Cast", "i", "f");
        make_int(&m, node, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        make_node(&m, "Add", "zeros f", "w");
        make_node(&m, "Mul", "w w", "square");
        make_node(&m, "Add", "x square", "y");
        check(&m, DIMS(3), FLOATS(1, 5, 11));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_softmax_flattens_before_13),
                cmocka_unit_test(test_clip_has_attributes_before_11),
                cmocka_unit_test(test_clip_of_computed_bounds),
                cmocka_unit_test(test_slice_has_attributes_before_10),
                cmocka_unit_test(test_pad_has_attributes_before_11),
                cmocka_unit_test(test_squeeze_has_attributes_before_13),
                cmocka_unit_test(test_split_has_attributes_before_13),
                cmocka_unit_test(test_upsample_7_and_9),
                cmocka_unit_test(test_resize_10),
                cmocka_unit_test(test_dropout_and_batch_norm_of_7),
                cmocka_unit_test(test_reduce_mean_and_sum),
                cmocka_unit_test(test_average_pool_ceil),
                cmocka_unit_test(test_gemm_of_constants_and_views),
                cmocka_unit_test(test_shape_chain),
                cmocka_unit_test(test_constants_made_in_the_graph),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
