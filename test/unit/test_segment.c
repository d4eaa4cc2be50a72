/* SPDX-License-Identifier: Apache-2.0 */
/* Where graphs come apart, and runs of nodes as graphs of their own: random graphs, every run of nodes of each. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/segment/cuts.h"
#include "common/segment/segment.h"
#include "random_graph.h"
#include "segment_bed.h"

/* Is a value that was there before node `at` read by it or later, or an answer? By looking everywhere. */
static bool goes_across(const hedge_graph_t *g, uint32_t value, uint32_t at)
{
        const hedge_value_t *v = &g->values[value];

        if (hedge_value_is_constant(v) || (v->producer != HEDGE_NO_NODE && v->producer >= at))
                return false;
        for (uint32_t i = at; i < g->n_nodes; i++)
                for (uint32_t j = 0; j < g->nodes[i].n_inputs; j++)
                        if (g->nodes[i].inputs[j] == value)
                                return true;
        for (uint32_t i = 0; i < g->n_outputs; i++)
                if (g->outputs[i] == value)
                        return true;
        return false;
}

static void check_cuts(const hedge_graph_t *g)
{
        hedge_cut_point_t *cuts;
        uint32_t n, next = 0;

        assert_int_equal(hedge_cuts_find(g, &cuts, &n), 0);
        for (uint32_t at = 0; at <= g->n_nodes; at++) {
                uint32_t across = 0, which = HEDGE_NO_VALUE;

                for (uint32_t v = 0; v < g->n_values; v++)
                        if (goes_across(g, v, at)) {
                                across++;
                                which = v;
                        }
                if (across != 1 && at > 0 && at < g->n_nodes)
                        continue;
                assert_true(next < n);
                assert_int_equal(cuts[next].at, at);
                assert_int_equal(cuts[next].value, across == 1 ? which : HEDGE_NO_VALUE);
                assert_int_equal(cuts[next].image, across == 1 && g->values[which].shape.rank == 4 &&
                                                           g->values[which].shape.dims[0] == 1);
                next++;
        }
        assert_int_equal(next, n);
        free(cuts);
}

/* What a piece of a graph gives, by its own engine, from what the whole graph's values are. */
static void check_piece(const segment_bed_t *bed, uint32_t first, uint32_t last)
{
        const hedge_graph_t *g = bed->graph;
        uint32_t *in, *out, n_in, n_out;
        hedge_engine_t *engine = NULL;
        hedge_graph_t *piece;
        hedge_tensor_t *given, *got;

        assert_int_equal(hedge_segment_values(g, first, last, &in, &n_in, &out, &n_out), 0);
        assert_int_equal(hedge_segment_graph(g, first, last, NULL, &piece), 0);
        assert_int_equal(piece->n_inputs, n_in);
        assert_int_equal(piece->n_outputs, n_out);
        assert_int_equal(piece->n_nodes, last - first);
        given = calloc(n_in + 1, sizeof(*given));
        got = calloc(n_out + 1, sizeof(*got));
        assert_true(given && got);
        for (uint32_t i = 0; i < n_in; i++)
                given[i] = (hedge_tensor_t){ g->values[in[i]].shape, bed->data[in[i]] };
        assert_int_equal(hedge_engine_new(piece, bed->kernels, &engine), 0);
        assert_int_equal(hedge_engine_run(engine, given, NULL, NULL, got), 0);
        for (uint32_t i = 0; i < n_out; i++) {
                assert_true(hedge_shape_equal(&got[i].shape, &g->values[out[i]].shape));
                assert_string_equal(piece->values[piece->outputs[i]].name, g->values[out[i]].name);
                assert_memory_equal(got[i].data, bed->data[out[i]],
                                    hedge_shape_elements(&got[i].shape) * sizeof(float));
                hedge_tensor_release(&got[i]);
        }
        hedge_engine_destroy(&engine);
        hedge_graph_destroy(&piece);
        free(given);
        free(got);
        free(in);
        free(out);
}

/* A run of nodes has the same edges, in the same order, in the graph and in a piece of it. */
static void check_nested(const segment_bed_t *bed, make_t *random)
{
        const hedge_graph_t *g = bed->graph;
        const uint32_t first = make_below(random, g->n_nodes),
                       last = first + 1 + make_below(random, g->n_nodes - first);
        const uint32_t from = first + make_below(random, last - first), to = from + make_below(random, last - from + 1);
        uint32_t *edges[4], n[4];
        hedge_graph_t *piece;

        assert_int_equal(hedge_segment_graph(g, first, last, NULL, &piece), 0);
        assert_int_equal(hedge_segment_values(g, from, to, &edges[0], &n[0], &edges[1], &n[1]), 0);
        assert_int_equal(hedge_segment_values(piece, from - first, to - first, &edges[2], &n[2], &edges[3], &n[3]), 0);
        for (int side = 0; side < 2; side++) {
                assert_int_equal(n[side], n[side + 2]);
                for (uint32_t i = 0; i < n[side]; i++)
                        assert_string_equal(g->values[edges[side][i]].name, piece->values[edges[side + 2][i]].name);
        }
        for (int i = 0; i < 4; i++)
                free(edges[i]);
        hedge_graph_destroy(&piece);
}

