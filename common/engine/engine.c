/* SPDX-License-Identifier: Apache-2.0 */
#include "common/engine/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/engine/schedule.h"

#define CONTEXTS_KEPT 4 /* sets of buffers kept for the next runs */

/* The buffers of one run, allocated as they are first used. */
typedef struct context {
        struct context *next;
        float **inputs; /* copies with the back end's slack; NULL where none is wanted */
        float *buffers[];
} context_t;

typedef struct slot {
        pthread_mutex_t lock; /* while the kernel is prepared */
        hedge_kernel_t *_Atomic kernel;
} slot_t;

struct hedge_engine {
        const hedge_graph_t *graph;
        hedge_kernels_t *kernels;
        hedge_schedule_t schedule;
        slot_t *slots;        /* one per node */
        pthread_mutex_t lock; /* of everything below */
        context_t *contexts;  /* free ones */
        unsigned n_contexts;
        uint64_t kernel_bytes, kernel_bytes_max;
};

int hedge_engine_new(const hedge_graph_t *graph, hedge_kernels_t *kernels, hedge_engine_t **ret)
{
        hedge_engine_t *e = calloc(1, sizeof(*e));
        int r = -ENOMEM;

        if (!e)
                return -ENOMEM;
        e->slots = calloc(graph->n_nodes + 1, sizeof(*e->slots));
        if (e->slots)
                r = hedge_schedule_make(graph, &e->schedule);
        if (r < 0) {
                free(e->slots);
                free(e);
                return r;
        }
        e->graph = graph;
        e->kernels = kernels;
        e->kernel_bytes_max = UINT64_MAX;
        pthread_mutex_init(&e->lock, NULL);
        for (uint32_t i = 0; i < graph->n_nodes; i++)
                pthread_mutex_init(&e->slots[i].lock, NULL);
        *ret = e;
        return 0;
}

static void context_destroy(const hedge_engine_t *e, context_t *c)
{
        if (!c)
                return;
        for (uint32_t i = 0; c->inputs && i < e->graph->n_inputs; i++)
                free(c->inputs[i]);
        for (uint32_t i = 0; i < e->schedule.n_buffers; i++)
                free(c->buffers[i]);
        free(c->inputs);
        free(c);
}

void hedge_engine_trim(hedge_engine_t *e)
{
        context_t *c, *next;

        pthread_mutex_lock(&e->lock);
        c = e->contexts;
        e->contexts = NULL;
        e->n_contexts = 0;
        pthread_mutex_unlock(&e->lock);
        for (; c; c = next) {
                next = c->next;
                context_destroy(e, c);
        }
}

void hedge_engine_destroy(hedge_engine_t **engine)
{
        hedge_engine_t *e = *engine;

        if (!e)
                return;
        hedge_engine_trim(e);
        for (uint32_t i = 0; i < e->graph->n_nodes; i++) {
                hedge_kernel_t *kernel = atomic_load(&e->slots[i].kernel);

                hedge_kernel_destroy(&kernel);
                pthread_mutex_destroy(&e->slots[i].lock);
        }
        pthread_mutex_destroy(&e->lock);
        hedge_schedule_release(&e->schedule);
        free(e->slots);
        free(e);
        *engine = NULL;
}

const hedge_graph_t *hedge_engine_graph(const hedge_engine_t *e)
{
        return e->graph;
}

void hedge_engine_limit(hedge_engine_t *e, uint64_t bytes_max)
{
        pthread_mutex_lock(&e->lock);
        e->kernel_bytes_max = bytes_max;
        pthread_mutex_unlock(&e->lock);
}

static uint64_t bytes_of(const hedge_graph_t *g, uint32_t value)
{
        return (uint64_t)hedge_shape_elements(&g->values[value].shape) * sizeof(float);
}

static uint64_t context_bytes(const hedge_engine_t *e, const context_t *c)
{
        uint64_t bytes = 0;

        for (uint32_t i = 0; i < e->schedule.n_buffers; i++)
                bytes += c->buffers[i] ? e->schedule.buffers[i] * sizeof(float) : 0;
        for (uint32_t i = 0; i < e->graph->n_inputs; i++)
                bytes += c->inputs[i] ? bytes_of(e->graph, e->graph->inputs[i]) : 0;
        return bytes;
}

uint64_t hedge_engine_bytes(hedge_engine_t *e)
{
        uint64_t bytes;

        pthread_mutex_lock(&e->lock);
        bytes = e->kernel_bytes;
        for (const context_t *c = e->contexts; c; c = c->next)
                bytes += context_bytes(e, c);
        pthread_mutex_unlock(&e->lock);
        return bytes;
}

