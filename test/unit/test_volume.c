/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions and pools of three axes, and blocks to channels and back, against their definitions in double. */
#include "spatial_bed.h"

#define CASES 150

typedef struct window {
        uint32_t images, in[3], kernel[3], stride[3], dilation[3], before[3], after[3];
} window_t;

static int64_t reach(const window_t *w, int i)
{
        return (int64_t)(w->kernel[i] - 1) * w->dilation[i] + 1;
}

/* `most`: the greatest padding; windows of pools have to touch the input. */
static window_t pick(make_t *m, bool pool)
{
        window_t w = { .images = 1 + make_below(m, 2) };

        for (int i = 0; i < 3; i++) {
                do {
                        w.in[i] = 1 + make_below(m, 7);
                        w.kernel[i] = 1 + make_below(m, 4);
                        w.stride[i] = 1 + make_below(m, 3);
                        w.dilation[i] = 1 + make_below(m, 2);
                        w.before[i] = make_below(m, 4);
                        w.after[i] = make_below(m, 4);
                } while (w.in[i] + w.before[i] + w.after[i] < reach(&w, i) ||
                         (pool && (w.before[i] >= w.kernel[i] || w.after[i] >= w.kernel[i])));
        }
        return w;
}

static const int64_t *list(const uint32_t *v, int64_t *room)
{
        for (int i = 0; i < 3; i++)
                room[i] = v[i];
        room[3] = -1;
        return room;
}

static void set_window(make_t *m, Onnx__NodeProto *node, const window_t *w, bool kernel)
{
        int64_t v[8];

        if (kernel)
                make_int_list(m, node, "kernel_shape", list(w->kernel, v));
        make_int_list(m, node, "strides", list(w->stride, v));
        make_int_list(m, node, "dilations", list(w->dilation, v));
        list(w->before, v);
        list(w->after, v + 3);
        make_int_list(m, node, "pads", v);
}

static uint32_t out_extent(const window_t *w, int i, bool up)
{
        int64_t room = (int64_t)w->in[i] + w->before[i] + w->after[i] - reach(w, i), stride = w->stride[i];
        int64_t out = (room + (up ? stride - 1 : 0)) / stride + 1;

        /* A window must not begin behind the input. */
        if (up && (out - 1) * stride >= (int64_t)w->in[i] + w->before[i])
                out--;
        return (uint32_t)out;
}

static void fill(make_t *m, cube_t *x)
{
        cube_new(x);
        for (size_t i = 0, n = cube_elements(x); i < n; i++)
                x->v[i] = (double)make_random(m);
}

static void describe(const window_t *w, const char *what, char *text, size_t size)
{
        size_t at = (size_t)snprintf(text, size, "%s of %u", what, w->images);

        for (int i = 0; i < 3; i++)
                at += (size_t)snprintf(text + at, size - at, "; in %u kernel %u stride %u dilation %u pads %u %u",
                                       w->in[i], w->kernel[i], w->stride[i], w->dilation[i], w->before[i], w->after[i]);
}

/* Where element k of the window at output place `out` lies. */
static void place(const window_t *w, const int64_t *out, const int64_t *k, int64_t *ret)
{
        for (int i = 0; i < 3; i++)
                ret[i] = out[i] * w->stride[i] + k[i] * w->dilation[i] - w->before[i];
}

/* ---- convolution ---- */

typedef struct filters {
        uint32_t groups, in_g, out_g;
        const float *w, *b;
} filters_t;

/* One output element. @return its sum; adds the magnitudes up. */
static double convolve(const window_t *w, const filters_t *f, const cube_t *x, uint32_t n, uint32_t o,
                       const int64_t *out, double *magnitude)
{
        uint32_t kernel = w->kernel[0] * w->kernel[1] * w->kernel[2];
        double sum = (double)f->b[o];

        *magnitude = fabs(sum);
        for (uint32_t c = 0; c < f->in_g; c++) {
                int64_t k[3] = { 0 }, at[3];
                uint32_t i = 0;

                do {
                        double product = (double)f->w[((size_t)o * f->in_g + c) * kernel + i++];

                        place(w, out, k, at);
                        product *= cube_inside(x, at) ? *cube_at(x, n, o / f->out_g * f->in_g + c, at) : 0;
                        sum += product;
                        *magnitude += fabs(product);
                } while (next_place(k, w->kernel));
        }
        return sum;
}

