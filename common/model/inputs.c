/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/batch_open.h"
#include "common/model/build.h"
#include "common/model/extents.h"
#include "common/model/scope.h"

static int decode(hedge_import_t *imp, hedge_sym_t *sym, Onnx__TensorProto *from)
{
        int r = hedge_literal_from_proto(from, &imp->budget, &sym->literal, imp->why);

        if (r < 0)
                return r;
        sym->literal->readers = &sym->refs;
        hedge_proto_release(imp->proto, &from->raw_data);
        return 0;
}

int hedge_inputs_decode(hedge_import_t *imp, hedge_sym_t *sym)
{
        Onnx__TensorProto *from = sym->bytes;

        sym->bytes = NULL;
        return from ? decode(imp, sym, from) : 0;
}

/* Weights that nothing reads are not even decoded. Those that are would otherwise take their memory twice; bytes, which take
 * eight times as much once they are integers to compute with, wait until a node reads them. */
int hedge_inputs_constants(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        for (size_t i = 0; i < g->n_initializer; i++) {
                hedge_sym_t *sym = hedge_scope_sym(imp, hedge_scope_text(g->initializer[i]->name));
                int r = 0;

                if (sym->refs == 0)
                        continue;
                if (hedge_element_bytes(g->initializer[i]->data_type) == 1)
                        sym->bytes = g->initializer[i];
                else
                        r = decode(imp, sym, g->initializer[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int bind_input(hedge_import_t *imp, const hedge_onnx_binding_t *binding)
{
        hedge_proto_t *proto = NULL;
        hedge_sym_t *sym = hedge_scope_find(&imp->scope, binding->name);
        int r;

        if (!sym || sym->literal || sym->bytes)
                return hedge_why(imp->why, HEDGE_EMALFORMED, "'%.100s' cannot be bound", binding->name);
        r = hedge_proto_unpack(binding->bytes, binding->size, &onnx__tensor_proto__descriptor, &proto, imp->why);
        if (r < 0)
                return r;
        r = hedge_literal_from_proto((const Onnx__TensorProto *)(const void *)hedge_proto_message(proto), &imp->budget,
                                     &sym->literal, imp->why);
        hedge_proto_destroy(&proto);
        return r;
}

static int check_type(hedge_import_t *imp, const Onnx__ValueInfoProto *info)
{
        const Onnx__TypeProto__Tensor *type;
        const char *name = hedge_scope_text(info->name);

        if (!info->type || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "the input '%.100s' is not a tensor", name);
        type = info->type->tensor_type;
        if (hedge_element_bytes(type->elem_type) == 0)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "the input '%.100s' is %s, which is not supported", name,
                                 hedge_element_name(type->elem_type));
        return 0;
}

/* The inputs that are neither initialisers nor bound: who runs the graph gives them. */
static int find_inputs(hedge_import_t *imp, const Onnx__GraphProto *g, const Onnx__ValueInfoProto **infos, uint32_t *n)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < g->n_input; i++) {
                const hedge_sym_t *sym = hedge_scope_sym(imp, hedge_scope_text(g->input[i]->name));

                if (sym->literal || sym < imp->scope.syms + g->n_initializer)
                        continue;
                r = check_type(imp, g->input[i]);
                infos[(*n)++] = g->input[i];
        }
        return r;
}

/* The graph input `value` as its readers see it: of integers, once it is known that it holds such. */
static int set_view(hedge_import_t *imp, uint32_t value, hedge_sym_t *sym)
{
        hedge_value_t *input = &imp->graph->values[value];
        hedge_element_t element = input->element;
        hedge_op_t check = { .kind = HEDGE_OP_TO_INTEGER,
                             .to_integer = { .rounding = HEDGE_ROUND_REFUSE, .overflow = HEDGE_OVERFLOW_REFUSE } };
        int r = 0;

        hedge_scope_printable(input->name, sym->name);
        if (hedge_element_is_integer((int)element)) {
                hedge_element_range(element, &check.to_integer.lo, &check.to_integer.hi);
                r = hedge_build_op(imp, &check, &value, 1, &value);
                if (r == 0)
                        snprintf(imp->graph->nodes[imp->graph->n_nodes - 1].name, HEDGE_NAME_MAX, "%.200s/check",
                                 sym->name);
        }
        if (r < 0)
                return r;
        sym->view = hedge_view_plain(imp, value);
        sym->view.element = element;
        return 0;
}

static int open_input(hedge_import_t *imp, const Onnx__ValueInfoProto *info, const hedge_shape_t *shape)
{
        hedge_graph_t *graph = imp->graph;
        hedge_sym_t *sym = hedge_scope_sym(imp, hedge_scope_text(info->name));
        uint32_t value;
        int r;

        if (sym->view.value != HEDGE_NO_VALUE)
                return hedge_scope_twice(imp, sym->name);
        if (hedge_shape_check(shape, imp->limits->max_tensor_elements) < 0)
                return hedge_why(imp->why, HEDGE_ELIMIT, "the input '%.100s' is too large", sym->name);
        r = hedge_build_value(imp, shape, NULL, &value);
        if (r < 0)
                return r;
        graph->inputs[graph->n_inputs++] = value;
        graph->values[value].element = (hedge_element_t)info->type->tensor_type->elem_type;
        return set_view(imp, value, sym);
}

static int open_inputs(hedge_import_t *imp, const Onnx__GraphProto *g, const hedge_onnx_options_t *options)
{
        const Onnx__ValueInfoProto **infos = calloc(g->n_input + 1, sizeof(const Onnx__ValueInfoProto *));
        hedge_shape_t *shapes = calloc(g->n_input + 1, sizeof(*shapes));
        hedge_graph_t *graph = imp->graph;
        uint32_t n = 0;
        int r = 0;

        graph->inputs = calloc(g->n_input + 1, sizeof(*graph->inputs));
        graph->open = calloc(g->n_input + 1, sizeof(*graph->open));
        if (!infos || !shapes || !graph->inputs || !graph->open)
                r = hedge_why(imp->why, -ENOMEM, "out of memory");
        if (r == 0)
                r = find_inputs(imp, g, infos, &n);
        if (r == 0)
                r = hedge_extents_settle(infos, n, options->shapes, options->n_shapes, shapes, graph->open, imp->why);
        if (r == 0)
                r = hedge_batch_settle(imp, infos, n, shapes);
        for (uint32_t i = 0; r == 0 && i < n; i++)
                r = open_input(imp, infos[i], &shapes[i]);
        free(shapes);
        free(infos);
        return r;
}

int hedge_inputs_open(hedge_import_t *imp, const Onnx__GraphProto *g, const hedge_onnx_options_t *options)
{
        int r = hedge_inputs_constants(imp, g);

        for (size_t i = 0; r == 0 && i < options->n_bindings; i++)
                r = bind_input(imp, &options->bindings[i]);
        return r < 0 ? r : open_inputs(imp, g, options);
}
