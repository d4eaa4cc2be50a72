/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of segments: each is computed as a graph of its own, from the window of the input that it says it needs and nothing else,
 * and must give what the whole graph gives there. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/segment/cuts.h"
#include "common/segment/reach.h"
#include "common/segment/segment.h"
#include "local_net.h"
#include "segment_bed.h"

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

/* @param bound  0: equal to the bit. */
static void check_window(const segment_bed_t *bed, uint32_t first, uint32_t last, const hedge_window_t *w, double bound)
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

static uint32_t least(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

/* Strips of some rows from top to bottom, the last with what is left. */
static void check_strips(const segment_bed_t *bed, uint32_t first, uint32_t last, const hedge_shape_t *out,
                         uint32_t rows, double bound)
{
        for (uint32_t top = 0; top < out->dims[1]; top += rows)
                check_window(bed, first, last,
                             &(hedge_window_t){ top, least(rows, out->dims[1] - top), 0, out->dims[2] }, bound);
}

static hedge_window_t any_window(local_net_t *net, const hedge_shape_t *image)
{
        hedge_window_t w;

        w.rows = local_net_any(net, 1, image->dims[1]);
        w.top = local_net_any(net, 0, image->dims[1] - w.rows);
        w.cols = local_net_any(net, 1, image->dims[2]);
        w.left = local_net_any(net, 0, image->dims[2] - w.cols);
        return w;
}

/* The four corners, one pixel each, and random tiles. */
static void check_tiles(const segment_bed_t *bed, local_net_t *net, uint32_t first, uint32_t last,
                        const hedge_shape_t *out, double bound)
{
        for (uint32_t corner = 0; corner < 4; corner++)
                check_window(
                        bed, first, last,
                        &(hedge_window_t){ corner & 1 ? out->dims[1] - 1 : 0, 1, corner & 2 ? out->dims[2] - 1 : 0, 1 },
                        bound);
        for (int i = 0; i < 6; i++) {
                const hedge_window_t w = any_window(net, out);

                check_window(bed, first, last, &w, bound);
        }
}

static void check_segment(const segment_bed_t *bed, local_net_t *net, uint32_t first, uint32_t last, double bound)
{
        const hedge_shape_t *out = &bed->graph->values[bed->graph->nodes[last - 1].output].shape;

        if (!hedge_segment_is_local(bed->graph, first, last))
                fail_msg("nodes %u to %u are not local", first, last);
        check_strips(bed, first, last, out, 1, bound);
        check_strips(bed, first, last, out, local_net_any(net, 2, 6), bound);
        check_strips(bed, first, last, out, out->dims[1], bound);
        check_tiles(bed, net, first, last, out, bound);
}

static void compute(segment_bed_t *bed, hedge_graph_t *graph, const char *backend)
{
        make_t random;

        make_init(&random, 13);
        segment_bed_take(bed, graph, backend);
        segment_bed_compute(bed, &random);
        make_free(&random);
}

/* Each kind of operator and block by itself, in many geometries. The plain kernels add in the same order whatever the extents
 * are, so that windows are equal to the bit. */
static void test_kinds(void **state)
{
        for (unsigned kind = 0; local_net_kinds[kind]; kind++) {
                unsigned made = 0;

                for (unsigned i = 0; made < 30; i++) {
                        local_net_t net;
                        segment_bed_t bed;
                        hedge_graph_t *graph;

                        assert_true(i < 1000);
                        local_net_begin(&net, 1000 * kind + i, 1 + i % 15, 1 + i % 11, 1 + i % 4);
                        if (!local_net_add(&net, kind)) {
                                hedge_graph_destroy(&net.graph);
                                continue;
                        }
                        graph = local_net_end(&net);
                        compute(&bed, graph, "plain");
                        if (hedge_segment_is_local(graph, 0, graph->n_nodes)) {
                                check_segment(&bed, &net, 0, graph->n_nodes, 0);
                                made++;
                        }
                        segment_bed_close(&bed);
                }
        }
}

/* Blocks one behind the other; all segments between cuts. @return how many of several nodes there were. */
static unsigned check_chain(uint64_t seed, const char *backend, double bound)
{
        local_net_t net;
        segment_bed_t bed;
        hedge_cut_point_t *cuts;
        uint32_t n;
        unsigned kinds = 0, checked = 0;

        while (local_net_kinds[kinds])
                kinds++;
        local_net_begin(&net, seed, 8 + seed % 20, 8 + seed % 13, 2 + seed % 3);
        net.smooth = bound > 0;
        for (unsigned tries = 0; tries < 6; tries++)
                local_net_add(&net, local_net_any(&net, 0, kinds - 1));
        if (net.at == 0) {
                hedge_graph_destroy(&net.graph);
                return 0;
        }
        compute(&bed, local_net_end(&net), backend);
        assert_int_equal(hedge_cuts_find(bed.graph, &cuts, &n), 0);
        for (uint32_t i = 0; i < n; i++)
                for (uint32_t j = i + 1; j < n; j++)
                        if (hedge_segment_is_local(bed.graph, cuts[i].at, cuts[j].at)) {
                                const uint32_t out = cuts[j].value;
                                const hedge_window_t w = any_window(&net, &bed.graph->values[out].shape);

                                check_window(&bed, cuts[i].at, cuts[j].at, &w, bound);
                                checked += cuts[j].at - cuts[i].at > 1;
                        }
        free(cuts);
        segment_bed_close(&bed);
        return checked;
}

static void test_chains(void **state)
{
        unsigned checked = 0;

        for (uint64_t seed = 0; seed < 200; seed++)
                checked += check_chain(seed, "plain", 0);
        assert_true(checked > 2000);
}

/* Other methods for other extents: sums in another order. */
static void test_chains_by_default(void **state)
{
        unsigned checked = 0;

        for (uint64_t seed = 1000; seed < 1100; seed++)
                checked += check_chain(seed, NULL, 1e-5);
        assert_true(checked > 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kinds),
                cmocka_unit_test(test_chains),
                cmocka_unit_test(test_chains_by_default),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
