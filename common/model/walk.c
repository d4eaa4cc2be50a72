/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/operators.h"

/* A new name. @return its symbol, or NULL if it exists. */
static hedge_sym_t *declare(hedge_import_t *imp, const char *name)
{
        hedge_sym_t *sym = &imp->syms[imp->n_syms];

        if (hedge_names_find(imp->names, name) != HEDGE_NO_NAME)
                return NULL;
        hedge_names_add(imp->names, name, imp->n_syms++);
        sym->name = name;
        sym->view.value = HEDGE_NO_VALUE;
        return sym;
}

static int twice(hedge_import_t *imp, const char *name)
{
        return hedge_why(imp->why, HEDGE_EMALFORMED, "the value '%.100s' is defined twice", name);
}

static const char *text(const char *name)
{
        return name ? name : "";
}

static int declare_all(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        for (size_t i = 0; i < g->n_initializer; i++)
                if (!declare(imp, text(g->initializer[i]->name)))
                        return twice(imp, text(g->initializer[i]->name));
        for (size_t i = 0; i < g->n_input; i++)
                declare(imp, text(g->input[i]->name)); /* an initialiser may be its default */
        for (size_t i = 0; i < g->n_node; i++)
                for (size_t j = 0; j < g->node[i]->n_output; j++)
                        if (g->node[i]->output[j][0] && !declare(imp, g->node[i]->output[j]))
                                return twice(imp, g->node[i]->output[j]);
        return 0;
}

static int count_reads(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        uint32_t number;

        for (size_t i = 0; i < g->n_node; i++)
                for (size_t j = 0; j < g->node[i]->n_input; j++) {
                        if (!g->node[i]->input[j][0])
                                continue;
                        number = hedge_names_find(imp->names, g->node[i]->input[j]);
                        if (number == HEDGE_NO_NAME)
                                return hedge_why(imp->why, HEDGE_EMALFORMED,
                                                 "'%.100s', an input of node '%.100s', is not defined anywhere",
                                                 g->node[i]->input[j], text(g->node[i]->name));
                        imp->syms[number].refs++;
                }
        for (size_t i = 0; i < g->n_output; i++) {
                number = hedge_names_find(imp->names, text(g->output[i]->name));
                if (number == HEDGE_NO_NAME)
                        return hedge_why(imp->why, HEDGE_EMALFORMED, "the output '%.100s' is not defined anywhere",
                                         text(g->output[i]->name));
                imp->syms[number].refs++;
        }
        return 0;
}

static int open_names(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        size_t n = g->n_initializer + g->n_input;
        int r;

        for (size_t i = 0; i < g->n_node; i++)
                n += g->node[i]->n_output;
        if (n > INT32_MAX)
                return hedge_why(imp->why, HEDGE_ELIMIT, "the model has too many values");
        imp->syms = calloc(n + 1, sizeof(*imp->syms));
        if (!imp->syms || hedge_names_new((uint32_t)n + 1, &imp->names) < 0)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        r = declare_all(imp, g);
        return r < 0 ? r : count_reads(imp, g);
}

static hedge_sym_t *sym_of(const hedge_import_t *imp, const char *name)
{
        return &imp->syms[hedge_names_find(imp->names, name)];
}

/* Weights that nothing reads are not even decoded. Those that are would otherwise take their memory twice. */
static int load_initialisers(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        for (size_t i = 0; i < g->n_initializer; i++) {
                hedge_sym_t *sym = sym_of(imp, text(g->initializer[i]->name));
                int r;

                if (sym->refs == 0)
                        continue;
                r = hedge_literal_from_proto(g->initializer[i], &imp->budget, &sym->literal, imp->why);
                if (r < 0)
                        return r;
                sym->literal->readers = &sym->refs;
                hedge_proto_release(imp->proto, &g->initializer[i]->raw_data);
        }
        return 0;
}

static int bind_input(hedge_import_t *imp, const hedge_onnx_binding_t *binding)
{
        hedge_proto_t *proto = NULL;
        uint32_t number = hedge_names_find(imp->names, binding->name);
        hedge_sym_t *sym = number == HEDGE_NO_NAME ? NULL : &imp->syms[number];
        int r;

        if (!sym || sym->literal)
                return hedge_why(imp->why, HEDGE_EMALFORMED, "'%.100s' cannot be bound", binding->name);
        r = hedge_proto_unpack(binding->bytes, binding->size, &onnx__tensor_proto__descriptor, &proto, imp->why);
        if (r < 0)
                return r;
        r = hedge_literal_from_proto((const Onnx__TensorProto *)(const void *)hedge_proto_message(proto), &imp->budget,
                                     &sym->literal, imp->why);
        hedge_proto_destroy(&proto);
        return r;
}