static void check_conv(make_t *m, bool relu)
{
        window_t w = pick(m, false);
        filters_t f = { .groups = 1 + make_below(m, 3) };
        cube_t x = { { w.images, 0, w.in[0], w.in[1], w.in[2] }, NULL }, y = { { w.images }, NULL };
        hedge_graph_t *graph;
        char text[300];
        double most = 0;

        f.in_g = 1 + make_below(m, 3);
        f.out_g = 1 + make_below(m, 3);
        x.dims[1] = f.groups * f.in_g;
        y.dims[1] = f.groups * f.out_g;
        make_input(m, "x", DIMS(w.images, x.dims[1], w.in[0], w.in[1], w.in[2]));
        make_output(m, "y");
        f.w = (const void *)make_weights(m, "w", DIMS(y.dims[1], f.in_g, w.kernel[0], w.kernel[1], w.kernel[2]))
                      ->raw_data.data;
        f.b = (const void *)make_weights(m, "b", DIMS(y.dims[1]))->raw_data.data;
        set_window(m, make_node(m, "Conv", "x w b", relu ? "conv" : "y"), &w, false);
        make_int(m, m->graph.node[0], "group", f.groups);
        if (relu)
                make_node(m, "Relu", "conv", "y");
        graph = import_made(m);
        fill(m, &x);
        for (int i = 0; i < 3; i++)
                y.dims[2 + i] = out_extent(&w, i, false);
        cube_new(&y);
        for (uint32_t n = 0; n < w.images; n++) {
                for (uint32_t o = 0; o < y.dims[1]; o++) {
                        int64_t at[3] = { 0 };

                        do {
                                double magnitude, v = convolve(&w, &f, &x, n, o, at, &magnitude);

                                *cube_at(&y, n, o, at) = relu && v < 0 ? 0 : v;
                                most = fmax(most, magnitude);
                        } while (next_place(at, &y.dims[2]));
                }
        }
        describe(&w, "convolution", text, sizeof(text));
        check_graph(graph, x.v, y.v, cube_elements(&y), SPATIAL_ERROR * most, text);
        for (uint32_t i = 0; i < graph->n_nodes; i++) /* a convolution of an image per image can be coded */
                if (graph->nodes[i].op.kind == HEDGE_OP_CONV)
                        assert_int_equal(graph->values[graph->nodes[i].inputs[0]].shape.dims[0], w.images);
        hedge_graph_destroy(&graph);
        free(x.v);
        free(y.v);
}

static void test_conv(void **state)
{
        uint64_t random = 3;

        for (int i = 0; i < CASES; i++) {
                make_t m;

                make_init(&m, 13);
                m.random = random;
                check_conv(&m, i % 2);
                random = m.random;
                make_free(&m);
        }
}

/* ---- pools ---- */

typedef struct pool {
        bool average, count_pad, up;
} pool_t;

/* Elements of a window along one axis that an average divides by: those of the input, or of the padding that the model
 * states too. */
static int64_t counted(const window_t *w, const pool_t *p, int i, int64_t out)
{
        int64_t n = 0;

        for (int64_t k = 0; k < w->kernel[i]; k++) {
                int64_t at = out * w->stride[i] + k * w->dilation[i] - w->before[i];

                n += p->count_pad ? at < (int64_t)w->in[i] + w->after[i] : at >= 0 && at < w->in[i];
        }
        return n;
}

static double pool_window(const window_t *w, const pool_t *p, const cube_t *x, uint32_t n, uint32_t c,
                          const int64_t *out)
{
        double most = -INFINITY, sum = 0;
        int64_t k[3] = { 0 }, at[3], divisor = counted(w, p, 0, out[0]) * counted(w, p, 1, out[1]);

        divisor *= counted(w, p, 2, out[2]);
        do {
                place(w, out, k, at);
                if (!cube_inside(x, at))
                        continue;
                most = fmax(most, *cube_at(x, n, c, at));
                sum += *cube_at(x, n, c, at);
        } while (next_place(k, w->kernel));
        return !p->average ? most : divisor ? sum / (double)divisor : 0;
}

