/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the seeds of fuzz_onnx: corpus_onnx FOLDER */
#include <stdio.h>
#include <stdlib.h>

#include "test/unit/make_onnx.h"

static void net(make_t *m)
{
        Onnx__NodeProto *node;

        make_input(m, "x", DIMS(1, 2, 6, 6));
        make_weights(m, "w", DIMS(4, 2, 3, 3));
        make_weights(m, "s", DIMS(4));
        make_weights(m, "fc", DIMS(3, 36));
        make_weights(m, "bias", DIMS(3));
        node = make_node(m, "Conv", "x w", "conv");
        make_int_list(m, node, "pads", DIMS(1, 1, 1, 1));
        make_node(m, "BatchNormalization", "conv s s s s", "norm");
        make_node(m, "Relu", "norm", "relu");
        node = make_node(m, "MaxPool", "relu", "pool");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2));
        make_int_list(m, node, "strides", DIMS(2, 2));
        make_int(m, node, "ceil_mode", 1);
        make_node(m, "Flatten", "pool", "flat");
        node = make_node(m, "Gemm", "flat fc bias", "y");
        make_int(m, node, "transB", 1);
}

static void shapes(make_t *m)
{
        make_input(m, "x", DIMS(2, 3, 4));
        make_ints(m, "zero", DIMS(1), (const int64_t[]){ 0 });
        make_ints(m, "rest", DIMS(1), (const int64_t[]){ -1 });
        make_ints(m, "axes", DIMS(1), (const int64_t[]){ 1 });
        make_ints(m, "pads", DIMS(6), (const int64_t[]){ 0, 1, 0, 0, -1, 2 });
        make_node(m, "Shape", "x", "shape");
        make_int(m, make_node(m, "Gather", "shape zero", "batch"), "axis", 0);
        make_int(m, make_node(m, "Concat", "batch rest", "target"), "axis", 0);
        make_node(m, "Pad", "x pads", "padded");
        make_node(m, "Slice", "padded zero rest axes", "slice");
        make_node(m, "Reshape", "slice target", "line");
        make_node(m, "Unsqueeze", "line axes", "three");
        make_ints(m, "big", DIMS(3), (const int64_t[]){ 2, 3, 12 });
        make_node(m, "Expand", "three big", "wide");
        make_int(m, make_node(m, "Split", "wide", "a b c d"), "axis", 2);
        make_node(m, "Squeeze", "a", "y");
}

static void constants(make_t *m)
{
        make_input(m, "x", DIMS(3));
        make_ints(m, "three", DIMS(1), (const int64_t[]){ 3 });
        make_ints(m, "n", SCALAR, (const int64_t[]){ 3 });
        make_ints(m, "one", SCALAR, (const int64_t[]){ 1 });
        make_ints(m, "none", SCALAR, (const int64_t[]){ 0 });
        make_node(m, "ConstantOfShape", "three", "zeros");
        make_node(m, "Range", "none n one", "range");
        make_int(m, make_node(m, "Cast", "range", "f"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        make_node(m, "Add", "zeros f", "w");
        make_node(m, "Div", "x w", "d");
        make_int(m, make_node(m, "Softmax", "d", "y"), "axis", 0);
}

static void images(make_t *m)
{
        Onnx__NodeProto *node;

        make_input(m, "x", DIMS(1, 3, 4, 4));
        make_floats(m, "scales", DIMS(4), (const float[]){ 1, 1, 2, 0.5f });
        node = make_node(m, "Resize", "x - scales", "r");
        make_string(m, node, "mode", "cubic");
        node = make_node(m, "LRN", "r", "l");
        make_int(m, node, "size", 3);
        node = make_node(m, "AveragePool", "l", "p");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2));
        make_string(m, node, "auto_pad", "SAME_UPPER");
        node = make_node(m, "Transpose", "p", "t");
        make_int_list(m, node, "perm", DIMS(0, 2, 3, 1));
        node = make_node(m, "ReduceMean", "t", "m");
        make_int_list(m, node, "axes", DIMS(1, 2));
        make_node(m, "PRelu", "t m", "y");
        make_output(m, "x");
}

