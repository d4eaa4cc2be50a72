/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pool's maxima were, and putting them back there. */
#include "onnx_bed.h"
#include "spatial_bed.h"

/* Two images of three channels; a signal has one row. No two elements are alike. */
typedef struct pool {
        bool signal, by_columns;
        uint32_t h, w, kernel, stride, pad;
} pool_t;

static const pool_t pools[] = {
        { false, false, 6, 8, 2, 2, 0 }, { false, true, 6, 8, 2, 2, 0 }, { false, false, 7, 5, 3, 2, 1 },
        { false, true, 7, 5, 3, 2, 1 },  { true, false, 1, 9, 3, 3, 0 }, { true, false, 1, 8, 3, 1, 1 },
};

static void set_window(make_t *m, Onnx__NodeProto *node, const pool_t *p)
{
        if (p->signal) {
                make_int_list(m, node, "kernel_shape", DIMS(p->kernel));
                make_int_list(m, node, "strides", DIMS(p->stride));
                make_int_list(m, node, "pads", DIMS(p->pad, p->pad));
        } else {
                make_int_list(m, node, "kernel_shape", DIMS(p->kernel, p->kernel));
                make_int_list(m, node, "strides", DIMS(p->stride, p->stride));
                make_int_list(m, node, "pads", DIMS(p->pad, p->pad, p->pad, p->pad));
        }
}

static void begin(make_t *m, const pool_t *p)
{
        Onnx__NodeProto *node;

        make_init(m, 13);
        if (p->signal)
                make_input(m, "x", DIMS(2, 3, p->w));
        else
                make_input(m, "x", DIMS(2, 3, p->h, p->w));
        make_output(m, "y");
        node = make_node(m, "MaxPool", "x", "p i");
        make_int(m, node, "storage_order", p->by_columns);
        set_window(m, node, p);
}

static void fill(make_t *m, cube_t *x)
{
        cube_new(x);
        for (size_t i = 0, n = cube_elements(x); i < n; i++)
                x->v[i] = (double)make_random(m) - 2; /* all below the padding */
}

static uint32_t outputs(const pool_t *p, uint32_t in, bool one)
{
        return one ? 1 : (in + 2 * p->pad - p->kernel) / p->stride + 1;
}

/* The place of the greatest element of a window, in the whole tensor, counted along rows. */
static size_t greatest(const pool_t *p, const cube_t *x, uint32_t plane, uint32_t row, uint32_t column)
{
        int64_t top = p->signal ? 0 : (int64_t)row * p->stride - p->pad, left = (int64_t)column * p->stride - p->pad;
        size_t best = SIZE_MAX;

        for (int64_t y = top; y < top + (p->signal ? 1 : p->kernel); y++) {
                for (int64_t z = left; z < left + p->kernel; z++) {
                        size_t at = (plane * (size_t)p->h + (size_t)y) * p->w + (size_t)z;

                        if (y >= 0 && y < p->h && z >= 0 && z < p->w && (best == SIZE_MAX || x->v[at] > x->v[best]))
                                best = at;
                }
        }
        return best;
}

static size_t by_columns(const pool_t *p, size_t at)
{
        size_t plane = at / (p->h * p->w), row = at / p->w % p->h, column = at % p->w;

        return plane * p->h * p->w + column * p->h + row;
}

static void test_places(void **state)
{
        for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
                const pool_t *p = &pools[i];
                cube_t x = { { 2, 3, 1, p->h, p->w }, NULL };
                uint32_t h = outputs(p, p->h, p->signal), w = outputs(p, p->w, false), n = 0;
                double want[2 * 3 * 64];
                hedge_graph_t *graph;
                make_t m;

                begin(&m, p);
                make_int(&m, make_node(&m, "Cast", "i", "y"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
                graph = import_made(&m);
                fill(&m, &x);
                for (uint32_t plane = 0; plane < 6; plane++)
                        for (uint32_t at = 0; at < h * w; at++) {
                                size_t best = greatest(p, &x, plane, at / w, at % w);

                                want[n++] = (double)(p->by_columns ? by_columns(p, best) : best);
                        }
                check_graph(graph, x.v, want, n, 0, "places");
                hedge_graph_destroy(&graph);
                make_free(&m);
                free(x.v);
        }
}

/* Everything but the maxima becomes 0. */
static void test_there_and_back(void **state)
{
        for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
                const pool_t *p = &pools[i];
                cube_t x = { { 2, 3, 1, p->h, p->w }, NULL }, y = x;
                uint32_t h = outputs(p, p->h, p->signal), w = outputs(p, p->w, false);
                hedge_graph_t *graph;
                make_t m;

                if (p->by_columns)
                        continue;
                begin(&m, p);
                set_window(&m, make_node(&m, "MaxUnpool", "p i", "y"), p);
                graph = import_made(&m);
                fill(&m, &x);
                cube_new(&y);
                for (uint32_t plane = 0; plane < 6; plane++)
                        for (uint32_t at = 0; at < h * w; at++) {
                                size_t best = greatest(p, &x, plane, at / w, at % w);

                                y.v[best] = x.v[best];
                        }
                check_graph(graph, x.v, y.v, cube_elements(&y), 1e-7, "there and back");
                hedge_graph_destroy(&graph);
                make_free(&m);
                free(x.v);
                free(y.v);
        }
}

static void begin_unpool(make_t *m, make_dims_t dims)
{
        Onnx__NodeProto *node;

        make_init(m, 13);
        make_input(m, "x", DIMS(1, 1, 2, 2));
        make_output(m, "y");
        make_ints(m, "i", dims, (const int64_t[]){ 0, 2, 8, 16 });
        node = make_node(m, "MaxUnpool", "x i", "y");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2));
        make_int_list(m, node, "strides", DIMS(2, 2));
}

/* A place that the result has not fails the run, and nothing is written there. */
static void test_no_such_place(void **state)
{
        const float x[4] = { 1, 2, 3, 4 };
        hedge_tensor_t in = { { 4, { 1, 1, 2, 2 } }, (float *)(uintptr_t)x }, out = { { 0 }, NULL };
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        hedge_graph_t *graph;
        make_t m;

        begin_unpool(&m, DIMS(1, 1, 2, 2));
        graph = import_made(&m);
        assert_int_equal(hedge_kernels_new(NULL, 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, &out), HEDGE_ERANGE);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        hedge_graph_destroy(&graph);
        make_free(&m);
}

static void test_refused(void **state)
{
        Onnx__NodeProto *node;
        make_t m;

        begin_unpool(&m, DIMS(1, 1, 4));
        refused(&m, HEDGE_ESHAPE, "the indices have not the shape");
        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 1, 4, 4, 4));
        node = make_node(&m, "MaxPool", "x", "p y");
        make_int_list(&m, node, "kernel_shape", DIMS(2, 2, 2));
        make_output(&m, "y");
        refused(&m, HEDGE_EUNSUPPORTED, "one or two spatial axes");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_places),
                cmocka_unit_test(test_there_and_back),
                cmocka_unit_test(test_no_such_place),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
