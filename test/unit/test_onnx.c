/* SPDX-License-Identifier: Apache-2.0 */
/* Importing: what becomes of a model, and what is said about files that are not one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "common/model/operators.h"
#include "make_onnx.h"

static hedge_graph_t *import(make_t *m)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        size_t size;
        unsigned char *bytes = make_bytes(m, &size);

        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        make_free(m);
        return graph;
}

/* The model must be refused with this code and a sentence that has these words. */
static void refused_with(make_t *m, const hedge_onnx_limits_t *limits, int code, const char *words)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        size_t size;
        unsigned char *bytes = make_bytes(m, &size);
        int r = hedge_onnx_import(bytes, size, limits, &graph, &why);

        if (r != code || !strstr(why.text, words))
                fail_msg("%d '%s' instead of %d '%s'", r, why.text, code, words);
        assert_null(graph);
        make_free(m);
}

static void refused(make_t *m, int code, const char *words)
{
        refused_with(m, NULL, code, words);
}

static void start(make_t *m, make_dims_t dims)
{
        make_init(m, 13);
        make_input(m, "x", dims);
        make_output(m, "y");
}

static unsigned count_kind(const hedge_graph_t *g, hedge_op_kind_t kind)
{
        unsigned n = 0;

        for (uint32_t i = 0; i < g->n_nodes; i++)
                n += g->nodes[i].op.kind == kind;
        return n;
}

/* Convolution, batch normalisation, relu, pool, flatten, fully connected: a net in small. */
static void make_net(make_t *m)
{
        Onnx__NodeProto *node;

        start(m, DIMS(1, 2, 6, 6));
        make_weights(m, "w", DIMS(4, 2, 3, 3));
        make_weights(m, "scale", DIMS(4));
        make_weights(m, "b", DIMS(4));
        make_weights(m, "mean", DIMS(4));
        make_floats(m, "var", DIMS(4), (const float[]){ 1, 2, 3, 4 });
        make_weights(m, "fc", DIMS(3, 36));
        make_weights(m, "bias", DIMS(3));
        node = make_node(m, "Conv", "x w", "conv");
        make_int_list(m, node, "pads", DIMS(1, 1, 1, 1));
        make_node(m, "BatchNormalization", "conv scale b mean var", "norm");
        make_node(m, "Relu", "norm", "relu");
        node = make_node(m, "MaxPool", "relu", "pool");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2));
        make_int_list(m, node, "strides", DIMS(2, 2));
        make_node(m, "Flatten", "pool", "flat");
        node = make_node(m, "Gemm", "flat fc bias", "y");
        make_int(m, node, "transB", 1);
}

static void test_net_is_folded(void **state)
{
        hedge_graph_t *g;
        make_t m;

        make_net(&m);
        g = import(&m);
        assert_int_equal(g->n_inputs, 1);
        assert_int_equal(g->values[g->inputs[0]].shape.dims[1], 2);
        assert_string_equal(g->values[g->inputs[0]].name, "x");
        assert_string_equal(g->values[g->outputs[0]].name, "y");
        assert_int_equal(g->n_nodes, 5); /* transpose, conv, pool, reshape, fully connected */
        assert_int_equal(g->nodes[0].op.kind, HEDGE_OP_TRANSPOSE);
        assert_int_equal(g->nodes[1].op.kind, HEDGE_OP_CONV);
        assert_string_equal(g->nodes[1].name, "conv");
        assert_int_equal(g->nodes[1].n_inputs, 3);
        assert_int_equal(g->nodes[1].op.activation.kind, HEDGE_ACT_CLAMP);
        assert_int_equal(g->nodes[4].op.kind, HEDGE_OP_FULLY_CONNECTED);
        assert_int_equal(count_kind(g, HEDGE_OP_TRANSPOSE), 1);
        assert_int_equal(hedge_graph_macs(g), 4 * 36 * 18 + 3 * 36);
        hedge_graph_destroy(&g);
}

