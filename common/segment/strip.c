/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/strip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/segment/alive.h"
#include "common/segment/local.h"
#include "common/segment/reach.h"

/* A graph in the making, with room for all it can get. */
typedef struct strip {
        const hedge_graph_t *whole;
        hedge_local_t local;
        const hedge_reach_t *reach;
        uint32_t *
                number; /* per value of the whole: that of its needed window, or of the constant; HEDGE_NO_VALUE: none yet */
        hedge_graph_t *graph;
} strip_t;

static uint32_t add_value(const strip_t *strip, const hedge_value_t *of, const hedge_shape_t *shape, uint32_t producer)
{
        hedge_value_t *value = &strip->graph->values[strip->graph->n_values];

        *value = *of;
        value->shape = *shape;
        value->lent = hedge_value_is_constant(of);
        value->producer = producer;
        value->uses = 0;
        return strip->graph->n_values++;
}

/* Constants as they are; of what is computed the window that all its readers together need. */
static uint32_t number_of(const strip_t *strip, uint32_t v)
{
        const hedge_value_t *value = &strip->whole->values[v];

        if (strip->number[v] == HEDGE_NO_VALUE)
                strip->number[v] = add_value(strip, value, &value->shape, HEDGE_NO_NODE);
        return strip->number[v];
}

/* A node is counted when it is complete. */
static int add_node(const strip_t *strip, const char *name, const hedge_op_t *op, const uint32_t *inputs, uint32_t n,
                    uint32_t output)
{
        hedge_graph_t *g = strip->graph;
        hedge_node_t *node = &g->nodes[g->n_nodes];

        node->inputs = malloc((n + (size_t)1) * sizeof(*node->inputs));
        if (!node->inputs)
                return -ENOMEM;
        memcpy(node->inputs, inputs, n * sizeof(*inputs));
        memcpy(node->name, name, sizeof(node->name));
        node->op = *op;
        node->n_inputs = n;
        node->output = output;
        for (uint32_t j = 0; j < n; j++)
                g->values[inputs[j]].uses++;
        g->n_nodes++;
        return 0;
}

static void crop_axis(hedge_op_t *op, uint32_t axis, uint32_t first, uint32_t n)
{
        op->slice.start[axis] = first;
        op->slice.out.dims[axis] = n;
}

static hedge_op_t keep(const hedge_shape_t *shape)
{
        hedge_op_t op = { .kind = HEDGE_OP_SLICE, .slice.out = *shape };

        for (uint32_t d = 0; d < shape->rank; d++)
                op.slice.step[d] = 1;
        return op;
}

/* A window of a larger one. */
static hedge_op_t crop(const strip_t *strip, uint32_t v, const hedge_window_t *have, const hedge_window_t *want)
{
        const hedge_image_axes_t *layout = &strip->local.layouts->values[v];
        hedge_op_t op = keep(&strip->graph->values[strip->number[v]].shape);

        crop_axis(&op, layout->rows, want->top - have->top, want->rows);
        crop_axis(&op, layout->columns, want->left - have->left, want->cols);
        return op;
}

/* A window of a constant; axes that are broadcast stay as they are. */
static hedge_op_t crop_constant(const hedge_shape_t *shape, const hedge_window_t *want)
{
        const uint32_t rank = shape->rank;
        hedge_op_t op = keep(shape);

        if (rank >= 3 && shape->dims[rank - 3] > 1)
                crop_axis(&op, rank - 3, want->top, want->rows);
        if (rank >= 2 && shape->dims[rank - 2] > 1)
                crop_axis(&op, rank - 2, want->left, want->cols);
        return op;
}

/* What is cropped, or all of it where nothing is to be done. */
static int add_slice(const strip_t *strip, uint32_t number, const hedge_op_t *op, const char *name, uint32_t *ret)
{
        const hedge_value_t cropped = { .shape = op->slice.out };
        char text[HEDGE_NAME_MAX] = "";
        int r;

        *ret = number;
        if (hedge_shape_equal(&op->slice.out, &strip->graph->values[number].shape))
                return 0;
        snprintf(text, sizeof(text), "%s", name);
        r = add_node(strip, text, op, &number, 1, strip->graph->n_values);
        if (r < 0)
                return r;
        *ret = add_value(strip, &cropped, &op->slice.out, strip->graph->n_nodes - 1);
        memcpy(strip->graph->values[*ret].name, text, sizeof(text));
        return 0;
}

/* The value that input j of a node reads. */
static int find_input(const strip_t *strip, uint32_t i, uint32_t j, const hedge_window_t *out, uint32_t *ret)
{
        const hedge_node_t *node = &strip->whole->nodes[i];
        const uint32_t v = node->inputs[j], number = number_of(strip, v);
        const hedge_window_t *have = hedge_reach_of(strip->reach, v);
        char name[HEDGE_NAME_MAX];
        hedge_window_t want;
        hedge_op_t op;

        *ret = number;
        if (!hedge_local_cuts(&strip->local, i, j))
                return 0;
        want = hedge_local_need(&strip->local, i, j, out);
        op = have ? crop(strip, v, have, &want) : crop_constant(&strip->graph->values[number].shape, &want);
        snprintf(name, sizeof(name), "input %u of %.200s", j, node->name);
        return add_slice(strip, number, &op, name, ret);
}

