/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on values that do not lie in ONNX order. Each is run on a plain input, and behind a convolution that copies
 * its input (channels last in memory) and a transpose (which only relabels axes): the answers must be the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "make_onnx.h"

typedef void add_op_fn(make_t *m);

static void list(make_t *m, const char *op, const char *inputs, const char *attribute, make_dims_t v)
{
        make_int_list(m, make_node(m, op, inputs, "y"), attribute, v);
}

static void number(make_t *m, const char *op, const char *inputs, const char *attribute, int64_t v)
{
        make_int(m, make_node(m, op, inputs, "y"), attribute, v);
}

static void ints(make_t *m, const char *name, int64_t n, const int64_t *v)
{
        make_ints(m, name, (const int64_t[]){ n, -1 }, v);
}

#define INTS(...) (sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), ((const int64_t[]){ __VA_ARGS__ })

/* The input z is 2 x 3 x 4 x 5. */
static void concat_channels(make_t *m)
{
        make_weights(m, "w", DIMS(2, 1, 4, 5));
        number(m, "Concat", "z w z", "axis", 1);
}

static void concat_width(make_t *m)
{
        make_weights(m, "w", DIMS(2, 3, 4, 2));
        number(m, "Concat", "w z", "axis", -1);
}

static void slice(make_t *m)
{
        ints(m, "starts", INTS(1, -1));
        ints(m, "ends", INTS(3, 0));
        ints(m, "axes", INTS(2, -1));
        ints(m, "steps", INTS(1, -2));
        make_node(m, "Slice", "z starts ends axes steps", "y");
}

static void pad(make_t *m)
{
        ints(m, "pads", INTS(0, 1, 2, -1, 1, 0, 0, 3));
        make_floats(m, "value", SCALAR, (const float[]){ 7 });
        make_node(m, "Pad", "z pads value", "y");
}

static void softmax_channels(make_t *m)
{
        number(m, "Softmax", "z", "axis", 1);
}

static void log_softmax_height(make_t *m)
{
        number(m, "LogSoftmax", "z", "axis", -2);
}

static void mean_keeps(make_t *m)
{
        list(m, "ReduceMean", "z", "axes", DIMS(1, 3));
}

static void mean_drops(make_t *m)
{
        Onnx__NodeProto *node = make_node(m, "ReduceMean", "z", "y");

        make_int_list(m, node, "axes", DIMS(0, 2));
        make_int(m, node, "keepdims", 0);
}

static void mean_then_scale(make_t *m)
{
        Onnx__NodeProto *node = make_node(m, "ReduceMean", "z", "r");

        make_int_list(m, node, "axes", DIMS(2, 3));
        make_node(m, "Sigmoid", "r", "s");
        make_node(m, "Mul", "z s", "y");
}

static void split_channels(make_t *m)
{
        Onnx__NodeProto *node;

        ints(m, "sizes", INTS(1, 2));
        node = make_node(m, "Split", "z sizes", "a b");
        make_int(m, node, "axis", 1);
        make_node(m, "Mul", "b a", "y");
}

static void gather_one(make_t *m)
{
        make_ints(m, "i", SCALAR, (const int64_t[]){ -2 });
        number(m, "Gather", "z i", "axis", 1);
}

static void gather_many(make_t *m)
{
        make_ints(m, "i", DIMS(2, 2), (const int64_t[]){ 0, 3, 1, 1 });
        number(m, "Gather", "z i", "axis", 2);
}

static void expand(make_t *m)
{
        ints(m, "shape", INTS(2, 2, 3, 1, 1));
        make_node(m, "Expand", "z shape", "y");
}

static void add_per_channel(make_t *m)
{
        make_weights(m, "w", DIMS(3, 1, 1));
        make_node(m, "Sub", "w z", "y");
}

static void add_row(make_t *m)
{
        make_weights(m, "w", DIMS(5));
        make_node(m, "Add", "z w", "y");
}

static void div_plane(make_t *m)
{
        make_weights(m, "w", DIMS(4, 1));
        make_node(m, "Div", "z w", "y");
}

static void mul_input_of_lower_rank(make_t *m)
{
        Onnx__NodeProto *node = make_node(m, "ReduceMean", "z", "r");

        make_int_list(m, node, "axes", DIMS(0));
        make_int(m, node, "keepdims", 0);
        make_node(m, "Mul", "r z", "y");
}

static void prelu(make_t *m)
{
        make_weights(m, "w", DIMS(3, 1, 1));
        make_node(m, "PRelu", "z w", "y");
}

