/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/export.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/replace.h"
#include "common/model/onnx_edge.h"
#include "common/train/norm.h"

#define OPSET      13
#define IR_VERSION 7
#define NAME       (HEDGE_LAYER_NAME + 16)
#define LONG_NAME  (NAME + 16) /* with what a constant is of its node */
#define INPUTS     5
#define ATTRIBUTES 3
#define TENSORS    4 /* of one layer, at most */
#define NODES      2 /* of one layer, at most */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian");

typedef struct node {
        Onnx__NodeProto proto;
        char name[NAME], input_names[INPUTS][LONG_NAME];
        char *inputs[INPUTS], *output;
        Onnx__AttributeProto attributes[ATTRIBUTES], *attribute_list[ATTRIBUTES];
        int64_t ints[ATTRIBUTES][4];
} node_t;

typedef struct tensor {
        Onnx__TensorProto proto;
        char name[LONG_NAME];
        int64_t dims[4];
} tensor_t;

/* The model on its way: protobuf-c's messages point into one another. */
typedef struct model {
        const hedge_net_t *net;
        const float *params, *state;
        Onnx__ModelProto proto;
        Onnx__GraphProto graph;
        Onnx__OperatorSetIdProto opset, *opset_list;
        hedge_onnx_edge_t input, output;
        node_t *nodes;
        Onnx__NodeProto **node_list;
        tensor_t *tensors;
        Onnx__TensorProto **tensor_list;
        float *filters; /* n_params: filters in ONNX's order, where they are in the parameters */
} model_t;

static char *word(const char *text)
{
        return (char *)(uintptr_t)text; /* protobuf-c does not write to what it packs */
}

static const char *value_name(const hedge_net_t *net, uint32_t value)
{
        return value ? net->layers[value - 1].name : HEDGE_LAYER_IMAGE;
}

static node_t *add_node(model_t *m, const char *op_type, const char *name, const char *suffix)
{
        node_t *node = &m->nodes[m->graph.n_node];

        assert(m->graph.n_node < (size_t)NODES * m->net->n_layers);
        m->node_list[m->graph.n_node++] = &node->proto;
        onnx__node_proto__init(&node->proto);
        snprintf(node->name, sizeof(node->name), "%s%s", name, suffix);
        node->output = node->name;
        node->proto.name = node->name;
        node->proto.op_type = word(op_type);
        node->proto.n_output = 1;
        node->proto.output = &node->output;
        node->proto.input = node->inputs;
        node->proto.attribute = node->attribute_list;
        return node;
}

static void add_input(node_t *node, const char *name)
{
        char *copy = node->input_names[node->proto.n_input];

        assert(node->proto.n_input < INPUTS);
        snprintf(copy, LONG_NAME, "%s", name);
        node->inputs[node->proto.n_input++] = copy;
}

static Onnx__AttributeProto *add_attribute(node_t *node, const char *name, Onnx__AttributeProto__AttributeType type)
{
        Onnx__AttributeProto *a = &node->attributes[node->proto.n_attribute];

        assert(node->proto.n_attribute < ATTRIBUTES);
        node->attribute_list[node->proto.n_attribute++] = a;
        onnx__attribute_proto__init(a);
        a->name = word(name);
        a->has_type = 1;
        a->type = type;
        return a;
}

static void add_ints(node_t *node, const char *name, size_t n, const int64_t *values)
{
        int64_t *ints = node->ints[node->proto.n_attribute];
        Onnx__AttributeProto *a = add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);

        memcpy(ints, values, n * sizeof(*ints));
        a->n_ints = n;
        a->ints = ints;
}

static void add_window(node_t *node, const hedge_layer_t *l)
{
        const int64_t kernel[2] = { l->kernel, l->kernel }, stride[2] = { l->stride, l->stride };
        const int64_t pads[4] = { l->pad, l->pad, l->pad, l->pad };

        add_ints(node, "kernel_shape", 2, kernel);
        add_ints(node, "strides", 2, stride);
        add_ints(node, "pads", 4, pads);
}