/* Signals, phases between one another, blocks, grids. */
static void upward(make_t *m)
{
        Onnx__NodeProto *node;

        m->opset.version = 20;
        make_input(m, "x", DIMS(1, 4, 3, 5));
        make_input(m, "grid", DIMS(1, 2, 2, 2));
        make_input(m, "theta", DIMS(1, 2, 3));
        make_input(m, "wave", DIMS(1, 2, 12));
        make_weights(m, "w", DIMS(4, 2, 3, 3));
        make_weights(m, "b", DIMS(4));
        make_weights(m, "v", DIMS(3, 2, 4));
        make_weights(m, "u", DIMS(3, 1, 4));
        make_ints(m, "size", DIMS(4), (const int64_t[]){ 1, 4, 3, 2 });
        node = make_node(m, "ConvTranspose", "x w b", "up");
        make_int(m, node, "group", 2);
        make_int_list(m, node, "strides", DIMS(2, 3));
        make_int_list(m, node, "pads", DIMS(1, 0, 0, 2));
        make_int_list(m, node, "output_padding", DIMS(1, 2));
        make_int_list(m, node, "dilations", DIMS(1, 2));
        make_node(m, "Relu", "up", "y");
        node = make_node(m, "DepthToSpace", "x", "blocks");
        make_int(m, node, "blocksize", 2);
        make_string(m, node, "mode", "CRD");
        make_node(m, "Mul", "blocks blocks", "b2");
        node = make_node(m, "GridSample", "x grid", "c");
        make_string(m, node, "padding_mode", "reflection");
        make_string(m, node, "mode", "cubic");
        make_node(m, "AffineGrid", "theta size", "d");
        node = make_node(m, "Conv", "wave v", "low");
        make_int_list(m, node, "strides", DIMS(2));
        node = make_node(m, "ConvTranspose", "low u", "e");
        make_int_list(m, node, "output_shape", DIMS(11));
        make_int_list(m, node, "strides", DIMS(2));
        make_output(m, "b2");
        make_output(m, "c");
        make_output(m, "d");
        make_output(m, "e");
}

static void volumes(make_t *m)
{
        Onnx__NodeProto *node;

        make_input(m, "x", DIMS(1, 2, 4, 5, 3));
        make_weights(m, "w", DIMS(4, 1, 3, 2, 3));
        make_weights(m, "v", DIMS(4, 2, 2, 2, 2));
        make_ints(m, "sizes", DIMS(5), (const int64_t[]){ 1, 2, 3, 4, 5 });
        node = make_node(m, "Conv", "x w", "conv");
        make_int(m, node, "group", 2);
        make_int_list(m, node, "pads", DIMS(1, 1, 1, 1, 1, 1));
        make_int_list(m, node, "strides", DIMS(1, 2, 1));
        node = make_node(m, "AveragePool", "conv", "pool");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2, 2));
        make_int(m, node, "ceil_mode", 1);
        make_int(m, node, "count_include_pad", 1);
        node = make_node(m, "ConvTranspose", "pool v", "up");
        make_int_list(m, node, "strides", DIMS(2, 2, 2));
        node = make_node(m, "Resize", "up - - sizes", "y");
        make_string(m, node, "mode", "linear");
}

static void make_symbol(Onnx__ValueInfoProto *input, unsigned axis, char *symbol)
{
        Onnx__TensorShapeProto__Dimension *d = input->type->tensor_type->shape->dim[axis];

        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        d->dim_param = symbol;
}

/* Extents that are open: symbols, one of them twice, none, 0 and -1. */
static void open_extents(make_t *m)
{
        static char n[] = "n", rows[] = "rows";
        Onnx__ValueInfoProto *x = make_input(m, "x", DIMS(1, 2, 1, 0)), *z = make_input(m, "z", DIMS(1, -2, 1));

        make_symbol(x, 0, n);
        make_symbol(x, 2, rows);
        make_symbol(z, 0, n);
        make_symbol(z, 2, rows);
        make_weights(m, "w", DIMS(1, 2, 3, 3));
        make_node(m, "Conv", "x w", "c");
        make_node(m, "Shape", "z", "s");
        make_node(m, "Reshape", "c s", "y");
}

