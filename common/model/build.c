/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/precompute.h"

#define NODES_PER_NODE 8 /* operators that one ONNX node may become, on average */

void hedge_perm_identity(uint32_t *perm)
{
        for (uint32_t i = 0; i < HEDGE_MAX_RANK; i++)
                perm[i] = i;
}

void hedge_perm_channels_last(uint32_t rank, uint32_t *perm)
{
        hedge_perm_identity(perm);
        for (uint32_t i = 1; i + 1 < rank; i++)
                perm[i] = i + 1;
        perm[rank - 1] = 1;
}

hedge_shape_t hedge_view_memory(const hedge_view_t *view)
{
        hedge_shape_t shape = { .rank = view->shape.rank };

        for (uint32_t i = 0; i < shape.rank; i++)
                shape.dims[i] = view->shape.dims[view->perm[i]];
        return shape;
}

uint32_t hedge_view_axis(const hedge_view_t *view, uint32_t logical)
{
        uint32_t i = 0;

        while (view->perm[i] != logical)
                i++;
        return i;
}

uint32_t hedge_view_mask(const hedge_view_t *view, uint32_t mask)
{
        uint32_t memory = 0;

        for (uint32_t i = 0; i < view->shape.rank; i++)
                if (mask & 1u << view->perm[i])
                        memory |= 1u << i;
        return memory;
}

hedge_view_t hedge_view_plain(const hedge_import_t *imp, uint32_t value)
{
        hedge_view_t view = { .shape = imp->graph->values[value].shape, .value = value };

        hedge_perm_identity(view.perm);
        return view;
}

/* Make room for one more element of `size` bytes. */
static int grow(void **array, uint32_t count, uint32_t room, size_t size)
{
        void *bigger;

        if (count < room)
                return 0;
        bigger = realloc(*array, (size_t)(room ? room * 2 : 64) * size);
        if (!bigger)
                return -ENOMEM;
        *array = bigger;
        return 0;
}

static int grow_values(hedge_import_t *imp)
{
        hedge_graph_t *g = imp->graph;
        void *values = g->values, *relaid = imp->relaid;
        int r = grow(&values, g->n_values, imp->value_room, sizeof(*g->values));

        g->values = values;
        if (r == 0)
                r = grow(&relaid, g->n_values, imp->value_room, sizeof(*imp->relaid));
        imp->relaid = relaid;
        if (r == 0 && g->n_values == imp->value_room)
                imp->value_room = imp->value_room ? imp->value_room * 2 : 64;
        return r;
}

int hedge_build_value(hedge_import_t *imp, const hedge_shape_t *shape, float *data, uint32_t *ret)
{
        hedge_graph_t *g = imp->graph;
        hedge_value_t *v;

        if (grow_values(imp) < 0) {
                free(data);
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        }
        v = &g->values[g->n_values];
        *v = (hedge_value_t){ .shape = *shape, .data = data, .producer = HEDGE_NO_NODE };
        imp->relaid[g->n_values].done = false;
        *ret = g->n_values++;
        return 0;
}

static void name_node(const hedge_import_t *imp, const hedge_op_t *op, char *name)
{
        const Onnx__NodeProto *node = imp->node;
        const char *given = "output";

        if (node)
                given = node->name && node->name[0] ? node->name : node->n_output > 0 ? node->output[0] : "node";
        if (op->kind == HEDGE_OP_TRANSPOSE || op->kind == HEDGE_OP_RESHAPE)
                snprintf(name, HEDGE_NAME_MAX, "%.200s/%s", given,
                         op->kind == HEDGE_OP_TRANSPOSE ? "transpose" : "reshape");
        else
                snprintf(name, HEDGE_NAME_MAX, "%.230s", given);
}

