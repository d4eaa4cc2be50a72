/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_OPSET_BED_H
#define HEDGE_TEST_OPSET_BED_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "import_made.h"

/* Run a model with inputs 0, 1, 2, ... on the plain kernels; its first output must be `want`. */
static inline void check(make_t *m, make_dims_t dims, const float *want)
{
        hedge_tensor_t in[2] = { { { 0 }, NULL } }, out[4] = { { { 0 }, NULL } };
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        hedge_graph_t *graph = import_made(m);
        size_t n = 1;

        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        for (uint32_t i = 0; i < graph->n_inputs; i++) {
                assert_int_equal(hedge_tensor_alloc(&in[i], &graph->values[graph->inputs[i]].shape), 0);
                for (size_t k = 0; k < hedge_shape_elements(&in[i].shape); k++)
                        in[i].data[k] = (float)k;
        }
        assert_int_equal(hedge_engine_run(engine, in, NULL, NULL, out), 0);
        for (size_t i = 0; dims[i] != -1; n *= (size_t)dims[i++])
                assert_int_equal(out[0].shape.dims[i], dims[i]);
        assert_int_equal(hedge_shape_elements(&out[0].shape), n);
        for (size_t i = 0; i < n; i++)
                if (!(fabsf(out[0].data[i] - want[i]) <= 1e-5f))
                        fail_msg("element %zu is %g instead of %g", i, (double)out[0].data[i], (double)want[i]);
        for (uint32_t i = 0; i < graph->n_outputs; i++)
                hedge_tensor_release(&out[i]);
        for (uint32_t i = 0; i < graph->n_inputs; i++)
                hedge_tensor_release(&in[i]);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        hedge_graph_destroy(&graph);
        make_free(m);
}

#define FLOATS(...) ((const float[]){ __VA_ARGS__ })

static inline void start(make_t *m, int64_t opset, make_dims_t dims)
{
        make_init(m, opset);
        make_input(m, "x", dims);
        make_output(m, "y");
}

#endif
