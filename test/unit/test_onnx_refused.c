/* SPDX-License-Identifier: Apache-2.0 */
/* The ONNX importer: models that are refused, and what is said of them. */
#include "test/unit/onnx_bed.h"

static void test_refusals_name_operator_node_and_opset(void **state)
{
        make_t m;

        start(&m, DIMS(2));
        make_node(&m, "Loop", "x", "y")->name = m.graph.input[0]->name;
        refused(&m, HEDGE_EUNSUPPORTED, "operator Loop (node 'x', opset 13) is not supported");
        start(&m, DIMS(2));
        make_node(&m, "LSTM", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "operator LSTM (node 'y', opset 13) is not supported");
        start(&m, DIMS(2));
        make_node(&m, "Relu", "x", "y")->domain = m.graph.input[0]->name;
        refused(&m, HEDGE_EUNSUPPORTED, "operator of domain x: Relu (node 'y', opset 13) is not supported");
        start(&m, DIMS(2));
        m.opset.version = 11;
        make_node(&m, "HardSwish", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED,
                "operator HardSwish (node 'y', opset 11) is not supported: what it means is known for opset 14");
        start(&m, DIMS(2));
        m.opset.version = 24;
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED,
                "operator Relu (node 'y', opset 24) is not supported: what it means is known for opset 1 to 23");
        start(&m, DIMS(1, 1, 2, 2));
        m.opset.version = 10;
        make_node(&m, "Upsample", "x x", "y");
        refused(&m, HEDGE_EUNSUPPORTED,
                "operator Upsample (node 'y', opset 10) is not supported: what it means is known for opset 1 to 9");
        start(&m, DIMS(2));
        m.opset.version = 0;
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_EMALFORMED, "it says opset 0, which there is not");
        start(&m, DIMS(2));
        make_node(&m, "Loop", "x", "a");
        make_node(&m, "Relu", "a", "b");
        make_node(&m, "Loop", "b", "c");
        make_node(&m, "Relu", "c", "y")->domain = m.graph.input[0]->name;
        refused(&m, HEDGE_EUNSUPPORTED,
                "2 operators are not supported in opset 13 (how many nodes have them): Loop (2), x:Relu (1)");
        start(&m, DIMS(1, 1, 4, 4));
        make_input(&m, "w", DIMS(1, 1, 3, 3));
        make_node(&m, "Conv", "x w", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "Conv 'y' (opset 13): the filter ('w') is not constant");
}

/* Before opset 14 a batch normalisation that gives more than its result is one that trains. */
static void test_training_is_refused(void **state)
{
        make_t m;

        start(&m, DIMS(1, 2, 3, 3));
        for (int i = 0; i < 4; i++)
                make_weights(&m, (const char *[]){ "scale", "b", "mean", "var" }[i], DIMS(2));
        make_node(&m, "BatchNormalization", "x scale b mean var", "y m v sm sv");
        refused(&m, HEDGE_EUNSUPPORTED, "BatchNormalization 'y' (opset 13): training mode is not supported");
}

/* What a file says that no one hears would change the answer and say nothing. */
static void test_attributes_that_are_not_known(void **state)
{
        Onnx__NodeProto *node;
        make_t m;

        start(&m, DIMS(2));
        make_float(&m, make_node(&m, "Relu", "x", "y"), "ceiling", 6);
        refused(&m, HEDGE_EUNSUPPORTED, "Relu 'y' (opset 13): it has an attribute 'ceiling', which is not known");
        start(&m, DIMS(1, 1, 4, 4));
        node = make_node(&m, "GlobalAveragePool", "x", "y");
        make_int_list(&m, node, "kernel_shape", DIMS(2, 2));
        refused(&m, HEDGE_EUNSUPPORTED, "'kernel_shape', which is not known");
        start(&m, DIMS(2));
        node = make_node(&m, "Relu", "x", "y");
        for (int i = 0; i < 70; i++)
                make_int(&m, node, i ? "alpha" : "consumed_inputs", 1);
        refused(&m, HEDGE_EUNSUPPORTED, "'alpha', which is not known");
}