/* A batch that is left open, and what it may be turned into. */
static void open_batch(make_t *m)
{
        static char n[] = "n";
        Onnx__NodeProto *node;

        make_symbol(make_input(m, "x", DIMS(1, 4, 3, 3)), 0, n);
        make_weights(m, "w", DIMS(4, 4, 1, 1));
        make_weights(m, "t", DIMS(1, 4));
        make_ints(m, "into", DIMS(3), (const int64_t[]){ -1, 2, 9 });
        make_ints(m, "zero", DIMS(1), (const int64_t[]){ 0 });
        make_ints(m, "rest", DIMS(2), (const int64_t[]){ 4, 9 });
        make_node(m, "Shape", "x", "shape");
        make_node(m, "Gather", "shape zero", "count");
        make_int(m, make_node(m, "Concat", "count rest", "out"), "axis", 0);
        make_node(m, "Conv", "x w", "c");
        make_node(m, "Reshape", "c into", "groups");
        node = make_node(m, "ReduceMean", "groups", "mean");
        make_int_list(m, node, "axes", DIMS(1, 2));
        make_node(m, "Sub", "groups mean", "centred");
        make_node(m, "Reshape", "centred out", "rows");
        node = make_node(m, "Transpose", "rows", "turned");
        make_int_list(m, node, "perm", DIMS(2, 0, 1));
        make_node(m, "Mul", "turned t", "scaled");
        make_int(m, make_node(m, "Softmax", "scaled", "y"), "axis", 2);
}

/* Normalisations, reductions, and what opset 18 and later made of older operators. */
static void newer(make_t *m)
{
        Onnx__NodeProto *node;

        m->opset.version = 21;
        make_input(m, "x", DIMS(1, 4, 3, 4));
        make_weights(m, "s", DIMS(4));
        make_weights(m, "t", DIMS(4));
        make_ints(m, "axes", DIMS(2), (const int64_t[]){ 2, -1 });
        make_ints(m, "pads", DIMS(4), (const int64_t[]){ 1, 0, 1, 2 });
        make_ints(m, "sizes", DIMS(2), (const int64_t[]){ 3, 3 });
        node = make_node(m, "GroupNormalization", "x s t", "g");
        make_int(m, node, "num_groups", 2);
        make_node(m, "InstanceNormalization", "g s t", "i");
        make_string(m, make_node(m, "Pad", "i pads - axes", "p"), "mode", "wrap");
        node = make_node(m, "Resize", "p - - sizes", "r");
        make_string(m, node, "mode", "linear");
        make_string(m, node, "keep_aspect_ratio_policy", "not_larger");
        make_int(m, node, "antialias", 1);
        make_int_list(m, node, "axes", DIMS(2, 3));
        make_node(m, "ReduceLogSumExp", "r axes", "e");
        make_node(m, "ReduceMin", "x axes", "lo");
        make_node(m, "Max", "e lo r", "c");
        make_node(m, "Pow", "c e", "w");
        make_string(m, make_node(m, "Gelu", "w", "u"), "approximate", "tanh");
        node = make_node(m, "LpPool", "u", "l");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2));
        make_int(m, node, "p", 3);
        node = make_node(m, "Split", "l", "a b");
        make_int(m, node, "num_outputs", 2);
        make_int(m, node, "axis", 3);
        make_int(m, make_node(m, "LpNormalization", "a", "y"), "axis", 1);
}

/* What opset 6 has as attributes. */
static void older(make_t *m)
{
        Onnx__NodeProto *node;

        m->opset.version = 6;
        make_input(m, "x", DIMS(1, 2, 3, 3));
        make_weights(m, "s", DIMS(2));
        node = make_node(m, "Add", "x s", "a");
        make_int(m, node, "broadcast", 1);
        make_int(m, node, "axis", 1);
        make_node(m, "PRelu", "a s", "p");
        make_int(m, make_node(m, "BatchNormalization", "p s s s s", "b"), "is_test", 1);
        make_int(m, make_node(m, "Dropout", "b", "d"), "is_test", 1);
        make_float(m, make_node(m, "Clip", "d", "y"), "max", 1);
}

