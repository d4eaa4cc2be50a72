/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/engine/each.h"
#include "common/model/batch.h"
#include "common/model/declared.h"
#include "common/model/onnx.h"
#include "common/model/proto.h"
#include "test/fuzz/fuzz.h"

#define MAX_MACS  1000000
#define MAX_VALUE (1 << 14)

static void release(hedge_tensor_t *tensors, uint32_t n)
{
        for (uint32_t i = 0; tensors && i < n; i++)
                hedge_tensor_release(&tensors[i]);
        free(tensors);
}

/* Inputs of so many runs: zeros, or small numbers that differ from picture to picture. */
static hedge_tensor_t *make_inputs(const hedge_graph_t *graph, uint32_t runs, bool zeros)
{
        hedge_tensor_t *in = calloc(graph->n_inputs + 1, sizeof(*in));

        for (uint32_t i = 0; in && i < graph->n_inputs; i++) {
                const hedge_shape_t shape =
                        hedge_batch_shape(&graph->values[graph->inputs[i]].shape, graph->batch->inputs[i], runs);

                if (hedge_tensor_alloc(&in[i], &shape) < 0)
                        abort();
                for (size_t k = 0; k < hedge_shape_elements(&shape); k++)
                        in[i].data[k] = zeros ? 0 : (float)((k * 7 + k / 5) % 13);
        }
        return in;
}

/* A graph that was taken must run, whatever the answer. @return what it said; the outputs are there where it is 0. */
static int run(const hedge_graph_t *graph, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        int r;

        if (!in || !out || hedge_kernels_new("plain", 1, &kernels) < 0 || hedge_engine_new(graph, kernels, &engine) < 0)
                abort();
        r = hedge_engine_run_each(engine, in, out);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        return r;
}

static void run_on_zeros(const hedge_graph_t *graph)
{
        hedge_tensor_t *in = make_inputs(graph, 1, true), *out = calloc(graph->n_outputs + 1, sizeof(*out));

        run(graph, in, out);
        release(in, graph->n_inputs);
        release(out, graph->n_outputs);
}

static bool alike(float a, float b)
{
        return !(fabsf(a - b) > 1e-3f * (1 + fabsf(a) + fabsf(b))); /* whatever is not finite is like anything */
}

/* What two pictures give, one by one, must be what the file gives for two. */
static void compare(const hedge_graph_t *one, const hedge_graph_t *two)
{
        hedge_tensor_t *in = make_inputs(one, 2, false);
        hedge_tensor_t *each = calloc(one->n_outputs + 1, sizeof(*each));
        hedge_tensor_t *whole = calloc(one->n_outputs + 1, sizeof(*whole));

        if (one->n_outputs != two->n_outputs || one->n_inputs != two->n_inputs)
                abort();
        if (run(one, in, each) == 0 && run(two, in, whole) == 0)
                for (uint32_t i = 0; i < one->n_outputs; i++) {
                        if (!hedge_shape_equal(&each[i].shape, &whole[i].shape))
                                abort();
                        for (size_t k = 0; k < hedge_shape_elements(&each[i].shape); k++)
                                if (!alike(each[i].data[k], whole[i].data[k]))
                                        abort();
                }
        release(in, one->n_inputs);
        release(each, one->n_outputs);
        release(whole, one->n_outputs);
}

/* The same file with its batch stated as two. */
static void try_two(const uint8_t *data, size_t size, const hedge_onnx_options_t *options, const hedge_graph_t *one)
{
        hedge_onnx_options_t stated = *options;
        hedge_input_shape_t shapes[8] = { 0 };
        hedge_graph_t *two = NULL;

        if (one->n_inputs > 8)
                return;
        for (uint32_t i = 0; i < one->n_inputs; i++) {
                const hedge_value_t *input = &one->values[one->inputs[i]];

                snprintf(shapes[i].name, sizeof(shapes[i].name), "%s", input->name);
                shapes[i].shape = hedge_batch_shape(&input->shape, one->batch->inputs[i], 2);
        }
        stated.shapes = shapes;
        stated.n_shapes = one->n_inputs;
        if (hedge_onnx_import(data, size, &stated, &two, NULL) == 0)
                compare(one, two);
        hedge_graph_destroy(&two);
}

/* @return what importing it gave. */
static int try_import(const uint8_t *data, size_t size, const hedge_onnx_options_t *options)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { "" };
        int r = hedge_onnx_import(data, size, options, &graph, &why);

        if (r == 0) {
                if (hedge_graph_macs(graph) <= MAX_MACS) {
                        run_on_zeros(graph);
                        if (graph->batch->any)
                                try_two(data, size, options, graph);
                }
                hedge_graph_destroy(&graph);
        } else if (!why.text[0] || graph) {
                abort();
        }
        return r;
}

/* What the model says of its inputs, without importing it. */
static void declare(const uint8_t *data, size_t size)
{
        hedge_onnx_input_t *inputs = NULL;
        hedge_proto_t *proto = NULL;
        const Onnx__ModelProto *model;
        uint32_t n = 0;

        if (hedge_proto_unpack(data, size, &onnx__model_proto__descriptor, &proto, NULL) < 0)
                return;
        model = hedge_proto_model(proto);
        if (model->graph && hedge_declared(model->graph, &inputs, &n, NULL) == 0)
                free(inputs);
        hedge_proto_destroy(&proto);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const hedge_onnx_limits_t limits = { 1 << 20, MAX_VALUE, 1 << 20, 64, 1 << 20 };
        static const hedge_input_shape_t stated[] = { { "", { 4, { 1, 2, 5, 7 } } }, { "x", { 3, { 2, 4, 3 } } } };
        hedge_onnx_options_t options = { .limits = &limits };
        hedge_tensor_t tensor = { .data = NULL };

        if (try_import(data, size, &options) == HEDGE_ESHAPE)
                for (options.n_shapes = 1, options.shapes = stated; options.shapes < stated + 2; options.shapes++)
                        try_import(data, size, &options);
        declare(data, size);
        if (hedge_onnx_tensor(data, size, &tensor, NULL) == 0)
                hedge_tensor_release(&tensor);
        return 0;
}
