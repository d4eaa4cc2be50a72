/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/batch.h"
#include "common/model/batch_rules.h"
#include "common/model/batch_same.h"
#include "onnx_bed.h"

/** Which models take any number of pictures, which do not, and that the pictures of a request are those of as many runs. */

#define OPEN      0 /* a batch that the file leaves open */
#define TOLERANCE 1e-5f

/* A model whose input has the batch first. `n` is written where a file would have the batch. */
typedef void make_fn(make_t *m, int64_t n);

static void open_first(Onnx__ValueInfoProto *info, const char *name)
{
        Onnx__TensorShapeProto__Dimension *d = info->type->tensor_type->shape->dim[0];

        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        d->dim_param = (char *)(uintptr_t)name;
}

static void input(make_t *m, int64_t n, make_dims_t dims)
{
        int64_t all[8] = { n == OPEN ? 1 : n };
        Onnx__ValueInfoProto *info;
        size_t i = 0;

        for (; dims[i] != -1; i++)
                all[i + 1] = dims[i];
        all[i + 1] = -1;
        info = make_input(m, "x", all);
        if (n == OPEN)
                open_first(info, "N");
}

static void begin(make_t *m, int64_t n, make_dims_t dims)
{
        make_init(m, 13);
        input(m, n, dims);
        make_output(m, "y");
}

/* Convolutions that are made of others: phases that are put between one another, planes below one another. */
static void make_upward(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(4, 3, 5));
        make_weights(m, "w", DIMS(4, 3, 3, 3));
        node = make_node(m, "ConvTranspose", "x w", "up");
        make_int_list(m, node, "strides", DIMS(2, 2));
        make_int_list(m, node, "pads", DIMS(1, 0, 0, 1));
        make_int(m, node, "group", 2);
        node = make_node(m, "DepthToSpace", "x", "blocks");
        make_int(m, node, "blocksize", 2);
        make_node(m, "Relu", "up", "a");
        make_node(m, "Relu", "blocks", "b");
        node = make_node(m, "ReduceMean", "a", "y");
        make_int_list(m, node, "axes", DIMS(2, 3));
        node = make_node(m, "ReduceMean", "b", "z");
        make_int_list(m, node, "axes", DIMS(1));
        make_output(m, "z");
}

static void make_volumes(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(2, 4, 6, 5));
        make_weights(m, "w", DIMS(4, 2, 3, 3, 3));
        make_weights(m, "v", DIMS(4, 1, 2, 2, 2));
        node = make_node(m, "Conv", "x w", "conv");
        make_int_list(m, node, "pads", DIMS(1, 1, 1, 1, 1, 1));
        node = make_node(m, "MaxPool", "conv", "pool");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2, 2));
        node = make_node(m, "ConvTranspose", "pool v", "y");
        make_int_list(m, node, "strides", DIMS(2, 2, 2));
        make_int(m, node, "group", 4);
}

static void shape_of_x(make_t *m)
{
        make_node(m, "Shape", "x", "shape");
}

/* Convolution, pool, flatten, fully connected, softmax. */
static void make_classifier(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(2, 6, 6));
        make_weights(m, "w", DIMS(4, 2, 3, 3));
        make_weights(m, "fc", DIMS(3, 16));
        make_weights(m, "bias", DIMS(3));
        make_node(m, "Conv", "x w", "conv");
        make_node(m, "Relu", "conv", "relu");
        node = make_node(m, "MaxPool", "relu", "pool");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2));
        make_int_list(m, node, "strides", DIMS(2, 2));
        make_node(m, "Flatten", "pool", "flat");
        node = make_node(m, "Gemm", "flat fc bias", "scores");
        make_int(m, node, "transB", 1);
        make_node(m, "Softmax", "scores", "y");
}

static void reshape(make_t *m, const char *inputs, const char *output, const char *name, make_dims_t dims, size_t n)
{
        char text[64];

        make_ints(m, name, DIMS((int64_t)n), dims);
        snprintf(text, sizeof(text), "%s %s", inputs, name);
        make_node(m, "Reshape", text, output);
}