/* Integers, booleans, what chooses and what is indexed. */
static void choices(make_t *m)
{
        Onnx__NodeProto *node;

        m->opset.version = 14;
        make_input(m, "x", DIMS(3, 4));
        make_input(m, "i", DIMS(2, 4))->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
        make_input(m, "b", DIMS(4))->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
        make_ints(m, "two", DIMS(1), (const int64_t[]){ 2 });
        make_ints(m, "one", SCALAR, (const int64_t[]){ 1 });
        make_floats(m, "off_on", DIMS(2), (const float[]){ 0, 1 });
        make_int(m, make_node(m, "TopK", "x two", "best which"), "axis", 0);
        make_int(m, make_node(m, "GatherElements", "x i", "picked"), "axis", 0);
        make_node(m, "Add", "i which", "sum");
        make_node(m, "Mod", "sum two", "rest");
        make_node(m, "Greater", "best picked", "more");
        make_node(m, "And", "more b", "both");
        make_node(m, "Where", "both best picked", "chosen");
        make_int(m, make_node(m, "ScatterElements", "x rest chosen", "scattered"), "axis", 0);
        node = make_node(m, "ArgMax", "scattered", "at");
        make_int(m, node, "axis", 1);
        make_int(m, node, "keepdims", 0);
        make_node(m, "OneHot", "at two off_on", "hot");
        make_node(m, "CumSum", "hot one", "counted");
        make_node(m, "Gather", "counted at", "turned");
        make_int(m, make_node(m, "Trilu", "turned one", "half"), "upper", 0);
        make_ints(m, "twice", DIMS(2), (const int64_t[]){ 2, 1 });
        make_node(m, "Tile", "half twice", "y");
}

static void boxes(make_t *m)
{
        make_input(m, "boxes", DIMS(1, 4, 4));
        make_input(m, "scores", DIMS(1, 2, 4));
        make_ints(m, "most", SCALAR, (const int64_t[]){ 3 });
        make_floats(m, "overlap", SCALAR, (const float[]){ 0.5f });
        make_floats(m, "score", SCALAR, (const float[]){ -0.5f });
        make_ints(m, "column", SCALAR, (const int64_t[]){ 2 });
        make_weights(m, "table", DIMS(4, 2));
        make_node(m, "NonMaxSuppression", "boxes scores most overlap score", "kept");
        make_int(m, make_node(m, "Gather", "kept column", "number"), "axis", 1);
        make_node(m, "Gather", "table number", "y");
        make_output(m, "kept");
}

static void give_branch(make_t *m, Onnx__NodeProto *node, const char *name, make_t *branch)
{
        Onnx__AttributeProto *a = make_attribute(m, node, name);

        a->has_type = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
        a->g = &branch->graph;
}

static void branches(make_t *m)
{
        static make_t taken, other; /* until the file is written */
        Onnx__NodeProto *node;

        make_init(&taken, 13);
        make_init(&other, 13);
        make_input(m, "x", DIMS(2, 2));
        make_ints(m, "two", DIMS(2), (const int64_t[]){ 2, 2 });
        make_ints(m, "zero", SCALAR, (const int64_t[]){ 0 });
        make_node(m, "Shape", "x", "shape");
        make_node(m, "Gather", "shape zero", "rows");
        make_node(m, "Less", "zero rows", "c");
        node = make_node(m, "If", "c", "y");
        give_branch(m, node, "then_branch", &taken);
        give_branch(m, node, "else_branch", &other);
        make_weights(&taken, "w", DIMS(2));
        make_node(&taken, "Mul", "x w", "out");
        make_output(&taken, "out");
        make_node(&other, "Identity", "x", "out");
        make_output(&other, "out");
}

#define TYPE(x) ONNX__TENSOR_PROTO__DATA_TYPE__##x

