/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/zoo_build.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define OPSET          13
#define IR_VERSION     7
#define K_DEVIATION    53510.0 /* of the sum of 8 uniform 16-bit numbers */
#define BIAS_DEVIATION 0.05
#define NORM_DEVIATION 0.1
#define NORM_VARIANCE  2.0 /* what a convolution with a gain of 2 makes of an input of mean square 1 */
#define PIECES_MIDDLE  262140
#define WRITE_BYTES    65536
#define GOLDEN         UINT64_C(0x9e3779b97f4a7c15)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian");

static uint64_t mix(uint64_t z)
{
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

static int64_t pieces(uint64_t word)
{
        return (int64_t)((word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48));
}

static float weight(const hedge_zoo_tensor_t *t, uint64_t i)
{
        const int64_t k = pieces(mix(t->key + (2 * i + 1) * GOLDEN)) + pieces(mix(t->key + (2 * i + 2) * GOLDEN));

        return (float)(t->mean + (double)t->step * (double)(k - PIECES_MIDDLE));
}

/* A copy of prefix + suffix that lives as long as the model. */
static char *keep(hedge_zoo_t *zoo, const char *prefix, const char *suffix)
{
        char *text = zoo->text + zoo->text_used;
        const size_t room = sizeof(zoo->text) - zoo->text_used, n = strlen(prefix) + strlen(suffix);

        assert(n < room);
        snprintf(text, room, "%s%s", prefix, suffix);
        zoo->text_used += n + 1;
        return text;
}

int64_t hedge_zoo_width(const hedge_zoo_t *zoo, int64_t width)
{
        return width < zoo->divisor ? 1 : width / zoo->divisor;
}

/* An input or output of the model: 1 x extents. */
static void describe(hedge_onnx_edge_t *edge, char *name, const int64_t *extents, size_t n)
{
        int64_t all[4] = { 1 };

        memcpy(&all[1], extents, n * sizeof(*extents));
        hedge_onnx_edge_set(edge, name, all, n + 1);
}

void hedge_zoo_begin(hedge_zoo_t *zoo, const char *network, int64_t c, int64_t h, int64_t w)
{
        onnx__model_proto__init(&zoo->model);
        onnx__graph_proto__init(&zoo->graph);
        onnx__operator_set_id_proto__init(&zoo->opset);
        zoo->opset.has_version = 1;
        zoo->opset.version = OPSET;
        zoo->opset_list = &zoo->opset;
        zoo->model.has_ir_version = 1;
        zoo->model.ir_version = IR_VERSION;
        zoo->model.producer_name = keep(zoo, "hedge", "");
        zoo->model.n_opset_import = 1;
        zoo->model.opset_import = &zoo->opset_list;
        zoo->model.graph = &zoo->graph;
        zoo->graph.name = keep(zoo, network, "");
        zoo->graph.node = zoo->node_list;
        zoo->graph.initializer = zoo->tensor_list;
        zoo->graph.n_input = 1;
        zoo->graph.input = &zoo->input.list;
        zoo->at = (hedge_zoo_value_t){ keep(zoo, "input", ""), c, h, w };
        describe(&zoo->input, zoo->at.name, (const int64_t[]){ c, h, w }, 3);
}

void hedge_zoo_end(hedge_zoo_t *zoo)
{
        const int64_t extents[] = { zoo->at.c, zoo->at.h, zoo->at.w };

        zoo->graph.n_output = 1;
        zoo->graph.output = &zoo->output.list;
        describe(&zoo->output, zoo->at.name, extents, zoo->at.h == 1 && zoo->at.w == 1 ? 1 : 3);
}

/* A node that reads the value before it and makes the next one, called as the node is. */
static hedge_zoo_node_t *add_node(hedge_zoo_t *zoo, const char *op_type, const char *name)
{
        hedge_zoo_node_t *node = &zoo->nodes[zoo->graph.n_node];

        assert(zoo->graph.n_node < HEDGE_ZOO_NODES);
        zoo->node_list[zoo->graph.n_node++] = &node->proto;
        onnx__node_proto__init(&node->proto);
        node->output = keep(zoo, name, "");
        node->proto.op_type = keep(zoo, op_type, "");
        node->proto.name = node->output;
        node->proto.n_output = 1;
        node->proto.output = &node->output;
        node->proto.n_input = 1;
        node->proto.input = node->inputs;
        node->proto.attribute = node->attribute_list;
        node->inputs[0] = zoo->at.name;
        zoo->at.name = node->output;
        return node;
}

static Onnx__AttributeProto *add_attribute(hedge_zoo_t *zoo, hedge_zoo_node_t *node, const char *name)
{
        Onnx__AttributeProto *attribute = &node->attributes[node->proto.n_attribute];

        assert(node->proto.n_attribute < HEDGE_ZOO_ATTRIBUTES);
        node->attribute_list[node->proto.n_attribute++] = attribute;
        onnx__attribute_proto__init(attribute);
        attribute->name = keep(zoo, name, "");
        attribute->has_type = 1;
        return attribute;
}

/* The same number for n axes. */
static void add_ints(hedge_zoo_t *zoo, hedge_zoo_node_t *node, const char *name, int64_t value, size_t n)
{
        int64_t *ints = node->ints[node->proto.n_attribute];
        Onnx__AttributeProto *attribute = add_attribute(zoo, node, name);

        for (size_t i = 0; i < n; i++)
                ints[i] = value;
        attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        attribute->n_ints = n;
        attribute->ints = ints;
}

static void add_window(hedge_zoo_t *zoo, hedge_zoo_node_t *node, int64_t kernel, int64_t stride, int64_t pad)
{
        add_ints(zoo, node, "kernel_shape", kernel, 2);
        add_ints(zoo, node, "strides", stride, 2);
        add_ints(zoo, node, "pads", pad, 4);
        zoo->at.h = (zoo->at.h + 2 * pad - kernel) / stride + 1;
        zoo->at.w = (zoo->at.w + 2 * pad - kernel) / stride + 1;
}

/* Weights as the node's next input: n extents, outermost first. */
static void add_weights(hedge_zoo_t *zoo, hedge_zoo_node_t *node, const char *suffix, const int64_t *dims, size_t n,
                        double mean, double deviation)
{
        const size_t number = zoo->graph.n_initializer++;
        hedge_zoo_tensor_t *t = &zoo->tensors[number];
        size_t elements = 1;

        assert(number < HEDGE_ZOO_TENSORS && node->proto.n_input < HEDGE_ZOO_NODE_INPUTS);
        for (size_t i = 0; i < n; i++)
                elements *= (size_t)(t->dims[i] = dims[i]);
        t->key = mix(mix(zoo->seed) + number);
        t->mean = mean;
        t->step = (float)(deviation / K_DEVIATION);
        onnx__tensor_proto__init(&t->proto);
        t->proto.name = keep(zoo, node->output, suffix);
        t->proto.has_data_type = 1;
        t->proto.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
        t->proto.n_dims = n;
        t->proto.dims = t->dims;
        t->proto.has_raw_data = 1;
        t->proto.raw_data.len = elements * sizeof(float);
        t->proto.raw_data.data = (uint8_t *)t; /* stands for them until they are written: see append() */
        zoo->tensor_list[number] = &t->proto;
        node->inputs[node->proto.n_input++] = t->proto.name;
}

void hedge_zoo_conv(hedge_zoo_t *zoo, const char *name, int64_t out_c, int64_t kernel, int64_t stride, int64_t pad,
                    double gain, bool bias)
{
        hedge_zoo_node_t *node = add_node(zoo, "Conv", name);
        const int64_t dims[] = { hedge_zoo_width(zoo, out_c), zoo->at.c, kernel, kernel };

        add_weights(zoo, node, ".weight", dims, 4, 0, sqrt(gain / (double)(dims[1] * kernel * kernel)));
        if (bias)
                add_weights(zoo, node, ".bias", dims, 1, 0, BIAS_DEVIATION);
        zoo->at.c = dims[0];
        add_window(zoo, node, kernel, stride, pad);
}

void hedge_zoo_norm(hedge_zoo_t *zoo, const char *name, double scale)
{
        hedge_zoo_node_t *node = add_node(zoo, "BatchNormalization", name);

        add_weights(zoo, node, ".scale", &zoo->at.c, 1, scale, NORM_DEVIATION);
        add_weights(zoo, node, ".bias", &zoo->at.c, 1, 0, NORM_DEVIATION);
        add_weights(zoo, node, ".mean", &zoo->at.c, 1, 0, NORM_DEVIATION);
        add_weights(zoo, node, ".variance", &zoo->at.c, 1, NORM_VARIANCE, NORM_DEVIATION);
}

void hedge_zoo_pool(hedge_zoo_t *zoo, const char *op_type, const char *name, int64_t kernel, int64_t stride,
                    int64_t pad)
{
        add_window(zoo, add_node(zoo, op_type, name), kernel, stride, pad);
}

void hedge_zoo_unary(hedge_zoo_t *zoo, const char *op_type, const char *name)
{
        add_node(zoo, op_type, name);
}

void hedge_zoo_global_pool(hedge_zoo_t *zoo, const char *name)
{
        add_node(zoo, "GlobalAveragePool", name);
        zoo->at.h = zoo->at.w = 1;
}

void hedge_zoo_add(hedge_zoo_t *zoo, const char *name, const hedge_zoo_value_t *other)
{
        hedge_zoo_node_t *node = add_node(zoo, "Add", name);

        assert(other->c == zoo->at.c && other->h == zoo->at.h && other->w == zoo->at.w);
        node->inputs[node->proto.n_input++] = other->name;
}

void hedge_zoo_flatten(hedge_zoo_t *zoo, const char *name)
{
        add_node(zoo, "Flatten", name);
        zoo->at.c *= zoo->at.h * zoo->at.w;
        zoo->at.h = zoo->at.w = 1;
}

void hedge_zoo_gemm(hedge_zoo_t *zoo, const char *name, int64_t out, double gain)
{
        hedge_zoo_node_t *node = add_node(zoo, "Gemm", name);
        const int64_t dims[] = { out, zoo->at.c };
        Onnx__AttributeProto *transposed = add_attribute(zoo, node, "transB");

        transposed->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        transposed->has_i = 1;
        transposed->i = 1;
        add_weights(zoo, node, ".weight", dims, 2, 0, sqrt(gain / (double)dims[1]));
        add_weights(zoo, node, ".bias", dims, 1, 0, BIAS_DEVIATION);
        zoo->at.c = out;
}

uint64_t hedge_zoo_bytes(const hedge_zoo_t *zoo)
{
        return onnx__model_proto__get_packed_size(&zoo->model);
}

/* Where protobuf-c puts the packed model: pieces of it as they are, weights made on the way. */
typedef struct stream {
        ProtobufCBuffer base;
        const hedge_zoo_t *zoo;
        hedge_zoo_sink_t *sink;
        void *arg;
        int result;
        size_t used;
        uint8_t block[WRITE_BYTES];
} stream_t;

static void flush(stream_t *s)
{
        if (s->result == 0 && s->used > 0)
                s->result = s->sink(s->arg, s->block, s->used);
        s->used = 0;
}

static void put(stream_t *s, const uint8_t *bytes, size_t size)
{
        while (size > 0) {
                const size_t room = sizeof(s->block) - s->used, n = size < room ? size : room;

                memcpy(s->block + s->used, bytes, n);
                s->used += n;
                bytes += n;
                size -= n;
                if (s->used == sizeof(s->block))
                        flush(s);
        }
}

static void put_weights(stream_t *s, const hedge_zoo_tensor_t *t)
{
        const uint64_t n = t->proto.raw_data.len / sizeof(float);

        for (uint64_t i = 0; i < n && s->result == 0; i++) {
                const float w = weight(t, i);

                put(s, (const uint8_t *)&w, sizeof(w));
        }
}

static void append(ProtobufCBuffer *base, size_t size, const uint8_t *bytes)
{
        stream_t *s = (stream_t *)(void *)base;
        const uint8_t *first = (const uint8_t *)s->zoo->tensors;
        const uintptr_t offset = (uintptr_t)bytes - (uintptr_t)first;

        if (s->result < 0)
                return;
        if (offset < sizeof(s->zoo->tensors) && offset % sizeof(hedge_zoo_tensor_t) == 0)
                put_weights(s, &s->zoo->tensors[offset / sizeof(hedge_zoo_tensor_t)]);
        else
                put(s, bytes, size);
}

int hedge_zoo_write(const hedge_zoo_t *zoo, hedge_zoo_sink_t *sink, void *arg)
{
        stream_t s = { .base = { append }, .zoo = zoo, .sink = sink, .arg = arg };

        onnx__model_proto__pack_to_buffer(&zoo->model, &s.base);
        flush(&s);
        return s.result;
}
