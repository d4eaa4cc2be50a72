/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/fold_path.h"
#include "common/model/tidy.h"

typedef struct fold {
        hedge_graph_t *graph;
        uint32_t *alias; /**< what stands for a value now: itself, or what it was folded into */
} fold_t;

static const hedge_shape_t *shape_of(const fold_t *fold, uint32_t value)
{
        return &fold->graph->values[value].shape;
}

static float *writable(const fold_t *fold, uint32_t value)
{
        return (float *)(uintptr_t)fold->graph->values[value].data;
}

static bool takes_activation(const hedge_node_t *node)
{
        return node && node->op.activation.kind == HEDGE_ACT_NONE &&
               (node->op.kind == HEDGE_OP_CONV || node->op.kind == HEDGE_OP_FULLY_CONNECTED ||
                node->op.kind == HEDGE_OP_ADD || node->op.kind == HEDGE_OP_MUL);
}

/* A single number, or one per channel (last axis) of `data`. */
static bool per_channel(const fold_t *fold, uint32_t constant, uint32_t data)
{
        const hedge_value_t *c = &fold->graph->values[constant];
        const hedge_shape_t *d = shape_of(fold, data);

        if (!c->data || c->shape.rank > d->rank || d->rank == 0)
                return false;
        for (uint32_t i = 0; i + 1 < c->shape.rank; i++)
                if (c->shape.dims[i] != 1)
                        return false;
        return c->shape.rank == 0 || c->shape.dims[c->shape.rank - 1] == 1 ||
               c->shape.dims[c->shape.rank - 1] == d->dims[d->rank - 1];
}

/* Give a linear node a bias of zeros if it has none. */
static int want_bias(fold_t *fold, hedge_node_t *node)
{
        hedge_graph_t *g = fold->graph;
        uint32_t channels = g->values[node->inputs[1]].shape.dims[0], *inputs;
        hedge_value_t *values;
        float *zeros;

        if (node->n_inputs == 3)
                return 0;
        values = realloc(g->values, (g->n_values + 1) * sizeof(*values));
        if (!values)
                return -ENOMEM;
        g->values = values;
        inputs = realloc(node->inputs, 3 * sizeof(*inputs));
        if (!inputs)
                return -ENOMEM;
        node->inputs = inputs;
        zeros = hedge_floats_new(channels);
        if (!zeros)
                return -ENOMEM;
        memset(zeros, 0, channels * sizeof(*zeros));
        values[g->n_values] =
                (hedge_value_t){ .shape = { 1, { channels } }, .data = zeros, .producer = HEDGE_NO_NODE, .uses = 1 };
        node->inputs[2] = g->n_values++;
        node->n_inputs = 3;
        return 0;
}

/* weight[o] = weight[o] * c[o], bias too; or bias[o] += sign * c[o]: for the channel o that the path says. */
static void apply(const fold_t *fold, const hedge_fold_path_t *path, hedge_op_kind_t kind, uint32_t constant)
{
        const hedge_node_t *linear = path->node;
        const hedge_value_t *c = &fold->graph->values[constant];
        float *weight = writable(fold, linear->inputs[1]), *bias = writable(fold, linear->inputs[2]);
        size_t channels = shape_of(fold, linear->inputs[1])->dims[0];
        size_t each = hedge_shape_elements(shape_of(fold, linear->inputs[1])) / channels;
        bool one = hedge_shape_elements(&c->shape) == 1;

        for (size_t o = 0; o < channels; o++) {
                float v = c->data[one ? 0 : path->channel[o % path->period]];

                if (kind == HEDGE_OP_ADD || kind == HEDGE_OP_SUB) {
                        bias[o] += kind == HEDGE_OP_ADD ? v : -v;
                        continue;
                }
                for (size_t i = 0; i < each; i++)
                        weight[o * each + i] =
                                kind == HEDGE_OP_MUL ? weight[o * each + i] * v : weight[o * each + i] / v;
                bias[o] = kind == HEDGE_OP_MUL ? bias[o] * v : bias[o] / v;
        }
}

