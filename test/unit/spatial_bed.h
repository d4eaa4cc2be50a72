/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SPATIAL_BED_H
#define HEDGE_SPATIAL_BED_H

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

/** Models with one input "x" and one output "y", computed on every back end and compared with sums in double. */

/** Sums of float32 in whatever order, Winograd's among them, are this close to those in double, as a part of the sum of the
 * magnitudes: HEDGE_CONV_ERROR, with room for what follows a convolution. */
#define SPATIAL_ERROR 2e-5

/** A tensor in ONNX order with up to three spatial axes; those that it has not have extent 1. */
typedef struct cube {
        uint32_t dims[5]; /* N, C, D, H, W */
        double *v;
} cube_t;

static inline size_t cube_elements(const cube_t *c)
{
        return (size_t)c->dims[0] * c->dims[1] * c->dims[2] * c->dims[3] * c->dims[4];
}

static inline double *cube_at(const cube_t *c, uint32_t n, uint32_t channel, const int64_t *place)
{
        return &c->v[(((n * (size_t)c->dims[1] + channel) * c->dims[2] + (size_t)place[0]) * c->dims[3] +
                      (size_t)place[1]) *
                             c->dims[4] +
                     (size_t)place[2]];
}

static inline void cube_new(cube_t *c)
{
        c->v = calloc(cube_elements(c) + 1, sizeof(*c->v));
        assert_non_null(c->v);
}

static inline bool cube_inside(const cube_t *c, const int64_t *place)
{
        for (int i = 0; i < 3; i++)
                if (place[i] < 0 || place[i] >= c->dims[2 + i])
                        return false;
        return true;
}

/** Advance over extents, the last axis fastest. @return false after the last. */
static inline bool next_place(int64_t *place, const uint32_t *extent)
{
        for (int i = 2; i >= 0; i--) {
                if (++place[i] < extent[i])
                        return true;
                place[i] = 0;
        }
        return false;
}

/** Run the graph on one back end. @param x  In ONNX order. @return the output, to be released. */
static inline hedge_tensor_t run_graph(const hedge_graph_t *graph, const char *backend, const double *x)
{
        hedge_tensor_t in, out = { { 0 }, NULL };
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;

        assert_int_equal(hedge_kernels_new(backend, 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        assert_int_equal(graph->n_inputs, 1);
        assert_int_equal(graph->n_outputs, 1);
        assert_int_equal(hedge_tensor_alloc(&in, &graph->values[graph->inputs[0]].shape), 0);
        for (size_t i = 0, n = hedge_shape_elements(&in.shape); i < n; i++)
                in.data[i] = (float)x[i];
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, &out), 0);
        hedge_tensor_release(&in);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        return out;
}

/** Every back end's answer is within `limit` of what is wanted, element by element. `said`: what to call the case. */
static inline void check_graph(const hedge_graph_t *graph, const double *x, const double *want, size_t n, double limit,
                               const char *said)
{
        for (const char *const *b = hedge_kernels_available(); *b; b++) {
                hedge_tensor_t out = run_graph(graph, *b, x);

                if (hedge_shape_elements(&out.shape) != n)
                        fail_msg("%s, %s: %zu elements, not %zu", said, *b, hedge_shape_elements(&out.shape), n);
                for (size_t i = 0; i < n; i++)
                        if (!(fabs(out.data[i] - want[i]) <= limit))
                                fail_msg("%s, %s: element %zu is %g, not %g", said, *b, i, (double)out.data[i],
                                         want[i]);
                hedge_tensor_release(&out);
        }
}

#endif