/* The reference for make_net: written out loop by loop in ONNX order. */
static void net_reference(const make_t *m, const float *x, float *y)
{
        const float *t[8];
        float pool[4][3][3];

        for (size_t i = 0; i < m->graph.n_initializer; i++)
                t[i] = (const float *)(const void *)m->graph.initializer[i]->raw_data.data;
        for (int o = 0; o < 4; o++)
                for (int h = 0; h < 6; h++)
                        for (int w = 0; w < 6; w++) {
                                double sum = 0;

                                for (int c = 0; c < 2; c++)
                                        for (int i = 0; i < 9; i++) {
                                                int a = h + i / 3 - 1, b = w + i % 3 - 1;

                                                if (a >= 0 && a < 6 && b >= 0 && b < 6)
                                                        sum += x[c * 36 + a * 6 + b] * t[0][(o * 2 + c) * 9 + i];
                                        }
                                sum = t[1][o] * (sum - t[3][o]) / sqrt(t[4][o] + 1e-5) + t[2][o];
                                sum = sum > 0 ? sum : 0;
                                if ((h | w) % 2 == 0 || sum > pool[o][h / 2][w / 2])
                                        pool[o][h / 2][w / 2] = (float)((h % 2 || w % 2) && pool[o][h / 2][w / 2] > sum
                                                                                ? pool[o][h / 2][w / 2]
                                                                                : sum);
                        }
        for (int n = 0; n < 3; n++) {
                double sum = t[6][n];

                for (int k = 0; k < 36; k++)
                        sum += t[5][n * 36 + k] * (&pool[0][0][0])[k];
                y[n] = (float)sum;
        }
}

static void test_folding_keeps_the_answer(void **state)
{
        hedge_tensor_t in = { { 4, { 1, 2, 6, 6 } }, NULL }, out;
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        hedge_graph_t *g;
        float want[3];
        make_t m;

        make_net(&m);
        assert_int_equal(hedge_tensor_alloc(&in, &in.shape), 0);
        for (int i = 0; i < 72; i++)
                in.data[i] = make_random(&m);
        net_reference(&m, in.data, want);
        g = import(&m);
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(g, kernels, &engine), 0);
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, &out), 0);
        for (int i = 0; i < 3; i++)
                assert_true(fabsf(out.data[i] - want[i]) < 1e-4f);
        hedge_tensor_release(&in);
        hedge_tensor_release(&out);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        hedge_graph_destroy(&g);
}

/* What two others read must stay what it is. */
static void test_shared_values_are_not_folded(void **state)
{
        hedge_graph_t *g;
        make_t m;

        start(&m, DIMS(1, 1, 3, 3));
        make_weights(&m, "w", DIMS(2, 1, 1, 1));
        make_node(&m, "Conv", "x w", "conv");
        make_node(&m, "Relu", "conv", "relu");
        make_node(&m, "Add", "conv relu", "y");
        g = import(&m);
        assert_int_equal(count_kind(g, HEDGE_OP_CLAMP), 1);
        assert_int_equal(count_kind(g, HEDGE_OP_ADD), 1);
        hedge_graph_destroy(&g);
        start(&m, DIMS(1, 1, 3, 3));
        make_weights(&m, "w", DIMS(2, 1, 1, 1));
        make_node(&m, "Conv", "x w", "conv");
        make_node(&m, "Relu", "conv", "y");
        make_output(&m, "conv");
        g = import(&m);
        assert_int_equal(g->n_outputs, 2);
        assert_int_equal(count_kind(g, HEDGE_OP_CLAMP), 1);
        hedge_graph_destroy(&g);
}

/* Channels-last models that transpose back and forth, and pooled features, cost no transposes inside. */
static void test_transposes_vanish(void **state)
{
        Onnx__NodeProto *node;
        hedge_graph_t *g;
        make_t m;

        start(&m, DIMS(1, 4, 4, 3));
        make_weights(&m, "w", DIMS(5, 3, 3, 3));
        make_weights(&m, "c", DIMS(5));
        node = make_node(&m, "Transpose", "x", "nchw");
        make_int_list(&m, node, "perm", DIMS(0, 3, 1, 2));
        make_node(&m, "Conv", "nchw w", "conv");
        node = make_node(&m, "Transpose", "conv", "nhwc");
        make_int_list(&m, node, "perm", DIMS(0, 2, 3, 1));
        make_node(&m, "Add", "nhwc c", "biased");
        make_node(&m, "Relu", "biased", "y");
        g = import(&m);
        assert_int_equal(g->n_nodes, 1);
        assert_int_equal(g->nodes[0].op.activation.kind, HEDGE_ACT_CLAMP);
        hedge_graph_destroy(&g);
        start(&m, DIMS(1, 4, 1, 1));
        make_weights(&m, "w", DIMS(5, 4, 1, 1));
        make_node(&m, "Conv", "x w", "conv");
        make_node(&m, "GlobalAveragePool", "conv", "pool");
        make_node(&m, "Flatten", "pool", "y");
        g = import(&m);
        assert_int_equal(count_kind(g, HEDGE_OP_TRANSPOSE), 0);
        hedge_graph_destroy(&g);
}

