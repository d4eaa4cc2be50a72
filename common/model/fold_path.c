/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/fold_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHANNELS (1u << 20) /* of a convolution */

/* Where the last axes begin whose extents make a multiple of the period; past the rank where none do. */
static uint32_t suffix(const hedge_shape_t *s, uint32_t period)
{
        uint64_t n = 1;
        uint32_t d = s->rank;

        while (n % period && d > 0)
                n *= s->dims[--d];
        return n % period ? s->rank + 1 : d;
}

/* Element i of a suffix of the input (axes from `begin` on) as an element of the suffix of the output that has `axes` axes
 * from `out_begin` on. Those of the output are among those of the input. */
static uint32_t moved(const hedge_op_t *op, const hedge_shape_t *in, uint32_t begin, uint32_t out_begin, uint32_t i)
{
        uint32_t at[HEDGE_MAX_RANK] = { 0 }, index = 0;

        for (uint32_t d = in->rank; d-- > begin;) {
                at[d] = i % in->dims[d];
                i /= in->dims[d];
        }
        for (uint32_t d = out_begin; d < in->rank; d++)
                index = index * in->dims[op->transpose.perm[d]] + at[op->transpose.perm[d]];
        return index;
}

/* The period before a transpose: the shortest suffix of its input that has all axes of the output's. @return 1, or 0 where
 * the path ends, or -ENOMEM. */
static int before_transpose(const hedge_op_t *op, const hedge_shape_t *in, const hedge_shape_t *out,
                            hedge_fold_path_t *path)
{
        uint32_t out_begin = suffix(out, path->period), begin = in->rank, *channel;
        uint64_t period = 1;

        if (out_begin > out->rank)
                return 0;
        for (uint32_t d = out_begin; d < out->rank; d++)
                begin = op->transpose.perm[d] < begin ? op->transpose.perm[d] : begin;
        for (uint32_t d = begin; d < in->rank; d++)
                period *= in->dims[d];
        if (period > MAX_CHANNELS)
                return 0;
        channel = malloc(period * sizeof(*channel));
        if (!channel)
                return -ENOMEM;
        for (uint32_t i = 0; i < period; i++)
                channel[i] = path->channel[moved(op, in, begin, out_begin, i) % path->period];
        free(path->channel);
        path->channel = channel;
        path->period = (uint32_t)period;
        return 1;
}

/* Does a slice leave the axes of the period whole? */
static bool keeps_channels(const hedge_op_t *op, const hedge_shape_t *in, const hedge_shape_t *out, uint32_t period)
{
        uint32_t begin = suffix(out, period);

        for (uint32_t d = begin; d < out->rank; d++)
                if (in->dims[d] != out->dims[d] || op->slice.step[d] != 1)
                        return false;
        return begin <= out->rank;
}

/* One operator further back. @return 1, 0 where the path ends, -ENOMEM. */
static int step(const hedge_node_t *node, const hedge_shape_t *in, const hedge_shape_t *out, hedge_fold_path_t *path)
{
        switch (node->op.kind) {
        case HEDGE_OP_RESHAPE:
                return 1;
        case HEDGE_OP_TRANSPOSE:
                return path->channel ? before_transpose(&node->op, in, out, path) : 1;
        case HEDGE_OP_SLICE:
                return !path->channel || keeps_channels(&node->op, in, out, path->period);
        default:
                return 0;
        }
}

static bool moves_only(const hedge_node_t *node)
{
        return node->op.kind == HEDGE_OP_RESHAPE || node->op.kind == HEDGE_OP_TRANSPOSE ||
               node->op.kind == HEDGE_OP_SLICE;
}

static int start(const hedge_shape_t *s, hedge_fold_path_t *path)
{
        path->period = s->rank ? s->dims[s->rank - 1] : 1;
        path->channel = malloc(path->period * sizeof(*path->channel));
        if (!path->channel)
                return -ENOMEM;
        for (uint32_t i = 0; i < path->period; i++)
                path->channel[i] = i;
        return 0;
}

static int walk(const hedge_graph_t *g, const uint32_t *alias, uint32_t value, hedge_fold_path_t *path)
{
        for (;;) {
                const hedge_value_t *v = &g->values[value];
                hedge_node_t *node;
                int r;

                if (v->uses != 1 || v->producer == HEDGE_NO_NODE)
                        return 0;
                node = &g->nodes[v->producer];
                if (!moves_only(node)) {
                        if (!path->channel ||
                            (v->shape.rank > 0 && v->shape.dims[v->shape.rank - 1] % path->period == 0))
                                path->node = node;
                        return 0;
                }
                value = alias[node->inputs[0]];
                r = step(node, &g->values[value].shape, &v->shape, path);
                if (r <= 0)
                        return r;
        }
}

int hedge_fold_path(const hedge_graph_t *graph, const uint32_t *alias, uint32_t value, bool channels,
                    hedge_fold_path_t *ret)
{
        hedge_fold_path_t path = { NULL, 1, NULL };
        const hedge_shape_t *s = &graph->values[value].shape;
        int r = 0;

        if (channels && s->rank > 0 && (s->dims[s->rank - 1] == 0 || s->dims[s->rank - 1] > MAX_CHANNELS)) {
                *ret = path;
                return 0;
        }
        if (channels)
                r = start(s, &path);
        if (r == 0)
                r = walk(graph, alias, value, &path);
        if (r < 0)
                hedge_fold_path_release(&path);
        else
                *ret = path;
        return r;
}

void hedge_fold_path_release(hedge_fold_path_t *path)
{
        free(path->channel);
        path->channel = NULL;
}
