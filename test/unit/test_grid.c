/* SPDX-License-Identifier: Apache-2.0 */
/* GridSample and AffineGrid against their definitions in double: an image that goes on outside as it is told to, and a sum
 * over all its elements near and far, each with the weight that its distance gives it. */
#include "spatial_bed.h"

#include "common/op.h"

#define CASES 200
#define FAR   40 /* elements outside on each side that the sum looks at: further than any place */

typedef struct grid {
        hedge_resize_mode_t mode;
        hedge_grid_outside_t outside;
        bool align, volume;
        uint32_t images, channels, in[3], out[3]; /* depth, height, width; depth 1 for an image */
} grid_t;

/* The element that stands at place i, step by step; -1: zero. */
static int64_t element_at(const grid_t *g, int64_t i, int64_t extent)
{
        if (i >= 0 && i < extent)
                return i;
        if (g->outside == HEDGE_GRID_ZEROS)
                return -1;
        if (g->outside == HEDGE_GRID_BORDER)
                return i < 0 ? 0 : extent - 1;
        if (extent == 1)
                return 0;
        while (i < 0 || i >= extent) { /* with corners aligned the mirror is an element's middle, else an edge */
                if (i < 0)
                        i = g->align ? -i : -i - 1;
                else
                        i = g->align ? 2 * (extent - 1) - i : 2 * extent - 1 - i;
        }
        return i;
}

static double weight(const grid_t *g, double distance)
{
        double t = fabs(distance);

        if (g->mode == HEDGE_RESIZE_LINEAR)
                return t < 1 ? 1 - t : 0;
        if (t < 1)
                return 1.25 * t * t * t - 2.25 * t * t + 1;
        return t < 2 ? -0.75 * (t * t * t - 5 * t * t + 8 * t - 4) : 0;
}

/* A place in elements. What is outside, where that is not zeros, is first brought in, as ONNX has it: to the middle of the
 * border's element, or reflected until it is inside. */
static double place_of(const grid_t *g, double v, uint32_t extent)
{
        double x = g->align ? (v + 1) * (extent - 1) / 2 : ((v + 1) * extent - 1) / 2;
        double from = g->align ? 0 : -0.5, to = extent - (g->align ? 1 : 0.5);

        if (g->mode == HEDGE_RESIZE_NEAREST)
                x = rint(x);
        if (g->outside == HEDGE_GRID_BORDER && (x < from || x > to))
                x = x < from ? 0 : extent - 1;
        while (g->outside == HEDGE_GRID_REFLECTION && to > from && (x < from || x > to))
                x = x < from ? 2 * from - x : 2 * to - x;
        return g->outside == HEDGE_GRID_REFLECTION && to <= from ? from : x;
}

/* The weight of every element along one axis. */
static void weigh(const grid_t *g, double v, uint32_t extent, double *ret)
{
        double x = place_of(g, v, extent);

        memset(ret, 0, extent * sizeof(*ret));
        for (int64_t i = -FAR; i < (int64_t)extent + FAR; i++) {
                int64_t at = element_at(g, i, extent);

                if (at >= 0)
                        ret[at] += g->mode == HEDGE_RESIZE_NEAREST ? (double)i == rint(x) : weight(g, x - (double)i);
        }
}

static double define(const grid_t *g, const cube_t *x, uint32_t n, uint32_t c, const float *place)
{
        double w[3][16] = { { 1 }, { 1 }, { 1 } }, sum = 0;
        int64_t at[3] = { 0 };

        for (int i = 0; i < 2 + g->volume; i++)
                weigh(g, (double)place[i], g->in[2 - i], w[2 - i]);
        do
                sum += w[0][at[0]] * w[1][at[1]] * w[2][at[2]] * *cube_at(x, n, c, at);
        while (next_place(at, g->in));
        return sum;
}