static void test_digest_is_of_the_file(void **state)
{
        hedge_graph_t *g = NULL;
        unsigned char digest[32];
        hedge_why_t why;
        size_t size;
        unsigned char *bytes;
        make_t m;

        make_net(&m);
        bytes = make_bytes(&m, &size);
        assert_int_equal(hedge_onnx_import(bytes, size, NULL, &g, &why), 0);
        crypto_generichash(digest, sizeof(digest), bytes, size, NULL, 0);
        assert_memory_equal(g->digest, digest, sizeof(digest));
        assert_int_equal(g->opset, 13);
        hedge_graph_destroy(&g);
        make_free(&m);
}

static void test_names_are_unique_and_printable(void **state)
{
        hedge_graph_t *g;
        make_t m;

        start(&m, DIMS(2));
        make_node(&m, "Exp", "x", "a")->name = NULL;
        m.graph.node[0]->name = m.graph.node[0]->op_type; /* "Exp" */
        make_node(&m, "Tanh", "a", "b");
        m.graph.node[1]->name = m.graph.node[0]->op_type;
        make_node(&m, "Sigmoid", "b", "y\n\x1b[1m");
        m.graph.output[0]->name = m.graph.node[2]->output[0];
        g = import(&m);
        assert_string_equal(g->nodes[0].name, "Exp");
        assert_string_not_equal(g->nodes[1].name, "Exp");
        assert_string_equal(g->nodes[2].name, "y??[1m");
        assert_string_equal(g->values[g->outputs[0]].name, "y??[1m");
        hedge_graph_destroy(&g);
}

static void test_refusals_name_operator_node_and_opset(void **state)
{
        make_t m;

        start(&m, DIMS(2));
        make_node(&m, "Loop", "x", "y")->name = m.graph.input[0]->name;
        refused(&m, HEDGE_EUNSUPPORTED, "operator Loop (node 'x', opset 13) is not supported");
        start(&m, DIMS(2));
        make_node(&m, "QLinearConv", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "operator QLinearConv (node 'y', opset 13) is not supported");
        start(&m, DIMS(2));
        make_node(&m, "Relu", "x", "y")->domain = m.graph.input[0]->name;
        refused(&m, HEDGE_EUNSUPPORTED, "operator of domain x: Relu (node 'y', opset 13) is not supported");
        start(&m, DIMS(2));
        m.opset.version = 11;
        make_node(&m, "HardSwish", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "operator HardSwish (node 'y', opset 11) is not supported");
        start(&m, DIMS(2));
        m.opset.version = 18;
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "opset 18 is not supported");
        start(&m, DIMS(1, 1, 4, 4));
        make_input(&m, "w", DIMS(1, 1, 3, 3));
        make_node(&m, "Conv", "x w", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "Conv 'y' (opset 13): the filter ('w') is not constant");
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

        start(&m, DIMS(0));
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "the input 'x' has an extent of 0");
        start(&m, DIMS(-2));
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "the input 'x' has an extent of -1");
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
        make_input(&m, "x", DIMS(2))->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
        make_output(&m, "y");
        make_node(&m, "Relu", "x", "y");
        refused(&m, HEDGE_EUNSUPPORTED, "the input 'x' is UINT8");
}

