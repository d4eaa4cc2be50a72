/* SPDX-License-Identifier: Apache-2.0 */
#include "local_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_VALUES 400
#define MAX_EXTENT 64

uint32_t local_net_any(local_net_t *net, uint32_t from, uint32_t to)
{
        net->random = net->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return from + (uint32_t)((net->random >> 33) % (to - from + 1));
}

float local_net_float(local_net_t *net)
{
        return (float)local_net_any(net, 0, 2000) / 1000 - 1;
}

static uint32_t add_value(local_net_t *net, const hedge_shape_t *shape, float *data, uint32_t producer)
{
        hedge_graph_t *g = net->graph;
        hedge_value_t *value = &g->values[g->n_values];

        assert_true(g->n_values < MAX_VALUES);
        *value = (hedge_value_t){ .shape = *shape, .data = data, .producer = producer };
        snprintf(value->name, sizeof(value->name), "v%u", g->n_values);
        return g->n_values++;
}

uint32_t local_net_constant(local_net_t *net, const hedge_shape_t *shape)
{
        const size_t n = hedge_shape_elements(shape);
        float *data = hedge_floats_new(n);

        assert_non_null(data);
        for (size_t i = 0; i < n; i++)
                data[i] = local_net_float(net);
        return add_value(net, shape, data, HEDGE_NO_NODE);
}

uint32_t local_net_node(local_net_t *net, const hedge_op_t *op, const uint32_t *inputs, uint32_t n)
{
        hedge_graph_t *g = net->graph;
        hedge_node_t *node = &g->nodes[g->n_nodes];
        hedge_shape_t in[8], out;

        assert_true(n <= 8 && g->n_nodes < MAX_VALUES);
        for (uint32_t j = 0; j < n; j++) {
                if (inputs[j] == HEDGE_NO_VALUE)
                        return HEDGE_NO_VALUE;
                in[j] = g->values[inputs[j]].shape;
        }
        if (hedge_op_infer(op, in, n, &out, NULL) < 0 || out.dims[1] > MAX_EXTENT || out.dims[2] > MAX_EXTENT ||
            hedge_shape_elements(&out) == 0)
                return HEDGE_NO_VALUE;
        *node = (hedge_node_t){ .op = *op, .n_inputs = n, .inputs = malloc(n * sizeof(*inputs)) };
        assert_non_null(node->inputs);
        for (uint32_t j = 0; j < n; j++) {
                node->inputs[j] = inputs[j];
                g->values[inputs[j]].uses++;
        }
        snprintf(node->name, sizeof(node->name), "node %u", g->n_nodes);
        node->output = add_value(net, &out, NULL, g->n_nodes);
        g->n_nodes++;
        return node->output;
}

void local_net_begin(local_net_t *net, uint64_t seed, uint32_t h, uint32_t w, uint32_t c)
{
        const hedge_shape_t shape = { 4, { 1, h, w, c } };

        *net = (local_net_t){ .graph = calloc(1, sizeof(*net->graph)), .random = seed };
        assert_non_null(net->graph);
        net->graph->values = calloc(MAX_VALUES, sizeof(*net->graph->values));
        net->graph->nodes = calloc(MAX_VALUES, sizeof(*net->graph->nodes));
        net->graph->inputs = calloc(1, sizeof(*net->graph->inputs));
        net->graph->outputs = calloc(1, sizeof(*net->graph->outputs));
        assert_true(net->graph->values && net->graph->nodes && net->graph->inputs && net->graph->outputs);
        net->at = net->graph->inputs[0] = add_value(net, &shape, NULL, HEDGE_NO_NODE);
        net->graph->n_inputs = 1;
}

hedge_graph_t *local_net_end(local_net_t *net)
{
        net->graph->outputs[0] = net->at;
        net->graph->n_outputs = 1;
        net->graph->values[net->at].uses++;
        return net->graph;
}