static void batch_norm(make_t *m)
{
        make_weights(m, "s", DIMS(3));
        make_weights(m, "b", DIMS(3));
        make_weights(m, "mean", DIMS(3));
        make_floats(m, "var", DIMS(3), (const float[]){ 1, 2, 3 });
        make_node(m, "Tanh", "z", "t");
        make_node(m, "BatchNormalization", "t s b mean var", "y");
}

static void flatten(make_t *m)
{
        number(m, "Flatten", "z", "axis", 2);
}

static void flatten_gemm(make_t *m)
{
        Onnx__NodeProto *node;

        make_weights(m, "w", DIMS(60, 4));
        make_node(m, "Flatten", "z", "f");
        node = make_node(m, "Gemm", "f w", "y");
        make_float(m, node, "alpha", 2);
}

static void gemm_transposed(make_t *m)
{
        Onnx__NodeProto *node;

        make_weights(m, "w", DIMS(2, 4));
        make_node(m, "Flatten", "z", "f");
        node = make_node(m, "Gemm", "f w", "y");
        make_int(m, node, "transA", 1);
}

static void reshape(make_t *m)
{
        ints(m, "shape", INTS(0, -1, 2, 5));
        make_node(m, "Reshape", "z shape", "y");
}

static void squeeze_pooled(make_t *m)
{
        ints(m, "axes", INTS(2, 3));
        make_node(m, "GlobalMaxPool", "z", "p");
        make_node(m, "Squeeze", "p axes", "y");
}

static void unsqueeze(make_t *m)
{
        ints(m, "axes", INTS(0, -2));
        make_node(m, "Unsqueeze", "z axes", "u");
        make_node(m, "Exp", "u", "e");
        make_weights(m, "w", DIMS(3, 1, 1, 5));
        make_node(m, "Add", "e w", "y");
}

static void transpose(make_t *m)
{
        list(m, "Transpose", "z", "perm", DIMS(2, 0, 3, 1));
}

static void matmul_constant(make_t *m)
{
        make_weights(m, "w", DIMS(5, 2));
        make_node(m, "MatMul", "z w", "y");
}

static void matmul_views(make_t *m)
{
        Onnx__NodeProto *node = make_node(m, "Transpose", "z", "t");

        make_int_list(m, node, "perm", DIMS(0, 1, 3, 2));
        make_node(m, "MatMul", "z t", "y");
}

static void pool(make_t *m)
{
        Onnx__NodeProto *node = make_node(m, "AveragePool", "z", "y");

        make_int_list(m, node, "kernel_shape", DIMS(2, 3));
        make_string(m, node, "auto_pad", "SAME_LOWER");
}

static void lrn(make_t *m)
{
        number(m, "LRN", "z", "size", 3);
}

static void resize(make_t *m)
{
        make_floats(m, "scales", DIMS(4), (const float[]){ 1, 1, 2, 1.5f });
        make_string(m, make_node(m, "Resize", "z - scales", "y"), "mode", "linear");
}

static void conv_of_lines(make_t *m)
{
        Onnx__NodeProto *node;

        ints(m, "shape", INTS(2, 3, 20));
        make_weights(m, "w", DIMS(4, 3, 3));
        make_weights(m, "b", DIMS(4));
        make_node(m, "Reshape", "z shape", "l");
        node = make_node(m, "Conv", "l w b", "c");
        make_int_list(m, node, "pads", DIMS(2, 1));
        make_node(m, "Relu", "c", "r");
        make_node(m, "GlobalAveragePool", "r", "y");
}

static void mean_of_three(make_t *m)
{
        make_node(m, "Relu", "z", "r");
        make_weights(m, "w", DIMS(4, 1));
        make_node(m, "Mean", "r z w", "y");
}

static const struct {
        const char *name;
        add_op_fn *add;
} ops[] = {
#define OP(x)         \
        {             \
#x, x \
        }
        OP(concat_channels),
        OP(concat_width),
        OP(slice),
        OP(pad),
        OP(softmax_channels),
        OP(log_softmax_height),
        OP(mean_keeps),
        OP(mean_drops),
        OP(mean_then_scale),
        OP(split_channels),
        OP(gather_one),
        OP(gather_many),
        OP(expand),
        OP(add_per_channel),
        OP(add_row),
        OP(div_plane),
        OP(mul_input_of_lower_rank),
        OP(prelu),
        OP(batch_norm),
        OP(flatten),
        OP(flatten_gemm),
        OP(gemm_transposed),
        OP(reshape),
        OP(squeeze_pooled),
        OP(unsqueeze),
        OP(transpose),
        OP(matmul_constant),
        OP(matmul_views),
        OP(pool),
        OP(lrn),
        OP(resize),
        OP(conv_of_lines),
        OP(mean_of_three),
};