/* A constant of each type, written in each way, is read as the same numbers. */
static void test_tensor_types(void **state)
{
        static const struct {
                const char *bytes;
                size_t size;
        } files[] = {
#define FILE_OF(literal) { literal, sizeof(literal) - 1 }
                FILE_OF("\x08\x02\x10\x01\x4a\x08\x00\x00\xc0\x3f\x00\x00\x00\xc0"), /* FLOAT, raw: 1.5, -2 */
                FILE_OF("\x08\x02\x10\x01\x22\x08\x00\x00\xc0\x3f\x00\x00\x00\xc0"), /* FLOAT, float_data */
                FILE_OF("\x08\x02\x10\x0a\x4a\x04\x00\x3e\x00\xc0"),                 /* FLOAT16, raw */
                FILE_OF("\x08\x02\x10\x0a\x2a\x05\x80\x7c\x80\x80\x03"),             /* FLOAT16, int32_data */
                FILE_OF("\x08\x02\x10\x10\x4a\x04\xc0\x3f\x00\xc0"),                 /* BFLOAT16, raw */
                FILE_OF("\x08\x02\x10\x0b\x4a\x10\x00\x00\x00\x00\x00\x00\xf8\x3f\x00\x00\x00\x00\x00\x00\x00\xc0"),
        };
        static const char int8[] = "\x08\x02\x10\x03\x4a\x02\x05\xfe", strange[] = "\x08\x02\x10\x08\x4a\x02\x05\xfe";
        hedge_tensor_t t;
        hedge_why_t why = { { 0 } };

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                if (hedge_onnx_tensor(files[i].bytes, files[i].size, &t, &why) < 0)
                        fail_msg("%zu: %s", i, why.text);
                assert_int_equal(t.shape.rank, 1);
                assert_int_equal(t.shape.dims[0], 2);
                assert_true(t.data[0] == 1.5f && t.data[1] == -2.0f);
                hedge_tensor_release(&t);
        }
        assert_int_equal(hedge_onnx_tensor(int8, sizeof(int8) - 1, &t, &why), 0);
        assert_true(t.data[0] == 5 && t.data[1] == -2);
        hedge_tensor_release(&t);
        assert_int_equal(hedge_onnx_tensor(strange, sizeof(strange) - 1, &t, &why), HEDGE_EUNSUPPORTED);
        assert_int_equal(hedge_onnx_tensor(int8, sizeof(int8) - 2, &t, &why), HEDGE_EMALFORMED);
        assert_int_equal(hedge_onnx_tensor("", 0, &t, &why), HEDGE_EMALFORMED);
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

/* A few bytes that ask for a great deal. */
static void test_bombs(void **state)
{
        Onnx__NodeProto *node;
        make_t m;

        start(&m, DIMS(1));
        make_ints(&m, "huge", DIMS(2), (const int64_t[]){ 1 << 20, 1 << 20 });
        make_node(&m, "Expand", "x huge", "y");
        refused(&m, HEDGE_ELIMIT, "Expand 'y'");
        start(&m, DIMS(1));
        make_ints(&m, "huge", DIMS(1), (const int64_t[]){ INT64_MAX });
        make_node(&m, "ConstantOfShape", "huge", "c");
        make_node(&m, "Add", "x c", "y");
        refused(&m, HEDGE_ELIMIT, "ConstantOfShape 'c'");
        start(&m, DIMS(1, 1, 4, 4));
        make_weights(&m, "w", DIMS(1, 1, 1, 1));
        node = make_node(&m, "Conv", "x w", "y");
        make_int_list(&m, node, "pads", DIMS(1 << 20, 1 << 20, 1 << 20, 1 << 20));
        refused(&m, HEDGE_ELIMIT, "Conv 'y'");
        start(&m, DIMS(1));
        for (int i = 0; i < 40; i++) { /* each twice the one before, all alive: 2^40 in the end */
                char in[16], out[16];

                snprintf(in, sizeof(in), i ? "c%d c%d" : "x x", i - 1, i - 1);
                snprintf(out, sizeof(out), i < 39 ? "c%d" : "y", i);
                make_int(&m, make_node(&m, "Concat", in, out), "axis", 0);
        }
        refused(&m, HEDGE_ELIMIT, "Concat 'c");
        start(&m, DIMS(1));
        make_ints(&m, "half", DIMS(1), (const int64_t[]){ 1 << 24 });
        make_node(&m, "ConstantOfShape", "half", "c");
        for (int i = 0; i < 2000; i++) { /* much work, little memory */
                char in[16], out[16];

                snprintf(in, sizeof(in), i ? "d%d c" : "c c", i - 1);
                snprintf(out, sizeof(out), "d%d", i);
                make_node(&m, "Add", in, out);
        }
        make_node(&m, "Add", "x d1999", "y");
        {
                hedge_onnx_limits_t limits = hedge_onnx_default_limits;

                limits.max_constant_bytes = 1 << 28; /* 2^30 elements of work: 2^5 additions */
                refused_with(&m, &limits, HEDGE_ELIMIT, "Add 'd");
        }
}