static void check_pool(make_t *m, const pool_t *p)
{
        window_t w = pick(m, true);
        cube_t x = { { w.images, 1 + make_below(m, 5), w.in[0], w.in[1], w.in[2] }, NULL }, y = x;
        Onnx__NodeProto *node;
        hedge_graph_t *graph;
        char text[300];

        if (p->average) /* had no dilations before opset 19 */
                for (int i = 0; i < 3; i++)
                        w.dilation[i] = 1;
        make_input(m, "x", DIMS(w.images, x.dims[1], w.in[0], w.in[1], w.in[2]));
        make_output(m, "y");
        node = make_node(m, p->average ? "AveragePool" : "MaxPool", "x", "y");
        set_window(m, node, &w, true);
        make_int(m, node, "ceil_mode", p->up);
        if (p->average)
                make_int(m, node, "count_include_pad", p->count_pad);
        graph = import_made(m);
        fill(m, &x);
        for (int i = 0; i < 3; i++)
                y.dims[2 + i] = out_extent(&w, i, p->up);
        cube_new(&y);
        for (uint32_t n = 0; n < w.images; n++) {
                for (uint32_t c = 0; c < y.dims[1]; c++) {
                        int64_t at[3] = { 0 };

                        do
                                *cube_at(&y, n, c, at) = pool_window(&w, p, &x, n, c, at);
                        while (next_place(at, &y.dims[2]));
                }
        }
        describe(&w, p->average ? "average" : "greatest", text, sizeof(text));
        check_graph(graph, x.v, y.v, cube_elements(&y), SPATIAL_ERROR, text);
        hedge_graph_destroy(&graph);
        free(x.v);
        free(y.v);
}

static void test_pools(void **state)
{
        uint64_t random = 5;

        for (int i = 0; i < CASES; i++) {
                const pool_t p = { i % 3 != 0, i % 3 == 1, i % 2 };
                make_t m;

                make_init(&m, 13);
                m.random = random;
                check_pool(&m, &p);
                random = m.random;
                make_free(&m);
        }
}

static void test_global_pools(void **state)
{
        for (int average = 0; average < 2; average++) {
                cube_t x = { { 2, 3, 4, 5, 6 }, NULL };
                double want[6];
                hedge_graph_t *graph;
                make_t m;

                make_init(&m, 13);
                make_input(&m, "x", DIMS(2, 3, 4, 5, 6));
                make_output(&m, "y");
                make_node(&m, average ? "GlobalAveragePool" : "GlobalMaxPool", "x", "y");
                graph = import_made(&m);
                fill(&m, &x);
                for (int c = 0; c < 6; c++) {
                        double sum = 0, most = -INFINITY;

                        for (int i = 0; i < 120; i++) {
                                sum += x.v[c * 120 + i];
                                most = fmax(most, x.v[c * 120 + i]);
                        }
                        want[c] = average ? sum / 120 : most;
                }
                check_graph(graph, x.v, want, 6, SPATIAL_ERROR, "global");
                hedge_graph_destroy(&graph);
                make_free(&m);
                free(x.v);
        }
}

/* ---- resizing ---- */

typedef struct resize {
        bool linear;
        int coord; /* of coords */
        uint32_t in[3], out[3];
} resize_t;

static const char *const coords[] = { "half_pixel", "align_corners", "asymmetric" };

static double coordinate(const resize_t *z, int i, int64_t o)
{
        double scale = (double)z->out[i] / z->in[i];

        if (z->coord == 1)
                return z->out[i] > 1 ? (double)o * (z->in[i] - 1) / (z->out[i] - 1) : 0;
        return z->coord == 0 ? ((double)o + 0.5) / scale - 0.5 : (double)o / scale;
}

/* How much of input element `from` output element `to` has. What is outside is as the border's element. */
static double share(const resize_t *z, int i, int64_t to, int64_t from)
{
        double x = fmin(fmax(coordinate(z, i, to), 0), z->in[i] - 1.0);

        if (z->linear)
                return fmax(1 - fabs(x - (double)from), 0);
        return (int64_t)floor(x + 1e-9) == from;
}

