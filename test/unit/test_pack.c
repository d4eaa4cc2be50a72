/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs that were packed are the same when they are unpacked, and compute the same. */
#include <errno.h>
#include <msgpack.h>
#include <stdio.h>

#include "common/model/onnx.h"
#include "common/model/pack_table.h"
#include "common/model/zoo.h"
#include "common/record/pack.h"
#include "common/record/unpack.h"
#include "test/unit/kernel_examples.h"
#include "test/unit/pack_bed.h"
#include "test/unit/zoo_graph.h"

#define TRIES 30 /* examples of each kind */

/* A member that op.h gets and these lists have not does not compile. */
#pragma GCC diagnostic error "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored \
        "-Wpedantic" /* a literal in static data; GCC counts the members of no other braces here */

/* clang-format off */
#define NODE(op_kind, ...) [HEDGE_OP_##op_kind] = { .name = #op_kind, .op = { .kind = HEDGE_OP_##op_kind, __VA_ARGS__ } }
#define OF(u, ...) .u = (__typeof__(((hedge_op_t *)0)->u)){ __VA_ARGS__ }
#define FUSED      OF(activation, HEDGE_ACT_LEAKY_RELU, 0.25f, -0.0f)
#define WINDOW     5, 6, 2, 3, 7, 8, 9, 10, 11, 12, true, 13, 14

/* Every attribute that a kind has, each with a value of its own. */
static const hedge_node_t full[HEDGE_OP_KINDS] = {
        NODE(CONV, FUSED, .exact = true, OF(conv, 20, 21, 8, 12, 3, 2, 4, 5, 6, 7, 9, 10, 11, 13, 2)),
        NODE(MAX_POOL, OF(pool, WINDOW)),
        NODE(AVERAGE_POOL, OF(pool, WINDOW)),
        NODE(FULLY_CONNECTED, FUSED, .exact = true),
        NODE(ADD, FUSED),
        NODE(MUL, FUSED),
        NODE(CLAMP, OF(activation, HEDGE_ACT_CLAMP, -INFINITY, INFINITY)),
        NODE(LEAKY_RELU, OF(activation, HEDGE_ACT_LEAKY_RELU, 0.1f, 3)),
        NODE(UNARY, OF(unary, HEDGE_UNARY_SHRINK, 0.3f, -4)),
        NODE(TO_INTEGER, OF(to_integer, HEDGE_ROUND_REFUSE, HEDGE_OVERFLOW_WRAP, -5, 6)),
        NODE(QUANTIZE, OF(quantize, -128, 127, HEDGE_QUANTIZED_CENTRED, true, true)),
        NODE(SOFTMAX, OF(axis, 3)),
        NODE(LOG_SOFTMAX, OF(axis, 4)),
        NODE(CONCAT, OF(axis, 5)),
        NODE(GATHER, OF(axis, 1)),
        NODE(GATHER_ELEMENTS, OF(axis, 2)),
        NODE(GATHER_ND, OF(axis, UINT32_MAX)),
        NODE(PAD, OF(pad, HEDGE_PAD_EDGE, -0.0f, { 1, -2, 3, INT32_MIN, 5, 6 }, { 7, 8, -9, 10, INT32_MAX, 12 })),
        NODE(RESIZE, OF(resize, HEDGE_RESIZE_CUBIC, HEDGE_COORD_TF_CROP_AND_RESIZE, HEDGE_NEAREST_CEIL, 11, 12, 1.5f, 2.5f,
                                 -0.75f, true, 0.1f, 0.2f, 0.3f, 0.4f, 9, true, { 30, 31, 3, 4 }, { 32, 33, 5, 6 })),
        NODE(GRID_SAMPLE, OF(grid, HEDGE_RESIZE_LINEAR, HEDGE_GRID_REFLECTION, true)),
        NODE(LRN, OF(lrn, 5, 1e-4f, 0.75f, 2)),
        NODE(TRANSPOSE, OF(transpose, { 5, 4, 3, 2, 1, 0 })),
        NODE(SLICE, OF(slice, { INT64_MIN, 2, 3, 4, 5, INT64_MAX }, { -1, 7, -INT64_MAX, 9, 10, 11 }, { 6, { 1, 2, 3, 4, 5, 6 } })),
        NODE(REDUCE, OF(reduce, HEDGE_REDUCE_SUM_SQUARE, 0x3f)),
        NODE(NORMALIZE, OF(normalize, 0x2a, 1e-5f, true)),
        NODE(RESHAPE, OF(shape, { 3, { 7, 8, 9 } })),
        NODE(EXPAND, OF(shape, { 1, { 10 } })),
        NODE(TILE, OF(shape, { 2, { 5, 6 } })),
        NODE(SHIFT_LEFT, OF(shift, 8)),
        NODE(SHIFT_RIGHT, OF(shift, 32)),
        NODE(IS_INF, OF(infinite, true, true)),
        NODE(ARG_MAX, OF(arg, 2, true)),
        NODE(ARG_MIN, OF(arg, 3, true)),
        NODE(TOP, OF(top, 1, 9, true)),
        NODE(SCATTER_ELEMENTS, OF(scatter, 2, HEDGE_SCATTER_MIN)),
        NODE(SCATTER_ND, OF(scatter, 4, HEDGE_SCATTER_ADD)),
        NODE(ONE_HOT, OF(one_hot, 3, 17)),
        NODE(CUM_SUM, OF(cum_sum, 2, true, true)),
        NODE(TRILU, OF(trilu, INT64_MIN, true)),
        NODE(NMS, OF(nms, 100, 0.5f, 0.05f, true, true)),
        NODE(MAX_POOL_INDICES, OF(indices, { WINDOW }, true)),
        NODE(GLOBAL_AVERAGE_POOL), NODE(GLOBAL_MAX_POOL), NODE(MATMUL), NODE(SUB), NODE(DIV), NODE(MAX), NODE(MIN), NODE(POW),
        NODE(PRELU), NODE(EQUAL), NODE(LESS), NODE(LESS_EQUAL), NODE(AND), NODE(OR), NODE(XOR), NODE(MODULO), NODE(FMOD),
        NODE(WHERE), NODE(NOT), NODE(TO_BOOL), NODE(IS_NAN), NODE(MARK_ROWS),
};
/* clang-format on */