/* Every operator of quantised models, one behind the other. */
static void quantised(make_t *m)
{
        static const int64_t codes[16] = { 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12, 13, -14, 15, -16 };
        Onnx__NodeProto *node;
        static char domain[] = "com.microsoft";

        m->opset.version = 21;
        make_input(m, "x", DIMS(1, 2, 3, 4));
        make_floats(m, "s", SCALAR, &(const float){ 0.5f });
        make_floats(m, "s2", DIMS(2), (const float[]){ 0.5f, 0.25f });
        make_integers(m, "z", SCALAR, TYPE(UINT8), (const int64_t[]){ 3 });
        make_integers(m, "wz", SCALAR, TYPE(INT8), (const int64_t[]){ 1 });
        make_integers(m, "w", DIMS(2, 2, 2, 2), TYPE(INT8), codes);
        make_integers(m, "b", DIMS(2), TYPE(INT32), (const int64_t[]){ 100, -100 });
        make_integers(m, "m", DIMS(4, 2), TYPE(INT8), codes);
        make_node(m, "QuantizeLinear", "x s z", "q");
        make_int(m, make_node(m, "DequantizeLinear", "w s2", "wf"), "axis", 0);
        make_node(m, "DequantizeLinear", "q s z", "d");
        make_node(m, "Conv", "d wf", "c");
        node = make_node(m, "QLinearConv", "q s z w s2 wz s z b", "qc");
        make_int_list(m, node, "pads", DIMS(1, 1, 1, 1));
        node = make_node(m, "ConvInteger", "q w z wz", "ci");
        make_int(m, make_node(m, "Cast", "ci", "cf"), "to", TYPE(FLOAT));
        node = make_node(m, "QLinearAdd", "q s z q s z s z", "qa");
        node->domain = domain;
        make_node(m, "QLinearMatMul", "qa s z m s wz s z", "qm");
        make_node(m, "DequantizeLinear", "qm s z", "dm");
        make_node(m, "DynamicQuantizeLinear", "c", "dq ds dz");
        make_node(m, "DequantizeLinear", "dq ds dz", "dd");
        make_node(m, "MatMulInteger", "q m z", "mi");
        make_int(m, make_node(m, "Cast", "mi", "mf"), "to", TYPE(FLOAT));
        make_node(m, "Sub", "mf dm", "e");
        node = make_node(m, "DequantizeLinear", "m s2", "r");
        make_int(m, node, "axis", 1);
        make_node(m, "MatMul", "x r", "xr");
        make_node(m, "Add", "e xr", "f");
        make_node(m, "DequantizeLinear", "qc s z", "dc");
        make_int(m, make_node(m, "Flatten", "dc", "f1"), "axis", 0);
        make_int(m, make_node(m, "Flatten", "f", "f2"), "axis", 0);
        make_int(m, make_node(m, "Flatten", "dd", "f3"), "axis", 0);
        make_int(m, make_node(m, "Flatten", "cf", "f4"), "axis", 0);
        make_int(m, make_node(m, "Concat", "f1 f2 f3 f4", "y"), "axis", 1);
}

static const struct {
        const char *name;
        void (*fill)(make_t *m);
} seeds[] = { { "net", net },           { "shapes", shapes },         { "constants", constants },
              { "images", images },     { "upward", upward },         { "volumes", volumes },
              { "newer", newer },       { "older", older },           { "open_extents", open_extents },
              { "choices", choices },   { "open_batch", open_batch }, { "boxes", boxes },
              { "branches", branches }, { "quantised", quantised } };

static int write_model(make_t *m, FILE *f)
{
        size_t size;
        const unsigned char *bytes = make_bytes(m, &size);

        return fwrite(bytes, 1, size, f) == size ? 0 : -1;
}

int main(int argc, char **argv)
{
        for (size_t i = 0; argc == 2 && i < sizeof(seeds) / sizeof(seeds[0]); i++) {
                char path[512];
                make_t m;
                FILE *f;

                make_init(&m, 13);
                seeds[i].fill(&m);
                make_output(&m, "y");
                snprintf(path, sizeof(path), "%s/%s.onnx", argv[1], seeds[i].name);
                f = fopen(path, "wb");
                if (!f || write_model(&m, f) < 0 || fclose(f) != 0)
                        return EXIT_FAILURE;
                make_free(&m);
        }
        return argc == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