/* -1 where the batch is: [-1, 72]. */
static void make_reshape_kept(make_t *m, int64_t n)
{
        begin(m, n, DIMS(2, 6, 6));
        reshape(m, "x", "y", "to", (const int64_t[]){ -1, 72 }, 2);
}

/* The batch's extent, from the model's own Shape: [N, -1]. */
static void make_reshape_by_shape(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(2, 6, 6));
        shape_of_x(m);
        make_ints(m, "zero", DIMS(1), (const int64_t[]){ 0 });
        make_ints(m, "rest", DIMS(1), (const int64_t[]){ -1 });
        make_node(m, "Gather", "shape zero", "count");
        node = make_node(m, "Concat", "count rest", "to");
        make_int(m, node, "axis", 0);
        make_node(m, "Reshape", "x to", "y");
}

/* All pictures in one row, one behind the other: still one's elements lie together. */
static void make_reshape_row(make_t *m, int64_t n)
{
        begin(m, n, DIMS(2, 6, 6));
        reshape(m, "x", "y", "to", (const int64_t[]){ 1, -1 }, 2);
}

/* ... but what looks at the row looks at all. */
static void make_row_read(make_t *m, int64_t n)
{
        begin(m, n, DIMS(2, 6, 6));
        reshape(m, "x", "row", "to", (const int64_t[]){ 1, -1 }, 2);
        make_node(m, "Softmax", "row", "y");
}

/* A row of one picture's length: more do not fit. */
static void make_row_weighed(make_t *m, int64_t n)
{
        begin(m, n, DIMS(2, 6, 6));
        make_weights(m, "w", DIMS(72, 3));
        reshape(m, "x", "row", "to", (const int64_t[]){ 1, -1 }, 2);
        make_node(m, "MatMul", "row w", "y");
}

/* The halves of all that there is. */
static void make_halves(make_t *m, int64_t n)
{
        begin(m, n, DIMS(2, 6, 6));
        reshape(m, "x", "y", "to", (const int64_t[]){ 2, -1 }, 2);
}

/* Groups go into the batch and out of it again. */
static void make_groups(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(4, 3, 3));
        reshape(m, "x", "groups", "into", (const int64_t[]){ -1, 2, 9 }, 3);
        node = make_node(m, "ReduceMean", "groups", "mean");
        make_int_list(m, node, "axes", DIMS(1, 2));
        make_node(m, "Sub", "groups mean", "centred");
        reshape(m, "centred", "y", "out", (const int64_t[]){ -1, 4, 3, 3 }, 4);
}

/* The batch last, and first again. */
static void make_transposed(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(4, 5));
        make_weights(m, "b", DIMS(5, 4, 1));
        node = make_node(m, "Transpose", "x", "turned");
        make_int_list(m, node, "perm", DIMS(2, 1, 0));
        make_node(m, "Add", "turned b", "sum");
        node = make_node(m, "Transpose", "sum", "y");
        make_int_list(m, node, "perm", DIMS(2, 1, 0));
}

/* An output whose batch is the last axis. */
static void make_batch_last(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(4, 5));
        node = make_node(m, "Transpose", "x", "y");
        make_int_list(m, node, "perm", DIMS(2, 1, 0));
}

static void make_concat_channels(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(2, 3, 3));
        make_node(m, "Sigmoid", "x", "s");
        node = make_node(m, "Concat", "x s", "y");
        make_int(m, node, "axis", 1);
}

static void make_concat_batch(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(2, 3, 3));
        make_node(m, "Sigmoid", "x", "s");
        node = make_node(m, "Concat", "x s", "y");
        make_int(m, node, "axis", 0);
}

static void make_matmul(make_t *m, int64_t n)
{
        begin(m, n, DIMS(3, 4));
        make_weights(m, "w", DIMS(4, 5));
        make_node(m, "MatMul", "x w", "y");
}

/* Every picture by itself turned: the batch leads both. */
static void make_matmul_own(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(3, 4));
        node = make_node(m, "Transpose", "x", "turned");
        make_int_list(m, node, "perm", DIMS(0, 2, 1));
        make_node(m, "MatMul", "x turned", "y");
}

