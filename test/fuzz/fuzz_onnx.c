/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/engine/engine.h"
#include "common/model/declared.h"
#include "common/model/onnx.h"
#include "common/model/proto.h"
#include "test/fuzz/fuzz.h"

#define MAX_MACS  1000000
#define MAX_VALUE (1 << 14)

/* A graph that was taken must run on zeros, whatever the answer. */
static void run(const hedge_graph_t *graph)
{
        hedge_tensor_t *in = calloc(graph->n_inputs + 1, sizeof(*in)), *out = calloc(graph->n_outputs, sizeof(*out));
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;

        if (!in || !out || hedge_kernels_new("plain", 1, &kernels) < 0 || hedge_engine_new(graph, kernels, &engine) < 0)
                abort();
        for (uint32_t i = 0; i < graph->n_inputs; i++) {
                if (hedge_tensor_alloc(&in[i], &graph->values[graph->inputs[i]].shape) < 0)
                        abort();
                memset(in[i].data, 0, hedge_shape_elements(&in[i].shape) * sizeof(float));
        }
        if (hedge_engine_run(engine, in, NULL, NULL, out) == 0)
                for (uint32_t i = 0; i < graph->n_outputs; i++)
                        hedge_tensor_release(&out[i]);
        for (uint32_t i = 0; i < graph->n_inputs; i++)
                hedge_tensor_release(&in[i]);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        free(in);
        free(out);
}

/* @return what importing it gave. */
static int try_import(const uint8_t *data, size_t size, const hedge_onnx_options_t *options)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { "" };
        int r = hedge_onnx_import(data, size, options, &graph, &why);

        if (r == 0) {
                if (hedge_graph_macs(graph) <= MAX_MACS)
                        run(graph);
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
        model = (const Onnx__ModelProto *)(const void *)hedge_proto_message(proto);
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
