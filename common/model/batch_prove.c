/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/batch_prove.h"

#include <errno.h>
#include <stdlib.h>

#include "common/model/batch_same.h"

#define NONE  HEDGE_NO_AXIS
#define MIXED (UINT32_MAX - 1) /* in place of an axis */

int hedge_skeleton_new(hedge_graph_t *graph, uint32_t pictures, hedge_skeleton_t **ret)
{
        hedge_skeleton_t *s = calloc(1, sizeof(*s));

        if (s) {
                s->graph = graph;
                s->pictures = pictures;
                s->prints = hedge_batch_prints(graph, pictures);
        } else {
                hedge_graph_destroy(&graph);
        }
        if (!s || !s->prints) {
                hedge_skeleton_destroy(&s);
                return -ENOMEM;
        }
        for (uint32_t i = 0; i < graph->n_values; i++) {
                free((void *)(uintptr_t)graph->values[i].data);
                graph->values[i].data = NULL;
                hedge_narrow_destroy(&graph->values[i].narrow);
        }
        *ret = s;
        return 0;
}

void hedge_skeleton_destroy(hedge_skeleton_t **skeleton)
{
        hedge_skeleton_t *s = *skeleton;

        if (!s)
                return;
        hedge_graph_destroy(&s->graph);
        free(s->prints);
        free(s);
        *skeleton = NULL;
}

/* The walk through a graph. */
typedef struct trace {
        const hedge_graph_t *graph;
        const hedge_skeleton_t *two, *three; /* NULL: the graph alone */
        uint32_t pictures;
        uint32_t *axes;  /* per value */
        uint32_t *mixer; /* per value that is MIXED: the node, or HEDGE_NO_NODE */
} trace_t;

static int trace_init(trace_t *t, const hedge_graph_t *graph)
{
        t->graph = graph;
        t->axes = malloc(((size_t)graph->n_values + 1) * sizeof(*t->axes));
        t->mixer = malloc(((size_t)graph->n_values + 1) * sizeof(*t->mixer));
        for (uint32_t i = 0; t->axes && t->mixer && i < graph->n_values; i++) {
                t->axes[i] = NONE;
                t->mixer[i] = HEDGE_NO_NODE;
        }
        return t->axes && t->mixer ? 0 : -ENOMEM;
}

static void trace_release(trace_t *t)
{
        free(t->axes);
        free(t->mixer);
}

/* The axis that is longer by half with three pictures than with two; NONE: no difference; MIXED: another one. */
static uint32_t growing_axis(const hedge_shape_t *two, const hedge_shape_t *three)
{
        uint32_t axis = NONE;

        if (two->rank != three->rank)
                return MIXED;
        for (uint32_t i = 0; i < two->rank; i++) {
                if (two->dims[i] == three->dims[i])
                        continue;
                if (axis != NONE || two->dims[i] % 2 || three->dims[i] % 3 || two->dims[i] / 2 != three->dims[i] / 3)
                        return MIXED;
                axis = i;
        }
        return axis;
}

static uint32_t grows(const trace_t *t, uint32_t value)
{
        return t->two ? growing_axis(&t->graph->values[value].shape, &t->three->graph->values[value].shape) : NONE;
}

/* A constant is the same for any number of pictures, or one and the same for every picture. */
static uint32_t constant_axis(const hedge_print_t *two, const hedge_print_t *three, uint32_t axis)
{
        if (!two->constant || !three->constant)
                return MIXED;
        if (axis == NONE)
                return two->ordered == three->ordered ? NONE : MIXED;
        return axis != MIXED && two->alike >> axis & 1 && three->alike >> axis & 1 &&
                               two->first[axis] == three->first[axis]
                       ? axis
                       : MIXED;
}

static void trace_constants(trace_t *t)
{
        for (uint32_t i = 0; i < t->graph->n_values; i++)
                if (t->two->prints[i].constant || t->three->prints[i].constant)
                        t->axes[i] = constant_axis(&t->two->prints[i], &t->three->prints[i], grows(t, i));
}