/* Every picture by every other. */
static void make_matmul_others(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(4));
        node = make_node(m, "Transpose", "x", "turned");
        make_int_list(m, node, "perm", DIMS(1, 0));
        make_node(m, "MatMul", "x turned", "y");
}

/* Summed over the batch. */
static void make_matmul_inner(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(4));
        node = make_node(m, "Transpose", "x", "turned");
        make_int_list(m, node, "perm", DIMS(1, 0));
        make_node(m, "MatMul", "turned x", "y");
}

static void make_reduced(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(2, 3, 3));
        node = make_node(m, "ReduceMean", "x", "mean");
        make_int_list(m, node, "axes", DIMS(0));
        make_node(m, "Sub", "x mean", "y");
}

static void make_softmax_over_batch(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(5));
        node = make_node(m, "Softmax", "x", "y");
        make_int(m, node, "axis", 0);
}

static void slice(make_t *m, const int64_t *starts, const int64_t *ends, const int64_t *axes)
{
        make_ints(m, "starts", DIMS(1), starts);
        make_ints(m, "ends", DIMS(1), ends);
        make_ints(m, "axes", DIMS(1), axes);
        make_node(m, "Slice", "x starts ends axes", "y");
}

/* The first picture alone; with one picture nothing is cut off. */
static void make_first_picture(make_t *m, int64_t n)
{
        begin(m, n, DIMS(2, 3, 3));
        slice(m, (const int64_t[]){ 0 }, (const int64_t[]){ 1 }, (const int64_t[]){ 0 });
}

static void make_sliced(make_t *m, int64_t n)
{
        begin(m, n, DIMS(4, 3, 3));
        slice(m, (const int64_t[]){ 1 }, (const int64_t[]){ 3 }, (const int64_t[]){ 1 });
}

/* Divided by how many pictures there are: a number, whatever the shapes. */
static void make_by_count(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(2, 3, 3));
        shape_of_x(m);
        make_ints(m, "zero", DIMS(1), (const int64_t[]){ 0 });
        make_node(m, "Gather", "shape zero", "count");
        node = make_node(m, "Cast", "count", "number");
        make_int(m, node, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        make_node(m, "Div", "x number", "y");
}

/* A state of zeros for every picture, as recurrent cells begin with. */
static void make_zeros(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(3));
        shape_of_x(m);
        make_node(m, "ConstantOfShape", "shape", "zeros");
        node = make_node(m, "Concat", "x zeros", "y");
        make_int(m, node, "axis", 1);
}

/* One constant row for every picture, as class tokens are. */
static void make_token(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(3, 4));
        make_weights(m, "token", DIMS(1, 1, 4));
        shape_of_x(m);
        make_ints(m, "zero", DIMS(1), (const int64_t[]){ 0 });
        make_ints(m, "rest", DIMS(2), (const int64_t[]){ 1, 4 });
        make_node(m, "Gather", "shape zero", "count");
        node = make_node(m, "Concat", "count rest", "to");
        make_int(m, node, "axis", 0);
        make_node(m, "Expand", "token to", "tokens");
        node = make_node(m, "Concat", "tokens x", "y");
        make_int(m, node, "axis", 1);
}

/* Something else for one picture than for more: a row of a table, picked by how many there are. */
static void make_only_for_one(make_t *m, int64_t n)
{
        begin(m, n, DIMS(2));
        make_floats(m, "table", DIMS(6, 2), (const float[]){ 9, 9, 1, 2, 3, 4, 3, 4, 3, 4, 3, 4 });
        shape_of_x(m);
        make_ints(m, "zero", DIMS(1), (const int64_t[]){ 0 });
        make_node(m, "Gather", "shape zero", "count");
        make_node(m, "Gather", "table count", "row");
        make_node(m, "Add", "x row", "y");
}

/* What is mixed and then read by nobody does no harm. */
static void make_mixed_unread(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(2, 3, 3));
        node = make_node(m, "ReduceMean", "x", "mean");
        make_int_list(m, node, "axes", DIMS(0));
        make_node(m, "Relu", "x", "y");
}

/* An output that all pictures share, beside one of theirs. */
static void make_shared_output(make_t *m, int64_t n)
{
        begin(m, n, DIMS(2, 3));
        make_output(m, "z");
        make_weights(m, "w", DIMS(2, 2));
        make_node(m, "Relu", "x", "y");
        make_node(m, "Identity", "w", "z");
}