/* The node's output is now what `value` is; it takes over name and readers. */
static void replace(fold_t *fold, const hedge_node_t *node, uint32_t value)
{
        hedge_graph_t *g = fold->graph;

        memcpy(g->values[value].name, g->values[node->output].name, HEDGE_NAME_MAX);
        g->values[value].uses = g->values[node->output].uses;
        fold->alias[node->output] = value;
        g->values[node->output].uses = 0;
}

static bool constants_unshared(const fold_t *fold, const hedge_node_t *linear)
{
        for (uint32_t i = 1; i < linear->n_inputs; i++)
                if (!fold->graph->values[linear->inputs[i]].data || fold->graph->values[linear->inputs[i]].uses != 1)
                        return false;
        return true;
}

static bool is_linear(const hedge_node_t *node)
{
        return node && node->op.activation.kind == HEDGE_ACT_NONE && !node->op.exact &&
               (node->op.kind == HEDGE_OP_CONV || node->op.kind == HEDGE_OP_FULLY_CONNECTED);
}

/* @return 1 if the node is no longer needed. */
static int fold_constant(fold_t *fold, const hedge_node_t *node)
{
        uint32_t data = node->inputs[0], constant = node->inputs[1];
        hedge_fold_path_t path = { NULL, 1, NULL };
        int r;

        if (fold->graph->values[data].data && (node->op.kind == HEDGE_OP_ADD || node->op.kind == HEDGE_OP_MUL)) {
                data = node->inputs[1];
                constant = node->inputs[0];
        }
        if (node->op.activation.kind != HEDGE_ACT_NONE || !per_channel(fold, constant, data))
                return 0;
        r = hedge_fold_path(fold->graph, fold->alias, data, true, &path);
        if (r == 0 && is_linear(path.node) && constants_unshared(fold, path.node)) {
                r = want_bias(fold, path.node);
                if (r == 0) {
                        apply(fold, &path, node->op.kind, constant);
                        if (node->op.kind == HEDGE_OP_MUL || node->op.kind == HEDGE_OP_DIV)
                                hedge_narrow_destroy(&fold->graph->values[path.node->inputs[1]].narrow);
                        fold->graph->values[constant].uses--;
                        replace(fold, node, data);
                        r = 1;
                }
        }
        hedge_fold_path_release(&path);
        return r;
}

static int fold_activation(fold_t *fold, const hedge_node_t *node)
{
        hedge_fold_path_t path = { NULL, 1, NULL };
        int r = hedge_fold_path(fold->graph, fold->alias, node->inputs[0], false, &path);

        if (r < 0 || !takes_activation(path.node))
                return r;
        path.node->op.activation = node->op.activation;
        replace(fold, node, node->inputs[0]);
        return 1;
}

/* The columns of a matrix from channels x plane to plane x channels; of its narrow form too. */
static int channels_last(const hedge_value_t *matrix, uint32_t rows, uint32_t channels, uint32_t plane)
{
        const size_t k = (size_t)channels * plane;
        float *row = malloc(k * sizeof(*row)), *weight = (float *)(uintptr_t)matrix->data;
        uint8_t *bytes = matrix->narrow ? matrix->narrow->bytes : NULL, *old = (uint8_t *)row;

        if (!row)
                return -ENOMEM;
        for (uint32_t n = 0; n < rows; n++, weight += k) {
                memcpy(row, weight, k * sizeof(*row));
                for (uint32_t c = 0; c < channels; c++)
                        for (uint32_t i = 0; i < plane; i++)
                                weight[i * channels + c] = row[c * plane + i];
        }
        for (uint32_t n = 0; bytes && n < rows; n++, bytes += k) {
                memcpy(old, bytes, k);
                for (uint32_t c = 0; c < channels; c++)
                        for (uint32_t i = 0; i < plane; i++)
                                bytes[i * channels + c] = old[c * plane + i];
        }
        free(row);
        return 0;
}

/* Behind convolution and flatten, channels come first in each row of the weights. With the columns in the order in
 * which the image lies, no transpose is needed. */
