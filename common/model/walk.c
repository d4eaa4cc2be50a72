/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/walk.h"

#include <errno.h>
#include <stdlib.h>

#include "common/model/build.h"
#include "common/model/inputs.h"
#include "common/model/rows.h"
#include "common/model/scope.h"
#include "common/model/support.h"

/* Every input that is named must have been computed by now. */
static int check_inputs(hedge_import_t *imp, bool *constant)
{
        *constant = true;
        for (uint32_t i = 0; i < imp->node->n_input; i++) {
                hedge_sym_t *sym = hedge_import_sym(imp, i);
                int r;

                if (!sym)
                        continue;
                r = hedge_inputs_decode(imp, sym);
                if (r < 0)
                        return r;
                if (!sym->literal && sym->view.value == HEDGE_NO_VALUE)
                        return hedge_import_fail(
                                imp, HEDGE_EMALFORMED,
                                "the input '%.100s' is used before it is computed (a cycle, or nodes out of order)",
                                sym->name);
                *constant = *constant && sym->literal;
        }
        return 0;
}

/* Operators that round or overflow otherwise when they compute integers must have said that they know. */
static int check_elements(hedge_import_t *imp, const hedge_operator_t *op)
{
        for (uint32_t i = 0; i < imp->node->n_input; i++) {
                const hedge_sym_t *sym = hedge_import_sym(imp, i);

                if (sym && !sym->literal && hedge_element_is_integer((int)sym->view.element) && !op->integers)
                        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "'%.100s' is %s, which it is not done with",
                                                 sym->name, hedge_element_name((int)sym->view.element));
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

/* An attribute that no one looked for says something that is not heard. */
static int check_attributes(hedge_import_t *imp, const Onnx__NodeProto *node, const hedge_operator_t *op)
{
        for (size_t i = 0; i < node->n_attribute; i++) {
                const char *name = hedge_scope_text(node->attribute[i]->name);

                if ((i < 64 && imp->attr_read >> i & 1) || hedge_operator_may_ignore(op, name))
                        continue;
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "it has an attribute '%.60s', which is not known",
                                         name);
        }
        return 0;
}

static int import_node(hedge_import_t *imp, Onnx__NodeProto *node)
{
        const hedge_operator_t *op = hedge_support_find(imp, node);
        uint32_t rows = 0;
        bool constant;
        int r;

        imp->node = node;
        imp->attr_error = 0;
        imp->attr_read = 0;
        r = check_inputs(imp, &constant);
        if (r == 0)
                r = check_elements(imp, op);
        if (r == 0)
                r = hedge_rows_check(imp, &rows);
        if (r == 0)
                r = call(imp, op, constant);
        if (r == 0)
                r = check_attributes(imp, node, op);
        if (r == 0)
                r = hedge_rows_pass_on(imp, rows);
        if (r < 0)
                return r;
        hedge_scope_release(imp, node);
        imp->node = NULL;
        return 0;
}

/* Each output of the graph is a computed value of its own, in ONNX order, with its ONNX name. */
static int close_output(hedge_import_t *imp, const char *name, uint32_t *ret)
{
        hedge_sym_t *sym = hedge_scope_sym(imp, name);
        hedge_graph_t *graph = imp->graph;
        hedge_view_t view = sym->view;
        uint32_t value;
        bool copy;
        int r = hedge_inputs_decode(imp, sym);

        if (r < 0)
                return r;
        if (sym->literal && hedge_shape_elements(&sym->literal->shape) == 0)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "the output '%.100s' is empty", name);
        if (sym->literal)
                r = hedge_build_literal(imp, sym->literal, sym->literal->shape.rank, NULL, &view);
        else if (view.value == HEDGE_NO_VALUE)
                return hedge_why(imp->why, HEDGE_EMALFORMED, "the output '%.100s' is not computed", name);
        if (r == 0)
                r = hedge_build_plain(imp, &view);
        if (r == 0 && view.rows)
                r = hedge_rows_mark(imp, &view);
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
        hedge_scope_printable(graph->values[value].name, name);
        graph->values[value].element = view.element;
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
                int r = close_output(imp, hedge_scope_text(g->output[i]->name), &graph->outputs[i]);

                if (r < 0)
                        return r;
                graph->n_outputs++;
        }
        return 0;
}

static int import_nodes(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < g->n_node; i++)
                if (hedge_scope_reads(imp, g->node[i]))
                        r = import_node(imp, g->node[i]);
        return r;
}

int hedge_walk_branch(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        int r = hedge_scope_open(imp, g);

        if (r == 0)
                r = hedge_support_check(imp, g);
        if (r == 0)
                r = hedge_inputs_constants(imp, g);
        return r < 0 ? r : import_nodes(imp, g);
}

int hedge_walk(hedge_import_t *imp, const Onnx__GraphProto *g, const hedge_onnx_options_t *options)
{
        int r = hedge_scope_open(imp, g);

        if (r == 0)
                r = hedge_support_check(imp, g);
        if (r == 0)
                r = hedge_inputs_open(imp, g, options);
        if (r == 0)
                r = import_nodes(imp, g);
        return r ? r : close_outputs(imp, g);
}