/* All members of what holds them: of a new one is to be said whether it travels, in pack_table.c or same_value. */
static const hedge_op_t any_op = {
        HEDGE_OP_GATHER, { HEDGE_ACT_NONE, 0, 0 }, false, { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } }
};
static const hedge_value_t any_value = { "x",  { 1, { 2 } }, HEDGE_ELEMENT_INT8, NULL, false,
                                         true, NULL,         HEDGE_NO_NODE,      1 };

static void *pack_fields(const hedge_record_t *record, const hedge_node_t *node, size_t *ret_size)
{
        msgpack_sbuffer buffer;
        msgpack_packer packer;

        msgpack_sbuffer_init(&buffer);
        msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
        msgpack_pack_map(&packer, hedge_pack_count(record, node));
        assert_int_equal(hedge_pack_fields(&packer, record, node), 0);
        *ret_size = buffer.size;
        return msgpack_sbuffer_release(&buffer);
}

static void every_attribute_of_every_kind_travels(void **state)
{
        for (unsigned kind = 0; kind < HEDGE_OP_KINDS; kind++) {
                uint32_t inputs[] = { 7, 65535 };
                hedge_node_t node = full[kind], got = { .name = "" };
                hedge_record_t record = hedge_pack_node((hedge_op_kind_t)kind);
                hedge_why_t why = { "" };
                hedge_unpacker_t unpacker = { .why = &why };
                msgpack_unpacked unpacked;
                size_t size;
                void *bytes;

                if (!full[kind].name[0])
                        fail_msg("no example of %s", hedge_op_name((hedge_op_kind_t)kind));
                assert_int_equal(hedge_pack_kind(record.name, strlen(record.name)), kind);
                node.n_inputs = 2;
                node.inputs = inputs;
                node.output = 3;
                bytes = pack_fields(&record, &node, &size);
                assert_int_equal(hedge_unpack_bytes(bytes, size, &unpacked, &why), 0);
                if (hedge_unpack_record(&unpacker, &record, &unpacked.data, &got) < 0)
                        fail_msg("%s", why.text);
                got.op.kind = (hedge_op_kind_t)kind;
                if (memcmp(&got.op, &full[kind].op, sizeof(got.op)) != 0)
                        fail_msg("an attribute of %s did not travel", record.name);
                assert_string_equal(got.name, node.name);
                assert_int_equal(got.n_inputs, 2);
                assert_memory_equal(got.inputs, inputs, sizeof(inputs));
                assert_int_equal(got.output, 3);
                msgpack_unpacked_destroy(&unpacked);
                msgpack_zone_free(unpacker.storage);
                free(bytes);
        }
        assert_int_equal(any_op.kind, HEDGE_OP_GATHER);
        assert_int_equal(any_value.uses, 1);
        assert_int_equal(hedge_pack_kind("Con", 3), HEDGE_OP_KINDS);
        assert_int_equal(hedge_pack_kind("Convo", 5), HEDGE_OP_KINDS);
}