static int fold_flatten(fold_t *fold, hedge_node_t *node)
{
        static const uint32_t to_channels_first[4] = { 0, 3, 1, 2 };
        hedge_graph_t *g = fold->graph;
        hedge_node_t *reshape, *transpose;
        const hedge_shape_t *w = shape_of(fold, node->inputs[1]), *image;
        const hedge_value_t *x = &g->values[node->inputs[0]];
        uint32_t plane, channels;

        if (x->uses != 1 || x->producer == HEDGE_NO_NODE || !constants_unshared(fold, node))
                return 0;
        reshape = &g->nodes[x->producer];
        if (reshape->op.kind != HEDGE_OP_RESHAPE || g->values[reshape->inputs[0]].uses != 1 ||
            g->values[reshape->inputs[0]].producer == HEDGE_NO_NODE)
                return 0;
        transpose = &g->nodes[g->values[reshape->inputs[0]].producer];
        image = shape_of(fold, transpose->inputs[0]);
        if (transpose->op.kind != HEDGE_OP_TRANSPOSE || image->rank != 4 || image->dims[0] != x->shape.dims[0] ||
            memcmp(transpose->op.transpose.perm, to_channels_first, sizeof(to_channels_first)) != 0)
                return 0;
        channels = image->dims[3];
        plane = image->dims[1] * image->dims[2];
        if (channels_last(&g->values[node->inputs[1]], w->dims[0], channels, plane) < 0)
                return -ENOMEM;
        g->values[reshape->inputs[0]].uses--;
        reshape->inputs[0] = transpose->inputs[0];
        return 0;
}

/* @return 1 if the node is no longer needed, 0, -ENOMEM. */
static int fold_node(fold_t *fold, hedge_node_t *node)
{
        switch (node->op.kind) {
        case HEDGE_OP_ADD:
        case HEDGE_OP_SUB:
        case HEDGE_OP_MUL:
        case HEDGE_OP_DIV:
                return fold_constant(fold, node);
        case HEDGE_OP_CLAMP:
        case HEDGE_OP_LEAKY_RELU:
                return fold_activation(fold, node);
        case HEDGE_OP_FULLY_CONNECTED:
                return fold_flatten(fold, node);
        default:
                return 0;
        }
}

/* What is only ever packed by a kernel stays in bytes, everything else in floats. */
static void keep_narrow(const hedge_graph_t *graph)
{
        for (uint32_t i = 0; i < graph->n_nodes; i++) {
                const hedge_node_t *node = &graph->nodes[i];
                bool packs = node->op.kind == HEDGE_OP_CONV || node->op.kind == HEDGE_OP_FULLY_CONNECTED;

                for (uint32_t j = 0; j < node->n_inputs; j++)
                        if (!packs || j != 1)
                                hedge_narrow_destroy(&graph->values[node->inputs[j]].narrow);
        }
        for (uint32_t i = 0; i < graph->n_values; i++) {
                if (!graph->values[i].narrow)
                        continue;
                free((void *)(uintptr_t)graph->values[i].data);
                graph->values[i].data = NULL;
        }
}

int hedge_fold(hedge_graph_t *graph, const hedge_onnx_limits_t *limits, hedge_why_t *why)
{
        uint32_t computed = graph->n_values;
        fold_t fold = { graph, malloc((computed + 1) * sizeof(*fold.alias)) };
        int r = fold.alias ? 0 : -ENOMEM;

        if (r == 0)
                r = hedge_tidy_prune(graph);
        for (uint32_t i = 0; fold.alias && i < computed; i++)
                fold.alias[i] = i;
        for (uint32_t i = 0; r >= 0 && i < graph->n_nodes; i++) {
                hedge_node_t *node = &graph->nodes[i];

                for (uint32_t j = 0; j < node->n_inputs; j++)
                        node->inputs[j] = fold.alias[node->inputs[j]];
                r = fold_node(&fold, node);
        }
        for (uint32_t i = 0; r >= 0 && i < graph->n_outputs; i++)
                graph->outputs[i] = fold.alias[graph->outputs[i]];
        free(fold.alias);
        if (r >= 0)
                r = hedge_tidy_prune(graph);
        if (r >= 0)
                r = hedge_tidy_names(graph);
        if (r < 0)
                return hedge_why(why, r, "out of memory");
        keep_narrow(graph);
        return hedge_tidy_check_memory(graph, limits->max_run_bytes, why);
}