static double define_resize(const resize_t *z, const cube_t *x, uint32_t n, uint32_t c, const int64_t *to)
{
        int64_t at[3] = { 0 };
        double sum = 0;

        do
                sum += share(z, 0, to[0], at[0]) * share(z, 1, to[1], at[1]) * share(z, 2, to[2], at[2]) *
                       *cube_at(x, n, c, at);
        while (next_place(at, z->in));
        return sum;
}

static void check_resize(make_t *m, int i)
{
        resize_t z = { .linear = i % 2, .coord = i / 2 % 3 };
        cube_t x = { { 2, 3 }, NULL }, y = { { 2, 3 }, NULL };
        Onnx__NodeProto *node;
        hedge_graph_t *graph;

        for (int a = 0; a < 3; a++) {
                x.dims[2 + a] = z.in[a] = 1 + make_below(m, 5);
                y.dims[2 + a] = z.out[a] = 1 + make_below(m, 9);
        }
        make_input(m, "x", DIMS(2, 3, z.in[0], z.in[1], z.in[2]));
        make_output(m, "y");
        make_ints(m, "sizes", DIMS(5), (const int64_t[]){ 2, 3, z.out[0], z.out[1], z.out[2] });
        node = make_node(m, "Resize", "x - - sizes", "y");
        make_string(m, node, "mode", z.linear ? "linear" : "nearest");
        make_string(m, node, "nearest_mode", "floor");
        make_string(m, node, "coordinate_transformation_mode", coords[z.coord]);
        graph = import_made(m);
        fill(m, &x);
        cube_new(&y);
        for (uint32_t n = 0; n < 2; n++) {
                for (uint32_t c = 0; c < 3; c++) {
                        int64_t at[3] = { 0 };

                        do
                                *cube_at(&y, n, c, at) = define_resize(&z, &x, n, c, at);
                        while (next_place(at, z.out));
                }
        }
        check_graph(graph, x.v, y.v, cube_elements(&y), SPATIAL_ERROR, coords[z.coord]);
        hedge_graph_destroy(&graph);
        free(x.v);
        free(y.v);
}

static void test_resize(void **state)
{
        for (int i = 0; i < 120; i++) {
                make_t m;

                make_init(&m, 13);
                m.random = (uint64_t)i + 1;
                check_resize(&m, i);
                make_free(&m);
        }
}

/* ---- blocks ---- */

/* Where channel c, row y, column x of DepthToSpace's output comes from, for both modes and 2 images of 3 x 4 channels. */
static size_t block_source(bool crd, size_t n, size_t c, size_t y, size_t x)
{
        size_t phase = y % 2 * 2 + x % 2, channel = crd ? c * 4 + phase : phase * 3 + c;

        return ((n * 12 + channel) * 4 + y / 2) * 5 + x / 2;
}

static void test_blocks(void **state)
{
        for (int mode = 0; mode < 3; mode++) { /* DCR, CRD, and DCR backwards */
                static double x[480], want[480];
                hedge_graph_t *graph;
                make_t m;

                make_init(&m, 13);
                for (size_t i = 0; i < 480; i++)
                        x[i] = (double)i;
                for (size_t i = 0; i < 480; i++) {
                        size_t from = block_source(mode == 1, i / 240, i / 80 % 3, i / 10 % 8, i % 10);

                        want[mode == 2 ? from : i] = x[mode == 2 ? i : from];
                }
                if (mode == 2)
                        make_input(&m, "x", DIMS(2, 3, 8, 10));
                else
                        make_input(&m, "x", DIMS(2, 12, 4, 5));
                make_output(&m, "y");
                make_int(&m, make_node(&m, mode == 2 ? "SpaceToDepth" : "DepthToSpace", "x", "y"), "blocksize", 2);
                if (mode < 2)
                        make_string(&m, m.graph.node[0], "mode", mode == 1 ? "CRD" : "DCR");
                graph = import_made(&m);
                check_graph(graph, x, want, 480, 0, "blocks");
                hedge_graph_destroy(&graph);
                make_free(&m);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_conv),   cmocka_unit_test(test_pools),  cmocka_unit_test(test_global_pools),
                cmocka_unit_test(test_resize), cmocka_unit_test(test_blocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