static int input_shape(hedge_import_t *imp, const Onnx__ValueInfoProto *info, hedge_shape_t *ret)
{
        const Onnx__TypeProto__Tensor *type;
        const char *name = text(info->name);

        if (!info->type || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "the input '%.100s' is not a tensor", name);
        type = info->type->tensor_type;
        if (!hedge_literal_type_is_float(type->elem_type))
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED,
                                 "the input '%.100s' is %s; only floating point inputs are supported", name,
                                 hedge_literal_type_name(type->elem_type));
        if (!type->shape || type->shape->n_dim > HEDGE_MAX_RANK)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "the input '%.100s' has no shape, or more than %u axes",
                                 name, HEDGE_MAX_RANK);
        *ret = (hedge_shape_t){ .rank = (uint32_t)type->shape->n_dim };
        for (uint32_t i = 0; i < ret->rank; i++) {
                const Onnx__TensorShapeProto__Dimension *d = type->shape->dim[i];
                int64_t v = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE ? d->dim_value : 1;

                if (v < 1 || v > INT32_MAX)
                        return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "the input '%.100s' has an extent of %lld", name,
                                         (long long)v);
                ret->dims[i] = (uint32_t)v;
        }
        if (hedge_shape_check(ret, imp->limits->max_tensor_elements) < 0)
                return hedge_why(imp->why, HEDGE_ELIMIT, "the input '%.100s' is too large", name);
        return 0;
}

/* Names from a file, for logs and screens: what is not printable ASCII becomes '?'. */
static void set_name(char *to, const char *from)
{
        size_t i;

        for (i = 0; from[i] && i + 1 < HEDGE_NAME_MAX; i++)
                to[i] = from[i] >= 32 && from[i] < 127 ? from[i] : '?';
        to[i] = '\0';
}

static int open_inputs(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        hedge_graph_t *graph = imp->graph;
        int r;

        graph->inputs = calloc(g->n_input + 1, sizeof(*graph->inputs));
        if (!graph->inputs)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        for (size_t i = 0; i < g->n_input; i++) {
                hedge_sym_t *sym = sym_of(imp, text(g->input[i]->name));
                hedge_shape_t shape;
                uint32_t value;

                if (sym->literal || sym < imp->syms + g->n_initializer)
                        continue;
                if (sym->view.value != HEDGE_NO_VALUE)
                        return twice(imp, sym->name);
                r = input_shape(imp, g->input[i], &shape);
                if (r == 0)
                        r = hedge_build_value(imp, &shape, NULL, &value);
                if (r < 0)
                        return r;
                set_name(graph->values[value].name, sym->name);
                sym->view = hedge_view_plain(imp, value);
                graph->inputs[graph->n_inputs++] = value;
        }
        return 0;
}

static int not_supported(hedge_import_t *imp)
{
        const Onnx__NodeProto *n = imp->node;
        const char *name = n->name && n->name[0] ? n->name : n->n_output > 0 ? n->output[0] : "";
        bool other = n->domain && n->domain[0] && strcmp(n->domain, "ai.onnx") != 0;

        return hedge_why(
                imp->why, HEDGE_EUNSUPPORTED, "operator %s%.60s%s%.60s (node '%.100s', opset %u) is not supported",
                other ? "of domain " : "", other ? n->domain : "", other ? ": " : "", n->op_type, name, imp->opset);
}

/* Every input that is named must have been computed by now. */
static int check_inputs(hedge_import_t *imp, bool *constant)
{
        *constant = true;
        for (uint32_t i = 0; i < imp->node->n_input; i++) {
                const hedge_sym_t *sym = hedge_import_sym(imp, i);

                if (!sym)
                        continue;
                if (!sym->literal && sym->view.value == HEDGE_NO_VALUE)
                        return hedge_import_fail(
                                imp, HEDGE_EMALFORMED,
                                "the input '%.100s' is used before it is computed (a cycle, or nodes out of order)",
                                sym->name);
                *constant = *constant && sym->literal;
        }
        return 0;
}