static int narrow_node(const strip_t *strip, uint32_t i, uint32_t *inputs, hedge_shape_t *shapes)
{
        const hedge_node_t *node = &strip->whole->nodes[i];
        const hedge_window_t *out = hedge_reach_of(strip->reach, node->output);
        const hedge_value_t *value = &strip->whole->values[node->output];
        const hedge_op_t op = hedge_local_op(&strip->local, i, out);
        const hedge_shape_t wanted = hedge_layouts_shape(strip->whole, strip->local.layouts, node->output, out);
        hedge_shape_t given;
        int r = 0;

        for (uint32_t j = 0; r == 0 && j < node->n_inputs; j++) {
                r = find_input(strip, i, j, out, &inputs[j]);
                if (r == 0)
                        shapes[j] = strip->graph->values[inputs[j]].shape;
        }
        if (r == 0)
                r = hedge_op_infer(&op, shapes, node->n_inputs, &given, NULL);
        if (r == 0 && !hedge_shape_equal(&given, &wanted))
                r = HEDGE_ESHAPE;
        if (r == 0)
                r = add_node(strip, node->name, &op, inputs, node->n_inputs, strip->graph->n_values);
        if (r == 0)
                strip->number[node->output] = add_value(strip, value, &wanted, strip->graph->n_nodes - 1);
        return r;
}

/* The most inputs of a node, and of all nodes together. */
static void count_inputs(const hedge_graph_t *g, uint32_t first, uint32_t last, uint32_t *ret_most, size_t *ret_all)
{
        *ret_most = 1;
        *ret_all = 0;
        for (uint32_t i = first; i < last; i++) {
                *ret_all += g->nodes[i].n_inputs;
                if (g->nodes[i].n_inputs > *ret_most)
                        *ret_most = g->nodes[i].n_inputs;
        }
}

static int narrow_nodes(const strip_t *strip, uint32_t first, uint32_t last, uint32_t most)
{
        uint32_t *inputs = malloc(most * sizeof(*inputs));
        hedge_shape_t *shapes = malloc(most * sizeof(*shapes));
        int r = inputs && shapes ? 0 : -ENOMEM;

        for (uint32_t i = first; r == 0 && i < last; i++)
                if (hedge_reach_of(strip->reach, strip->whole->nodes[i].output))
                        r = narrow_node(strip, i, inputs, shapes);
        free(inputs);
        free(shapes);
        return r;
}

/* The answer may be a part of what had to be made. */
static int set_ends(const strip_t *strip, uint32_t in, uint32_t out, const hedge_window_t *window)
{
        const hedge_value_t *value = &strip->whole->values[out];
        const hedge_op_t op = crop(strip, out, hedge_reach_of(strip->reach, out), window);
        hedge_graph_t *g = strip->graph;
        int r;

        g->inputs = malloc(sizeof(*g->inputs));
        g->outputs = malloc(sizeof(*g->outputs));
        g->open = calloc(1, sizeof(*g->open));
        if (!g->inputs || !g->outputs || !g->open)
                return -ENOMEM;
        r = add_slice(strip, strip->number[out], &op, value->name, &g->outputs[0]);
        if (r < 0)
                return r;
        g->values[g->outputs[0]].element = value->element;
        g->values[g->outputs[0]].uses++;
        g->inputs[0] = strip->number[in];
        g->n_inputs = g->n_outputs = 1;
        return 0;
}

/* Each input and the answer may get a slice, each node an output: so many nodes and values there are at most. */
static int make_strip(strip_t *strip, uint32_t first, uint32_t last, const hedge_window_t *window)
{
        const hedge_graph_t *whole = strip->whole;
        hedge_graph_t *g = strip->graph;
        uint32_t in, out, most;
        size_t all;
        hedge_shape_t shape;
        int r;

        if (!hedge_reach_ends(strip->reach, first, last, &in, &out))
                return HEDGE_EUNSUPPORTED;
        count_inputs(whole, first, last, &most, &all);
        g->nodes = calloc(1 + last - first + all, sizeof(*g->nodes));
        g->values = calloc(2 + last - first + 2 * all, sizeof(*g->values));
        if (!g->nodes || !g->values)
                return -ENOMEM;
        memcpy(g->digest, whole->digest, sizeof(g->digest));
        g->opset = whole->opset;
        memset(strip->number, 0xff, whole->n_values * sizeof(*strip->number));
        shape = hedge_layouts_shape(whole, strip->local.layouts, in, hedge_reach_of(strip->reach, in));
        strip->number[in] = add_value(strip, &whole->values[in], &shape, HEDGE_NO_NODE);
        r = narrow_nodes(strip, first, last, most);
        return r < 0 ? r : set_ends(strip, in, out, window);
}

int hedge_strip_graph(const hedge_graph_t *g, uint32_t first, uint32_t last, const hedge_window_t *out,
                      hedge_graph_t **ret)
{
        hedge_reach_t *reach = NULL;
        strip_t strip = { .whole = g };
        hedge_window_t in;
        uint64_t macs;
        int r = hedge_reach_new(g, &reach);

        if (r == 0)
                r = hedge_reach_trace(reach, first, last, out, &in, &macs);
        if (r == 0) {
                strip.reach = reach;
                strip.local = (hedge_local_t){ g, hedge_reach_layouts(reach) };
                strip.number = malloc((g->n_values + (size_t)1) * sizeof(*strip.number));
                strip.graph = calloc(1, sizeof(*strip.graph));
                r = strip.number && strip.graph ? make_strip(&strip, first, last, out) : -ENOMEM;
        }
        if (r == 0)
                *ret = strip.graph;
        else
                hedge_graph_destroy(&strip.graph);
        free(strip.number);
        hedge_reach_destroy(&reach);
        return r;
}
