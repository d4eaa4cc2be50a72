/* SPDX-License-Identifier: Apache-2.0 */
#include "common/engine/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT32_MAX

/* State of planning: values that share memory through reshapes have one root; a buffer is free or held by a root. */
typedef struct plan {
        const hedge_graph_t *graph;
        hedge_schedule_t *out;
        uint32_t *root;
        uint32_t *last;   /* per root: the last node that reads it; NEVER: no one does */
        uint32_t *holder; /* per buffer: a root, or NEVER */
} plan_t;

static bool is_elementwise(hedge_op_kind_t kind)
{
        return kind >= HEDGE_OP_ADD && kind <= HEDGE_OP_TO_INTEGER;
}

static void place(const plan_t *plan, uint32_t value, hedge_home_kind_t where, uint32_t index)
{
        plan->out->homes[value] = (hedge_home_t){ where, index };
}

static void place_edges(const plan_t *plan)
{
        const hedge_graph_t *g = plan->graph;

        for (uint32_t i = 0; i < g->n_values; i++)
                place(plan, i, hedge_value_is_constant(&g->values[i]) ? HEDGE_HOME_CONSTANT : HEDGE_HOME_BUFFER, i);
        for (uint32_t i = 0; i < g->n_inputs; i++)
                place(plan, g->inputs[i], HEDGE_HOME_INPUT, i);
        for (uint32_t i = 0; i < g->n_outputs; i++)
                place(plan, g->outputs[i], HEDGE_HOME_OUTPUT, i);
}

/* A reshape lies where its input does, unless it is an answer, which has memory of its own. */
static void find_roots(const plan_t *plan)
{
        const hedge_graph_t *g = plan->graph;

        for (uint32_t i = 0; i < g->n_values; i++) {
                plan->root[i] = i;
                plan->last[i] = NEVER;
        }
        for (uint32_t i = 0; i < g->n_nodes; i++) {
                const hedge_node_t *node = &g->nodes[i];

                if (node->op.kind == HEDGE_OP_RESHAPE && plan->out->homes[node->output].kind == HEDGE_HOME_BUFFER) {
                        plan->root[node->output] = plan->root[node->inputs[0]];
                        plan->out->skip[i] = true;
                }
                for (uint32_t j = 0; j < node->n_inputs; j++)
                        plan->last[plan->root[node->inputs[j]]] = i;
        }
}

/* The first input's buffer, if this node is the last to read it and may overwrite it. */
static uint32_t in_place(const plan_t *plan, uint32_t i)
{
        const hedge_graph_t *g = plan->graph;
        const hedge_node_t *node = &g->nodes[i];
        uint32_t root = plan->root[node->inputs[0]];

        if (!is_elementwise(node->op.kind) || plan->out->homes[root].kind != HEDGE_HOME_BUFFER ||
            plan->last[root] != i ||
            !hedge_shape_equal(&g->values[node->inputs[0]].shape, &g->values[node->output].shape))
                return NEVER;
        for (uint32_t j = 1; j < node->n_inputs; j++)
                if (plan->root[node->inputs[j]] == root)
                        return NEVER;
        return plan->out->homes[root].index;
}

/* The smallest free buffer that is large enough, else the largest free one grown, else a new one. */
static uint32_t pick(plan_t *plan, size_t elements)
{
        hedge_schedule_t *out = plan->out;
        uint32_t best = NEVER;

        for (uint32_t b = 0; b < out->n_buffers; b++) {
                if (plan->holder[b] != NEVER)
                        continue;
                if (best == NEVER || (out->buffers[best] < elements
                                              ? out->buffers[b] > out->buffers[best]
                                              : out->buffers[b] >= elements && out->buffers[b] < out->buffers[best]))
                        best = b;
        }
        if (best == NEVER)
                best = out->n_buffers++;
        if (out->buffers[best] < elements)
                out->buffers[best] = elements;
        return best;
}

static void release_dead(const plan_t *plan, uint32_t i)
{
        const hedge_node_t *node = &plan->graph->nodes[i];

        for (uint32_t j = 0; j <= node->n_inputs; j++) {
                uint32_t root = plan->root[j < node->n_inputs ? node->inputs[j] : node->output];
                const hedge_home_t *home = &plan->out->homes[root];

                if (home->kind == HEDGE_HOME_BUFFER && plan->holder[home->index] == root &&
                    (plan->last[root] == i || plan->last[root] == NEVER))
                        plan->holder[home->index] = NEVER;
        }
}

static void assign(plan_t *plan)
{
        const hedge_graph_t *g = plan->graph;
        hedge_home_t *homes = plan->out->homes;

        for (uint32_t i = 0; i < g->n_nodes; i++) {
                uint32_t value = g->nodes[i].output, buffer;

                if (plan->root[value] != value) {
                        homes[value] = homes[plan->root[value]];
                } else if (homes[value].kind == HEDGE_HOME_BUFFER) {
                        buffer = in_place(plan, i);
                        if (buffer == NEVER)
                                buffer = pick(plan, hedge_shape_elements(&g->values[value].shape));
                        homes[value].index = buffer;
                        plan->holder[buffer] = value;
                }
                release_dead(plan, i);
        }
}

int hedge_schedule_make(const hedge_graph_t *graph, hedge_schedule_t *ret)
{
        size_t values = graph->n_values + 1, nodes = graph->n_nodes + 1;
        hedge_schedule_t out = { malloc(values * sizeof(*out.homes)), calloc(nodes, sizeof(*out.skip)),
                                 calloc(values, sizeof(*out.buffers)), 0 };
        plan_t plan = { graph, &out, malloc(values * sizeof(uint32_t)), malloc(values * sizeof(uint32_t)),
                        malloc(values * sizeof(uint32_t)) };
        int r = -ENOMEM;

        if (out.homes && out.skip && out.buffers && plan.root && plan.last && plan.holder) {
                memset(plan.holder, 0xff, values * sizeof(uint32_t));
                place_edges(&plan);
                find_roots(&plan);
                assign(&plan);
                *ret = out;
                r = 0;
        } else {
                hedge_schedule_release(&out);
        }
        free(plan.root);
        free(plan.last);
        free(plan.holder);
        return r;
}

void hedge_schedule_release(hedge_schedule_t *schedule)
{
        free(schedule->homes);
        free(schedule->skip);
        free(schedule->buffers);
        memset(schedule, 0, sizeof(*schedule));
}