static int add_node(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n, uint32_t output)
{
        hedge_graph_t *g = imp->graph;
        void *nodes = g->nodes;
        hedge_node_t *node;

        if (g->n_nodes / NODES_PER_NODE >= imp->limits->max_nodes)
                return hedge_why(imp->why, HEDGE_ELIMIT, "the model becomes more than %u operators", g->n_nodes);
        if (grow(&nodes, g->n_nodes, imp->node_room, sizeof(*g->nodes)) < 0)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        g->nodes = nodes;
        if (g->n_nodes == imp->node_room)
                imp->node_room = imp->node_room ? imp->node_room * 2 : 64;
        node = &g->nodes[g->n_nodes];
        *node = (hedge_node_t){ .op = *op, .n_inputs = n, .output = output };
        node->inputs = malloc(n * sizeof(*inputs));
        if (!node->inputs)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        memcpy(node->inputs, inputs, n * sizeof(*inputs));
        name_node(imp, op, node->name);
        g->values[output].producer = g->n_nodes++;
        return 0;
}

static int infer(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n, hedge_shape_t *out)
{
        hedge_shape_t *shapes = malloc((n + 1) * sizeof(*shapes));
        hedge_why_t detail = { { 0 } };
        int r;

        if (!shapes)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        for (uint32_t i = 0; i < n; i++)
                shapes[i] = imp->graph->values[inputs[i]].shape;
        r = hedge_op_infer(op, shapes, n, out, &detail);
        free(shapes);
        if (r < 0)
                return hedge_import_fail(imp, r == -EINVAL ? HEDGE_EMALFORMED : r, "%s", detail.text);
        if (hedge_shape_check(out, imp->limits->max_tensor_elements) < 0)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "its result would have more than %llu elements",
                                         (unsigned long long)imp->limits->max_tensor_elements);
        if (hedge_shape_elements(out) == 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "its result would be empty");
        return 0;
}

int hedge_build_op(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n, uint32_t *ret)
{
        hedge_shape_t shape;
        uint32_t output;
        int r = infer(imp, op, inputs, n, &shape);

        if (r < 0)
                return r;
        r = hedge_precompute(imp, op, inputs, n, &shape, ret);
        if (r <= 0)
                return r;
        r = hedge_build_value(imp, &shape, NULL, &output);
        if (r == 0)
                r = add_node(imp, op, inputs, n, output);
        if (r == 0)
                *ret = output;
        return r;
}

int hedge_build_unary(hedge_import_t *imp, const hedge_op_t *op, hedge_view_t *view)
{
        return hedge_build_op(imp, op, &view->value, 1, &view->value);
}

/* Integers as floats, charged to the budget like any other constant. Those that floats have not are refused. */
static int to_floats(hedge_import_t *imp, const hedge_literal_t *ints, hedge_literal_t **ret)
{
        hedge_literal_t *floats;
        int r = hedge_import_new_literal(imp, &ints->shape, false, &floats);

        if (r < 0)
                return r;
        for (size_t i = 0, n = hedge_shape_elements(&ints->shape); r == 0 && i < n; i++) {
                int64_t v = ints->ints[i];

                if (v < -(int64_t)HEDGE_EXACT || v > (int64_t)HEDGE_EXACT)
                        r = hedge_import_fail(imp, HEDGE_EUNSUPPORTED,
                                              "a constant of %lld, which is more than is computed exactly",
                                              (long long)v);
                floats->floats[i] = (float)v;
        }
        if (r < 0)
                hedge_literal_destroy(&floats);
        else
                *ret = floats;
        return r;
}

/* A literal's elements as floats, permuted. */
static int permuted_floats(hedge_import_t *imp, const hedge_literal_t *literal, const hedge_view_t *view, float **ret)
{
        int64_t plain[HEDGE_MAX_RANK], stride[HEDGE_MAX_RANK] = { 0 };
        hedge_shape_t memory = hedge_view_memory(view);
        hedge_literal_t *floats = NULL, *copy = NULL;
        int r = literal->is_int ? to_floats(imp, literal, &floats) : 0;

        if (r < 0)
                return r;

        hedge_strides(&view->shape, plain);
        for (uint32_t i = 0; i < memory.rank; i++)
                stride[i] = plain[view->perm[i]];
        r = hedge_literal_strided(floats ? floats : literal, &memory, 0, stride, &copy);
        hedge_literal_destroy(&floats);
        if (r < 0)
                return hedge_why(imp->why, r, "the model's constants take too much memory");
        *ret = copy->floats;
        copy->floats = NULL;
        hedge_literal_destroy(&copy);
        return 0;
}

