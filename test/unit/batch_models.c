/* SPDX-License-Identifier: Apache-2.0 */
#include "batch_models.h"

#include <stdio.h>

void open_first(Onnx__ValueInfoProto *info, const char *name)
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
void make_classifier(make_t *m, int64_t n)
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

void reshape(make_t *m, const char *inputs, const char *output, const char *name, make_dims_t dims, size_t n)
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

void make_matmul(make_t *m, int64_t n)
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

void make_reduced(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(2, 3, 3));
        node = make_node(m, "ReduceMean", "x", "mean");
        make_int_list(m, node, "axes", DIMS(0));
        make_node(m, "Sub", "x mean", "y");
}

/* Each picture by what it holds itself. */
static void make_normalised(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(4, 3, 3));
        m->opset.version = 21;
        make_weights(m, "s", DIMS(4));
        make_weights(m, "t", DIMS(4));
        make_weights(m, "rows", DIMS(3));
        make_node(m, "InstanceNormalization", "x s t", "i");
        make_int(m, make_node(m, "GroupNormalization", "i s t", "g"), "num_groups", 2);
        make_node(m, "LayerNormalization", "g rows", "l");
        make_int(m, make_node(m, "LpNormalization", "l", "p"), "axis", 1);
        make_node(m, "Max", "p i l", "most");
        make_node(m, "Mish", "most", "c");
        node = make_node(m, "LpPool", "c", "y");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2));
}

static void make_normalised_together(make_t *m, int64_t n)
{
        begin(m, n, DIMS(4, 3, 3));
        make_node(m, "MeanVarianceNormalization", "x", "y");
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

/* One operator with an axis, of the batch or of channels. */
static void with_axis(make_t *m, int64_t n, const char *op_type, int64_t axis)
{
        begin(m, n, DIMS(4, 3));
        make_int(m, make_node(m, op_type, "x", "chosen"), "axis", axis);
        make_int(m, make_node(m, "Cast", "chosen", "y"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}

static void make_arg_max(make_t *m, int64_t n)
{
        with_axis(m, n, "ArgMax", 1);
}

static void make_arg_max_of_batch(make_t *m, int64_t n)
{
        with_axis(m, n, "ArgMax", 0);
}

static void cum_sum(make_t *m, int64_t n, int64_t axis)
{
        begin(m, n, DIMS(4, 3));
        make_ints(m, "axis", SCALAR, &axis);
        make_node(m, "CumSum", "x axis", "y");
}

static void make_cum_sum(make_t *m, int64_t n)
{
        cum_sum(m, n, 2);
}

static void make_cum_sum_of_batch(make_t *m, int64_t n)
{
        cum_sum(m, n, 0);
}

static void gather(make_t *m, int64_t n, int64_t axis)
{
        begin(m, n, DIMS(4, 3));
        make_ints(m, "which", DIMS(2, 1), (const int64_t[]){ 0, 0 });
        make_int(m, make_node(m, "Gather", "x which", "y"), "axis", axis);
}

static void make_gather(make_t *m, int64_t n)
{
        gather(m, n, 2);
}

/* The axis behind the indices' moves. */
static void make_gather_before(make_t *m, int64_t n)
{
        Onnx__NodeProto *node;

        begin(m, n, DIMS(4, 3));
        node = make_node(m, "Transpose", "x", "turned");
        make_int_list(m, node, "perm", DIMS(1, 0, 2));
        make_ints(m, "which", DIMS(2, 1), (const int64_t[]){ 3, 1 });
        make_int(m, make_node(m, "Gather", "turned which", "y"), "axis", 0);
}

static void make_gather_of_batch(make_t *m, int64_t n)
{
        gather(m, n, 0);
}

/* The largest two of each picture, and where they are. */
static void make_top(make_t *m, int64_t n)
{
        begin(m, n, DIMS(6));
        make_output(m, "z");
        make_ints(m, "two", DIMS(1), (const int64_t[]){ 2 });
        make_int(m, make_node(m, "TopK", "x two", "y where"), "axis", 1);
        make_int(m, make_node(m, "Cast", "where", "z"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}

static void make_where(make_t *m, int64_t n)
{
        begin(m, n, DIMS(2, 3));
        make_weights(m, "limit", DIMS(2, 1));
        make_weights(m, "other", DIMS(3));
        make_node(m, "Less", "x limit", "less");
        make_node(m, "Where", "less x other", "y");
}

/* A row of constants for every picture, as often as there are pictures. */
static void make_tiled(make_t *m, int64_t n)
{
        begin(m, n, DIMS(3));
        make_weights(m, "row", DIMS(1, 3));
        shape_of_x(m);
        make_ints(m, "zero", DIMS(1), (const int64_t[]){ 0 });
        make_ints(m, "once", DIMS(1), (const int64_t[]){ 1 });
        make_node(m, "Gather", "shape zero", "count");
        make_int(m, make_node(m, "Concat", "count once", "times"), "axis", 0);
        make_node(m, "Tile", "row times", "rows");
        make_node(m, "Mul", "x rows", "y");
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

const batch_model_t batch_models[] = {
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
        { "normalised", make_normalised, NULL },
        { "normalised together", make_normalised_together, "node 'y' (Normalize) mixes pictures" },
        { "softmax over batch", make_softmax_over_batch, "node 'y' (Softmax) mixes pictures" },
        { "first picture", make_first_picture, "node 'y' (Slice) mixes pictures" },
        { "sliced", make_sliced, NULL },
        { "by count", make_by_count, "node 'y' (Div) mixes pictures" },
        { "zeros", make_zeros, NULL },
        { "token", make_token, NULL },
        { "arg max", make_arg_max, NULL },
        { "arg max of batch", make_arg_max_of_batch, "(ArgMax) mixes pictures" },
        { "cum sum", make_cum_sum, NULL },
        { "cum sum of batch", make_cum_sum_of_batch, "node 'y' (CumSum) mixes pictures" },
        { "gather", make_gather, NULL },
        { "gather before", make_gather_before, NULL },
        { "gather of batch", make_gather_of_batch, " mixes pictures" },
        { "top", make_top, NULL },
        { "where", make_where, NULL },
        { "tiled", make_tiled, NULL },
        { "only for one", make_only_for_one, "what is computed depends on how many pictures there are" },
        { "mixed unread", make_mixed_unread, NULL },
        { "shared output", make_shared_output, NULL },
        { .name = NULL },
};
