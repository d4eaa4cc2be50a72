/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_QUANTIZED_BED_H
#define HEDGE_TEST_QUANTIZED_BED_H

#include "onnx_bed.h"

/** Models of integers, and the same in integers of 64 bits. */

#define UINT8 ONNX__TENSOR_PROTO__DATA_TYPE__UINT8
#define INT8  ONNX__TENSOR_PROTO__DATA_TYPE__INT8
#define INT16 ONNX__TENSOR_PROTO__DATA_TYPE__INT16
#define INT32 ONNX__TENSOR_PROTO__DATA_TYPE__INT32

/* low .. high */
static inline int64_t between(make_t *m, int64_t low, int64_t high)
{
        return low + (int64_t)make_below(m, (unsigned)(high - low + 1));
}

static inline int64_t lowest(int type)
{
        return type == UINT8 ? 0 : type == INT8 ? -128 : -32768;
}

static inline int64_t highest(int type)
{
        return type == UINT8 ? 255 : type == INT8 ? 127 : 32767;
}

/* Random integers of a type; free them. */
static inline int64_t *any_integers(make_t *m, int type, size_t n)
{
        int64_t *v = malloc(n * sizeof(*v));

        assert_non_null(v);
        for (size_t i = 0; i < n; i++)
                v[i] = between(m, lowest(type), highest(type));
        return v;
}

/* The whole number next to x, of two the even one, by comparing halves. */
static inline int64_t half_even(double x)
{
        double below = floor(x), rest = x - below;
        int64_t n = (int64_t)below;

        if (rest > 0.5 || (rest == 0.5 && n % 2 != 0))
                n++;
        return n;
}

/* What QuantizeLinear makes of v, which is x / scale or a sum times its factor, in float32. */
static inline int64_t to_type(float v, int64_t zero, int type)
{
        double bounded = fmin(fmax((double)v, -1e9), 1e9);
        int64_t q = half_even(bounded) + zero;

        return q < lowest(type) ? lowest(type) : q > highest(type) ? highest(type) : q;
}

/* Import the model; it is freed. */
static inline hedge_graph_t *imported(make_t *m)
{
        hedge_graph_t *graph = import_made(m);

        make_free(m);
        return graph;
}

/* Run a graph of one input; release the answer. */
static inline hedge_tensor_t run_on(const hedge_graph_t *g, const char *backend, const float *x)
{
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        hedge_tensor_t in, out[8];

        assert_int_equal(hedge_kernels_new(backend, 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(g, kernels, &engine), 0);
        assert_int_equal(hedge_tensor_alloc(&in, &g->values[g->inputs[0]].shape), 0);
        memcpy(in.data, x, hedge_shape_elements(&in.shape) * sizeof(*x));
        assert_true(g->n_outputs <= 8);
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, out), 0);
        hedge_tensor_release(&in);
        for (uint32_t i = 1; i < g->n_outputs; i++)
                hedge_tensor_release(&out[i]);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        return out[0];
}

/* On every back end the graph must give exactly these numbers. The graph goes. */
static inline void gives(hedge_graph_t *g, const float *x, const float *want, size_t n)
{
        for (const char *const *b = hedge_kernels_available(); *b; b++) {
                hedge_tensor_t y = run_on(g, *b, x);

                assert_int_equal(hedge_shape_elements(&y.shape), n);
                for (size_t i = 0; i < n; i++)
                        if (y.data[i] != want[i])
                                fail_msg("%s: element %zu is %.9g, not %.9g", *b, i, (double)y.data[i],
                                         (double)want[i]);
                hedge_tensor_release(&y);
        }
        hedge_graph_destroy(&g);
}

static inline void gives_integers(hedge_graph_t *g, const float *x, const int64_t *want, size_t n)
{
        float *floats = malloc(n * sizeof(*floats));

        assert_non_null(floats);
        for (size_t i = 0; i < n; i++)
                floats[i] = (float)want[i];
        gives(g, x, floats, n);
        free(floats);
}

#endif
