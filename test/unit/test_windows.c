/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of segments of random geometry. */
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
#include "common/segment/segment.h"
#include "local_net.h"
#include "segment_bed.h"

/* So many tries, or fewer where every instruction is interpreted. */
static unsigned tries(unsigned n)
{
        return getenv("HEDGE_TEST_SHORT") ? n / 4 : n;
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
                segment_bed_check(bed, first, last,
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
                segment_bed_check(
                        bed, first, last,
                        &(hedge_window_t){ corner & 1 ? out->dims[1] - 1 : 0, 1, corner & 2 ? out->dims[2] - 1 : 0, 1 },
                        bound);
        for (int i = 0; i < 6; i++) {
                const hedge_window_t w = any_window(net, out);

                segment_bed_check(bed, first, last, &w, bound);
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

static bool is_larger_than_a_line(const hedge_value_t *image)
{
        return image->shape.dims[1] > 1 && image->shape.dims[2] > 1;
}

/* All that moves pixels and channels about is, but that in a single row or column the axes may be mistaken. */
static bool always_local(const hedge_graph_t *g, unsigned kind)
{
        return kind >= local_net_rearrangements && is_larger_than_a_line(&g->values[g->inputs[0]]) &&
               is_larger_than_a_line(&g->values[g->outputs[0]]);
}

/* Each kind of operator and block by itself, in many geometries. The plain kernels add in the same order whatever the extents
 * are, so that windows are equal to the bit. */
static void test_kinds(void **state)
{
        for (unsigned kind = 0; local_net_kinds[kind]; kind++) {
                unsigned made = 0;

                for (unsigned i = 0; made < tries(30); i++) {
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
                        if (always_local(graph, kind) || hedge_segment_is_local(graph, 0, graph->n_nodes)) {
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
        for (unsigned i = 0; i < 6; i++)
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

                                segment_bed_check(&bed, cuts[i].at, cuts[j].at, &w, bound);
                                checked += cuts[j].at - cuts[i].at > 1;
                        }
        free(cuts);
        segment_bed_close(&bed);
        return checked;
}

static void test_chains(void **state)
{
        unsigned checked = 0;

        for (uint64_t seed = 0; seed < tries(200); seed++)
                checked += check_chain(seed, "plain", 0);
        assert_true(checked > tries(2000));
}

/* Other methods for other extents: sums in another order. */
static void test_chains_by_default(void **state)
{
        unsigned checked = 0;

        for (uint64_t seed = 1000; seed < 1000 + tries(100); seed++)
                checked += check_chain(seed, NULL, 1e-5);
        assert_true(checked > tries(1000));
}

/* One operator over an image of 10 x 12 x 4. */
static hedge_graph_t *single(const hedge_op_t *op)
{
        local_net_t net;

        local_net_begin(&net, 1, 10, 12, 4);
        net.at = local_net_node(&net, op, &net.at, 1);
        assert_int_not_equal(net.at, HEDGE_NO_VALUE);
        return local_net_end(&net);
}

#define POOL(...)                                                               \
        {                                                                       \
                .kind = HEDGE_OP_MAX_POOL, .pool = { __VA_ARGS__, false, 0, 0 } \
        }
#define DOUBLED(how, at)                                \
        {                                               \
                .kind = HEDGE_OP_RESIZE, .resize = {    \
                        .mode = how,                    \
                        .coord = at,                    \
                        .nearest = HEDGE_NEAREST_FLOOR, \
                        .out_h = 20,                    \
                        .out_w = 24,                    \
                        .scale_h = 2,                   \
                        .scale_w = 2                    \
                }                                       \
        }

/* What some windows need, worked out by hand. */
static void test_halo(void **state)
{
        static const struct {
                hedge_op_t op;
                hedge_window_t out, in;
        } cases[] = {
                { POOL(3, 3, 1, 1, 1, 1, 1, 1, 1, 1), { 4, 2, 0, 12 }, { 3, 4, 0, 12 } },
                { POOL(3, 3, 1, 1, 1, 1, 1, 1, 1, 1), { 0, 1, 11, 1 }, { 0, 2, 10, 2 } },
                { POOL(3, 3, 2, 2, 1, 1, 0, 0, 1, 1), { 1, 2, 5, 1 }, { 2, 5, 10, 2 } },
                { POOL(2, 2, 1, 1, 3, 3, 1, 1, 1, 1), { 8, 1, 0, 9 }, { 7, 3, 0, 11 } },
                { { .kind = HEDGE_OP_LRN, .lrn = { 3, 1, 1, 1 } }, { 2, 3, 4, 5 }, { 2, 3, 4, 5 } },
                { { .kind = HEDGE_OP_PAD, .pad = { .before = { 0, 2, -1 }, .after = { 0, 3, 0 } } },
                  { 1, 3, 0, 2 },
                  { 0, 2, 1, 2 } },
                { { .kind = HEDGE_OP_SLICE, .slice = { { 0, 1, 0, 2 }, { 1, 2, 1, 1 }, { 4, { 1, 4, 12, 1 } } } },
                  { 1, 2, 3, 1 },
                  { 3, 3, 3, 1 } },
                { DOUBLED(HEDGE_RESIZE_NEAREST, HEDGE_COORD_ASYMMETRIC), { 5, 4, 0, 1 }, { 2, 3, 0, 1 } },
                { DOUBLED(HEDGE_RESIZE_LINEAR, HEDGE_COORD_HALF_PIXEL), { 0, 2, 10, 2 }, { 0, 2, 4, 3 } },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_graph_t *graph = single(&cases[i].op);
                hedge_window_t in;

                assert_int_equal(hedge_segment_halo(graph, 0, 1, &cases[i].out, &in), 0);
                if (memcmp(&in, &cases[i].in, sizeof(in)) != 0)
                        fail_msg("case %zu: window %u+%u, %u+%u is needed", i, in.top, in.rows, in.left, in.cols);
                hedge_graph_destroy(&graph);
        }
}

static const hedge_op_t not_local[] = {
        { .kind = HEDGE_OP_GLOBAL_AVERAGE_POOL },
        { .kind = HEDGE_OP_GLOBAL_MAX_POOL },
        { .kind = HEDGE_OP_SOFTMAX, .axis.axis = 1 },
        { .kind = HEDGE_OP_ARG_MAX, .arg.axis = 2 },
        { .kind = HEDGE_OP_CUM_SUM, .cum_sum = { 2, false, false } },
        { .kind = HEDGE_OP_CONCAT, .axis.axis = 1 },
        { .kind = HEDGE_OP_REDUCE, .reduce = { HEDGE_REDUCE_SUM, 1u << 3 | 1u << 2 } },
        { .kind = HEDGE_OP_NORMALIZE, .normalize = { 1u << 1, 1e-3f, true } },
        { .kind = HEDGE_OP_TRANSPOSE, .transpose.perm = { 0, 2, 1, 3 } },
        { .kind = HEDGE_OP_RESHAPE, .shape.out = { 4, { 1, 12, 10, 4 } } },
        { .kind = HEDGE_OP_PAD, .pad = { .mode = HEDGE_PAD_REFLECT, .before = { 0, 1 } } },
        { .kind = HEDGE_OP_PAD, .pad = { .before = { 1 } } },
        { .kind = HEDGE_OP_SLICE, .slice = { { 0, 9 }, { 1, -1, 1, 1 }, { 4, { 1, 10, 12, 4 } } } },
        { .kind = HEDGE_OP_TILE, .shape.out = { 4, { 1, 20, 12, 4 } } },
        POOL(2, 2, 1, 1, 1, 1, 0, 0, 2, 0), /* its last row sees padding alone */
        { .kind = HEDGE_OP_MAX_POOL_INDICES, .pool = { 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, false, 0, 0 } },
};

static void test_not_local(void **state)
{
        for (size_t i = 0; i < sizeof(not_local) / sizeof(not_local[0]); i++) {
                hedge_graph_t *graph = single(&not_local[i]), *strip = NULL;
                const hedge_window_t w = { 0, 1, 0, 1 };
                hedge_window_t in;
                uint64_t macs;

                if (hedge_segment_is_local(graph, 0, 1))
                        fail_msg("case %zu", i);
                assert_int_equal(hedge_segment_halo(graph, 0, 1, &w, &in), HEDGE_EUNSUPPORTED);
                assert_int_equal(hedge_segment_macs(graph, 0, 1, &w, &macs), HEDGE_EUNSUPPORTED);
                assert_int_equal(hedge_segment_graph(graph, 0, 1, &w, &strip), HEDGE_EUNSUPPORTED);
                assert_int_equal(hedge_segment_macs(graph, 0, 1, NULL, &macs), 0);
                assert_null(strip);
                hedge_graph_destroy(&graph);
        }
}

/* Padding that is wider than the window makes rows that see nothing of the image. */
static void test_wide_padding(void **state)
{
        for (uint32_t pad = 0; pad < 5; pad++) {
                hedge_op_t op = { .kind = HEDGE_OP_CONV };
                hedge_graph_t *graph;
                local_net_t net;
                uint32_t in[2];

                op.conv = (hedge_conv_t){ 10, 12, 4, 2, 3, 3, 1, 1, 1, 1, pad & 1 ? 3 : 2, 1, pad & 2 ? 3 : 2, 1, 1 };
                if (pad & 4)
                        op.conv.pad_right = 3;
                local_net_begin(&net, 1, 10, 12, 4);
                in[0] = net.at;
                in[1] = local_net_constant(&net, &(hedge_shape_t){ 4, { 2, 3, 3, 4 } });
                net.at = local_net_node(&net, &op, in, 2);
                graph = local_net_end(&net);
                assert_int_equal(hedge_segment_is_local(graph, 0, 1), pad == 0);
                hedge_graph_destroy(&graph);
        }
}

/* Two things that come out, or go in, are no window's. */
static void test_edges(void **state)
{
        const hedge_op_t relu = { .kind = HEDGE_OP_CLAMP, .activation = { HEDGE_ACT_CLAMP, 0, INFINITY } };
        const hedge_op_t add = { .kind = HEDGE_OP_ADD };
        hedge_graph_t *graph;
        local_net_t net;
        uint32_t a, b;

        local_net_begin(&net, 1, 4, 4, 1);
        a = local_net_node(&net, &relu, &net.at, 1);
        b = local_net_node(&net, &relu, &a, 1);
        net.at = local_net_node(&net, &add, (const uint32_t[]){ a, b }, 2);
        graph = local_net_end(&net);
        assert_true(hedge_segment_is_local(graph, 0, 3));
        assert_true(hedge_segment_is_local(graph, 0, 1));
        assert_true(hedge_segment_is_local(graph, 1, 3));
        assert_false(hedge_segment_is_local(graph, 0, 2)); /* a and b come out */
        assert_false(hedge_segment_is_local(graph, 2, 3)); /* a and b go in */
        assert_false(hedge_segment_is_local(graph, 1, 1));
        assert_false(hedge_segment_is_local(graph, 3, 2));
        assert_false(hedge_segment_is_local(graph, 0, 4));
        hedge_graph_destroy(&graph);
}

static void test_no_such_window(void **state)
{
        static const hedge_window_t windows[] = { { 0, 0, 0, 1 },          { 0, 1, 0, 0 },
                                                  { 10, 1, 0, 1 },         { 9, 2, 0, 1 },
                                                  { 0, 1, 12, 1 },         { 0, 1, 11, 2 },
                                                  { UINT32_MAX, 1, 0, 1 }, { 0, UINT32_MAX, 0, 1 },
                                                  { 2, UINT32_MAX, 0, 1 } };
        hedge_graph_t *graph = single(&(hedge_op_t){ .kind = HEDGE_OP_LRN, .lrn = { 3, 1, 1, 1 } }), *strip = NULL;
        hedge_window_t in;

        for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
                assert_int_equal(hedge_segment_halo(graph, 0, 1, &windows[i], &in), -EINVAL);
                assert_int_equal(hedge_segment_graph(graph, 0, 1, &windows[i], &strip), -EINVAL);
        }
        assert_int_equal(hedge_segment_halo(graph, 0, 2, &windows[0], &in), -EINVAL);
        assert_int_equal(hedge_segment_graph(graph, 1, 0, &windows[0], &strip), -EINVAL);
        assert_null(strip);
        hedge_graph_destroy(&graph);
}

static void make_pointwise(make_t *m, int64_t c, const char *in, const char *out)
{
        char inputs[32], weight[16];

        snprintf(weight, sizeof(weight), "w_%s", out);
        snprintf(inputs, sizeof(inputs), "%s %s", in, weight);
        make_weights(m, weight, DIMS(c, c, 1, 1));
        make_node(m, "Conv", inputs, out);
}

static void make_deconvolution(make_t *m)
{
        Onnx__NodeProto *node;

        make_weights(m, "w", DIMS(8, 3, 4, 4));
        node = make_node(m, "ConvTranspose", "x w", "y");
        make_int_list(m, node, "strides", DIMS(2, 2));
        make_int_list(m, node, "pads", DIMS(1, 1, 1, 1));
}

static void make_pixel_shuffle(make_t *m)
{
        make_pointwise(m, 8, "x", "a");
        make_int(m, make_node(m, "DepthToSpace", "a", "b"), "blocksize", 2);
        make_pointwise(m, 2, "b", "y");
}

static void make_pixel_shuffle_by_rows(make_t *m)
{
        Onnx__NodeProto *node;

        make_pointwise(m, 8, "x", "a");
        node = make_node(m, "DepthToSpace", "a", "b");
        make_int(m, node, "blocksize", 2);
        make_string(m, node, "mode", "CRD");
        make_pointwise(m, 2, "b", "y");
}

static void make_pixel_unshuffle(make_t *m)
{
        make_pointwise(m, 8, "x", "a");
        make_int(m, make_node(m, "SpaceToDepth", "a", "b"), "blocksize", 2);
        make_pointwise(m, 32, "b", "y");
}

/* As networks for phones have it between grouped convolutions. */
static void make_channel_shuffle(make_t *m)
{
        make_ints(m, "groups", DIMS(5), (const int64_t[]){ 1, 2, 4, 6, 8 });
        make_ints(m, "image", DIMS(4), (const int64_t[]){ 1, 8, 6, 8 });
        make_pointwise(m, 8, "x", "a");
        make_node(m, "Reshape", "a groups", "b");
        make_int_list(m, make_node(m, "Transpose", "b", "c"), "perm", DIMS(0, 2, 1, 3, 4));
        make_node(m, "Reshape", "c image", "d");
        make_pointwise(m, 8, "d", "y");
}

/* What importing makes of operators that move pixels and channels about is local but for the change of layout at the model's ends. */
static void test_imported(void **state)
{
        static void (*const makes[])(make_t * m) = { make_deconvolution, make_pixel_shuffle, make_pixel_shuffle_by_rows,
                                                     make_pixel_unshuffle, make_channel_shuffle };

        for (size_t i = 0; i < sizeof(makes) / sizeof(makes[0]); i++) {
                make_t m, random;
                segment_bed_t bed;
                local_net_t net = { .random = i };
                uint32_t last;

                make_init(&random, 13);
                make_init(&m, 13);
                make_input(&m, "x", DIMS(1, 8, 6, 8));
                makes[i](&m);
                make_output(&m, "y");
                segment_bed_open(&bed, &m, "plain");
                segment_bed_compute(&bed, &random);
                last = bed.graph->n_nodes - 1;
                assert_int_equal(bed.graph->nodes[0].op.kind, HEDGE_OP_TRANSPOSE);
                assert_int_equal(bed.graph->nodes[last].op.kind, HEDGE_OP_TRANSPOSE);
                check_segment(&bed, &net, 1, last, 0);
                assert_false(hedge_segment_is_local(bed.graph, 0, last));
                assert_false(hedge_segment_is_local(bed.graph, 1, last + 1));
                segment_bed_close(&bed);
                make_free(&random);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_halo),
                cmocka_unit_test(test_not_local),
                cmocka_unit_test(test_wide_padding),
                cmocka_unit_test(test_edges),
                cmocka_unit_test(test_no_such_window),
                cmocka_unit_test(test_kinds),
                cmocka_unit_test(test_imported),
                cmocka_unit_test(test_chains),
                cmocka_unit_test(test_chains_by_default),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
