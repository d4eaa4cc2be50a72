/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/engine/engine.h"
#include "common/model/pack.h"
#include "common/segment/cuts.h"
#include "common/segment/segment.h"
#include "test/fuzz/fuzz.h"

#define MAX_MACS     1000000
#define MAX_ELEMENTS (1 << 14)

/* What constants and inputs hold: zeros, or numbers of all kinds. */
static float *make_numbers(bool zeros)
{
        static const float odd[] = { NAN, INFINITY, -INFINITY, 3e38f, -1e-40f, 16777216, -1, 0.5f, 2, 1e9f };
        float *numbers = calloc(3 * MAX_ELEMENTS, sizeof(*numbers)); /* also the scales and zero points of bytes */

        if (!numbers)
                abort();
        for (size_t i = 0; !zeros && i < 3 * MAX_ELEMENTS; i++)
                numbers[i] = i % 3 == 0 ? odd[i / 3 % 10] : (float)(i * 7 % 13) - 3;
        return numbers;
}

static void lend(hedge_graph_t *graph, const float *numbers)
{
        uint32_t *values = calloc((size_t)graph->n_values + 1, sizeof(*values));
        uint32_t n = hedge_graph_constants(graph, values);

        if (hedge_graph_is_complete(graph) != (n == 0))
                abort();
        for (uint32_t i = 0; i < n; i++)
                if (hedge_graph_constant_size(graph, values[i]) > 3 * MAX_ELEMENTS * sizeof(*numbers) ||
                    hedge_graph_lend(graph, values[i], numbers) < 0)
                        abort();
        if (!hedge_graph_is_complete(graph))
                abort();
        free(values);
}

static void release(hedge_tensor_t *tensors, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                hedge_tensor_release(&tensors[i]);
        free(tensors);
}

static hedge_tensor_t *make_inputs(const hedge_graph_t *graph, const float *numbers)
{
        hedge_tensor_t *in = calloc((size_t)graph->n_inputs + 1, sizeof(*in));

        if (!in)
                abort();
        for (uint32_t i = 0; i < graph->n_inputs; i++) {
                const hedge_shape_t *shape = &graph->values[graph->inputs[i]].shape;

                if (hedge_tensor_alloc(&in[i], shape) < 0)
                        abort();
                memcpy(in[i].data, numbers, hedge_shape_elements(shape) * sizeof(*numbers));
        }
        return in;
}

/* @return what the run said; the outputs are there where it is 0. */
static int run_engine(const hedge_graph_t *graph, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        int r;

        if (hedge_kernels_new("plain", 1, &kernels) < 0 || hedge_engine_new(graph, kernels, &engine) < 0)
                abort();
        r = hedge_engine_run(engine, in, NULL, NULL, out);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        return r;
}

static bool alike(float a, float b)
{
        return !(fabsf(a - b) > 1e-3f * (1 + fabsf(a) + fabsf(b))); /* whatever is not finite is like anything */
}

static size_t place_of(const hedge_shape_t *image, uint32_t row, uint32_t column)
{
        return ((size_t)row * image->dims[2] + column) * image->dims[3];
}

/* A window of an image. */
static hedge_tensor_t cut(const hedge_tensor_t *image, const hedge_window_t *w)
{
        hedge_tensor_t out = { .data = NULL };
        const hedge_shape_t shape = { 4, { 1, w->rows, w->cols, image->shape.dims[3] } };

        if (hedge_tensor_alloc(&out, &shape) < 0 || w->top + w->rows > image->shape.dims[1] ||
            w->left + w->cols > image->shape.dims[2])
                abort();
        for (uint32_t row = 0; row < w->rows; row++)
                memcpy(out.data + place_of(&shape, row, 0),
                       image->data + place_of(&image->shape, w->top + row, w->left),
                       place_of(&shape, 1, 0) * sizeof(*out.data));
        return out;
}

/* A window of a segment's output, made of the window of its input that it needs, is that part of the whole. */
static void compare_window(const hedge_graph_t *graph, uint32_t first, uint32_t last, const hedge_window_t *window,
                           const hedge_tensor_t *in, const hedge_tensor_t *whole)
{
        hedge_tensor_t part_in, part = { .data = NULL }, want = cut(whole, window);
        hedge_graph_t *strip = NULL;
        hedge_window_t halo;

        if (hedge_segment_halo(graph, first, last, window, &halo) < 0 ||
            hedge_segment_graph(graph, first, last, window, &strip) < 0)
                abort();
        part_in = cut(in, &halo);
        if (run_engine(strip, &part_in, &part) == 0) {
                if (!hedge_shape_equal(&part.shape, &want.shape))
                        abort();
                for (size_t i = 0; i < hedge_shape_elements(&part.shape); i++)
                        if (!alike(part.data[i], want.data[i]))
                                abort();
                hedge_tensor_release(&part);
        }
        hedge_graph_destroy(&strip);
        hedge_tensor_release(&part_in);
        hedge_tensor_release(&want);
}

