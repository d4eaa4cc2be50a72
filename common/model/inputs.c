/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/scope.h"

/* Weights that nothing reads are not even decoded. Those that are would otherwise take their memory twice. */
static int load_initialisers(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        for (size_t i = 0; i < g->n_initializer; i++) {
                hedge_sym_t *sym = hedge_scope_sym(imp, hedge_scope_text(g->initializer[i]->name));
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
        const char *name = hedge_scope_text(info->name);

        if (!info->type || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "the input '%.100s' is not a tensor", name);
        type = info->type->tensor_type;
        if (hedge_element_bytes(type->elem_type) == 0)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "the input '%.100s' is %s, which is not supported", name,
                                 hedge_element_name(type->elem_type));
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

/* The graph input `value` as its readers see it: of integers, once it is known that it holds such. */
static int open_input(hedge_import_t *imp, uint32_t value, hedge_sym_t *sym)
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

static int open_inputs(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        hedge_graph_t *graph = imp->graph;
        int r;

        graph->inputs = calloc(g->n_input + 1, sizeof(*graph->inputs));
        if (!graph->inputs)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        for (size_t i = 0; i < g->n_input; i++) {
                hedge_sym_t *sym = hedge_scope_sym(imp, hedge_scope_text(g->input[i]->name));
                hedge_shape_t shape;
                uint32_t value;

                if (sym->literal || sym < imp->syms + g->n_initializer)
                        continue;
                if (sym->view.value != HEDGE_NO_VALUE)
                        return hedge_scope_twice(imp, sym->name);
                r = input_shape(imp, g->input[i], &shape);
                if (r == 0)
                        r = hedge_build_value(imp, &shape, NULL, &value);
                if (r < 0)
                        return r;
                graph->inputs[graph->n_inputs++] = value;
                graph->values[value].element = (hedge_element_t)g->input[i]->type->tensor_type->elem_type;
                r = open_input(imp, value, sym);
                if (r < 0)
                        return r;
        }
        return 0;
}

int hedge_inputs_open(hedge_import_t *imp, const Onnx__GraphProto *g, const hedge_onnx_binding_t *bindings,
                      size_t n_bindings)
{
        int r = load_initialisers(imp, g);

        for (size_t i = 0; r == 0 && i < n_bindings; i++)
                r = bind_input(imp, &bindings[i]);
        return r < 0 ? r : open_inputs(imp, g);
}
