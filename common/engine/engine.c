/* SPDX-License-Identifier: Apache-2.0 */
#include "common/engine/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXTS_KEPT 4 /* sets of buffers kept for the next runs */

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

static void context_destroy(const hedge_engine_t *e, hedge_engine_context_t *c)
{
        if (!c)
                return;
        for (uint32_t i = 0; c->inputs && i < e->graph->n_inputs; i++)
                free(c->inputs[i]);
        for (uint32_t i = 0; c->buffers && i < e->schedule.n_buffers; i++)
                free(c->buffers[i]);
        for (uint32_t i = 0; c->spares && i < e->schedule.n_buffers; i++)
                free(c->spares[i]);
        free(c->inputs);
        free(c->buffers);
        free(c->spares);
        free(c);
}

void hedge_engine_trim(hedge_engine_t *e)
{
        hedge_engine_context_t *c, *next;

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

void hedge_engine_share(hedge_engine_t *e, hedge_packs_t *packs)
{
        pthread_mutex_lock(&e->lock);
        e->packs = packs;
        pthread_mutex_unlock(&e->lock);
}

static uint64_t bytes_of(const hedge_graph_t *g, uint32_t value)
{
        return (uint64_t)hedge_shape_elements(&g->values[value].shape) * sizeof(float);
}

static uint64_t context_bytes(const hedge_engine_t *e, const hedge_engine_context_t *c)
{
        uint64_t bytes = 0;

        for (uint32_t i = 0; i < e->schedule.n_buffers; i++)
                bytes += ((c->buffers[i] != NULL) + (c->spares[i] != NULL)) * (uint64_t)e->schedule.buffers[i] *
                         sizeof(float);
        for (uint32_t i = 0; i < e->graph->n_inputs; i++)
                bytes += c->inputs[i] ? bytes_of(e->graph, e->graph->inputs[i]) : 0;
        return bytes;
}

uint64_t hedge_engine_bytes(hedge_engine_t *e)
{
        uint64_t bytes;

        pthread_mutex_lock(&e->lock);
        bytes = e->kernel_bytes;
        for (const hedge_engine_context_t *c = e->contexts; c; c = c->next)
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

static hedge_engine_context_t *context_new(const hedge_engine_t *e)
{
        hedge_engine_context_t *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        c->inputs = calloc(e->graph->n_inputs + 1, sizeof(*c->inputs));
        c->buffers = calloc(e->schedule.n_buffers + 1, sizeof(*c->buffers));
        c->spares = calloc(e->schedule.n_buffers + 1, sizeof(*c->spares));
        if (c->inputs && c->buffers && c->spares)
                return c;
        context_destroy(e, c);
        return NULL;
}

hedge_engine_context_t *hedge_engine_open_context(hedge_engine_t *e)
{
        hedge_engine_context_t *c;

        pthread_mutex_lock(&e->lock);
        c = e->contexts;
        if (c) {
                e->contexts = c->next;
                e->n_contexts--;
        }
        pthread_mutex_unlock(&e->lock);
        return c ? c : context_new(e);
}

void hedge_engine_close_context(hedge_engine_t *e, hedge_engine_context_t *c)
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
static size_t room_for_kernel(hedge_engine_t *e, hedge_packs_t **ret_packs)
{
        uint64_t taken, room;

        pthread_mutex_lock(&e->lock);
        *ret_packs = e->packs;
        taken = e->kernel_bytes + (e->packs ? hedge_packs_bytes(e->packs) : 0);
        room = e->kernel_bytes_max > taken ? e->kernel_bytes_max - taken : 0;
        pthread_mutex_unlock(&e->lock);
        return room < SIZE_MAX ? (size_t)room : SIZE_MAX;
}

/* Only another graph's constants are the same for all its pieces. */
static const void *name_of(const hedge_value_t *value)
{
        return !value->lent ? NULL : value->narrow ? (const void *)value->narrow : (const void *)value->data;
}

/* Kernels keep what they need of the constants, so that those made of bytes live only while one is prepared. */
static int prepare_with(hedge_engine_t *e, const hedge_node_t *node, hedge_shape_t *shapes, const float **constants,
                        float **rooms, const void **names, hedge_kernel_t **ret)
{
        hedge_packs_t *packs;
        size_t room;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < node->n_inputs; i++) {
                const hedge_value_t *value = &e->graph->values[node->inputs[i]];

                shapes[i] = value->shape;
                names[i] = name_of(value);
                if (hedge_value_is_constant(value))
                        r = hedge_value_floats(value, &constants[i], &rooms[i]);
        }
        room = room_for_kernel(e, &packs);
        if (r == 0)
                r = hedge_kernel_new_sharing(e->kernels, &node->op, shapes, node->n_inputs, constants, room, packs,
                                             names, ret);
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
        const void **names = calloc(node->n_inputs, sizeof(*names));
        int r = -ENOMEM;

        if (shapes && constants && rooms && names)
                r = prepare_with(e, node, shapes, constants, rooms, names, ret);
        if (r == 0)
                count_kernel(e, *ret);
        free(shapes);
        free(constants);
        free(rooms);
        free(names);
        return r;
}

static int kernel_of(hedge_engine_t *e, uint32_t node, hedge_kernel_t **ret)
{
        hedge_engine_slot_t *slot = &e->slots[node];
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

int hedge_engine_prepare(hedge_engine_t *e, uint32_t node)
{
        hedge_kernel_t *kernel;

        return e->graph->nodes[node].op.kind == HEDGE_OP_RESHAPE ? 0 : kernel_of(e, node, &kernel);
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