static int call(hedge_import_t *imp, const hedge_operator_t *op, bool constant)
{
        uint32_t given = 0;
        int r;

        for (uint32_t i = 0; i < imp->node->n_input; i++)
                given += hedge_import_has(imp, i) ? 1 : 0;
        if (imp->node->n_input > op->max_in || given < op->min_in || imp->node->n_output == 0)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%zu inputs and %zu outputs", imp->node->n_input,
                                         imp->node->n_output);
        for (uint32_t i = 0; i < op->min_in; i++)
                if (!hedge_import_has(imp, i))
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "input %u is missing", i);
        if (constant && op->eval)
                r = op->eval(imp);
        else if (op->import)
                r = op->import(imp);
        else
                r = hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "only with constant inputs");
        return r < 0 ? r : imp->attr_error;
}

/* The constants that this node was the last to read. */
static void release_inputs(hedge_import_t *imp)
{
        for (uint32_t i = 0; i < imp->node->n_input; i++) {
                hedge_sym_t *sym = hedge_import_sym(imp, i);

                if (sym && --sym->refs == 0)
                        hedge_literal_destroy(&sym->literal);
        }
}

static int import_node(hedge_import_t *imp, Onnx__NodeProto *node)
{
        static char no_type[] = "(none)";
        const hedge_operator_t *op;
        bool constant;
        int r;

        if (!node->op_type)
                return hedge_why(imp->why, HEDGE_EMALFORMED, "node '%.100s' has no operator %s", text(node->name),
                                 no_type);
        imp->node = node;
        imp->attr_error = 0;
        op = hedge_operator_find(node->op_type);
        if (!op || imp->opset < op->since || (node->domain && node->domain[0] && strcmp(node->domain, "ai.onnx") != 0))
                return not_supported(imp);
        r = check_inputs(imp, &constant);
        if (r == 0)
                r = call(imp, op, constant);
        if (r < 0)
                return r;
        release_inputs(imp);
        imp->node = NULL;
        return 0;
}

/* Each output of the graph is a computed value of its own, in ONNX order, with its ONNX name. */
static int close_output(hedge_import_t *imp, const char *name, uint32_t *ret)
{
        hedge_sym_t *sym = sym_of(imp, name);
        hedge_graph_t *graph = imp->graph;
        hedge_view_t view = sym->view;
        uint32_t value;
        bool copy;
        int r = 0;

        if (sym->literal && hedge_shape_elements(&sym->literal->shape) == 0)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "the output '%.100s' is empty", name);
        if (sym->literal)
                r = hedge_build_literal(imp, sym->literal, sym->literal->shape.rank, NULL, &view);
        else if (view.value == HEDGE_NO_VALUE)
                return hedge_why(imp->why, HEDGE_EMALFORMED, "the output '%.100s' is not computed", name);
        if (r == 0)
                r = hedge_build_plain(imp, &view);
        if (r < 0)
                return r;
        value = view.value;
        copy = graph->values[value].producer == HEDGE_NO_NODE;
        for (uint32_t i = 0; i < graph->n_outputs; i++)
                copy = copy || graph->outputs[i] == value;
        if (copy)
                r = hedge_build_reshape_value(imp, value, &view.shape, true, &value);
        if (r < 0)
                return r;
        set_name(graph->values[value].name, name);
        *ret = value;
        return 0;
}

static int close_outputs(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        hedge_graph_t *graph = imp->graph;

        if (g->n_output > imp->limits->max_nodes)
                return hedge_why(imp->why, HEDGE_ELIMIT, "the model has %zu outputs", g->n_output);
        graph->outputs = calloc(g->n_output, sizeof(*graph->outputs));
        if (!graph->outputs)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        for (size_t i = 0; i < g->n_output; i++) {
                int r = close_output(imp, text(g->output[i]->name), &graph->outputs[i]);

                if (r < 0)
                        return r;
                graph->n_outputs++;
        }
        return 0;
}

int hedge_walk(hedge_import_t *imp, const Onnx__GraphProto *g, const hedge_onnx_binding_t *bindings, size_t n_bindings)
{
        int r = open_names(imp, g);

        if (r == 0)
                r = load_initialisers(imp, g);
        for (size_t i = 0; r == 0 && i < n_bindings; i++)
                r = bind_input(imp, &bindings[i]);
        if (r == 0)
                r = open_inputs(imp, g);
        for (size_t i = 0; r == 0 && i < g->n_node; i++)
                r = import_node(imp, g->node[i]);
        return r < 0 ? r : close_outputs(imp, g);
}
