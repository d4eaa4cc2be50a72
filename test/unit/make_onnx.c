/* SPDX-License-Identifier: Apache-2.0 */
#include "make_onnx.h"

#include <stdlib.h>
#include <string.h>

static void *block(make_t *make, size_t size)
{
        make->blocks = realloc(make->blocks, (make->n_blocks + 1) * sizeof(*make->blocks));
        return make->blocks[make->n_blocks++] = calloc(1, size + 1);
}

static char *text(make_t *make, const char *s, size_t n)
{
        char *copy = block(make, n);

        memcpy(copy, s, n);
        return copy;
}

/* A longer copy of a list of pointers, with one more at its end. */
static void *append(make_t *make, void *list, size_t *n, void *item)
{
        void **longer = block(make, (*n + 1) * sizeof(*longer));

        if (*n > 0)
                memcpy(longer, list, *n * sizeof(*longer));
        longer[(*n)++] = item;
        return longer;
}

void make_init(make_t *make, int64_t opset)
{
        *make = (make_t){ .random = 0x9e3779b97f4a7c15u };
        onnx__model_proto__init(&make->model);
        onnx__graph_proto__init(&make->graph);
        onnx__operator_set_id_proto__init(&make->opset);
        make->opset.has_version = 1;
        make->opset.version = opset;
        make->model.has_ir_version = 1;
        make->model.ir_version = 7;
        make->model.graph = &make->graph;
        make->model.n_opset_import = 1;
        make->model.opset_import = block(make, sizeof(void *));
        make->model.opset_import[0] = &make->opset;
}

void make_free(make_t *make)
{
        for (size_t i = 0; i < make->n_blocks; i++)
                free(make->blocks[i]);
        free(make->blocks);
        memset(make, 0, sizeof(*make));
}

static size_t count(make_dims_t dims)
{
        size_t n = 0;

        while (dims[n] != -1)
                n++;
        return n;
}

static int64_t extent(int64_t d)
{
        return d < -1 ? d + 1 : d;
}

Onnx__ValueInfoProto *make_input(make_t *make, const char *name, make_dims_t dims)
{
        Onnx__ValueInfoProto *info = block(make, sizeof(*info));
        Onnx__TypeProto *type = block(make, sizeof(*type));
        Onnx__TypeProto__Tensor *tensor = block(make, sizeof(*tensor));
        Onnx__TensorShapeProto *shape = block(make, sizeof(*shape));

        onnx__value_info_proto__init(info);
        onnx__type_proto__init(type);
        onnx__type_proto__tensor__init(tensor);
        onnx__tensor_shape_proto__init(shape);
        info->name = text(make, name, strlen(name));
        info->type = type;
        type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
        type->tensor_type = tensor;
        tensor->has_elem_type = 1;
        tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
        tensor->shape = shape;
        for (size_t i = 0; i < count(dims); i++) {
                Onnx__TensorShapeProto__Dimension *d = block(make, sizeof(*d));

                onnx__tensor_shape_proto__dimension__init(d);
                d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
                d->dim_value = extent(dims[i]);
                shape->dim = append(make, shape->dim, &shape->n_dim, d);
        }
        make->graph.input = append(make, make->graph.input, &make->graph.n_input, info);
        return info;
}

void make_typed_input(make_t *make, const char *name, int type, make_dims_t dims)
{
        make_input(make, name, dims)->type->tensor_type->elem_type = type;
}

void make_output(make_t *make, const char *name)
{
        Onnx__ValueInfoProto *info = block(make, sizeof(*info));

        onnx__value_info_proto__init(info);
        info->name = text(make, name, strlen(name));
        make->graph.output = append(make, make->graph.output, &make->graph.n_output, info);
}

static Onnx__TensorProto *initialiser(make_t *make, const char *name, make_dims_t dims, int type, size_t *n)
{
        Onnx__TensorProto *t = block(make, sizeof(*t));

        onnx__tensor_proto__init(t);
        t->name = text(make, name, strlen(name));
        t->has_data_type = 1;
        t->data_type = type;
        t->n_dims = count(dims);
        t->dims = block(make, t->n_dims * sizeof(*t->dims));
        *n = 1;
        for (size_t i = 0; i < t->n_dims; i++)
                *n *= (size_t)(t->dims[i] = extent(dims[i]));
        make->graph.initializer = append(make, make->graph.initializer, &make->graph.n_initializer, t);
        return t;
}

Onnx__TensorProto *make_floats(make_t *make, const char *name, make_dims_t dims, const float *v)
{
        size_t n;
        Onnx__TensorProto *t = initialiser(make, name, dims, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, &n);

        t->has_raw_data = 1;
        t->raw_data.len = n * sizeof(*v);
        t->raw_data.data = block(make, n * sizeof(*v));
        for (size_t i = 0; i < n; i++) {
                float x = v ? v[i] : make_random(make);

                memcpy(t->raw_data.data + i * sizeof(x), &x, sizeof(x));
        }
        return t;
}