/* Do two layouts put the elements in the same order? Axes of extent 1 do not matter. */
static bool same_order(const hedge_shape_t *shape, const uint32_t *a, const uint32_t *b)
{
        uint32_t i = 0, j = 0, rank = shape->rank;

        for (;;) {
                while (i < rank && shape->dims[a[i]] == 1)
                        i++;
                while (j < rank && shape->dims[b[j]] == 1)
                        j++;
                if (i == rank || j == rank)
                        return i == rank && j == rank;
                if (a[i++] != b[j++])
                        return false;
        }
}

/* The narrow form of a literal, in the order of a view; given up where its rows would not stay together. */
static int keep_narrow(hedge_import_t *imp, const hedge_literal_t *literal, const hedge_view_t *view, uint32_t lead)
{
        const hedge_narrow_t *from = literal->narrow;
        int64_t plain[HEDGE_MAX_RANK], stride[HEDGE_MAX_RANK] = { 0 };
        hedge_shape_t memory = hedge_view_memory(view);
        hedge_narrow_t *to = NULL;

        if (!from || (from->rows > 1 && view->perm[0] != from->axis + lead))
                return 0;
        if (hedge_narrow_new(from->elements, from->rows, from->is_signed, &to) < 0)
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        memcpy(to->scale, from->scale, from->rows * sizeof(*to->scale));
        memcpy(to->zero, from->zero, from->rows * sizeof(*to->zero));
        hedge_strides(&view->shape, plain);
        for (uint32_t i = 0; i < memory.rank; i++)
                stride[i] = plain[view->perm[i]];
        hedge_narrow_order(to, from, &memory, stride);
        imp->graph->values[view->value].narrow = to;
        return 0;
}

int hedge_build_literal(hedge_import_t *imp, hedge_literal_t *literal, uint32_t rank, const uint32_t *perm,
                        hedge_view_t *ret)
{
        uint32_t identity[HEDGE_MAX_RANK], lead = rank - literal->shape.rank;
        hedge_view_t view = { .shape = { .rank = rank }, .element = literal->element };
        hedge_shape_t memory;
        float *data = NULL;
        int r;

        hedge_perm_identity(identity);
        memcpy(view.perm, perm ? perm : identity, sizeof(view.perm));
        for (uint32_t i = 0; i < rank; i++)
                view.shape.dims[i] = i < lead ? 1 : literal->shape.dims[i - lead];
        memory = hedge_view_memory(&view);
        if (hedge_shape_elements(&memory) == 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "a constant input is empty");
        if (!literal->is_int && same_order(&view.shape, view.perm, identity) && literal->readers &&
            *literal->readers == 1) {
                data = literal->floats;
                literal->floats = NULL;
        } else {
                r = permuted_floats(imp, literal, &view, &data);
                if (r < 0)
                        return r;
        }
        r = hedge_build_value(imp, &memory, data, &view.value);
        if (r == 0)
                r = keep_narrow(imp, literal, &view, lead);
        if (r == 0)
                *ret = view;
        return r;
}

/* Put `value` into the order of `perm` relative to how it lies now. */
static int reorder(hedge_import_t *imp, uint32_t value, const uint32_t *perm, bool moves, const hedge_shape_t *memory,
                   uint32_t *ret)
{
        hedge_relaid_t *relaid = &imp->relaid[value];
        hedge_op_t op = { .kind = HEDGE_OP_TRANSPOSE };
        int r;

        if (relaid->done && memcmp(relaid->perm, perm, memory->rank * sizeof(*perm)) == 0) {
                *ret = relaid->value;
                return 0;
        }
        memcpy(op.transpose.perm, perm, memory->rank * sizeof(*perm));
        if (moves)
                r = hedge_build_op(imp, &op, &value, 1, ret);
        else
                r = hedge_build_reshape_value(imp, value, memory, false, ret);
        if (r < 0)
                return r;
        relaid = &imp->relaid[value];
        relaid->done = true;
        memcpy(relaid->perm, perm, memory->rank * sizeof(*perm));
        relaid->value = *ret;
        return 0;
}