static unsigned char *file_of(make_fn *make, int64_t n, size_t *size)
{
        unsigned char *bytes;
        make_t m;

        make(&m, n);
        bytes = make_bytes(&m, size);
        bytes = memcpy(malloc(*size + 1), bytes, *size);
        make_free(&m);
        return bytes;
}

static hedge_graph_t *import(make_fn *make, int64_t n)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        size_t size;
        unsigned char *bytes = file_of(make, n, &size);

        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        free(bytes);
        assert_non_null(graph->batch);
        return graph;
}

static void run(const hedge_graph_t *graph, const hedge_tensor_t *inputs, hedge_tensor_t *outputs)
{
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;

        assert_int_equal(hedge_kernels_open("plain", 1, &kernels, NULL), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        assert_int_equal(hedge_engine_run(engine, inputs, NULL, NULL, outputs), 0);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
}

static const hedge_shape_t *edge(const hedge_graph_t *graph, uint32_t value)
{
        return &graph->values[value].shape;
}

/* N pictures through the graph of one picture, joined. */
static void run_each(const hedge_graph_t *one, const hedge_tensor_t *x, uint32_t n, hedge_tensor_t *joined)
{
        hedge_tensor_t input, outputs[2];

        for (uint32_t o = 0; o < one->n_outputs; o++) {
                const hedge_shape_t shape = hedge_batch_shape(edge(one, one->outputs[o]), one->batch->outputs[o], n);

                assert_int_equal(hedge_tensor_alloc(&joined[o], &shape), 0);
        }
        assert_int_equal(hedge_tensor_alloc(&input, edge(one, one->inputs[0])), 0);
        for (uint32_t i = 0; i < n; i++) {
                hedge_batch_get(&input.shape, one->batch->inputs[0], i, n, x->data, input.data);
                run(one, &input, outputs);
                for (uint32_t o = 0; o < one->n_outputs; o++) {
                        hedge_batch_put(&outputs[o].shape, one->batch->outputs[o], i, n, outputs[o].data,
                                        joined[o].data);
                        hedge_tensor_release(&outputs[o]);
                }
        }
        hedge_tensor_release(&input);
}

static void assert_same(const hedge_tensor_t *a, const hedge_tensor_t *b)
{
        assert_true(hedge_shape_equal(&a->shape, &b->shape));
        for (size_t i = 0; i < hedge_shape_elements(&a->shape); i++)
                if (fabsf(a->data[i] - b->data[i]) > TOLERANCE)
                        fail_msg("element %zu: %g and %g", i, (double)a->data[i], (double)b->data[i]);
}

/* The same file with its batch fixed is what N pictures have to give. */
static void compare_with_fixed(make_fn *make, const hedge_graph_t *one, uint32_t n)
{
        hedge_graph_t *fixed = import(make, n);
        hedge_tensor_t x, wanted[2], joined[2];
        make_t random = { .random = n + 1 };

        assert_int_equal(hedge_tensor_alloc(&x, edge(fixed, fixed->inputs[0])), 0);
        for (size_t i = 0; i < hedge_shape_elements(&x.shape); i++)
                x.data[i] = make_random(&random);
        run(fixed, &x, wanted);
        run_each(one, &x, n, joined);
        hedge_tensor_release(&x);
        for (uint32_t o = 0; o < one->n_outputs; o++) {
                assert_same(&joined[o], &wanted[o]);
                hedge_tensor_release(&joined[o]);
                hedge_tensor_release(&wanted[o]);
        }
        hedge_graph_destroy(&fixed);
}

static const struct {
        const char *name;
        make_fn *make;
        const char *mixes; /* words of the reason; NULL: any number is taken */
} models[] = {
        { "classifier", make_classifier, NULL },
        { "upward", make_upward, NULL },
        { "volumes", make_volumes, NULL },
        { "reshape kept", make_reshape_kept, NULL },
        { "reshape by shape", make_reshape_by_shape, NULL },
        { "reshape row", make_reshape_row, NULL },
        { "row read", make_row_read, "node 'y' (Softmax) mixes pictures" },
        { "row weighed", make_row_weighed, "MatMul 'y' (opset 13): " },
        { "halves", make_halves, "node 'y/reshape' (Reshape) mixes pictures" },
        { "groups", make_groups, NULL },
        { "transposed", make_transposed, NULL },
        { "batch last", make_batch_last, NULL },
        { "concat channels", make_concat_channels, NULL },
        { "concat batch", make_concat_batch, "node 'y' (Concat) mixes pictures" },
        { "matmul", make_matmul, NULL },
        { "matmul own", make_matmul_own, NULL },
        { "matmul others", make_matmul_others, "node 'y' (MatMul) mixes pictures" },
        { "matmul inner", make_matmul_inner, "node 'y' (MatMul) mixes pictures" },
        { "reduced", make_reduced, "node 'mean' (Reduce) mixes pictures" },
        { "softmax over batch", make_softmax_over_batch, "node 'y' (Softmax) mixes pictures" },
        { "first picture", make_first_picture, "node 'y' (Slice) mixes pictures" },
        { "sliced", make_sliced, NULL },
        { "by count", make_by_count, "node 'y' (Div) mixes pictures" },
        { "zeros", make_zeros, NULL },
        { "token", make_token, NULL },
        { "only for one", make_only_for_one, "what is computed depends on how many pictures there are" },
        { "mixed unread", make_mixed_unread, NULL },
        { "shared output", make_shared_output, NULL },
};

static void test_models(void **state)
{
        for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
                hedge_graph_t *one = import(models[i].make, OPEN);

                print_message("%s\n", models[i].name);
                if (models[i].mixes && !strstr(one->batch->why, models[i].mixes))
                        fail_msg("%s: '%s'", models[i].name, one->batch->why);
                if (!models[i].mixes && !one->batch->any)
                        fail_msg("%s is refused: %s", models[i].name, one->batch->why);
                assert_true(one->batch->any == !models[i].mixes);
                assert_int_equal(one->batch->size, 1);
                for (uint32_t n = 1; one->batch->any && n <= 5; n++)
                        compare_with_fixed(models[i].make, one, n);
                hedge_graph_destroy(&one);
        }
}

