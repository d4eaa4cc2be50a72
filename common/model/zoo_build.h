/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ZOO_BUILD_H
#define HEDGE_ZOO_BUILD_H

#include <stdbool.h>

#include "common/model/onnx_edge.h"
#include "common/model/zoo.h"

/** Inside of common/model: an ONNX model made node by node, each reading the one before.
 *
 * Everything has room for the largest network of zoo.c; more is a bug. What is not written yet: the weights, of which
 * only size and distribution are known. */

#define HEDGE_ZOO_NODES       80
#define HEDGE_ZOO_TENSORS     128
#define HEDGE_ZOO_ATTRIBUTES  4
#define HEDGE_ZOO_NODE_INPUTS 5
#define HEDGE_ZOO_TEXT        16384

/** A value of the graph: channels x height x width, without the batch of 1. */
typedef struct hedge_zoo_value {
        char *name;
        int64_t c, h, w;
} hedge_zoo_value_t;

typedef struct hedge_zoo_tensor {
        Onnx__TensorProto proto;
        int64_t dims[4];
        uint64_t key;
        double mean;
        float step;
} hedge_zoo_tensor_t;

typedef struct hedge_zoo_node {
        Onnx__NodeProto proto;
        char *inputs[HEDGE_ZOO_NODE_INPUTS], *output;
        Onnx__AttributeProto attributes[HEDGE_ZOO_ATTRIBUTES], *attribute_list[HEDGE_ZOO_ATTRIBUTES];
        int64_t ints[HEDGE_ZOO_ATTRIBUTES][4];
} hedge_zoo_node_t;

struct hedge_zoo {
        uint64_t seed;
        unsigned divisor;
        hedge_zoo_value_t at; /**< what the next node reads; may be set back to branch */
        Onnx__ModelProto model;
        Onnx__GraphProto graph;
        Onnx__OperatorSetIdProto opset, *opset_list;
        hedge_onnx_edge_t input, output;
        hedge_zoo_node_t nodes[HEDGE_ZOO_NODES];
        Onnx__NodeProto *node_list[HEDGE_ZOO_NODES];
        hedge_zoo_tensor_t tensors[HEDGE_ZOO_TENSORS];
        Onnx__TensorProto *tensor_list[HEDGE_ZOO_TENSORS];
        char text[HEDGE_ZOO_TEXT];
        size_t text_used;
};

/** Begin a model of one input "input", 1 x c x h x w. `zoo` is cleared memory with seed and divisor set. */
void hedge_zoo_begin(hedge_zoo_t *zoo, const char *network, int64_t c, int64_t h, int64_t w);

/** A convolution of `out_c` channels (before the divisor) with a square window; weights' variance is gain / fan in. */
void hedge_zoo_conv(hedge_zoo_t *zoo, const char *name, int64_t out_c, int64_t kernel, int64_t stride, int64_t pad,
                    double gain, bool bias);

/** BatchNormalization with scales around `scale`. */
void hedge_zoo_norm(hedge_zoo_t *zoo, const char *name, double scale);

/** MaxPool or AveragePool with a square window. */
void hedge_zoo_pool(hedge_zoo_t *zoo, const char *op_type, const char *name, int64_t kernel, int64_t stride,
                    int64_t pad);

/** An operator of one input and no attributes that keeps its shape: Relu, Tanh. */
void hedge_zoo_unary(hedge_zoo_t *zoo, const char *op_type, const char *name);

/** The mean of every channel. */
void hedge_zoo_global_pool(hedge_zoo_t *zoo, const char *name);

/** The sum with another value of the same shape. */
void hedge_zoo_add(hedge_zoo_t *zoo, const char *name, const hedge_zoo_value_t *other);

/** c x h x w to one row. */
void hedge_zoo_flatten(hedge_zoo_t *zoo, const char *name);

/** A fully connected layer (Gemm) of exactly `out` outputs. */
void hedge_zoo_gemm(hedge_zoo_t *zoo, const char *name, int64_t out, double gain);

/** What `width` channels or hidden units are under the divisor. */
int64_t hedge_zoo_width(const hedge_zoo_t *zoo, int64_t width);

/** The value read last is the model's output: one row if it is 1 x 1, as after hedge_zoo_flatten, else an image. */
void hedge_zoo_end(hedge_zoo_t *zoo);

#endif
