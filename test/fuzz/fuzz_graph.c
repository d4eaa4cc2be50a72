/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/engine/engine.h"
#include "common/model/pack.h"
#include "test/fuzz/fuzz.h"

#define MAX_MACS     1000000
#define MAX_ELEMENTS (1 << 14)

/* What constants and inputs hold: zeros, or numbers of all kinds. */
static float *make_numbers(bool zeros)
{
        static const float odd[] = { NAN, INFINITY, -INFINITY, 3e38f, -1e-40f, 16777216, -1, 0.5f, 2, 1e9f };
        float *numbers = calloc(3 * MAX_ELEMENTS, sizeof(*numbers)); /* also the scales and zero points of bytes */

        if (!numbers)
                abort();
        for (size_t i = 0; !zeros && i < 3 * MAX_ELEMENTS; i++)
                numbers[i] = i % 3 == 0 ? odd[i / 3 % 10] : (float)(i * 7 % 13) - 3;
        return numbers;
}

static void lend(hedge_graph_t *graph, const float *numbers)
{
        uint32_t *values = calloc((size_t)graph->n_values + 1, sizeof(*values));
        uint32_t n = hedge_graph_constants(graph, values);

        if (hedge_graph_is_complete(graph) != (n == 0))
                abort();
        for (uint32_t i = 0; i < n; i++)
                if (hedge_graph_constant_size(graph, values[i]) > 3 * MAX_ELEMENTS * sizeof(*numbers) ||
                    hedge_graph_lend(graph, values[i], numbers) < 0)
                        abort();
        if (!hedge_graph_is_complete(graph))
                abort();
        free(values);
}

static void release(hedge_tensor_t *tensors, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                hedge_tensor_release(&tensors[i]);
        free(tensors);
}

static hedge_tensor_t *make_inputs(const hedge_graph_t *graph, const float *numbers)
{
        hedge_tensor_t *in = calloc((size_t)graph->n_inputs + 1, sizeof(*in));

        if (!in)
                abort();
        for (uint32_t i = 0; i < graph->n_inputs; i++) {
                const hedge_shape_t *shape = &graph->values[graph->inputs[i]].shape;

                if (hedge_tensor_alloc(&in[i], shape) < 0)
                        abort();
                memcpy(in[i].data, numbers, hedge_shape_elements(shape) * sizeof(*numbers));
        }
        return in;
}

/* A graph that was taken must run, whatever the answer. */
static void run(hedge_graph_t *graph, bool zeros)
{
        float *numbers = make_numbers(zeros);
        hedge_tensor_t *in = make_inputs(graph, numbers), *out = calloc(graph->n_outputs, sizeof(*out));
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;

        lend(graph, numbers);
        if (!out || hedge_kernels_new("plain", 1, &kernels) < 0 || hedge_engine_new(graph, kernels, &engine) < 0)
                abort();
        hedge_engine_run(engine, in, NULL, NULL, out);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        release(in, graph->n_inputs);
        release(out, graph->n_outputs);
        free(numbers);
}

/* What was unpacked packs, and unpacks as the same. */
static void travel(const hedge_graph_t *graph)
{
        hedge_graph_t *again = NULL;
        void *first = NULL, *second = NULL;
        size_t n, m;

        if (hedge_graph_pack(graph, &first, &n) < 0 || hedge_graph_unpack(first, n, MAX_ELEMENTS, &again, NULL) < 0 ||
            hedge_graph_pack(again, &second, &m) < 0 || n != m || memcmp(first, second, n) != 0)
                abort();
        hedge_graph_destroy(&again);
        free(first);
        free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        for (int zeros = 0; zeros < 2; zeros++) {
                hedge_graph_t *graph = NULL;
                hedge_why_t why = { "" };

                if (hedge_graph_unpack(data, size, MAX_ELEMENTS, &graph, &why) < 0) {
                        if (!why.text[0] || graph)
                                abort();
                        return 0;
                }
                if (zeros)
                        travel(graph);
                if (hedge_graph_macs(graph) <= MAX_MACS)
                        run(graph, zeros);
                hedge_graph_destroy(&graph);
        }
        return 0;
}