static void import_garbage(const unsigned char *bytes, size_t size, int code, const char *words)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        int r = hedge_onnx_import(bytes, size, NULL, &graph, &why);

        if (r != code || !strstr(why.text, words))
                fail_msg("%d '%s' instead of %d '%s'", r, why.text, code, words);
}

/* Graphs within attributes within nodes within graphs ..., written from the inside. */
static void test_nesting_bomb(void **state)
{
        static const unsigned char tags[] = { 0x0a, 0x2a, 0x32 }; /* graph.node, node.attribute, attribute.g */
        unsigned char *bytes = malloc(1 << 20), *at = bytes + (1 << 20);
        size_t size = 0;

        assert_non_null(bytes);
        for (int i = 0; i < 30000; i++) {
                unsigned char prefix[8];
                size_t n = 0, v = size;

                prefix[n++] = tags[(30000 - 1 - i) % 3];
                for (; v > 127; v >>= 7)
                        prefix[n++] = (unsigned char)(v | 128);
                prefix[n++] = (unsigned char)v;
                at -= n;
                memcpy(at, prefix, n);
                size += n;
        }
        at -= 4; /* model.graph, its length in three bytes */
        at[0] = 0x3a;
        at[1] = (unsigned char)(size | 128);
        at[2] = (unsigned char)(size >> 7 | 128);
        at[3] = (unsigned char)(size >> 14);
        import_garbage(at, size + 4, HEDGE_EMALFORMED, "nested too deeply");
        free(bytes);
}

/* Empty nodes: two bytes each in the file, a hundred and more in memory. */
static void test_amplification_bomb(void **state)
{
        size_t nodes = 2000000, size = nodes * 2 + 5;
        unsigned char *bytes = malloc(size);

        assert_non_null(bytes);
        bytes[0] = 0x3a;
        for (int i = 0; i < 4; i++)
                bytes[1 + i] = (unsigned char)(nodes * 2 >> 7 * i | (i < 3 ? 128 : 0));
        for (size_t i = 0; i < nodes; i++)
                memcpy(bytes + 5 + 2 * i, "\x0a\x00", 2);
        import_garbage(bytes, size, HEDGE_ELIMIT, "unpacks to far more than its size");
        free(bytes);
}

static void test_files_that_are_none(void **state)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };

        import_garbage((const unsigned char *)"", 0, HEDGE_EMALFORMED, "empty");
        import_garbage((const unsigned char *)"hello, world", 12, HEDGE_EMALFORMED, "not an ONNX file");
        import_garbage((const unsigned char *)"\x08\x07", 2, HEDGE_EMALFORMED, "it has no graph");
        import_garbage((const unsigned char *)"\x3a\x00\x3a\x00", 4, HEDGE_EMALFORMED, "occurs twice");
        assert_true(hedge_onnx_load("/nonexistent/model.onnx", NULL, &graph, &why) < 0);
        assert_non_null(strstr(why.text, "cannot open '/nonexistent/model.onnx'"));
        assert_true(hedge_onnx_load("/", NULL, &graph, &why) < 0);
        assert_non_null(strstr(why.text, "not a file"));
}

/* Cut off anywhere, a model is refused with a sentence. */
static void test_truncation(void **state)
{
        unsigned char *bytes, *cut;
        size_t size;
        make_t m;

        make_net(&m);
        bytes = make_bytes(&m, &size);
        for (size_t n = 0; n < size; n++) {
                hedge_graph_t *graph = NULL;
                hedge_why_t why = { { 0 } };
                int r;

                cut = malloc(n + 1); /* so that a sanitizer sees reads behind the end */
                assert_non_null(cut);
                memcpy(cut, bytes, n);
                r = hedge_onnx_import(cut, n, NULL, &graph, &why);
                if (r >= 0 || !why.text[0])
                        fail_msg("cut at %zu of %zu: %d '%s'", n, size, r, why.text);
                free(cut);
        }
        make_free(&m);
}

