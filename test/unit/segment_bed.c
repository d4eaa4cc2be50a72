/* SPDX-License-Identifier: Apache-2.0 */
#include "segment_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/model/onnx.h"

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