static bool same_node(const hedge_node_t *a, const hedge_node_t *b, const hedge_graph_t *graph)
{
        if (a->n_inputs != b->n_inputs || a->output != b->output)
                return false;
        for (uint32_t i = 0; i < a->n_inputs; i++)
                if (a->inputs[i] != b->inputs[i])
                        return false;
        return hedge_batch_same_op(&a->op, &b->op, graph->values[a->inputs[0]].shape.rank);
}

static bool keeps(const trace_t *t, uint32_t node, uint32_t *ret)
{
        const hedge_node_t *n = &t->graph->nodes[node];
        const uint32_t grown = grows(t, n->output);
        const hedge_batch_step_t step = {
                .graph = t->graph,
                .node = n,
                .axes = t->axes,
                .pictures = t->pictures,
                .grows = grown,
                .strict = t->two,
        };

        if (t->three && !same_node(n, &t->three->graph->nodes[node], t->graph))
                return false;
        return grown != MIXED && hedge_batch_keeps(&step, ret) && (!t->two || *ret == grown);
}

static void trace_node(trace_t *t, uint32_t node)
{
        const hedge_node_t *n = &t->graph->nodes[node];

        for (uint32_t i = 0; i < n->n_inputs; i++)
                if (t->axes[n->inputs[i]] == MIXED) {
                        const uint32_t before = t->mixer[n->inputs[i]];

                        t->axes[n->output] = MIXED;
                        t->mixer[n->output] = before == HEDGE_NO_NODE ? node : before; /* a constant: its reader */
                        return;
                }
        if (!keeps(t, node, &t->axes[n->output])) {
                t->axes[n->output] = MIXED;
                t->mixer[n->output] = node;
        }
}

static int mixes(const trace_t *t, uint32_t value, hedge_why_t *why)
{
        const hedge_node_t *node = t->mixer[value] == HEDGE_NO_NODE ? NULL : &t->graph->nodes[t->mixer[value]];

        if (!node)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "'%.100s' depends on how many pictures there are",
                                 t->graph->values[value].name);
        return hedge_why(why, HEDGE_EUNSUPPORTED, "node '%.120s' (%s) mixes pictures", node->name,
                         hedge_op_title(&node->op));
}

static int other_graph(hedge_why_t *why)
{
        return hedge_why(why, HEDGE_EUNSUPPORTED, "what is computed depends on how many pictures there are");
}

static bool same_frame(const hedge_graph_t *a, const hedge_graph_t *b)
{
        return a->n_values == b->n_values && a->n_nodes == b->n_nodes && a->n_inputs == b->n_inputs &&
               a->n_outputs == b->n_outputs;
}

/* Operators that only say how elements lie; with one picture some of them are not there. */
static bool is_layout(const hedge_node_t *node)
{
        return node->op.kind == HEDGE_OP_TRANSPOSE || node->op.kind == HEDGE_OP_RESHAPE ||
               node->op.kind == HEDGE_OP_EXPAND;
}

/* Do two nodes that compute read the same constants, in whatever order these lie? */
static bool same_constants(const trace_t *t, const hedge_node_t *two, const hedge_print_t *ones,
                           const hedge_node_t *one)
{
        if (!hedge_batch_like_op(&two->op, &one->op) || two->n_inputs != one->n_inputs)
                return false;
        for (uint32_t i = 0; i < two->n_inputs; i++) {
                const hedge_print_t *a = &t->two->prints[two->inputs[i]], *b = &ones[one->inputs[i]];
                const uint64_t times = t->axes[two->inputs[i]] == NONE ? 1 : t->pictures;

                if (a->constant && b->constant && (a->loose != times * b->loose || a->elements != times * b->elements))
                        return false;
        }
        return true;
}

static bool computes_the_same(const trace_t *t, const hedge_print_t *ones, const hedge_graph_t *one)
{
        const hedge_graph_t *g = t->graph;
        uint32_t i = 0, j = 0;

        for (;;) {
                while (i < g->n_nodes && is_layout(&g->nodes[i]))
                        i++;
                while (j < one->n_nodes && is_layout(&one->nodes[j]))
                        j++;
                if (i == g->n_nodes || j == one->n_nodes)
                        return i == g->n_nodes && j == one->n_nodes;
                if (!same_constants(t, &g->nodes[i++], ones, &one->nodes[j++]))
                        return false;
        }
}