static void test_random_graphs(void **state)
{
        make_t random, m;

        make_init(&random, 13);
        for (int i = 0; i < 60; i++) {
                segment_bed_t bed;

                make_random_graph(&m, &random);
                segment_bed_open(&bed, &m, "plain");
                segment_bed_compute(&bed, &random);
                check_cuts(bed.graph);
                for (uint32_t first = 0; first <= bed.graph->n_nodes; first++)
                        for (uint32_t last = first; last <= bed.graph->n_nodes; last++)
                                check_piece(&bed, first, last);
                for (int k = 0; bed.graph->n_nodes > 0 && k < 20; k++)
                        check_nested(&bed, &random);
                segment_bed_close(&bed);
        }
        make_free(&random);
}

/* What the model says of its edges goes with them, and constants are lent. */
static void test_edges(void **state)
{
        segment_bed_t bed;
        hedge_graph_t *piece;
        const hedge_graph_t *g;
        make_t m;

        make_init(&m, 13);
        make_typed_input(&m, "x", ONNX__TENSOR_PROTO__DATA_TYPE__INT32, DIMS(1, 4, 4, 4));
        make_weights(&m, "w", DIMS(1, 4, 1, 1));
        make_int(&m, make_node(&m, "Cast", "x", "f"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        make_node(&m, "Mul", "f w", "a");
        make_node(&m, "Relu", "a", "y");
        make_output(&m, "y");
        segment_bed_open(&bed, &m, "plain");
        g = bed.graph;
        assert_int_equal(hedge_segment_graph(g, 0, g->n_nodes, NULL, &piece), 0);
        assert_int_equal(piece->values[piece->inputs[0]].element, g->values[g->inputs[0]].element);
        assert_int_equal(piece->values[piece->inputs[0]].element, HEDGE_ELEMENT_INT32);
        assert_int_equal(piece->open[0], g->open[0]);
        assert_memory_equal(piece->digest, g->digest, sizeof(g->digest));
        for (uint32_t v = 0; v < piece->n_values; v++)
                assert_int_equal(piece->values[v].lent, hedge_value_is_constant(&piece->values[v]));
        assert_true(hedge_graph_constant_bytes(piece) > 0);
        hedge_graph_destroy(&piece);
        segment_bed_close(&bed);
}

static bool is_whole_at(const hedge_graph_t *g, hedge_op_kind_t behind)
{
        hedge_cut_point_t *cuts;
        uint32_t n;
        int found = -1;

        assert_int_equal(hedge_cuts_find(g, &cuts, &n), 0);
        for (uint32_t i = 0; i < n; i++)
                if (cuts[i].at > 0 && g->nodes[cuts[i].at - 1].op.kind == behind)
                        found = cuts[i].whole;
        assert_true(found >= 0);
        free(cuts);
        return found;
}

/* Indices and truth values are found, also where they are moved on; what is computed of them is not whole for that. */
static void test_whole_numbers(void **state)
{
        segment_bed_t bed;
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 4, 4, 4));
        make_floats(&m, "scales", DIMS(4), (const float[]){ 1, 1, 2, 2 });
        make_weights(&m, "w", DIMS(2, 1, 3, 3));
        make_floats(&m, "limit", DIMS(1), (const float[]){ 0.5f });
        make_node(&m, "Relu", "x", "relu");
        make_int(&m, make_node(&m, "ArgMax", "relu", "arg"), "axis", 1);
        make_int(&m, make_node(&m, "Cast", "arg", "float"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        make_string(&m, make_node(&m, "Resize", "float - scales", "large"), "mode", "nearest");
        make_node(&m, "Conv", "large w", "conv");
        make_node(&m, "Less", "conv limit", "less");
        make_int(&m, make_node(&m, "Cast", "less", "mask"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        make_node(&m, "GlobalAveragePool", "mask", "y");
        make_output(&m, "y");
        segment_bed_open(&bed, &m, "plain");
        assert_false(is_whole_at(bed.graph, HEDGE_OP_CLAMP));
        assert_true(is_whole_at(bed.graph, HEDGE_OP_ARG_MAX));
        assert_true(is_whole_at(bed.graph, HEDGE_OP_RESIZE));
        assert_false(is_whole_at(bed.graph, HEDGE_OP_CONV));
        assert_true(is_whole_at(bed.graph, HEDGE_OP_LESS));
        assert_false(is_whole_at(bed.graph, HEDGE_OP_GLOBAL_AVERAGE_POOL));
        segment_bed_close(&bed);
}

static void test_no_such_run(void **state)
{
        uint32_t *in, *out, n_in, n_out;
        hedge_graph_t *piece = NULL;
        segment_bed_t bed;
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(2, 2));
        make_node(&m, "Relu", "x", "y");
        make_output(&m, "y");
        segment_bed_open(&bed, &m, "plain");
        assert_int_equal(hedge_segment_values(bed.graph, 1, 0, &in, &n_in, &out, &n_out), -EINVAL);
        assert_int_equal(hedge_segment_values(bed.graph, 0, bed.graph->n_nodes + 1, &in, &n_in, &out, &n_out), -EINVAL);
        assert_int_equal(hedge_segment_graph(bed.graph, 0, UINT32_MAX, NULL, &piece), -EINVAL);
        assert_null(piece);
        segment_bed_close(&bed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_graphs),
                cmocka_unit_test(test_edges),
                cmocka_unit_test(test_whole_numbers),
                cmocka_unit_test(test_no_such_run),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
