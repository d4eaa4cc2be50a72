/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/engine/state.h"

float *hedge_engine_data(const hedge_engine_pass_t *pass, uint32_t value)
{
        const hedge_home_t *home = &pass->engine->schedule.homes[value];

        switch (home->kind) {
        case HEDGE_HOME_CONSTANT:
                return (float *)(uintptr_t)pass->engine->graph->values[home->index].data;
        case HEDGE_HOME_INPUT:
                if (pass->context->inputs[home->index])
                        return pass->context->inputs[home->index];
                return pass->inputs[home->index].data;
        case HEDGE_HOME_OUTPUT:
                return pass->outputs[home->index].data;
        default:
                return pass->context->buffers[home->index];
        }
}

int hedge_engine_want(const hedge_engine_pass_t *pass, uint32_t value)
{
        const hedge_schedule_t *s = &pass->engine->schedule;
        const hedge_home_t *home = &s->homes[value];

        if (home->kind != HEDGE_HOME_BUFFER || pass->context->buffers[home->index])
                return 0;
        pass->context->buffers[home->index] = hedge_floats_new(s->buffers[home->index]);
        return pass->context->buffers[home->index] ? 0 : -ENOMEM;
}

/* What goes into one node, as the caller is told it: each value once, without constants. */
static void list_given(const hedge_engine_pass_t *pass, const hedge_node_t *node)
{
        const hedge_graph_t *g = pass->engine->graph;
        uint32_t n = 0;

        pass->given[0] = (hedge_tensor_t){ { 0 }, NULL };
        for (uint32_t j = 0; j < node->n_inputs; j++) {
                bool again = hedge_value_is_constant(&g->values[node->inputs[j]]);

                for (uint32_t i = 0; !again && i < j; i++)
                        again = node->inputs[i] == node->inputs[j];
                if (!again)
                        pass->given[n++] =
                                (hedge_tensor_t){ g->values[node->inputs[j]].shape, (float *)(uintptr_t)pass->in[j] };
        }
}

static int run_node(const hedge_engine_pass_t *pass, uint32_t i)
{
        const hedge_graph_t *g = pass->engine->graph;
        const hedge_node_t *node = &g->nodes[i];
        hedge_tensor_t out = { g->values[node->output].shape, NULL };
        int r = hedge_engine_want(pass, node->output);

        if (r < 0)
                return r;
        out.data = hedge_engine_data(pass, node->output);
        for (uint32_t j = 0; j < node->n_inputs; j++)
                pass->in[j] = hedge_engine_data(pass, node->inputs[j]);
        r = 1;
        if (pass->hooks) {
                list_given(pass, node);
                r = pass->hooks->run(pass->arg, i, i + 1, pass->given, &out);
        }
        if (r == 0)
                hedge_engine_mark_missing(&g->values[node->output], &out);
        return r > 0 ? hedge_engine_run_node(pass->engine, i, pass->in, out.data) : r;
}

static int run_one_by_one(const hedge_engine_pass_t *pass, uint32_t first, uint32_t last)
{
        int r = 0;

        for (uint32_t i = first; r == 0 && i < last; i++)
                if (!pass->engine->schedule.skip[i])
                        r = run_node(pass, i);
        return r;
}

/* The end of the run of nodes that begins here, by the caller's wish. */
static uint32_t end_of_run(const hedge_engine_pass_t *pass, uint32_t first)
{
        const uint32_t n = pass->engine->graph->n_nodes;
        const uint32_t last = pass->hooks && pass->hooks->until ? pass->hooks->until(pass->arg, first) : first + 1;

        return last <= first ? first + 1 : last > n ? n : last;
}

static int run_nodes(const hedge_engine_pass_t *pass)
{
        uint32_t last;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < pass->engine->graph->n_nodes; i = last) {
                last = end_of_run(pass, i);
                r = last > i + 1 ? hedge_engine_take(pass, i, last) : 1;
                if (r == 1)
                        r = run_one_by_one(pass, i, last);
        }
        return r;
}