/* Two inputs, each with a first axis that the file leaves open. */
static hedge_graph_t *import_two(const char *first, const char *second)
{
        hedge_graph_t *graph = NULL;
        unsigned char *bytes;
        size_t size;
        make_t m;

        make_init(&m, 13);
        open_first(make_input(&m, "a", DIMS(1, 3)), first);
        open_first(make_input(&m, "b", DIMS(1, 3)), second);
        make_input(&m, "c", DIMS(1, 3));
        make_output(&m, "y");
        make_node(&m, "Add", "a b", "sum");
        make_node(&m, "Mul", "sum c", "y");
        bytes = make_bytes(&m, &size);
        assert_int_equal(hedge_onnx_import(bytes, size, NULL, &graph, NULL), 0);
        make_free(&m);
        return graph;
}

static void test_several_inputs(void **state)
{
        hedge_graph_t *g = import_two("N", "N");
        const hedge_shape_t three = { 2, { 3, 3 } }, one = { 2, { 1, 3 } };
        uint32_t runs = 0;
        hedge_why_t why = { "" };

        assert_true(g->batch->any);
        assert_int_equal(g->batch->inputs[0], 0);
        assert_int_equal(g->batch->inputs[1], 0);
        assert_int_equal(g->batch->inputs[2], HEDGE_NO_AXIS);
        assert_int_equal(hedge_batch_runs(g, (const hedge_shape_t[]){ three, three, one }, 3, &runs, &why), 0);
        assert_int_equal(runs, 3);
        assert_int_equal(hedge_batch_runs(g, (const hedge_shape_t[]){ three, one, one }, 3, &runs, &why), HEDGE_ESHAPE);
        assert_string_equal(why.text, "the input 'b' holds 1 pictures, one before it 3");
        assert_int_equal(hedge_batch_runs(g, (const hedge_shape_t[]){ three, three, three }, 3, &runs, &why),
                         HEDGE_ESHAPE);
        assert_string_equal(why.text, "the input 'c' is 1x3, here it is 3x3");
        hedge_graph_destroy(&g);
        g = import_two("N", "M");
        assert_false(g->batch->any);
        hedge_graph_destroy(&g);
}