static grid_t pick(make_t *m, int i)
{
        grid_t g = { .mode = (hedge_resize_mode_t)(i % 3), .outside = (hedge_grid_outside_t)(i / 3 % 3) };

        g.align = make_below(m, 2);
        g.volume = make_below(m, 3) == 0;
        g.images = 1 + make_below(m, 2);
        g.channels = 1 + make_below(m, 5);
        for (int a = 0; a < 3; a++) {
                g.in[a] = a == 0 && !g.volume ? 1 : 1 + make_below(m, 6);
                g.out[a] = a == 0 && !g.volume ? 1 : 1 + make_below(m, 5);
        }
        return g;
}

/* Places inside and outside; kept off where the nearest element changes, and where reflection turns. */
static const float *make_places(make_t *m, const grid_t *g)
{
        uint32_t axes = 2 + g->volume, n = g->images * g->out[0] * g->out[1] * g->out[2] * axes;
        float *v = malloc(n * sizeof(*v));
        const float *kept;

        assert_non_null(v);
        for (uint32_t i = 0; i < n; i++) {
                uint32_t extent = g->in[2 - i % axes];
                double x;

                do {
                        v[i] = make_random(m) * 2.5f;
                        x = ((double)v[i] + 1) * (g->align ? extent - 1 : extent) / 2;
                } while (extent > 1 && fabs(x * 2 - rint(x * 2)) < 1e-3);
        }
        if (g->volume)
                kept = (const void *)make_floats(m, "grid", DIMS(g->images, g->out[0], g->out[1], g->out[2], 3), v)
                               ->raw_data.data;
        else
                kept = (const void *)make_floats(m, "grid", DIMS(g->images, g->out[1], g->out[2], 2), v)->raw_data.data;
        free(v);
        return kept;
}

static void check_case(make_t *m, const grid_t *g)
{
        static const char *const old_modes[] = { "nearest", "bilinear", "bicubic" };
        static const char *const modes[] = { "nearest", "linear", "cubic" };
        static const char *const outside[] = { "zeros", "border", "reflection" };
        cube_t x = { { g->images, g->channels, g->in[0], g->in[1], g->in[2] }, NULL };
        cube_t y = { { g->images, g->channels, g->out[0], g->out[1], g->out[2] }, NULL };
        const float *places = make_places(m, g);
        Onnx__NodeProto *node = make_node(m, "GridSample", "x grid", "y");
        uint32_t axes = 2 + g->volume, each = g->out[0] * g->out[1] * g->out[2];
        hedge_graph_t *graph;
        char text[120];

        make_string(m, node, "mode", (m->opset.version < 20 ? old_modes : modes)[g->mode]);
        make_string(m, node, "padding_mode", outside[g->outside]);
        make_int(m, node, "align_corners", g->align);
        if (g->volume)
                make_input(m, "x", DIMS(g->images, g->channels, g->in[0], g->in[1], g->in[2]));
        else
                make_input(m, "x", DIMS(g->images, g->channels, g->in[1], g->in[2]));
        make_output(m, "y");
        graph = import_made(m);
        cube_new(&x);
        cube_new(&y);
        for (size_t i = 0, n = cube_elements(&x); i < n; i++)
                x.v[i] = (double)make_random(m);
        for (uint32_t n = 0; n < g->images; n++)
                for (uint32_t c = 0; c < g->channels; c++)
                        for (uint32_t i = 0; i < each; i++)
                                y.v[(n * g->channels + c) * each + i] =
                                        define(g, &x, n, c, places + ((size_t)n * each + i) * axes);
        snprintf(text, sizeof(text), "%s, %s%s, %u x %u x %u", modes[g->mode], outside[g->outside],
                 g->align ? ", corners aligned" : "", g->in[0], g->in[1], g->in[2]);
        /* Weights are float32 and their magnitudes sum to 3.4 at most (cubic, three axes); inputs are at most 1. */
        check_graph(graph, x.v, y.v, cube_elements(&y), 1e-5, text);
        hedge_graph_destroy(&graph);
        free(x.v);
        free(y.v);
}