/* A constant as the node's next input. */
static void add_tensor(model_t *m, node_t *node, const char *suffix, const float *data, size_t n_dims,
                       const int64_t *dims)
{
        tensor_t *t = &m->tensors[m->graph.n_initializer];
        size_t elements = 1;

        assert(m->graph.n_initializer < (size_t)TENSORS * m->net->n_layers);
        m->tensor_list[m->graph.n_initializer++] = &t->proto;
        onnx__tensor_proto__init(&t->proto);
        snprintf(t->name, sizeof(t->name), "%s%s", node->name, suffix);
        for (size_t i = 0; i < n_dims; i++)
                elements *= (size_t)(t->dims[i] = dims[i]);
        t->proto.name = t->name;
        t->proto.has_data_type = 1;
        t->proto.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
        t->proto.n_dims = n_dims;
        t->proto.dims = t->dims;
        t->proto.has_raw_data = 1;
        t->proto.raw_data.len = elements * sizeof(float);
        t->proto.raw_data.data = (uint8_t *)(uintptr_t)data;
        add_input(node, t->name);
}

static void add_vector(model_t *m, node_t *node, const char *suffix, const float *data, size_t n)
{
        const int64_t dims[1] = { (int64_t)n };

        add_tensor(m, node, suffix, data, 1, dims);
}

/* Filters O x H x W x I become O x I x H x W. */
static const float *turn_filters(const model_t *m, const hedge_layer_t *l)
{
        const size_t window = (size_t)l->kernel * l->kernel, c = l->x.c;
        const float *from = m->params + l->weights;
        float *to = m->filters + l->weights;

        for (size_t o = 0; o < l->y.c; o++)
                for (size_t k = 0; k < window; k++)
                        for (size_t i = 0; i < c; i++)
                                to[(o * c + i) * window + k] = from[(o * window + k) * c + i];
        return to;
}

static void add_conv(model_t *m, const hedge_layer_t *l, const char *x)
{
        const int64_t dims[4] = { l->y.c, l->x.c, l->kernel, l->kernel };
        node_t *node = add_node(m, "Conv", l->name, "");

        add_input(node, x);
        add_tensor(m, node, ".weight", turn_filters(m, l), 4, dims);
        if (l->n_bias)
                add_vector(m, node, ".bias", m->params + l->bias, l->n_bias);
        add_window(node, l);
}

static void add_dense(model_t *m, const hedge_layer_t *l, const char *x)
{
        const int64_t dims[2] = { l->y.c, l->x.c };
        node_t *node, *row = l->x.flat ? NULL : add_node(m, "Flatten", l->name, ".row");

        if (row)
                add_input(row, x);
        node = add_node(m, "Gemm", l->name, "");
        add_input(node, row ? row->name : x);
        add_tensor(m, node, ".weight", m->params + l->weights, 2, dims);
        if (l->n_bias)
                add_vector(m, node, ".bias", m->params + l->bias, l->n_bias);
        add_attribute(node, "transB", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT)->i = 1;
        node->attributes[0].has_i = 1;
}