static void test_runs(void **state)
{
        hedge_graph_t *any = import(make_classifier, OPEN), *mixing = import(make_reduced, OPEN);
        hedge_shape_t x = { 4, { 7, 2, 6, 6 } };
        hedge_why_t why = { "" };
        uint32_t runs = 0;

        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), 0);
        assert_int_equal(runs, 7);
        x.dims[0] = HEDGE_BATCH_MAX + 1;
        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), HEDGE_ELIMIT);
        assert_string_equal(why.text, "4097 pictures in one request; at most 4096 are allowed");
        x.dims[0] = 0;
        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), HEDGE_ESHAPE);
        x = (hedge_shape_t){ 4, { 2, 2, 6, 7 } };
        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), HEDGE_ESHAPE);
        assert_string_equal(why.text, "the input 'x' is 1x2x6x6 for each picture, here it is 2x2x6x7");
        x = (hedge_shape_t){ 3, { 2, 6, 6 } };
        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), HEDGE_ESHAPE);
        x = (hedge_shape_t){ 4, { 2, 2, 3, 3 } };
        assert_int_equal(hedge_batch_runs(mixing, &x, 1, &runs, &why), HEDGE_ESHAPE);
        assert_non_null(strstr(why.text, "node 'mean' (Reduce) mixes pictures"));
        assert_non_null(strstr(why.text, "--shape"));
        hedge_graph_destroy(&any);
        hedge_graph_destroy(&mixing);
}

/* Images with a batch that the file fixes. */
static hedge_graph_t *import_images(make_dims_t reshaped, size_t n, bool reduce)
{
        hedge_graph_t *graph = NULL;
        unsigned char *bytes;
        hedge_why_t why = { "" };
        size_t size;
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(4, 2, 3, 3));
        make_output(&m, "y");
        reshape(&m, "x", reduce ? "flat" : "y", "to", reshaped, n);
        if (reduce)
                make_int_list(&m, make_node(&m, "ReduceMean", "flat", "y"), "axes", DIMS(0));
        bytes = make_bytes(&m, &size);
        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        make_free(&m);
        return graph;
}

static void test_fixed(void **state)
{
        hedge_graph_t *g = import_images((const int64_t[]){ 4, 18 }, 2, false); /* it is known whose is what */
        char text[64];

        assert_false(g->batch->any);
        assert_int_equal(g->batch->size, 4);
        assert_int_equal(g->batch->inputs[0], 0);
        assert_int_equal(g->batch->outputs[0], 0);
        assert_int_equal(edge(g, g->inputs[0])->dims[0], 4);
        assert_string_equal(hedge_batch_text(g->batch, text, sizeof(text)), "4");
        hedge_graph_destroy(&g);
        g = import_images((const int64_t[]){ 4, 18 }, 2, true);
        assert_int_equal(g->batch->size, 4);
        assert_int_equal(g->batch->outputs[0], HEDGE_NO_AXIS);
        hedge_graph_destroy(&g);
}

/* What no row of the table knows mixes pictures. */
static void test_unknown_kind(void **state)
{
        hedge_graph_t *g = import(make_matmul, OPEN);
        hedge_node_t node = g->nodes[0];
        uint32_t *axes = calloc(g->n_values, sizeof(*axes)), axis;
        hedge_batch_step_t step = { .graph = g, .node = &node, .axes = axes, .pictures = 2, .grows = HEDGE_NO_AXIS };

        node.op.kind = HEDGE_OP_KINDS;
        assert_false(hedge_batch_keeps(&step, &axis));
        assert_false(hedge_batch_same_op(&node.op, &node.op, 2));
        assert_false(hedge_batch_like_op(&node.op, &node.op));
        free(axes);
        hedge_graph_destroy(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_models), cmocka_unit_test(test_several_inputs), cmocka_unit_test(test_runs),
                cmocka_unit_test(test_fixed),  cmocka_unit_test(test_unknown_kind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