static void test_definition(void **state)
{
        uint64_t random = 11;

        for (int i = 0; i < CASES; i++) {
                grid_t g;
                make_t m;

                make_init(&m, i % 2 ? 16 : 20);
                m.random = random;
                g = pick(&m, i);
                check_case(&m, &g);
                random = m.random;
                make_free(&m);
        }
}

/* Places that are no numbers, or nowhere: nothing is read outside the image. */
static void test_nowhere(void **state)
{
        static const float places[] = { NAN, 0, INFINITY, 0, -INFINITY, 0, 3e38f, 0, -3e38f, 0 };

        for (int i = 0; i < 18; i++) {
                hedge_kernels_t *kernels = NULL;
                hedge_kernel_t *kernel = NULL;
                const hedge_op_t op = { .kind = HEDGE_OP_GRID_SAMPLE,
                                        .grid = { (hedge_resize_mode_t)(i % 3), (hedge_grid_outside_t)(i / 3 % 3),
                                                  i >= 9 } };
                const hedge_shape_t in[2] = { { 4, { 1, 3, 3, 1 } }, { 4, { 1, 1, 5, 2 } } };
                const float image[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, *data[2] = { image, places };
                float out[5];

                assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
                assert_int_equal(hedge_kernel_new(kernels, &op, in, 2, NULL, &kernel), 0);
                assert_int_equal(hedge_kernel_run(kernel, data, out), 0);
                assert_true(isnan(out[0]));
                for (int p = 1; p < 5; p++) {
                        if (op.grid.outside == HEDGE_GRID_ZEROS)
                                assert_true(out[p] == 0);
                        else if (op.grid.outside == HEDGE_GRID_BORDER || p > 2)
                                assert_true(fabsf(out[p] - 1) < 1e-6f);
                        else
                                assert_true(isnan(out[p]));
                }
                hedge_kernel_destroy(&kernel);
                hedge_kernels_destroy(&kernels);
        }
}

/* AffineGrid of two matrices: every place of the grid, turned, stretched and moved. */
static void test_affine(void **state)
{
        for (int i = 0; i < 4; i++) {
                bool align = i % 2, volume = i >= 2;
                uint32_t axes = volume ? 3 : 2, n = 0;
                const uint32_t extent[3] = { volume ? 2 : 1, 3, 1 };
                double theta[24], want[2 * 2 * 3 * 3];
                Onnx__NodeProto *node;
                hedge_graph_t *graph;
                make_t m;

                make_init(&m, 20);
                make_input(&m, "x", DIMS(2, axes, axes + 1));
                make_output(&m, "y");
                if (volume)
                        make_ints(&m, "size", DIMS(5), (const int64_t[]){ 2, 7, 2, 3, 1 });
                else
                        make_ints(&m, "size", DIMS(4), (const int64_t[]){ 2, 7, 3, 1 });
                node = make_node(&m, "AffineGrid", "x size", "y");
                make_int(&m, node, "align_corners", align);
                graph = import_made(&m);
                for (int k = 0; k < 24; k++)
                        theta[k] = (double)make_random(&m);
                for (uint32_t image = 0; image < 2; image++) {
                        int64_t at[3] = { 0 };

                        do {
                                for (uint32_t row = 0; row < axes; row++) {
                                        const double *t = theta + (image * axes + row) * (axes + 1);
                                        double sum = t[axes];

                                        for (uint32_t a = 0; a < axes; a++) {
                                                double e = extent[2 - a], k = (double)at[2 - a];

                                                sum += t[a] * (!align  ? (2 * k + 1) / e - 1
                                                               : e > 1 ? 2 * k / (e - 1) - 1
                                                                       : 0);
                                        }
                                        want[n++] = sum;
                                }
                        } while (next_place(at, extent));
                }
                check_graph(graph, theta, want, n, 1e-5, "affine grid");
                hedge_graph_destroy(&graph);
                make_free(&m);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_definition),
                cmocka_unit_test(test_nowhere),
                cmocka_unit_test(test_affine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
