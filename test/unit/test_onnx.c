/* SPDX-License-Identifier: Apache-2.0 */
/* The ONNX importer: what models become. */
#include "test/unit/onnx_bed.h"

static hedge_graph_t *import(make_t *m)
{
        hedge_graph_t *graph = import_made(m);

        make_free(m);
        return graph;
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
        assert_int_equal(nodes_of(g, HEDGE_OP_TRANSPOSE), 1);
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
        assert_int_equal(nodes_of(g, HEDGE_OP_CLAMP), 1);
        assert_int_equal(nodes_of(g, HEDGE_OP_ADD), 1);
        hedge_graph_destroy(&g);
        start(&m, DIMS(1, 1, 3, 3));
        make_weights(&m, "w", DIMS(2, 1, 1, 1));
        make_node(&m, "Conv", "x w", "conv");
        make_node(&m, "Relu", "conv", "y");
        make_output(&m, "conv");
        g = import(&m);
        assert_int_equal(g->n_outputs, 2);
        assert_int_equal(nodes_of(g, HEDGE_OP_CLAMP), 1);
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
        assert_int_equal(nodes_of(g, HEDGE_OP_TRANSPOSE), 0);
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

/* Nodes that lead to no output are as good as not there, whatever they are, and so are the constants that only they read. */
static void test_dead_nodes_are_dropped(void **state)
{
        hedge_graph_t *g;
        make_t m;

        start(&m, DIMS(2));
        make_weights(&m, "w", DIMS(3))->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__STRING;
        make_node(&m, "Relu", "x", "y");
        make_node(&m, "NoSuchThing", "x w", "dead");
        make_node(&m, "Add", "dead x", "deader");
        g = import(&m);
        assert_int_equal(g->n_nodes, 1);
        hedge_graph_destroy(&g);
}

static int run_one(hedge_graph_t *g, float x, float *ret)
{
        hedge_tensor_t in = { g->values[g->inputs[0]].shape, &x }, out = { { 0 }, NULL };
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;
        int r;

        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(g, kernels, &engine), 0);
        r = hedge_engine_run(engine, &in, NULL, NULL, &out);
        if (r == 0)
                *ret = out.data[0];
        hedge_tensor_release(&out);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        return r;
}

/* Integers are what the model says: refused at the door if they are none, wrapped where they become narrower. */
static void test_integer_inputs(void **state)
{
        hedge_graph_t *g;
        float y = 0;
        make_t m;

        make_init(&m, 13);
        make_typed_input(&m, "x", HEDGE_ELEMENT_INT32, DIMS(1));
        make_output(&m, "y");
        make_int(&m, make_node(&m, "Cast", "x", "y"), "to", HEDGE_ELEMENT_UINT8);
        g = import(&m);
        assert_int_equal(g->values[g->inputs[0]].element, HEDGE_ELEMENT_INT32);
        assert_int_equal(g->values[g->outputs[0]].element, HEDGE_ELEMENT_UINT8);
        assert_int_equal(run_one(g, 300, &y), 0);
        assert_true(y == 44);
        assert_int_equal(run_one(g, -1, &y), 0);
        assert_true(y == 255);
        assert_int_equal(run_one(g, 1.5f, &y), HEDGE_ERANGE);
        assert_int_equal(run_one(g, 2e7f, &y), HEDGE_ERANGE);
        hedge_graph_destroy(&g);
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
        /* UINT64, raw: 2^62 and 2^64 - 1 */
        assert_int_equal(hedge_onnx_tensor("\x08\x01\x10\x0d\x4a\x08\0\0\0\0\0\0\0\x40", 14, &t, &why), 0);
        assert_true(t.data[0] == 0x1p62f);
        hedge_tensor_release(&t);
        assert_int_equal(hedge_onnx_tensor("\x08\x01\x10\x0d\x4a\x08\xff\xff\xff\xff\xff\xff\xff\xff", 14, &t, &why),
                         HEDGE_ELIMIT);
        assert_string_equal(why.text, "holds a number of 2^63 - 1 or more, which is not read");
}

/* Files of one value that is no tensor: FLOAT tensors of one element within. */
static void test_values_that_are_no_tensors_are_told(void **state)
{
#define ONE "\x08\x01\x10\x01\x4a\x04\x00\x00\xc0\x3f" /* 10 bytes */
        static const struct {
                struct {
                        const char *bytes;
                        size_t size;
                } file;
                const char *said;
        } cases[] = {
                { FILE_OF("\x10\x01\x1a\x0a" ONE "\x1a\x0a" ONE), "is a sequence of tensors; one tensor is wanted" },
                { FILE_OF("\x0a\x01n\x10\x01\x1a\x0a" ONE), "is a sequence of one tensor, or an optional one" },
                /* elem_type, and two sequences of two and one tensors */
                { FILE_OF("\x10\x03\x2a\x1a\x10\x01\x1a\x0a" ONE "\x1a\x0a" ONE "\x2a\x0e\x10\x01\x1a\x0a" ONE),
                  "is a map, or a sequence of sequences" },
                /* key_type INT64, the keys 1 and 2, a sequence of values */
                { FILE_OF("\x10\x07\x1a\x02\x01\x02\x2a\x1a\x10\x01\x1a\x0a" ONE "\x1a\x0a" ONE),
                  "is a map, or a sequence of sequences" },
        };
        /* UINT8, whose int32_data read as a field of a sequence's */
        static const char bytes[] = "\x08\x04\x10\x02\x2a\x04\x1a\x02\x20\x01";
        hedge_why_t why = { { 0 } };
        hedge_tensor_t t;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(hedge_onnx_tensor(cases[i].file.bytes, cases[i].file.size, &t, &why),
                                 HEDGE_EUNSUPPORTED);
                if (!strstr(why.text, cases[i].said))
                        fail_msg("case %zu: %s, not %s", i, why.text, cases[i].said);
        }
        assert_int_equal(hedge_onnx_tensor(bytes, sizeof(bytes) - 1, &t, &why), 0);
        assert_true(t.data[0] == 0x1a && t.data[3] == 1);
        hedge_tensor_release(&t);
        assert_int_equal(hedge_onnx_tensor("\x10\x01\x1a\x09\x4a\x04", 6, &t, &why), HEDGE_EMALFORMED);
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
                cmocka_unit_test(test_dead_nodes_are_dropped),
                cmocka_unit_test(test_integer_inputs),
                cmocka_unit_test(test_tensor_types),
                cmocka_unit_test(test_values_that_are_no_tensors_are_told),
                cmocka_unit_test(test_operators_are_documented),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