/* A graph of one node; its constants are the example's. */
static hedge_graph_t *graph_of(const example_t *e)
{
        hedge_graph_t *g = calloc(1, sizeof(*g));
        hedge_node_t *node = calloc(1, sizeof(*node));

        g->n_values = e->n_in + 1;
        g->values = calloc(g->n_values, sizeof(*g->values));
        g->inputs = calloc(g->n_values, sizeof(*g->inputs));
        g->outputs = calloc(1, sizeof(*g->outputs));
        *node = (hedge_node_t){ .name = "node", .op = e->op, .n_inputs = e->n_in, .output = e->n_in };
        node->inputs = calloc(e->n_in, sizeof(*node->inputs));
        for (unsigned i = 0; i < e->n_in; i++) {
                g->values[i] = (hedge_value_t){ .shape = e->in[i], .producer = HEDGE_NO_NODE, .uses = 1 };
                if (e->constant[i]) {
                        g->values[i].data = e->data[i];
                        g->values[i].lent = true;
                } else {
                        g->inputs[g->n_inputs++] = i;
                }
                node->inputs[i] = i;
        }
        g->values[e->n_in].uses = 1;
        assert_int_equal(hedge_op_infer(&e->op, e->in, e->n_in, &g->values[e->n_in].shape, NULL), 0);
        g->outputs[g->n_outputs++] = e->n_in;
        g->nodes = node;
        g->n_nodes = 1;
        return g;
}

/* Nothing in a graph is. */
static bool is_empty(const example_t *e)
{
        hedge_shape_t out;

        assert_int_equal(hedge_op_infer(&e->op, e->in, e->n_in, &out, NULL), 0);
        for (unsigned i = 0; i < e->n_in; i++)
                if (hedge_shape_elements(&e->in[i]) == 0)
                        return true;
        return hedge_shape_elements(&out) == 0;
}

static void random_operators_run_the_same(void **state)
{
        example_seed(11);
        for (unsigned kind = 0; kind < HEDGE_OP_EQUAL; kind++) /* those that there are examples of */
                for (unsigned i = 0; i < TRIES; i++) {
                        hedge_graph_t *graph, *copy;
                        example_t e;

                        do
                                example_make(&e, (hedge_op_kind_t)kind);
                        while (is_empty(&e));
                        example_fill(&e);
                        graph = graph_of(&e);
                        copy = sent(graph);
                        same_graph(graph, copy);
                        assert_memory_equal(&graph->nodes[0].op, &copy->nodes[0].op, sizeof(hedge_op_t));
                        same_runs(graph, copy);
                        hedge_graph_destroy(&copy);
                        hedge_graph_destroy(&graph);
                        example_drop(&e);
                }
}

/* A copy is the same and runs the same. @return how many constants in bytes it has. */
static unsigned travels(const hedge_graph_t *graph)
{
        hedge_graph_t *copy = sent(graph);
        unsigned narrow = 0;

        same_graph(graph, copy);
        for (uint32_t i = 0; i < graph->n_nodes; i++)
                assert_memory_equal(&graph->nodes[i].op, &copy->nodes[i].op, sizeof(hedge_op_t));
        for (uint32_t i = 0; i < graph->n_values; i++)
                narrow += graph->values[i].narrow != NULL;
        same_runs(graph, copy);
        hedge_graph_destroy(&copy);
        return narrow;
}

/* Models of nearly all operators that there are. */
static void models_travel(void **state)
{
        static const char *const names[] = { "boxes",   "branches",   "choices",  "constants", "images",
                                             "net",     "newer",      "older",    "shapes",    "upward",
                                             "volumes", "open_batch", "quantised" };
        const char *root = getenv("HEDGE_SOURCE_ROOT");
        bool seen[HEDGE_OP_KINDS] = { false };
        unsigned narrow = 0, kinds = 0;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                hedge_graph_t *graph = NULL;
                hedge_why_t why = { "" };
                char path[4096];

                snprintf(path, sizeof(path), "%s/test/fuzz/corpus/onnx/%s.onnx", root ? root : ".", names[i]);
                if (hedge_onnx_load(path, NULL, &graph, &why) < 0)
                        fail_msg("%s", why.text);
                narrow += travels(graph);
                for (uint32_t j = 0; j < graph->n_nodes; j++)
                        seen[graph->nodes[j].op.kind] = true;
                hedge_graph_destroy(&graph);
        }
        for (unsigned kind = 0; kind < HEDGE_OP_KINDS; kind++)
                kinds += seen[kind];
        print_message("%u kinds, %u in bytes\n", kinds, narrow);
        assert_true(narrow > 0);
}

static void the_zoo_travels(void **state)
{
        for (const char *const *name = hedge_zoo_names; *name; name++) {
                hedge_graph_t *graph = zoo_graph(*name, 1, 32);

                travels(graph);
                hedge_graph_destroy(&graph);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_attribute_of_every_kind_travels),
                cmocka_unit_test(random_operators_run_the_same),
                cmocka_unit_test(models_travel),
                cmocka_unit_test(the_zoo_travels),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