uint64_t hedge_engine_run_bytes(const hedge_engine_t *e)
{
        const hedge_graph_t *g = e->graph;
        const bool copies = hedge_kernels_slack(e->kernels) > 0;
        uint64_t bytes = 0;

        for (uint32_t i = 0; i < e->schedule.n_buffers; i++)
                bytes += (uint64_t)e->schedule.buffers[i] * sizeof(float);
        for (uint32_t i = 0; i < g->n_inputs && copies; i++)
                bytes += bytes_of(g, g->inputs[i]);
        for (uint32_t i = 0; i < g->n_outputs; i++)
                bytes += bytes_of(g, g->outputs[i]);
        return bytes;
}

static context_t *context_new(const hedge_engine_t *e)
{
        context_t *c = calloc(1, sizeof(*c) + e->schedule.n_buffers * sizeof(c->buffers[0]));

        if (!c)
                return NULL;
        c->inputs = calloc(e->graph->n_inputs + 1, sizeof(*c->inputs));
        if (c->inputs)
                return c;
        free(c);
        return NULL;
}

static context_t *context_take(hedge_engine_t *e)
{
        context_t *c;

        pthread_mutex_lock(&e->lock);
        c = e->contexts;
        if (c) {
                e->contexts = c->next;
                e->n_contexts--;
        }
        pthread_mutex_unlock(&e->lock);
        return c ? c : context_new(e);
}

static void context_give_back(hedge_engine_t *e, context_t *c)
{
        pthread_mutex_lock(&e->lock);
        if (e->n_contexts < CONTEXTS_KEPT) {
                c->next = e->contexts;
                e->contexts = c;
                e->n_contexts++;
                c = NULL;
        }
        pthread_mutex_unlock(&e->lock);
        context_destroy(e, c);
}

/* What a kernel with a choice may take. Two that are prepared at once do not see each other. */
static size_t room_for_kernel(hedge_engine_t *e)
{
        uint64_t room;

        pthread_mutex_lock(&e->lock);
        room = e->kernel_bytes_max > e->kernel_bytes ? e->kernel_bytes_max - e->kernel_bytes : 0;
        pthread_mutex_unlock(&e->lock);
        return room < SIZE_MAX ? (size_t)room : SIZE_MAX;
}

/* Kernels keep what they need of the constants, so that those made of bytes live only while one is prepared. */
static int prepare_with(hedge_engine_t *e, const hedge_node_t *node, hedge_shape_t *shapes, const float **constants,
                        float **rooms, hedge_kernel_t **ret)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < node->n_inputs; i++) {
                const hedge_value_t *value = &e->graph->values[node->inputs[i]];

                shapes[i] = value->shape;
                if (hedge_value_is_constant(value))
                        r = hedge_value_floats(value, &constants[i], &rooms[i]);
        }
        if (r == 0)
                r = hedge_kernel_new_within(e->kernels, &node->op, shapes, node->n_inputs, constants,
                                            room_for_kernel(e), ret);
        for (uint32_t i = 0; i < node->n_inputs; i++)
                free(rooms[i]);
        return r;
}

static void count_kernel(hedge_engine_t *e, const hedge_kernel_t *kernel)
{
        pthread_mutex_lock(&e->lock);
        e->kernel_bytes += hedge_kernel_bytes(kernel);
        pthread_mutex_unlock(&e->lock);
}

static int prepare(hedge_engine_t *e, const hedge_node_t *node, hedge_kernel_t **ret)
{
        hedge_shape_t *shapes = malloc(node->n_inputs * sizeof(*shapes));
        const float **constants = calloc(node->n_inputs, sizeof(*constants));
        float **rooms = calloc(node->n_inputs, sizeof(*rooms));
        int r = -ENOMEM;

        if (shapes && constants && rooms)
                r = prepare_with(e, node, shapes, constants, rooms, ret);
        if (r == 0)
                count_kernel(e, *ret);
        free(shapes);
        free(constants);
        free(rooms);
        return r;
}

static int kernel_of(hedge_engine_t *e, uint32_t node, hedge_kernel_t **ret)
{
        slot_t *slot = &e->slots[node];
        hedge_kernel_t *kernel = atomic_load_explicit(&slot->kernel, memory_order_acquire);
        int r = 0;

        if (!kernel) {
                pthread_mutex_lock(&slot->lock);
                kernel = atomic_load_explicit(&slot->kernel, memory_order_relaxed);
                if (!kernel) {
                        r = prepare(e, &e->graph->nodes[node], &kernel);
                        if (r == 0)
                                atomic_store_explicit(&slot->kernel, kernel, memory_order_release);
                }
                pthread_mutex_unlock(&slot->lock);
        }
        if (r == 0)
                *ret = kernel;
        return r;
}

int hedge_engine_run_node(hedge_engine_t *e, uint32_t node, const float *const *in, float *out)
{
        const hedge_node_t *n = &e->graph->nodes[node];
        const hedge_value_t *x = &e->graph->values[n->inputs[0]];
        const float *from = x->data ? x->data : in[0];
        hedge_kernel_t *kernel = NULL;
        int r;

        if (n->op.kind == HEDGE_OP_RESHAPE) {
                if (from != out)
                        memcpy(out, from, hedge_shape_elements(&x->shape) * sizeof(*out));
                return 0;
        }
        r = kernel_of(e, node, &kernel);
        return r < 0 ? r : hedge_kernel_run(kernel, in, out);
}