/* Is this input or output of the one-picture graph that of the other for one picture? */
static bool same_edge(const trace_t *t, uint32_t value, const hedge_shape_t *one)
{
        hedge_shape_t shape = t->graph->values[value].shape;

        if (t->axes[value] != NONE)
                shape.dims[t->axes[value]] /= t->pictures;
        return hedge_shape_equal(&shape, one);
}

static int compare_with_one(const trace_t *t, const hedge_graph_t *one, hedge_why_t *why)
{
        const hedge_graph_t *g = t->graph;
        hedge_print_t *ones;
        bool same = g->n_inputs == one->n_inputs && g->n_outputs == one->n_outputs;

        for (uint32_t i = 0; same && i < g->n_inputs; i++)
                same = same_edge(t, g->inputs[i], &one->values[one->inputs[i]].shape);
        for (uint32_t i = 0; same && i < g->n_outputs; i++)
                same = same_edge(t, g->outputs[i], &one->values[one->outputs[i]].shape);
        if (!same)
                return other_graph(why);
        ones = hedge_batch_prints(one, 1);
        if (!ones)
                return -ENOMEM;
        same = computes_the_same(t, ones, one);
        free(ones);
        return same ? 0 : other_graph(why);
}

static void tell(const trace_t *t, hedge_batch_t *batch)
{
        const hedge_graph_t *g = t->graph;

        for (uint32_t i = 0; i < g->n_inputs; i++)
                batch->inputs[i] = t->axes[g->inputs[i]];
        batch->apart = true;
        for (uint32_t i = 0; i < g->n_outputs; i++) {
                const uint32_t axis = t->axes[g->outputs[i]];

                batch->outputs[i] = axis == MIXED ? NONE : axis;
                batch->apart = batch->apart && axis != MIXED;
        }
}

static int prove(trace_t *t, const hedge_graph_t *one, hedge_why_t *why)
{
        const hedge_graph_t *g = t->graph;

        trace_constants(t);
        for (uint32_t i = 0; i < g->n_inputs; i++)
                t->axes[g->inputs[i]] = grows(t, g->inputs[i]);
        for (uint32_t i = 0; i < g->n_nodes; i++)
                trace_node(t, i);
        for (uint32_t i = 0; i < g->n_outputs; i++)
                if (t->axes[g->outputs[i]] == MIXED)
                        return mixes(t, g->outputs[i], why);
                else if (g->values[g->outputs[i]].marked)
                        return hedge_why(why, HEDGE_EUNSUPPORTED, "the output '%.100s' has as many rows as there are",
                                         g->values[g->outputs[i]].name);
        return compare_with_one(t, one, why);
}

int hedge_batch_prove(const hedge_skeleton_t *two, const hedge_skeleton_t *three, const hedge_graph_t *one,
                      hedge_batch_t *batch, hedge_why_t *why)
{
        trace_t t = { .two = two, .three = three, .pictures = two->pictures };
        int r;

        if (!same_frame(two->graph, three->graph))
                return other_graph(why);
        r = trace_init(&t, two->graph);
        if (r == 0)
                r = prove(&t, one, why);
        if (r == 0) {
                tell(&t, batch);
                batch->any = true;
                batch->size = 1;
        }
        trace_release(&t);
        return r;
}

int hedge_batch_trace(const hedge_graph_t *graph, uint32_t pictures, hedge_batch_t *batch)
{
        trace_t t = { .pictures = pictures };
        int r = trace_init(&t, graph);

        for (uint32_t i = 0; r == 0 && i < graph->n_inputs; i++)
                if (graph->values[graph->inputs[i]].shape.rank > 0)
                        t.axes[graph->inputs[i]] = 0;
        for (uint32_t i = 0; r == 0 && i < graph->n_nodes; i++)
                trace_node(&t, i);
        if (r == 0) {
                tell(&t, batch);
                batch->size = pictures;
        }
        trace_release(&t);
        return r;
}