static void add_norm(model_t *m, const hedge_layer_t *l, const char *x)
{
        node_t *node = add_node(m, "BatchNormalization", l->name, "");
        Onnx__AttributeProto *epsilon;

        add_input(node, x);
        add_vector(m, node, ".scale", m->params + l->weights, l->x.c);
        add_vector(m, node, ".shift", m->params + l->bias, l->x.c);
        add_vector(m, node, ".mean", m->state + l->means, l->x.c);
        add_vector(m, node, ".variance", m->state + l->variances, l->x.c);
        epsilon = add_attribute(node, "epsilon", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
        epsilon->has_f = 1;
        epsilon->f = HEDGE_NORM_EPSILON;
}

/* ONNX's images are N x C x H x W. */
static void add_flatten(model_t *m, const hedge_layer_t *l, const char *x)
{
        static const int64_t channels_last[4] = { 0, 2, 3, 1 };
        node_t *node, *turned = l->x.h * l->x.w > 1 && l->x.c > 1 ? add_node(m, "Transpose", l->name, ".turned") : NULL;

        if (turned) {
                add_input(turned, x);
                add_ints(turned, "perm", 4, channels_last);
        }
        node = add_node(m, "Flatten", l->name, "");
        add_input(node, turned ? turned->name : x);
}

static void add_layer(model_t *m, const hedge_layer_t *l)
{
        static const char *const op_types[HEDGE_LAYER_KINDS] = {
                [HEDGE_LAYER_MAX_POOL] = "MaxPool",
                [HEDGE_LAYER_AVERAGE_POOL] = "AveragePool",
                [HEDGE_LAYER_GLOBAL_AVERAGE_POOL] = "GlobalAveragePool",
                [HEDGE_LAYER_RELU] = "Relu",
                [HEDGE_LAYER_ADD] = "Add",
        };
        const char *x = value_name(m->net, l->in);
        node_t *node;

        if (l->kind == HEDGE_LAYER_CONV) {
                add_conv(m, l, x);
        } else if (l->kind == HEDGE_LAYER_DENSE) {
                add_dense(m, l, x);
        } else if (l->kind == HEDGE_LAYER_BATCH_NORM) {
                add_norm(m, l, x);
        } else if (l->kind == HEDGE_LAYER_FLATTEN) {
                add_flatten(m, l, x);
        } else {
                node = add_node(m, op_types[l->kind], l->name, "");
                add_input(node, x);
                if (l->kind == HEDGE_LAYER_ADD)
                        add_input(node, value_name(m->net, l->with));
                if (l->kernel)
                        add_window(node, l);
        }
}

static void describe(hedge_onnx_edge_t *edge, const char *name, const hedge_extent_t *extent)
{
        const int64_t dims[4] = { 1, extent->c, extent->h, extent->w };

        hedge_onnx_edge_set(edge, word(name), dims, extent->flat ? 2 : 4);
}

static void build(model_t *m)
{
        onnx__model_proto__init(&m->proto);
        onnx__graph_proto__init(&m->graph);
        onnx__operator_set_id_proto__init(&m->opset);
        m->opset.domain = word("");
        m->opset.has_version = 1;
        m->opset.version = OPSET;
        m->opset_list = &m->opset;
        m->proto.has_ir_version = 1;
        m->proto.ir_version = IR_VERSION;
        m->proto.producer_name = word("hedge");
        m->proto.n_opset_import = 1;
        m->proto.opset_import = &m->opset_list;
        m->proto.graph = &m->graph;
        m->graph.name = word("trained");
        m->graph.node = m->node_list;
        m->graph.initializer = m->tensor_list;
        m->graph.n_input = m->graph.n_output = 1;
        m->graph.input = &m->input.list;
        m->graph.output = &m->output.list;
        describe(&m->input, HEDGE_LAYER_IMAGE, &m->net->image);
        describe(&m->output, value_name(m->net, m->net->n_layers), hedge_net_value(m->net, m->net->n_layers));
        for (uint32_t i = 0; i < m->net->n_layers; i++)
                add_layer(m, &m->net->layers[i]);
}

/* Where protobuf-c puts what it packs. */
typedef struct sink {
        ProtobufCBuffer base;
        FILE *file;
        int failed; /* -errno */
} sink_t;

static void append(ProtobufCBuffer *base, size_t size, const uint8_t *bytes)
{
        sink_t *sink = (sink_t *)(void *)base;

        errno = 0;
        if (!sink->failed && fwrite(bytes, 1, size, sink->file) != size)
                sink->failed = errno ? -errno : -EIO;
}

static int write_model(const model_t *m, const char *path, hedge_why_t *why)
{
        sink_t sink = { .base = { append } };
        hedge_replace_t file;
        int r = hedge_replace_begin(path, &file, why);

        if (r < 0)
                return r;
        sink.file = file.file;
        onnx__model_proto__pack_to_buffer(&m->proto, &sink.base);
        if (sink.failed)
                r = hedge_why(why, sink.failed, "%s: cannot be written: %s", path, hedge_strerror(sink.failed));
        return hedge_replace_end(&file, r, why);
}

int hedge_net_write_onnx(const hedge_net_t *net, const float *params, const float *state, const char *path,
                         hedge_why_t *why)
{
        const size_t n = net->n_layers;
        model_t m = { .net = net, .params = params, .state = state };
        int r = 0;

        m.nodes = calloc(NODES * n, sizeof(*m.nodes));
        m.node_list = calloc(NODES * n, sizeof(*m.node_list));
        m.tensors = calloc(TENSORS * n, sizeof(*m.tensors));
        m.tensor_list = calloc(TENSORS * n, sizeof(*m.tensor_list));
        m.filters = malloc(net->n_params * sizeof(*m.filters));
        if (!m.nodes || !m.node_list || !m.tensors || !m.tensor_list || !m.filters)
                r = hedge_why(why, -ENOMEM, "out of memory");
        if (r == 0) {
                build(&m);
                r = write_model(&m, path, why);
        }
        free(m.nodes);
        free(m.node_list);
        free(m.tensors);
        free(m.tensor_list);
        free(m.filters);
        return r;
}