Onnx__TensorProto *make_weights(make_t *make, const char *name, make_dims_t dims)
{
        return make_floats(make, name, dims, NULL);
}

Onnx__TensorProto *make_ints(make_t *make, const char *name, make_dims_t dims, const int64_t *v)
{
        size_t n;
        Onnx__TensorProto *t = initialiser(make, name, dims, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, &n);

        t->n_int64_data = n;
        t->int64_data = block(make, n * sizeof(*v));
        memcpy(t->int64_data, v, n * sizeof(*v));
        return t;
}

Onnx__TensorProto *make_integers(make_t *make, const char *name, make_dims_t dims, int type, const int64_t *v)
{
        size_t n;
        Onnx__TensorProto *t = initialiser(make, name, dims, type, &n);

        t->n_int32_data = n;
        t->int32_data = block(make, n * sizeof(*t->int32_data));
        for (size_t i = 0; i < n; i++)
                t->int32_data[i] = (int32_t)v[i];
        return t;
}

/* The words of a list, as strings of their own. */
static void split(make_t *make, const char *words, char ***list, size_t *n)
{
        while (*words) {
                size_t length = strcspn(words, " ");

                *list = append(make, *list, n, text(make, words, words[0] == '-' ? 0 : length));
                words += length + (words[length] == ' ');
        }
}

Onnx__NodeProto *make_node(make_t *make, const char *op_type, const char *inputs, const char *outputs)
{
        Onnx__NodeProto *node = block(make, sizeof(*node));

        onnx__node_proto__init(node);
        node->op_type = text(make, op_type, strlen(op_type));
        split(make, inputs, &node->input, &node->n_input);
        split(make, outputs, &node->output, &node->n_output);
        node->name = node->n_output ? node->output[0] : NULL;
        make->graph.node = append(make, make->graph.node, &make->graph.n_node, node);
        return node;
}

Onnx__AttributeProto *make_attribute(make_t *make, Onnx__NodeProto *node, const char *name)
{
        Onnx__AttributeProto *a = block(make, sizeof(*a));

        onnx__attribute_proto__init(a);
        a->name = text(make, name, strlen(name));
        node->attribute = append(make, node->attribute, &node->n_attribute, a);
        return a;
}

void make_int(make_t *make, Onnx__NodeProto *node, const char *name, int64_t v)
{
        Onnx__AttributeProto *a = make_attribute(make, node, name);

        a->has_type = a->has_i = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        a->i = v;
}

void make_float(make_t *make, Onnx__NodeProto *node, const char *name, float v)
{
        Onnx__AttributeProto *a = make_attribute(make, node, name);

        a->has_type = a->has_f = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        a->f = v;
}

void make_string(make_t *make, Onnx__NodeProto *node, const char *name, const char *v)
{
        Onnx__AttributeProto *a = make_attribute(make, node, name);

        a->has_type = a->has_s = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        a->s.len = strlen(v);
        a->s.data = (uint8_t *)text(make, v, a->s.len);
}

void make_int_list(make_t *make, Onnx__NodeProto *node, const char *name, make_dims_t v)
{
        Onnx__AttributeProto *a = make_attribute(make, node, name);

        a->has_type = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        a->n_ints = count(v);
        a->ints = block(make, a->n_ints * sizeof(*v));
        for (size_t i = 0; i < a->n_ints; i++)
                a->ints[i] = extent(v[i]);
}

void make_float_list(make_t *make, Onnx__NodeProto *node, const char *name, size_t n, const float *v)
{
        Onnx__AttributeProto *a = make_attribute(make, node, name);

        a->has_type = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
        a->n_floats = n;
        a->floats = block(make, n * sizeof(*v));
        memcpy(a->floats, v, n * sizeof(*v));
}

unsigned char *make_bytes(make_t *make, size_t *size)
{
        unsigned char *bytes;

        *size = onnx__model_proto__get_packed_size(&make->model);
        bytes = block(make, *size);
        onnx__model_proto__pack(&make->model, bytes);
        return bytes;
}

static uint64_t next(make_t *make)
{
        make->random ^= make->random << 13;
        make->random ^= make->random >> 7;
        make->random ^= make->random << 17;
        return make->random >> 32;
}

float make_random(make_t *make)
{
        return (float)(int32_t)next(make) * 0x1p-31f;
}

unsigned make_below(make_t *make, unsigned n)
{
        return (unsigned)(next(make) % n);
}
