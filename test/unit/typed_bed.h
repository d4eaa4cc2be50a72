/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_TYPED_BED_H
#define HEDGE_TEST_TYPED_BED_H

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

/* Models of make_onnx whose inputs have types and values; all back ends must give exactly what is wanted. */

#define TYPED_INPUTS_MAX 4

#define FLOATS(...) ((const float[]){ __VA_ARGS__ })

/* A model of opset 13 with input x and output y. */
static inline void typed_start(make_t *m, hedge_element_t element, make_dims_t dims)
{
        make_init(m, 13);
        make_typed_input(m, "x", element, dims);
        make_output(m, "y");
}

static inline int typed_run(const hedge_graph_t *g, const char *backend, const float *const *values,
                            hedge_tensor_t *out)
{
        hedge_tensor_t in[TYPED_INPUTS_MAX] = { { { 0 }, NULL } };
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        int r;

        assert_true(g->n_inputs <= TYPED_INPUTS_MAX);
        assert_int_equal(hedge_kernels_new(backend, 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(g, kernels, &engine), 0);
        for (uint32_t i = 0; i < g->n_inputs; i++) {
                assert_int_equal(hedge_tensor_alloc(&in[i], &g->values[g->inputs[i]].shape), 0);
                memcpy(in[i].data, values[i], hedge_shape_elements(&in[i].shape) * sizeof(float));
        }
        r = hedge_engine_run(engine, in, NULL, NULL, out);
        for (uint32_t i = 0; i < g->n_inputs; i++)
                hedge_tensor_release(&in[i]);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        return r;
}

static inline void typed_compare(const hedge_tensor_t *out, make_dims_t dims, const float *want)
{
        size_t n = 1;
        uint32_t rank = 0;

        for (; dims[rank] != -1; rank++)
                n *= (size_t)(dims[rank] < -1 ? dims[rank] + 1 : dims[rank]);
        assert_int_equal(out->shape.rank, rank);
        for (uint32_t i = 0; i < rank; i++)
                assert_int_equal(out->shape.dims[i], dims[i]);
        for (size_t i = 0; i < n; i++)
                if (out->data[i] != want[i] && !(isnan(out->data[i]) && isnan(want[i])))
                        fail_msg("element %zu is %.9g instead of %.9g", i, (double)out->data[i], (double)want[i]);
}

/* The first output. The model is freed. */
static inline void typed_gives(make_t *m, const float *const *values, hedge_element_t element, make_dims_t dims,
                               const float *want)
{
        hedge_graph_t *g = import_made(m);

        assert_int_equal(g->values[g->outputs[0]].element, element);
        for (const char *const *backend = hedge_kernels_available(); *backend; backend++) {
                hedge_tensor_t out[TYPED_INPUTS_MAX] = { { { 0 }, NULL } };

                assert_int_equal(typed_run(g, *backend, values, out), 0);
                typed_compare(&out[0], dims, want);
                for (uint32_t i = 0; i < g->n_outputs; i++)
                        hedge_tensor_release(&out[i]);
        }
        hedge_graph_destroy(&g);
        make_free(m);
}

#define GIVES(m, values, element, dims, ...) \
        typed_gives(m, (const float *const[]){ values }, element, dims, FLOATS(__VA_ARGS__))

/* A value has no place in its type: the run fails. */
static inline void typed_fails(make_t *m, const float *values)
{
        hedge_graph_t *g = import_made(m);

        for (const char *const *backend = hedge_kernels_available(); *backend; backend++) {
                hedge_tensor_t out[TYPED_INPUTS_MAX] = { { { 0 }, NULL } };

                assert_int_equal(typed_run(g, *backend, &values, out), HEDGE_ERANGE);
        }
        hedge_graph_destroy(&g);
        make_free(m);
}

#endif
