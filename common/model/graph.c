/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/batch.h"

#define WORTH_BORROWING 256 /* elements */
#define BORROW_TRIES    16  /* constants that only the other graph may have in between */

int hedge_value_floats(const hedge_value_t *value, const float **ret, float **ret_room)
{
        float *room = NULL;

        if (!value->data) {
                room = hedge_floats_new(value->narrow->elements);
                if (!room)
                        return -ENOMEM;
                hedge_narrow_expand(value->narrow, room);
        }
        *ret = value->data ? value->data : room;
        *ret_room = room;
        return 0;
}

static uint64_t bytes_of(const hedge_value_t *v)
{
        if (v->narrow)
                return hedge_narrow_bytes(v->narrow);
        return v->data ? (uint64_t)hedge_shape_elements(&v->shape) * sizeof(float) : 0;
}

uint64_t hedge_graph_constant_bytes(const hedge_graph_t *g)
{
        uint64_t bytes = 0;

        for (uint32_t i = 0; i < g->n_values; i++)
                bytes += bytes_of(&g->values[i]);
        return bytes;
}

static bool worth_borrowing(const hedge_value_t *v)
{
        return hedge_value_is_constant(v) && hedge_shape_elements(&v->shape) >= WORTH_BORROWING;
}

static bool are_equal(const hedge_value_t *a, const hedge_value_t *b)
{
        if (!hedge_shape_equal(&a->shape, &b->shape) || !a->narrow != !b->narrow)
                return false;
        return a->narrow ? hedge_narrow_equal(a->narrow, b->narrow)
                         : memcmp(a->data, b->data, hedge_shape_elements(&a->shape) * sizeof(float)) == 0;
}

static void free_constant(hedge_value_t *v)
{
        if (v->lent)
                return;
        free((void *)(uintptr_t)v->data);
        hedge_narrow_destroy(&v->narrow);
}

static uint64_t borrow(hedge_value_t *v, const hedge_value_t *lender)
{
        uint64_t bytes = bytes_of(v);

        free_constant(v);
        v->data = lender->data;
        v->narrow = lender->narrow;
        v->lent = true;
        return bytes;
}

uint64_t hedge_graph_borrow(hedge_graph_t *g, const hedge_graph_t *lender)
{
        uint64_t bytes = 0;
        uint32_t next = 0;

        for (uint32_t i = 0; i < g->n_values; i++) {
                hedge_value_t *v = &g->values[i];
                unsigned tries = 0;

                if (!worth_borrowing(v) || v->lent)
                        continue;
                for (uint32_t at = next; at < lender->n_values && tries < BORROW_TRIES; at++) {
                        const hedge_value_t *other = &lender->values[at];

                        if (!worth_borrowing(other))
                                continue;
                        tries++;
                        if (!are_equal(v, other))
                                continue;
                        bytes += borrow(v, other);
                        next = at + 1;
                        break;
                }
        }
        return bytes;
}

void hedge_graph_destroy(hedge_graph_t **graph)
{
        hedge_graph_t *g = *graph;

        if (!g)
                return;
        for (uint32_t i = 0; i < g->n_values; i++)
                free_constant(&g->values[i]);
        for (uint32_t i = 0; i < g->n_nodes; i++)
                free(g->nodes[i].inputs);
        free(g->values);
        free(g->nodes);
        free(g->inputs);
        free(g->open);
        free(g->outputs);
        hedge_batch_destroy(&g->batch);
        free(g);
        *graph = NULL;
}

uint64_t hedge_node_macs(const hedge_graph_t *graph, const hedge_node_t *node)
{
        hedge_shape_t shapes[3];

        if (node->op.kind != HEDGE_OP_CONV && node->op.kind != HEDGE_OP_FULLY_CONNECTED &&
            node->op.kind != HEDGE_OP_MATMUL)
                return 0;
        for (uint32_t i = 0; i < node->n_inputs; i++)
                shapes[i] = graph->values[node->inputs[i]].shape;
        return hedge_op_work(&node->op, shapes, node->n_inputs);
}

uint64_t hedge_graph_macs(const hedge_graph_t *graph)
{
        uint64_t macs = 0;

        for (uint32_t i = 0; i < graph->n_nodes; i++)
                macs += hedge_node_macs(graph, &graph->nodes[i]);
        return macs;
}