/* Back ends that read past their inputs get a copy of the caller's. */
static int open_inputs(const hedge_engine_pass_t *pass)
{
        const hedge_graph_t *g = pass->engine->graph;
        size_t slack = hedge_kernels_slack(pass->engine->kernels);

        for (uint32_t i = 0; i < g->n_inputs; i++) {
                size_t n = hedge_shape_elements(&g->values[g->inputs[i]].shape);
                float **copy = &pass->context->inputs[i];

                if (!hedge_shape_equal(&pass->inputs[i].shape, &g->values[g->inputs[i]].shape))
                        return HEDGE_ESHAPE;
                if (slack == 0)
                        continue;
                if (!*copy)
                        *copy = hedge_floats_new(n);
                if (!*copy)
                        return -ENOMEM;
                memcpy(*copy, pass->inputs[i].data, n * sizeof(**copy));
        }
        return 0;
}

static int open_outputs(const hedge_engine_pass_t *pass)
{
        const hedge_graph_t *g = pass->engine->graph;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < g->n_outputs; i++)
                r = hedge_tensor_alloc(&pass->outputs[i], &g->values[g->outputs[i]].shape);
        return r;
}

static uint32_t most_inputs(const hedge_graph_t *g)
{
        uint32_t most = 1;

        for (uint32_t i = 0; i < g->n_nodes; i++)
                if (g->nodes[i].n_inputs > most)
                        most = g->nodes[i].n_inputs;
        return most;
}

static bool is_marked(const float *row)
{
        uint32_t bits;

        memcpy(&bits, row, sizeof(bits));
        return bits == HEDGE_NO_ROW;
}

/* Rows that turned out not to be there are the last. */
static void cut_rows(const hedge_value_t *value, hedge_tensor_t *output)
{
        size_t each = value->marked ? hedge_shape_elements(&output->shape) / output->shape.dims[0] : 0;

        while (value->marked && output->shape.dims[0] > 0 &&
               is_marked(output->data + (output->shape.dims[0] - 1) * each))
                output->shape.dims[0]--;
}

static void finish(hedge_engine_pass_t *pass, int r, hedge_tensor_t *ret_outputs)
{
        const hedge_graph_t *g = pass->engine->graph;

        for (uint32_t i = 0; r == 0 && i < g->n_outputs; i++)
                cut_rows(&g->values[g->outputs[i]], &pass->outputs[i]);
        if (r == 0)
                memcpy(ret_outputs, pass->outputs, g->n_outputs * sizeof(*pass->outputs));
        else
                for (uint32_t i = 0; pass->outputs && i < g->n_outputs; i++)
                        hedge_tensor_release(&pass->outputs[i]);
        if (pass->context)
                hedge_engine_close_context(pass->engine, pass->context);
        free(pass->outputs);
        free(pass->in);
        free(pass->given);
}

int hedge_engine_run(hedge_engine_t *e, const hedge_tensor_t *inputs, const hedge_engine_hooks_t *hooks, void *arg,
                     hedge_tensor_t *ret_outputs)
{
        const hedge_graph_t *g = e->graph;
        const uint32_t most = most_inputs(g);
        hedge_engine_pass_t pass = { .engine = e, .inputs = inputs, .hooks = hooks, .arg = arg };
        int r = -ENOMEM;

        pass.outputs = calloc(g->n_outputs + (size_t)1, sizeof(*pass.outputs));
        pass.context = hedge_engine_open_context(e);
        pass.in = calloc(most, sizeof(*pass.in));
        pass.given = calloc(most, sizeof(*pass.given));
        if (pass.outputs && pass.context && pass.in && pass.given)
                r = open_inputs(&pass);
        if (r == 0)
                r = open_outputs(&pass);
        if (r == 0)
                r = run_nodes(&pass);
        finish(&pass, r, ret_outputs);
        return r;
}