static const int64_t z_dims[4] = { 2, 3, 4, 5 };

/* Each z axis i is the input's axis perm[i]. */
static const int64_t perms[][4] = { { 0, 1, 2, 3 }, { 0, 2, 3, 1 }, { 0, 3, 1, 2 }, { 1, 0, 3, 2 },
                                    { 3, 2, 1, 0 }, { 2, 3, 0, 1 }, { 0, 1, 3, 2 } };

/* x, of z's extents permuted, through a convolution that copies it; back to z. */
static void make_detour(make_t *m, const int64_t *perm)
{
        int64_t dims[5] = { 0, 0, 0, 0, -1 }, back[5] = { perm[0], perm[1], perm[2], perm[3], -1 };
        float *one;
        int64_t c;

        for (int i = 0; i < 4; i++)
                dims[perm[i]] = z_dims[i];
        c = dims[1];
        one = calloc((size_t)(c * c), sizeof(*one));
        assert_non_null(one);
        for (int64_t i = 0; i < c; i++)
                one[i * c + i] = 1;
        make_input(m, "x", dims);
        make_floats(m, "one", DIMS(c, c, 1, 1), one);
        make_node(m, "Conv", "x one", "copy");
        make_int_list(m, make_node(m, "Transpose", "copy", "z"), "perm", back);
        free(one);
}

static hedge_tensor_t run(make_t *m, const float *x)
{
        hedge_tensor_t in = { { 0 }, NULL }, out;
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        size_t size;
        unsigned char *bytes;

        make_output(m, "y");
        bytes = make_bytes(m, &size);
        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        assert_int_equal(hedge_tensor_alloc(&in, &graph->values[graph->inputs[0]].shape), 0);
        memcpy(in.data, x, 120 * sizeof(*x));
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, &out), 0);
        hedge_tensor_release(&in);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        hedge_graph_destroy(&graph);
        make_free(m);
        return out;
}

/* x for z: x[.. in the order of perm ..] = z. */
static void permute(const float *z, const int64_t *perm, float *x)
{
        int64_t dims[4], stride[4], i[4];

        for (int a = 0; a < 4; a++)
                dims[perm[a]] = z_dims[a];
        for (int64_t a = 3, s = 1; a >= 0; s *= dims[a--])
                stride[a] = s;
        for (i[0] = 0; i[0] < 2; i[0]++)
                for (i[1] = 0; i[1] < 3; i[1]++)
                        for (i[2] = 0; i[2] < 4; i[2]++)
                                for (i[3] = 0; i[3] < 5; i[3]++) {
                                        int64_t at = 0;

                                        for (int a = 0; a < 4; a++)
                                                at += i[a] * stride[perm[a]];
                                        x[at] = *z++;
                                }
}

static void test_every_layout(void **state)
{
        float z[120], x[120];
        make_t m;

        make_init(&m, 13);
        for (int i = 0; i < 120; i++)
                z[i] = make_random(&m);
        make_free(&m);
        for (size_t o = 0; o < sizeof(ops) / sizeof(ops[0]); o++) {
                hedge_tensor_t want, got;

                make_init(&m, 13);
                make_input(&m, "z", DIMS(2, 3, 4, 5));
                ops[o].add(&m);
                want = run(&m, z);
                for (size_t p = 0; p < sizeof(perms) / sizeof(perms[0]); p++) {
                        make_init(&m, 13);
                        ops[o].add(&m); /* weights first, so that they are the same random numbers; */
                        make_detour(&m, perms[p]);
                        /* the nodes must come after the detour's two */
                        for (int k = 0; k < 2; k++) {
                                Onnx__NodeProto *last = m.graph.node[m.graph.n_node - 1];

                                memmove(m.graph.node + 1, m.graph.node, (m.graph.n_node - 1) * sizeof(last));
                                m.graph.node[0] = last;
                        }
                        permute(z, perms[p], x);
                        got = run(&m, x);
                        if (!hedge_shape_equal(&got.shape, &want.shape))
                                fail_msg("%s: another shape behind layout %zu", ops[o].name, p);
                        for (size_t i = 0; i < hedge_shape_elements(&want.shape); i++)
                                if (!(fabsf(got.data[i] - want.data[i]) <= 1e-5f * (1 + fabsf(want.data[i]))))
                                        fail_msg("%s: element %zu is %g instead of %g behind layout %zu", ops[o].name,
                                                 i, (double)got.data[i], (double)want.data[i], p);
                        hedge_tensor_release(&got);
                }
                hedge_tensor_release(&want);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_layout),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