int hedge_build_layout(hedge_import_t *imp, hedge_view_t *view, const uint32_t *perm)
{
        hedge_view_t next = *view;
        uint32_t relative[HEDGE_MAX_RANK] = { 0 };
        hedge_shape_t memory;
        bool moves;
        int r;

        if (memcmp(view->perm, perm, view->shape.rank * sizeof(*perm)) == 0)
                return 0;
        for (uint32_t i = 0; i < view->shape.rank; i++)
                relative[i] = hedge_view_axis(view, perm[i]);
        memcpy(next.perm, perm, view->shape.rank * sizeof(*perm));
        memory = hedge_view_memory(&next);
        moves = !same_order(&view->shape, view->perm, perm);
        r = reorder(imp, view->value, relative, moves, &memory, &next.value);
        if (r == 0)
                *view = next;
        return r;
}

int hedge_build_plain(hedge_import_t *imp, hedge_view_t *view)
{
        uint32_t perm[HEDGE_MAX_RANK];

        hedge_perm_identity(perm);
        return hedge_build_layout(imp, view, perm);
}

int hedge_build_channels_last(hedge_import_t *imp, hedge_view_t *view)
{
        uint32_t perm[HEDGE_MAX_RANK];

        hedge_perm_channels_last(view->shape.rank, perm);
        return hedge_build_layout(imp, view, perm);
}

int hedge_build_reshape_value(hedge_import_t *imp, uint32_t value, const hedge_shape_t *shape, bool force,
                              uint32_t *ret)
{
        hedge_op_t op = { .kind = HEDGE_OP_RESHAPE, .shape = { *shape } };
        const hedge_graph_t *g = imp->graph;

        if (!force && g->values[value].producer != HEDGE_NO_NODE) {
                const hedge_node_t *before = &g->nodes[g->values[value].producer];

                if (before->op.kind == HEDGE_OP_RESHAPE)
                        value = before->inputs[0];
        }
        if (!force && hedge_shape_equal(&g->values[value].shape, shape)) {
                *ret = value;
                return 0;
        }
        return hedge_build_op(imp, &op, &value, 1, ret);
}

/* Do two shapes differ only in axes of extent 1? Then `next` (its shape set) gets a layout that moves nothing. */
static bool only_ones(const hedge_view_t *view, hedge_view_t *next)
{
        uint32_t map[HEDGE_MAX_RANK] = { 0 }, j = 0, at = 0, rank = next->shape.rank;

        for (uint32_t i = 0; i < view->shape.rank; i++) {
                if (view->shape.dims[i] == 1)
                        continue;
                while (j < rank && next->shape.dims[j] == 1)
                        j++;
                if (j == rank || next->shape.dims[j] != view->shape.dims[i])
                        return false;
                map[i] = j++;
        }
        hedge_perm_identity(next->perm);
        for (uint32_t i = 0; i < rank; i++)
                if (next->shape.dims[i] == 1)
                        next->perm[at++] = i;
                else if (i >= j)
                        return false;
        for (uint32_t i = 0; i < view->shape.rank; i++)
                if (view->shape.dims[view->perm[i]] != 1)
                        next->perm[at++] = map[view->perm[i]];
        return true;
}

int hedge_build_reshape(hedge_import_t *imp, hedge_view_t *view, const hedge_shape_t *shape)
{
        hedge_view_t next = { .shape = *shape, .element = view->element }, plain = *view;
        uint32_t identity[HEDGE_MAX_RANK];
        hedge_shape_t memory;
        int r;

        if (hedge_shape_equal(&view->shape, shape))
                return 0;
        hedge_perm_identity(identity);
        if (!same_order(&view->shape, view->perm, identity) && only_ones(view, &next)) {
                memory = hedge_view_memory(&next);
                r = hedge_build_reshape_value(imp, view->value, &memory, false, &next.value);
        } else {
                hedge_perm_identity(next.perm);
                r = hedge_build_plain(imp, &plain);
                if (r == 0)
                        r = hedge_build_reshape_value(imp, plain.value, shape, false, &next.value);
        }
        if (r == 0)
                *view = next;
        return r;
}
