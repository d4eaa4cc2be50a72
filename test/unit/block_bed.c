/* SPDX-License-Identifier: Apache-2.0 */
#include "block_bed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/model/pack.h"
#include "common/segment/crossing.h"

void block_bed_open(segment_bed_t *bed, uint64_t seed)
{
        make_t m, random;

        make_init(&m, 13);
        make_init(&random, 13);
        m.random += seed;
        make_input(&m, "x", DIMS(1, 3, 16, 12));
        make_weights(&m, "w1", DIMS(8, 3, 3, 3));
        make_weights(&m, "w2", DIMS(8, 8, 3, 3));
        make_weights(&m, "w3", DIMS(8, 8, 1, 1));
        make_weights(&m, "w4", DIMS(4, 8, 3, 3));
        make_weights(&m, "b4", DIMS(4));
        make_weights(&m, "w5", DIMS(4 * 4 * 3, 10));
        make_int_list(&m, make_node(&m, "Conv", "x w1", "a1"), "pads", DIMS(1, 1, 1, 1));
        make_node(&m, "Relu", "a1", "a");
        make_int_list(&m, make_node(&m, "Conv", "a w2", "b1"), "pads", DIMS(0, 1, 2, 1));
        make_node(&m, "Sigmoid", "b1", "b");
        make_node(&m, "Conv", "a w3", "c");
        make_node(&m, "Add", "b c", "d");
        Onnx__NodeProto *pool = make_node(&m, "MaxPool", "d", "e");
        make_int_list(&m, pool, "kernel_shape", DIMS(2, 2));
        make_int_list(&m, pool, "strides", DIMS(2, 2));
        Onnx__NodeProto *conv = make_node(&m, "Conv", "e w4 b4", "f");
        make_int_list(&m, conv, "strides", DIMS(2, 2));
        make_int_list(&m, conv, "pads", DIMS(1, 1, 1, 1));
        make_node(&m, "Tanh", "f", "g");
        make_node(&m, "Flatten", "g", "h");
        make_node(&m, "MatMul", "h w5", "y");
        make_output(&m, "g");
        make_output(&m, "y");
        segment_bed_open(bed, &m, "plain");
        random.random += seed;
        segment_bed_compute(bed, &random);
        make_free(&random);
}

static void copy_frame(zmq_msg_t *frame, const void *bytes, size_t size)
{
        assert_int_equal(zmq_msg_init_size(frame, size), 0);
        memcpy(zmq_msg_data(frame), bytes, size);
}

uint32_t block_bed_frames(const hedge_graph_t *graph, zmq_msg_t *frames)
{
        uint32_t *values = calloc(graph->n_values + 1, sizeof(*values)), n;
        void *program = NULL;
        size_t size;

        assert_int_equal(hedge_graph_pack(graph, &program, &size), 0);
        copy_frame(&frames[0], program, size);
        n = hedge_graph_constants(graph, values);
        assert_true(n < BLOCK_FRAMES_MAX);
        for (uint32_t i = 0; i < n; i++)
                copy_frame(&frames[1 + i], hedge_graph_constant_data(graph, values[i]),
                           hedge_graph_constant_size(graph, values[i]));
        free(program);
        free(values);
        return n + 1;
}

void block_bed_close_frames(zmq_msg_t *frames, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                zmq_msg_close(&frames[i]);
}

/* A window of an image, or (NULL) all of a tensor. @return to be freed. */
static float *cut_out(const segment_bed_t *bed, uint32_t value, const hedge_window_t *w, size_t *ret_elements)
{
        const hedge_shape_t *shape = &bed->graph->values[value].shape;
        const size_t c = shape->dims[3], row = shape->dims[2] * c;
        const size_t all = hedge_shape_elements(shape), n = w ? w->rows * w->cols * c : all;
        float *out = calloc(n + 1, sizeof(*out));

        assert_non_null(out);
        if (!w)
                memcpy(out, bed->data[value], n * sizeof(*out));
        for (uint32_t i = 0; w && i < w->rows; i++)
                memcpy(out + i * w->cols * c, bed->data[value] + (w->top + i) * row + w->left * c,
                       w->cols * c * sizeof(*out));
        *ret_elements = n;
        return out;
}

void block_bed_window_frame(const segment_bed_t *bed, uint32_t value, const hedge_window_t *window,
                            hedge_precision_t wire, zmq_msg_t *frame)
{
        size_t n, size;
        float *floats = cut_out(bed, value, window, &n);

        wire = hedge_crossing_wire(bed->graph, value, wire);
        size = hedge_precision_bytes(wire, n);
        assert_int_equal(zmq_msg_init_size(frame, size), 0);
        if (wire == HEDGE_PRECISION_Q16)
                assert_int_equal(hedge_q16_encode(floats, n, zmq_msg_data(frame)), 0);
        else
                memcpy(zmq_msg_data(frame), floats, size);
        free(floats);
}

void block_bed_frame(const segment_bed_t *bed, uint32_t value, hedge_precision_t wire, zmq_msg_t *frame)
{
        block_bed_window_frame(bed, value, NULL, wire, frame);
}

void block_bed_expect(const segment_bed_t *bed, uint32_t value, const hedge_window_t *window, zmq_msg_t *frame,
                      uint32_t wire, float tolerance)
{
        size_t n;
        float *floats = cut_out(bed, value, window, &n), *got = calloc(n + 1, sizeof(*got)), peak = 0;

        assert_int_equal(zmq_msg_size(frame), hedge_precision_bytes(wire, n));
        if (wire == HEDGE_PRECISION_Q16)
                hedge_q16_decode(zmq_msg_data(frame), 0, n, got);
        else
                memcpy(got, zmq_msg_data(frame), n * sizeof(*got));
        for (size_t i = 0; i < n; i++)
                peak = fabsf(floats[i]) > peak ? fabsf(floats[i]) : peak;
        for (size_t i = 0; i < n; i++)
                assert_true(fabsf(got[i] - floats[i]) <= tolerance * peak);
        free(floats);
        free(got);
}
