/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_PACK_BED_H
#define HEDGE_TEST_PACK_BED_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/model/pack.h"

/** Graphs that are packed, unpacked and lent their constants, as boards get them. */

#define PACK_MOST (UINT64_C(1) << 26) /* elements */

static inline void *packed(const hedge_graph_t *graph, size_t *ret_size)
{
        void *bytes = NULL;

        assert_int_equal(hedge_graph_pack(graph, &bytes, ret_size), 0);
        return bytes;
}

/* Unpacked; without its constants' data. */
static inline hedge_graph_t *received(const void *bytes, size_t size)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { "" };

        if (hedge_graph_unpack(bytes, size, PACK_MOST, &graph, &why) < 0)
                fail_msg("%s", why.text);
        return graph;
}

/* Give a graph the constants of the one that was packed, which must outlive it. */
static inline void lend_all(hedge_graph_t *graph, const hedge_graph_t *lender)
{
        uint32_t n = hedge_graph_constants(lender, NULL);
        uint32_t *theirs = calloc(n + 1, sizeof(*theirs)), *ours = calloc(n + 1, sizeof(*ours));

        assert_int_equal(hedge_graph_constants(lender, theirs), n);
        assert_int_equal(hedge_graph_constants(graph, ours), n);
        assert_memory_equal(theirs, ours, n * sizeof(*ours));
        for (uint32_t i = 0; i < n; i++) {
                assert_false(hedge_graph_is_complete(graph));
                assert_null(hedge_graph_constant_data(graph, ours[i]));
                assert_int_equal(hedge_graph_constant_size(graph, ours[i]), hedge_graph_constant_size(lender, ours[i]));
                assert_int_equal(hedge_graph_lend(graph, ours[i], hedge_graph_constant_data(lender, ours[i])), 0);
        }
        assert_true(hedge_graph_is_complete(graph));
        free(theirs);
        free(ours);
}

static inline hedge_graph_t *sent(const hedge_graph_t *graph)
{
        size_t size;
        void *bytes = packed(graph, &size);
        hedge_graph_t *copy = received(bytes, size);

        free(bytes);
        lend_all(copy, graph);
        return copy;
}

static inline void same_value(const hedge_value_t *a, const hedge_value_t *b)
{
        assert_string_equal(a->name, b->name);
        assert_true(hedge_shape_equal(&a->shape, &b->shape));
        assert_int_equal(a->element, b->element);
        assert_int_equal(a->marked, b->marked);
        assert_int_equal(a->producer, b->producer);
        assert_int_equal(a->uses, b->uses);
        assert_true(!a->narrow == !b->narrow);
        assert_true(!a->data == !b->data);
        if (a->narrow)
                assert_true(hedge_narrow_equal(a->narrow, b->narrow));
        if (a->narrow)
                assert_int_equal(a->narrow->axis, b->narrow->axis);
        if (a->data)
                assert_memory_equal(a->data, b->data, hedge_shape_elements(&a->shape) * sizeof(float));
}

static inline void same_graph(const hedge_graph_t *a, const hedge_graph_t *b)
{
        assert_int_equal(a->n_values, b->n_values);
        assert_int_equal(a->n_nodes, b->n_nodes);
        assert_int_equal(a->n_inputs, b->n_inputs);
        assert_int_equal(a->n_outputs, b->n_outputs);
        assert_memory_equal(a->inputs, b->inputs, a->n_inputs * sizeof(*a->inputs));
        assert_memory_equal(a->outputs, b->outputs, a->n_outputs * sizeof(*a->outputs));
        for (uint32_t i = 0; i < a->n_values; i++)
                same_value(&a->values[i], &b->values[i]);
        for (uint32_t i = 0; i < a->n_nodes; i++) {
                assert_string_equal(a->nodes[i].name, b->nodes[i].name);
                assert_int_equal(a->nodes[i].op.kind, b->nodes[i].op.kind);
                assert_int_equal(a->nodes[i].output, b->nodes[i].output);
                assert_int_equal(a->nodes[i].n_inputs, b->nodes[i].n_inputs);
                assert_memory_equal(a->nodes[i].inputs, b->nodes[i].inputs, a->nodes[i].n_inputs * sizeof(uint32_t));
        }
}

/* Run it with small random numbers for all inputs. @return what the run gave; outputs are to be released after 0. */
static inline int run_graph(const hedge_graph_t *graph, hedge_tensor_t *out)
{
        hedge_tensor_t *in = calloc(graph->n_inputs + 1, sizeof(*in));
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        uint32_t state = 1;
        int r;

        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        for (uint32_t i = 0; i < graph->n_inputs; i++) {
                assert_int_equal(hedge_tensor_alloc(&in[i], &graph->values[graph->inputs[i]].shape), 0);
                for (size_t k = 0; k < hedge_shape_elements(&in[i].shape); k++) {
                        state = state * 1664525u + 1013904223u;
                        in[i].data[k] = (float)(state >> 24) / 128;
                }
        }
        r = hedge_engine_run(engine, in, NULL, NULL, out);
        for (uint32_t i = 0; i < graph->n_inputs; i++)
                hedge_tensor_release(&in[i]);
        free(in);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        return r;
}

/* Both give the same, to the bit. */
static inline void same_runs(const hedge_graph_t *a, const hedge_graph_t *b)
{
        hedge_tensor_t *x = calloc(a->n_outputs, sizeof(*x)), *y = calloc(b->n_outputs, sizeof(*y));
        int r = run_graph(a, x);

        assert_int_equal(run_graph(b, y), r);
        for (uint32_t i = 0; r == 0 && i < a->n_outputs; i++) {
                assert_true(hedge_shape_equal(&x[i].shape, &y[i].shape));
                assert_memory_equal(x[i].data, y[i].data, hedge_shape_elements(&x[i].shape) * sizeof(float));
                hedge_tensor_release(&x[i]);
                hedge_tensor_release(&y[i]);
        }
        free(x);
        free(y);
}

#endif
