/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/graph.h"

#include <stdlib.h>

#include "common/model/batch.h"

void hedge_graph_destroy(hedge_graph_t **graph)
{
        hedge_graph_t *g = *graph;

        if (!g)
                return;
        for (uint32_t i = 0; i < g->n_values; i++)
                free((void *)(uintptr_t)g->values[i].data);
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
