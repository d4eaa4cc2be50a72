/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of the segments of whole models: those that hedge makes, and, where there is data (HEDGE_TEST_DATA, else shared/data beside
 * the source tree), real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/model/onnx.h"
#include "common/model/zoo.h"
#include "common/segment/cuts.h"
#include "segment_bed.h"
#include "zoo_graph.h"

#define BOUND 1e-5

static uint32_t least(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

/* A run of nodes in so many strips, which together are the whole. */
static void check_strips(const segment_bed_t *bed, const hedge_cut_point_t *from, const hedge_cut_point_t *to,
                         uint32_t n)
{
        const hedge_shape_t *out = &bed->graph->values[to->value].shape;
        const uint32_t rows = (out->dims[1] + n - 1) / n;

        for (uint32_t top = 0; top < out->dims[1]; top += rows)
                segment_bed_check(bed, from->at, to->at,
                                  &(hedge_window_t){ top, least(rows, out->dims[1] - top), 0, out->dims[2] }, BOUND);
}

/* A tile of at most a quarter. */
static void check_tile(const segment_bed_t *bed, make_t *random, const hedge_cut_point_t *from,
                       const hedge_cut_point_t *to)
{
        const uint32_t *d = bed->graph->values[to->value].shape.dims;
        hedge_window_t w = { .rows = 1 + make_below(random, (d[1] + 1) / 2),
                             .cols = 1 + make_below(random, (d[2] + 1) / 2) };

        w.top = make_below(random, d[1] - w.rows + 1);
        w.left = make_below(random, d[2] - w.cols + 1);
        segment_bed_check(bed, from->at, to->at, &w, BOUND);
}

/* The end of the longest local segment from a cut on, that cut where there is none. */
static uint32_t longest(const hedge_graph_t *g, const hedge_cut_point_t *cuts, uint32_t n, uint32_t from)
{
        uint32_t to = from;

        while (to + 1 < n && hedge_segment_is_local(g, cuts[from].at, cuts[to + 1].at))
                to++;
        return to;
}

/* @return how many multiply-accumulates of a hundred are in segments that are local. */
static double check_model(hedge_graph_t *graph, unsigned tiles)
{
        segment_bed_t bed;
        hedge_cut_point_t *cuts;
        make_t random;
        uint64_t local = 0;
        uint32_t n, to;

        make_init(&random, 13);
        segment_bed_take(&bed, graph, NULL);
        segment_bed_compute(&bed, &random);
        assert_int_equal(hedge_cuts_find(graph, &cuts, &n), 0);
        for (uint32_t from = 0; from + 1 < n; from = to > from ? to : from + 1) {
                to = longest(graph, cuts, n, from);
                if (to == from)
                        continue;
                for (uint32_t i = cuts[from].at; i < cuts[to].at; i++)
                        local += hedge_node_macs(graph, &graph->nodes[i]);
                check_strips(&bed, &cuts[from], &cuts[to], 3);
                for (unsigned i = 0; i < tiles; i++) {
                        const uint32_t begin = from + make_below(&random, to - from);
                        const uint32_t end = begin + 1 + make_below(&random, to - begin);

                        check_tile(&bed, &random, &cuts[begin], &cuts[end]);
                }
        }
        free(cuts);
        make_free(&random);
        local = local * 100 / hedge_graph_macs(graph);
        segment_bed_close(&bed);
        return (double)local;
}

/* Filters grow with the square of the divisor less, so that of small networks the first layers and the last weigh the most. */
static void test_zoo(void **state)
{
        assert_true(check_model(zoo_graph("resnet18", 5, 8), 6) > 90);
        assert_true(check_model(zoo_graph("lenet5", 5, 1), 4) > 50);
        if (getenv("HEDGE_TEST_SHORT")) /* where every instruction is interpreted */
                return;
        assert_true(check_model(zoo_graph("vgg16", 5, 16), 3) > 80);
        assert_true(check_model(zoo_graph("alexnet", 5, 16), 4) > 50);
}

static const struct {
        const char *file;
        double local; /* of a hundred multiply-accumulates, at least */
} models[] = {
        { "squeezenet1.1/squeezenet1.1-7.onnx", 99 },
        { "ultraface/version-RFB-320.onnx", 71 }, /* up to where the first heads begin */
        { "resnet-cifar10/resnet20-cifar10.onnx", 99 },
        { "mlperf-tiny/mlperf_tiny_resnet8_cifar10.onnx", 99 },
        { "mlperf-tiny/mlperf_tiny_vww_mobilenetv1_0.25_96.onnx", 99 },
};

static void test_real(void **state)
{
        const char *given = getenv("HEDGE_TEST_DATA"), *root = getenv("HEDGE_SOURCE_ROOT");
        char folder[512], path[800];

        if (given)
                snprintf(folder, sizeof(folder), "%s", given);
        else
                snprintf(folder, sizeof(folder), "%s/../shared/data", root ? root : ".");
        if (access(folder, R_OK) != 0) {
                print_message("SKIP: no test data in %s (HEDGE_TEST_DATA)\n", folder);
                skip();
        }
        for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
                hedge_why_t why = { { 0 } };
                hedge_graph_t *graph = NULL;
                double local;

                snprintf(path, sizeof(path), "%s/models/%s", folder, models[i].file);
                if (hedge_onnx_load(path, NULL, &graph, &why) < 0)
                        fail_msg("%s: %s", path, why.text);
                local = check_model(graph, 3);
                if (local < models[i].local)
                        fail_msg("%s: %g %% are local", models[i].file, local);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_zoo),
                cmocka_unit_test(test_real),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
