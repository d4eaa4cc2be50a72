/* SPDX-License-Identifier: Apache-2.0 */
#include "segment_bed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/model/onnx.h"
#include "common/segment/segment.h"

void segment_bed_take(segment_bed_t *bed, hedge_graph_t *graph, const char *backend)
{
        *bed = (segment_bed_t){ .graph = graph, .data = calloc(graph->n_values + 1, sizeof(*bed->data)) };
        assert_non_null(bed->data);
        assert_int_equal(hedge_kernels_new(backend, 1, &bed->kernels), 0);
        assert_int_equal(hedge_engine_new(graph, bed->kernels, &bed->engine), 0);
}

void segment_bed_open(segment_bed_t *bed, make_t *m, const char *backend)
{
        hedge_why_t why = { { 0 } };
        hedge_graph_t *graph = NULL;
        size_t size;
        unsigned char *bytes = make_bytes(m, &size);

        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        make_free(m);
        segment_bed_take(bed, graph, backend);
}

static void fill_given(segment_bed_t *bed, make_t *random)
{
        const hedge_graph_t *g = bed->graph;

        for (uint32_t v = 0; v < g->n_values; v++) {
                const size_t n = hedge_shape_elements(&g->values[v].shape);

                if (!bed->data[v])
                        bed->data[v] = hedge_floats_new(n);
                assert_non_null(bed->data[v]);
                if (g->values[v].data)
                        memcpy(bed->data[v], g->values[v].data, n * sizeof(float));
        }
        for (uint32_t i = 0; i < g->n_inputs; i++)
                for (size_t k = 0; k < hedge_shape_elements(&g->values[g->inputs[i]].shape); k++)
                        bed->data[g->inputs[i]][k] = make_random(random);
}

void segment_bed_compute(segment_bed_t *bed, make_t *random)
{
        const hedge_graph_t *g = bed->graph;
        const float *in[64];

        fill_given(bed, random);
        for (uint32_t i = 0; i < g->n_nodes; i++) {
                assert_true(g->nodes[i].n_inputs <= 64);
                for (uint32_t j = 0; j < g->nodes[i].n_inputs; j++)
                        in[j] = bed->data[g->nodes[i].inputs[j]];
                assert_int_equal(hedge_engine_run_node(bed->engine, i, in, bed->data[g->nodes[i].output]), 0);
        }
}

void segment_bed_close(segment_bed_t *bed)
{
        for (uint32_t v = 0; v < bed->graph->n_values; v++)
                free(bed->data[v]);
        free(bed->data);
        hedge_engine_destroy(&bed->engine);
        hedge_kernels_destroy(&bed->kernels);
        hedge_graph_destroy(&bed->graph);
}

static void cut_out(const float *image, const hedge_shape_t *shape, const hedge_window_t *w, float *out)
{
        const size_t width = shape->dims[2], c = shape->dims[3];

        for (uint32_t y = 0; y < w->rows; y++)
                memcpy(out + (size_t)y * w->cols * c, image + ((w->top + y) * width + w->left) * c,
                       w->cols * c * sizeof(*out));
}

/* The input's window, in memory that ends with it where the back end allows. */
static float *copy_input(const segment_bed_t *bed, uint32_t value, const hedge_window_t *w)
{
        const hedge_shape_t *shape = &bed->graph->values[value].shape;
        const size_t n = (size_t)w->rows * w->cols * shape->dims[3];
        float *room = malloc(n * sizeof(*room));

        assert_non_null(room);
        cut_out(bed->data[value], shape, w, room);
        return room;
}

/* A pool's window over padding alone gives -infinity, and what follows may not be a number: the same everywhere. */
static bool are_close(float a, float b, double bound)
{
        return a == b || (isnan(a) && isnan(b)) || fabs((double)a - b) <= bound;
}

static void check_values(const segment_bed_t *bed, uint32_t value, const hedge_window_t *w, const float *got,
                         double bound)
{
        const hedge_shape_t *shape = &bed->graph->values[value].shape;
        const size_t n = (size_t)w->rows * w->cols * shape->dims[3];
        float *want = malloc(n * sizeof(*want));
        double peak = 0;

        assert_non_null(want);
        cut_out(bed->data[value], shape, w, want);
        for (size_t i = 0; i < hedge_shape_elements(shape); i++)
                if (isfinite(bed->data[value][i]))
                        peak = fabs((double)bed->data[value][i]) > peak ? fabs((double)bed->data[value][i]) : peak;
        for (size_t i = 0; i < n; i++)
                if (!are_close(got[i], want[i], bound * peak))
                        fail_msg("value %u, element %zu of window %u+%u, %u+%u: %g, not %g; the peak is %g", value, i,
                                 w->top, w->rows, w->left, w->cols, (double)got[i], (double)want[i], peak);
        free(want);
}

void segment_bed_check(const segment_bed_t *bed, uint32_t first, uint32_t last, const hedge_window_t *w, double bound)
{
        hedge_tensor_t in = { { 0 }, NULL }, out = { { 0 }, NULL };
        uint32_t *ins, *outs, n_in, n_out;
        hedge_engine_t *engine = NULL;
        hedge_graph_t *strip = NULL;
        hedge_window_t halo;
        uint64_t macs;

        assert_int_equal(hedge_segment_values(bed->graph, first, last, &ins, &n_in, &outs, &n_out), 0);
        assert_true(n_in == 1 && n_out == 1);
        assert_int_equal(hedge_segment_halo(bed->graph, first, last, w, &halo), 0);
        assert_int_equal(hedge_segment_macs(bed->graph, first, last, w, &macs), 0);
        assert_int_equal(hedge_segment_graph(bed->graph, first, last, w, &strip), 0);
        assert_int_equal(hedge_graph_macs(strip), macs);
        in = (hedge_tensor_t){ strip->values[strip->inputs[0]].shape, copy_input(bed, ins[0], &halo) };
        assert_int_equal(in.shape.dims[1], halo.rows);
        assert_int_equal(in.shape.dims[2], halo.cols);
        assert_int_equal(hedge_engine_new(strip, bed->kernels, &engine), 0);
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, &out), 0);
        assert_true(out.shape.rank == 4 && out.shape.dims[1] == w->rows && out.shape.dims[2] == w->cols);
        check_values(bed, outs[0], w, out.data, bound);
        hedge_tensor_release(&in);
        hedge_tensor_release(&out);
        hedge_engine_destroy(&engine);
        hedge_graph_destroy(&strip);
        free(ins);
        free(outs);
}