/* With bits flipped a model is refused with a sentence, or runs. */
static void test_flipped_bits(void **state)
{
        hedge_onnx_limits_t limits = { 1 << 20, 1 << 14, 1 << 20, 64, 1 << 20 };
        hedge_kernels_t *kernels = NULL;
        unsigned char *bytes, *flipped;
        unsigned ran = 0;
        size_t size;
        make_t m;

        make_net(&m);
        bytes = make_bytes(&m, &size);
        flipped = malloc(size);
        assert_non_null(flipped);
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        for (int i = 0; i < 6000; i++) {
                hedge_tensor_t in = { { 4, { 1, 2, 6, 6 } }, NULL }, out[4] = { { { 0 }, NULL } };
                hedge_engine_t *engine = NULL;
                hedge_graph_t *g = NULL;
                hedge_why_t why = { { 0 } };

                memcpy(flipped, bytes, size);
                for (int k = 0; k <= i % 3; k++) {
                        unsigned at = make_below(&m, (unsigned)size * 8);

                        flipped[at / 8] ^= (unsigned char)(1 << at % 8);
                }
                if (hedge_onnx_import(flipped, size, &limits, &g, &why) < 0) {
                        assert_true(why.text[0]);
                        continue;
                }
                assert_int_equal(hedge_engine_new(g, kernels, &engine), 0);
                in.shape = g->values[g->inputs[0]].shape;
                assert_int_equal(hedge_tensor_alloc(&in, &in.shape), 0);
                memset(in.data, 0, hedge_shape_elements(&in.shape) * sizeof(float));
                assert_true(g->n_outputs <= 4);
                if (g->n_inputs == 1 && hedge_engine_run(engine, &in, NULL, NULL, out) == 0)
                        ran++;
                for (int k = 0; k < 4; k++)
                        hedge_tensor_release(&out[k]);
                hedge_tensor_release(&in);
                hedge_engine_destroy(&engine);
                hedge_graph_destroy(&g);
        }
        assert_true(ran > 1000 && ran < 6000); /* most flips hit weights */
        hedge_kernels_destroy(&kernels);
        free(flipped);
        make_free(&m);
}

/* docs/operators.md is what list_operators writes, and the table is sorted, as looking a name up needs. */
static void test_operators_are_documented(void **state)
{
        const char *root = getenv("HEDGE_SOURCE_ROOT");
        char path[512], *want = NULL, *have;
        const hedge_operator_t *rows;
        size_t size, n;
        FILE *f;

        rows = hedge_operators(&n);
        for (size_t i = 0; i < n; i++)
                assert_ptr_equal(hedge_operator_find(rows[i].name), &rows[i]);
        f = open_memstream(&want, &size);
        assert_non_null(f);
        hedge_operators_document(f);
        fclose(f);
        snprintf(path, sizeof(path), "%s/docs/operators.md", root ? root : ".");
        f = fopen(path, "r");
        assert_non_null(f);
        have = calloc(1, size + 2);
        assert_non_null(have);
        assert_int_equal(fread(have, 1, size + 1, f), size);
        assert_string_equal(have, want);
        fclose(f);
        free(have);
        free(want);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_net_is_folded),
                cmocka_unit_test(test_folding_keeps_the_answer),
                cmocka_unit_test(test_shared_values_are_not_folded),
                cmocka_unit_test(test_transposes_vanish),
                cmocka_unit_test(test_digest_is_of_the_file),
                cmocka_unit_test(test_names_are_unique_and_printable),
                cmocka_unit_test(test_refusals_name_operator_node_and_opset),
                cmocka_unit_test(test_graphs_that_are_wrong),
                cmocka_unit_test(test_shapes_that_are_wrong),
                cmocka_unit_test(test_types_that_are_not_supported),
                cmocka_unit_test(test_tensor_types),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_bombs),
                cmocka_unit_test(test_nesting_bomb),
                cmocka_unit_test(test_amplification_bomb),
                cmocka_unit_test(test_files_that_are_none),
                cmocka_unit_test(test_truncation),
                cmocka_unit_test(test_flipped_bits),
                cmocka_unit_test(test_operators_are_documented),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
