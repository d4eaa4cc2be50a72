/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"

/* A new name. @return its symbol, or NULL if it exists. */
static hedge_sym_t *declare(hedge_import_t *imp, const char *name)
{
        hedge_sym_t *sym = &imp->scope.syms[imp->scope.n_syms];

        if (hedge_names_find(imp->scope.names, name) != HEDGE_NO_NAME)
                return NULL;
        hedge_names_add(imp->scope.names, name, imp->scope.n_syms++);
        sym->name = name;
        sym->view.value = HEDGE_NO_VALUE;
        return sym;
}

int hedge_scope_twice(hedge_import_t *imp, const char *name)
{
        return hedge_why(imp->why, HEDGE_EMALFORMED, "the value '%.100s' is defined twice", name);
}

const char *hedge_scope_text(const char *name)
{
        return name ? name : "";
}

void hedge_scope_printable(char *to, const char *from)
{
        size_t i;

        for (i = 0; from[i] && i + 1 < HEDGE_NAME_MAX; i++)
                to[i] = from[i] >= 32 && from[i] < 127 ? from[i] : '?';
        to[i] = '\0';
}

static int declare_all(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        for (size_t i = 0; i < g->n_initializer; i++)
                if (!declare(imp, hedge_scope_text(g->initializer[i]->name)))
                        return hedge_scope_twice(imp, hedge_scope_text(g->initializer[i]->name));
        for (size_t i = 0; i < g->n_input; i++)
                declare(imp, hedge_scope_text(g->input[i]->name)); /* an initialiser may be its default */
        for (size_t i = 0; i < g->n_node; i++)
                for (size_t j = 0; j < g->node[i]->n_output; j++)
                        if (g->node[i]->output[j][0] && !declare(imp, g->node[i]->output[j]))
                                return hedge_scope_twice(imp, g->node[i]->output[j]);
        return 0;
}

hedge_sym_t *hedge_scope_find(const hedge_scope_t *scope, const char *name)
{
        for (; scope; scope = scope->outer) {
                uint32_t number = hedge_names_find(scope->names, name);

                if (number != HEDGE_NO_NAME)
                        return &scope->syms[number];
        }
        return NULL;
}

hedge_sym_t *hedge_scope_sym(const hedge_import_t *imp, const char *name)
{
        return hedge_scope_find(&imp->scope, name);
}

/* One read more, or one less. */
static void count(hedge_sym_t *sym, bool more)
{
        if (more)
                sym->refs++;
        else if (--sym->refs == 0)
                hedge_literal_destroy(&sym->literal);
}

/* The names that a branch mentions are read by the node that has it, as long as nobody knows which branch it takes. */
static void count_mentions(hedge_import_t *imp, const Onnx__GraphProto *g, bool more);

static void count_name(hedge_import_t *imp, const char *name, bool more)
{
        hedge_sym_t *sym = hedge_scope_find(&imp->scope, name);

        if (sym)
                count(sym, more);
}

static void count_branches(hedge_import_t *imp, const Onnx__NodeProto *node, bool more)
{
        for (size_t i = 0; i < node->n_attribute; i++)
                if (node->attribute[i]->g)
                        count_mentions(imp, node->attribute[i]->g, more);
}

static void count_mentions(hedge_import_t *imp, const Onnx__GraphProto *g, bool more)
{
        for (size_t i = 0; i < g->n_node; i++) {
                for (size_t j = 0; j < g->node[i]->n_input; j++)
                        count_name(imp, g->node[i]->input[j], more);
                count_branches(imp, g->node[i], more);
        }
        for (size_t i = 0; i < g->n_output; i++)
                count_name(imp, hedge_scope_text(g->output[i]->name), more);
}

void hedge_scope_release(hedge_import_t *imp, const Onnx__NodeProto *node)
{
        for (size_t i = 0; i < node->n_input; i++)
                if (node->input[i][0])
                        count(hedge_scope_sym(imp, node->input[i]), false);
        count_branches(imp, node, false);
}

bool hedge_scope_reads(const hedge_import_t *imp, const Onnx__NodeProto *node)
{
        for (size_t i = 0; i < node->n_output; i++)
                if (node->output[i][0] && hedge_scope_sym(imp, node->output[i])->refs > 0)
                        return true;
        return false;
}

static int count_inputs(hedge_import_t *imp, const Onnx__NodeProto *node)
{
        for (size_t i = 0; i < node->n_input; i++) {
                hedge_sym_t *sym;

                if (!node->input[i][0])
                        continue;
                sym = hedge_scope_sym(imp, node->input[i]);
                if (!sym)
                        return hedge_why(imp->why, HEDGE_EMALFORMED,
                                         "'%.100s', an input of node '%.100s', is not defined anywhere", node->input[i],
                                         hedge_scope_text(node->name));
                count(sym, true);
        }
        count_branches(imp, node, true);
        return 0;
}

/* From the outputs backwards, so that what only leads to nodes that no one reads does not count. */
static int count_reads(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        int r = 0;

        for (size_t i = 0; i < g->n_output; i++) {
                hedge_sym_t *sym = hedge_scope_sym(imp, hedge_scope_text(g->output[i]->name));

                if (!sym)
                        return hedge_why(imp->why, HEDGE_EMALFORMED, "the output '%.100s' is not defined anywhere",
                                         hedge_scope_text(g->output[i]->name));
                count(sym, true);
        }
        for (size_t i = g->n_node; r == 0 && i-- > 0;)
                if (hedge_scope_reads(imp, g->node[i]))
                        r = count_inputs(imp, g->node[i]);
        return r;
}

int hedge_scope_open(hedge_import_t *imp, const Onnx__GraphProto *g)
{
        size_t n = g->n_initializer + g->n_input;
        int r;

        for (size_t i = 0; i < g->n_node; i++)
                n += g->node[i]->n_output;
        if (n > INT32_MAX)
                return hedge_why(imp->why, HEDGE_ELIMIT, "the model has too many values");
        imp->scope.syms = calloc(n + 1, sizeof(*imp->scope.syms));
        if (!imp->scope.syms || hedge_names_new((uint32_t)n + 1, &imp->scope.names) < 0)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        r = declare_all(imp, g);
        return r < 0 ? r : count_reads(imp, g);
}

void hedge_scope_close(hedge_scope_t *scope)
{
        for (uint32_t i = 0; i < scope->n_syms; i++)
                hedge_literal_destroy(&scope->syms[i].literal);
        free(scope->syms);
        hedge_names_destroy(&scope->names);
        *scope = (hedge_scope_t){ .names = NULL };
}