/* Some numbers from the bytes, so that a graph is always cut in the same ways. */
static uint32_t draw(uint64_t *state, uint32_t from, uint32_t to)
{
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return from + (uint32_t)((*state >> 33) % ((uint64_t)to - from + 1));
}

static void run_windows(const hedge_graph_t *graph, uint32_t first, uint32_t last, const hedge_graph_t *segment,
                        const float *numbers, uint64_t *state)
{
        hedge_tensor_t *in = make_inputs(segment, numbers), *out = calloc(segment->n_outputs, sizeof(*out));

        if (!out)
                abort();
        if (run_engine(segment, in, out) == 0)
                for (unsigned i = 0; i < 3; i++) {
                        const uint32_t *dims = out->shape.dims;
                        hedge_window_t w = { draw(state, 0, dims[1] - 1), 1, draw(state, 0, dims[2] - 1), 1 };

                        w.rows = draw(state, 1, dims[1] - w.top);
                        w.cols = draw(state, 1, dims[2] - w.left);
                        compare_window(graph, first, last, &w, in, out);
                }
        release(in, segment->n_inputs);
        release(out, segment->n_outputs);
}

/* Any run of nodes is a graph, and where windows of it can be asked for, any window is one. */
static void run_segments(const hedge_graph_t *graph, const float *numbers, uint64_t state)
{
        for (unsigned i = 0; i < 4; i++) {
                const uint32_t first = draw(&state, 0, graph->n_nodes - 1),
                               last = draw(&state, first + 1, graph->n_nodes);
                const hedge_window_t beyond = { draw(&state, 0, 9), UINT32_MAX - draw(&state, 0, 9), 0, 1 };
                hedge_graph_t *segment = NULL;

                if (hedge_segment_graph(graph, first, last, &beyond, &segment) == 0 ||
                    hedge_segment_graph(graph, first, last, NULL, &segment) < 0)
                        abort();
                if (hedge_segment_is_local(graph, first, last) && hedge_graph_macs(segment) <= MAX_MACS / 8)
                        run_windows(graph, first, last, segment, numbers, &state);
                hedge_graph_destroy(&segment);
        }
}

/* A graph that was taken must run, whatever the answer. */
static void run(hedge_graph_t *graph, bool zeros, uint64_t state)
{
        float *numbers = make_numbers(zeros);
        hedge_tensor_t *in = make_inputs(graph, numbers), *out = calloc(graph->n_outputs, sizeof(*out));

        lend(graph, numbers);
        if (!out)
                abort();
        run_engine(graph, in, out);
        run_segments(graph, numbers, state);
        release(in, graph->n_inputs);
        release(out, graph->n_outputs);
        free(numbers);
}

/* What was unpacked packs, and unpacks as the same. */
static void travel(const hedge_graph_t *graph)
{
        hedge_graph_t *again = NULL;
        void *first = NULL, *second = NULL;
        size_t n, m;

        if (hedge_graph_pack(graph, &first, &n) < 0 || hedge_graph_unpack(first, n, MAX_ELEMENTS, &again, NULL) < 0 ||
            hedge_graph_pack(again, &second, &m) < 0 || n != m || memcmp(first, second, n) != 0)
                abort();
        hedge_graph_destroy(&again);
        free(first);
        free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint64_t state = size;

        for (size_t i = 0; i < size; i++)
                state = state * 31 + data[i];
        for (int zeros = 0; zeros < 2; zeros++) {
                hedge_graph_t *graph = NULL;
                hedge_why_t why = { "" };

                if (hedge_graph_unpack(data, size, MAX_ELEMENTS, &graph, &why) < 0) {
                        if (!why.text[0] || graph)
                                abort();
                        return 0;
                }
                if (zeros)
                        travel(graph);
                if (hedge_graph_macs(graph) <= MAX_MACS)
                        run(graph, zeros, state);
                hedge_graph_destroy(&graph);
        }
        return 0;
}