static void test_graphs_that_are_wrong(void **state)
{
        make_t m;

        start(&m, DIMS(2));
        make_node(&m, "Add", "x b", "a");
        make_node(&m, "Relu", "a", "b");
        make_node(&m, "Relu", "b", "y");
        refused(&m, HEDGE_EMALFORMED, "a cycle");
        start(&m, DIMS(2));
        make_node(&m, "Relu", "nowhere", "y");
        refused(&m, HEDGE_EMALFORMED, "'nowhere'");
        start(&m, DIMS(2));
        make_node(&m, "Relu", "x", "z");
        refused(&m, HEDGE_EMALFORMED, "the output 'y' is not defined anywhere");
        start(&m, DIMS(2));
        make_node(&m, "Relu", "x", "y");
        make_node(&m, "Exp", "x", "y");
        refused(&m, HEDGE_EMALFORMED, "'y' is defined twice");
        start(&m, DIMS(2));
        make_input(&m, "x", DIMS(2));
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_EMALFORMED, "'x' is defined twice");
        start(&m, DIMS(2));
        make_weights(&m, "x", DIMS(2));
        make_node(&m, "Relu", "x", "x");
        refused(&m, HEDGE_EMALFORMED, "'x' is defined twice");
        start(&m, DIMS(2));
        make_node(&m, "Add", "x", "y");
        refused(&m, HEDGE_EMALFORMED, "Add 'y' (opset 13): 1 inputs");
        start(&m, DIMS(2));
        make_node(&m, "Add", "x -", "y");
        refused(&m, HEDGE_EMALFORMED, "Add 'y'");
}

static void test_shapes_that_are_wrong(void **state)
{
        make_t m;

        start(&m, DIMS(1 << 20, 1 << 20));
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_ELIMIT, "the input 'x' is too large");
        start(&m, DIMS(1, 1, 1, 1, 1, 1, 1));
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "more than 6 axes");
        start(&m, DIMS(2, 3));
        make_weights(&m, "w", DIMS(2, 4));
        make_node(&m, "Add", "x w", "y");
        refused(&m, HEDGE_ESHAPE, "Add 'y' (opset 13): Add: shapes that do not broadcast: 2x3 and 2x4");
        start(&m, DIMS(2));
        make_weights(&m, "w", DIMS(2))->dims[0] = -5;
        make_node(&m, "Add", "x w", "y");
        refused(&m, HEDGE_EMALFORMED, "tensor 'w' has an extent of -5");
        start(&m, DIMS(2));
        make_weights(&m, "w", DIMS(2))->dims[0] = 3;
        make_node(&m, "Add", "x w", "y");
        refused(&m, HEDGE_EMALFORMED, "tensor 'w' should have 3 elements and has 2");
}

static void test_types_that_are_not_supported(void **state)
{
        Onnx__TensorProto *t;
        make_t m;

        start(&m, DIMS(2));
        make_weights(&m, "w", DIMS(2))->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__STRING;
        make_node(&m, "Add", "x w", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "tensor 'w' is STRING");
        start(&m, DIMS(2));
        make_weights(&m, "w", DIMS(2))->data_type = -7;
        make_node(&m, "Add", "x w", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "tensor 'w' is of an unknown type");
        start(&m, DIMS(2));
        t = make_weights(&m, "w", DIMS(2));
        t->has_data_location = 1;
        t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        make_node(&m, "Add", "x w", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "keeps its data in another file");
        make_init(&m, 13);
        make_typed_input(&m, "x", ONNX__TENSOR_PROTO__DATA_TYPE__STRING, DIMS(2));
        make_output(&m, "y");
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "the input 'x' is STRING");
        make_init(&m, 13);
        make_typed_input(&m, "x", ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, DIMS(2));
        make_output(&m, "y");
        make_node(&m, "Sigmoid", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "Sigmoid 'y' (opset 13): 'x' is UINT8");
}

static void test_limits(void **state)
{
        hedge_onnx_limits_t limits = hedge_onnx_default_limits;
        make_t m;

        limits.max_nodes = 5;
        make_net(&m);
        refused_with(&m, &limits, HEDGE_ELIMIT, "at most 5 are allowed");
        limits = hedge_onnx_default_limits;
        limits.max_constant_bytes = 1000;
        make_net(&m);
        refused_with(&m, &limits, HEDGE_ELIMIT, "take too much memory");
        limits = hedge_onnx_default_limits;
        limits.max_tensor_elements = 120;
        make_net(&m);
        refused_with(&m, &limits, HEDGE_ELIMIT, "would have more than 120 elements");
        limits = hedge_onnx_default_limits;
        limits.max_run_bytes = 500;
        make_net(&m);
        refused_with(&m, &limits, HEDGE_ELIMIT, "at once");
        limits = hedge_onnx_default_limits;
        limits.max_file_bytes = 100;
        make_net(&m);
        refused_with(&m, &limits, HEDGE_ELIMIT, "at most 100 are allowed");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refusals_name_operator_node_and_opset),
                cmocka_unit_test(test_training_is_refused),
                cmocka_unit_test(test_attributes_that_are_not_known),
                cmocka_unit_test(test_graphs_that_are_wrong),
                cmocka_unit_test(test_shapes_that_are_wrong),
                cmocka_unit_test(test_types_that_are_not_supported),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