/* One run: where its values are. */
typedef struct run {
        hedge_engine_t *engine;
        const hedge_tensor_t *inputs;
        hedge_tensor_t *outputs;
        context_t *context;
        hedge_engine_offload_t *offload;
        void *arg;
        const float **in; /* room for the inputs of any node */
} run_t;

static float *data_of(const run_t *run, uint32_t value)
{
        const hedge_home_t *home = &run->engine->schedule.homes[value];

        switch (home->kind) {
        case HEDGE_HOME_CONSTANT:
                return (float *)(uintptr_t)run->engine->graph->values[home->index].data;
        case HEDGE_HOME_INPUT:
                if (run->context->inputs[home->index])
                        return run->context->inputs[home->index];
                return run->inputs[home->index].data;
        case HEDGE_HOME_OUTPUT:
                return run->outputs[home->index].data;
        default:
                return run->context->buffers[home->index];
        }
}

static int want_buffer(const run_t *run, uint32_t value)
{
        const hedge_schedule_t *s = &run->engine->schedule;
        float **buffer = &run->context->buffers[s->homes[value].index];

        if (s->homes[value].kind != HEDGE_HOME_BUFFER || *buffer)
                return 0;
        *buffer = hedge_floats_new(s->buffers[s->homes[value].index]);
        return *buffer ? 0 : -ENOMEM;
}

static int run_node(const run_t *run, uint32_t i)
{
        const hedge_graph_t *g = run->engine->graph;
        const hedge_node_t *node = &g->nodes[i];
        hedge_tensor_t image, out = { g->values[node->output].shape, NULL };
        int r = want_buffer(run, node->output);

        if (r < 0)
                return r;
        out.data = data_of(run, node->output);
        for (uint32_t j = 0; j < node->n_inputs; j++)
                run->in[j] = data_of(run, node->inputs[j]);
        r = 1;
        if (run->offload) {
                image = (hedge_tensor_t){ g->values[node->inputs[0]].shape, (float *)(uintptr_t)run->in[0] };
                r = run->offload(run->arg, i, &image, &out);
        }
        return r > 0 ? hedge_engine_run_node(run->engine, i, run->in, out.data) : r;
}

/* Back ends that read past their inputs get a copy of the caller's. */
static int open_inputs(const run_t *run)
{
        const hedge_graph_t *g = run->engine->graph;
        size_t slack = hedge_kernels_slack(run->engine->kernels);

        for (uint32_t i = 0; i < g->n_inputs; i++) {
                size_t n = hedge_shape_elements(&g->values[g->inputs[i]].shape);
                float **copy = &run->context->inputs[i];

                if (!hedge_shape_equal(&run->inputs[i].shape, &g->values[g->inputs[i]].shape))
                        return HEDGE_ESHAPE;
                if (slack == 0)
                        continue;
                if (!*copy)
                        *copy = hedge_floats_new(n);
                if (!*copy)
                        return -ENOMEM;
                memcpy(*copy, run->inputs[i].data, n * sizeof(**copy));
        }
        return 0;
}

static int open_outputs(const run_t *run)
{
        const hedge_graph_t *g = run->engine->graph;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < g->n_outputs; i++)
                r = hedge_tensor_alloc(&run->outputs[i], &g->values[g->outputs[i]].shape);
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

int hedge_engine_run(hedge_engine_t *e, const hedge_tensor_t *inputs, hedge_engine_offload_t *offload, void *arg,
                     hedge_tensor_t *ret_outputs)
{
        const hedge_graph_t *g = e->graph;
        run_t run = { e,       inputs, calloc(g->n_outputs, sizeof(*run.outputs)), context_take(e),
                      offload, arg,    calloc(most_inputs(g), sizeof(*run.in)) };
        int r = run.outputs && run.context && run.in ? 0 : -ENOMEM;

        if (r == 0)
                r = open_inputs(&run);
        if (r == 0)
                r = open_outputs(&run);
        for (uint32_t i = 0; r == 0 && i < g->n_nodes; i++)
                if (!e->schedule.skip[i])
                        r = run_node(&run, i);
        for (uint32_t i = 0; r == 0 && i < g->n_outputs; i++)
                cut_rows(&g->values[g->outputs[i]], &run.outputs[i]);
        if (r == 0)
                memcpy(ret_outputs, run.outputs, g->n_outputs * sizeof(*run.outputs));
        else
                for (uint32_t i = 0; run.outputs && i < g->n_outputs; i++)
                        hedge_tensor_release(&run.outputs[i]);
        if (run.context)
                context_give_back(e, run.context);
        free(run.outputs);
        free(run.in);
        return r;
}
