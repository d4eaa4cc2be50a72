/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/segment/alive.h"

#define MAX_STEPS 8 /* of one rearrangement; those that importers write have five */
#define NO_AXIS   HEDGE_MAX_RANK

static const hedge_image_axes_t image = { 1, 2 };

/* The only node that reads each value; HEDGE_NO_NODE: there are several, or none, or it is an answer. */
static void find_readers(const hedge_graph_t *g, uint32_t *readers)
{
        memset(readers, 0xff, g->n_values * sizeof(*readers));
        for (uint32_t i = 0; i < g->n_nodes; i++)
                for (uint32_t j = 0; j < g->nodes[i].n_inputs; j++)
                        if (g->values[g->nodes[i].inputs[j]].uses == 1)
                                readers[g->nodes[i].inputs[j]] = i;
}

static size_t inner_of(const hedge_shape_t *shape, uint32_t axis)
{
        size_t n = 1;

        while (++axis < shape->rank)
                n *= shape->dims[axis];
        return n;
}

/* How the new extent may go on from the old one. */
typedef enum fit { SAME, FINER, COARSER, FITS } fit_t;

static bool fits(size_t extent, size_t other, fit_t fit)
{
        return fit == SAME ? other == extent : fit == FINER ? other % extent == 0 : extent % other == 0;
}

static uint8_t find_axis(const hedge_shape_t *to, size_t extent, size_t all, fit_t fit)
{
        for (uint8_t a = (uint8_t)to->rank; a-- > 1;)
                if (inner_of(to, a) * to->dims[a] == all && fits(extent, to->dims[a], fit))
                        return a;
        return NO_AXIS;
}

/* The axis of the new shape on which one of the old shape goes on. What lies outside of it must be as much as before: then it is the
 * same axis, or has become longer by some of what lay inside of it, or has given a factor of itself to the inside. The first axis,
 * mostly the batch, is taken last. Where axes of extent 1 leave a choice it may not lead to an image: of a single row there are no
 * strips anyway. */
static uint8_t follow_reshape(const hedge_shape_t *from, uint32_t axis, const hedge_shape_t *to)
{
        const size_t extent = from->dims[axis], all = inner_of(from, axis) * extent;
        uint8_t found = NO_AXIS;

        for (fit_t fit = SAME; found == NO_AXIS && fit < FITS; fit++)
                found = find_axis(to, extent, all, fit);
        if (found == NO_AXIS && to->rank > 0 && hedge_shape_elements(to) == all &&
            (fits(extent, to->dims[0], FINER) || fits(extent, to->dims[0], COARSER)))
                return 0;
        return found;
}

static uint8_t follow_transpose(const hedge_op_t *op, uint32_t axis, uint32_t rank)
{
        for (uint32_t a = 0; a < rank; a++)
                if (op->transpose.perm[a] == axis)
                        return (uint8_t)a;
        return NO_AXIS;
}

static uint8_t follow_slice(const hedge_op_t *op, uint32_t axis)
{
        return op->slice.step[axis] > 0 ? (uint8_t)axis : NO_AXIS;
}

static uint8_t follow_axis(const hedge_node_t *node, const hedge_shape_t *in, const hedge_shape_t *out, uint32_t axis)
{
        switch (node->op.kind) {
        case HEDGE_OP_RESHAPE:
                return follow_reshape(in, axis, out);
        case HEDGE_OP_TRANSPOSE:
                return follow_transpose(&node->op, axis, out->rank);
        case HEDGE_OP_SLICE:
                return follow_slice(&node->op, axis);
        default:
                return NO_AXIS;
        }
}

/* @return false: rows or columns cannot be told apart any more. */
static bool follow(const hedge_graph_t *g, const hedge_node_t *node, hedge_image_axes_t *at)
{
        const hedge_shape_t *in = &g->values[node->inputs[0]].shape, *out = &g->values[node->output].shape;

        if (hedge_shape_elements(out) == 0)
                return false;
        at->rows = follow_axis(node, in, out, at->rows);
        at->columns = follow_axis(node, in, out, at->columns);
        return at->rows != NO_AXIS && at->columns != NO_AXIS && at->rows != at->columns;
}

/* From an image on, until there is one again. @return how many nodes that takes; 0: it is no rearrangement. */
static unsigned walk(const hedge_graph_t *g, const uint32_t *readers, uint32_t first, uint32_t *nodes,
                     hedge_image_axes_t *layouts)
{
        hedge_image_axes_t at = image;

        if (!hedge_alive_moves(g, g->nodes[first].inputs[0]) ||
            !hedge_is_one_image(&g->values[g->nodes[first].inputs[0]].shape))
                return 0;
        for (unsigned n = 0; n < MAX_STEPS && first != HEDGE_NO_NODE; n++) {
                const uint32_t value = g->nodes[first].output;

                if (!follow(g, &g->nodes[first], &at))
                        return 0;
                nodes[n] = first;
                layouts[n] = at;
                if (at.rows == image.rows && at.columns == image.columns && hedge_is_one_image(&g->values[value].shape))
                        return n + 1;
                first = readers[value];
        }
        return 0;
}

static void find_rearrangements(const hedge_graph_t *g, const uint32_t *readers, hedge_layouts_t *out)
{
        for (uint32_t i = 0; i < g->n_nodes; i++) {
                uint32_t nodes[MAX_STEPS];
                hedge_image_axes_t layouts[MAX_STEPS];
                const unsigned n = out->rearranges[i] ? 0 : walk(g, readers, i, nodes, layouts);

                for (unsigned k = 0; k < n; k++) {
                        out->rearranges[nodes[k]] = true;
                        out->values[g->nodes[nodes[k]].output] = layouts[k];
                }
        }
}

int hedge_layouts_find(const hedge_graph_t *g, hedge_layouts_t *ret)
{
        hedge_layouts_t out = { calloc(g->n_values + (size_t)1, sizeof(*out.values)),
                                calloc(g->n_nodes + (size_t)1, sizeof(*out.rearranges)) };
        uint32_t *readers = malloc((g->n_values + (size_t)1) * sizeof(*readers));

        if (!out.values || !out.rearranges || !readers) {
                hedge_layouts_release(&out);
                free(readers);
                return -ENOMEM;
        }
        for (uint32_t v = 0; v < g->n_values; v++)
                if (hedge_is_one_image(&g->values[v].shape))
                        out.values[v] = image;
        find_readers(g, readers);
        find_rearrangements(g, readers, &out);
        free(readers);
        *ret = out;
        return 0;
}

void hedge_layouts_release(hedge_layouts_t *layouts)
{
        free(layouts->values);
        free(layouts->rearranges);
        *layouts = (hedge_layouts_t){ NULL, NULL };
}

bool hedge_layouts_is_image(const hedge_graph_t *g, const hedge_layouts_t *layouts, uint32_t value)
{
        const hedge_image_axes_t *layout = &layouts->values[value];

        return layout->rows == image.rows && layout->columns == image.columns &&
               hedge_is_one_image(&g->values[value].shape);
}

hedge_shape_t hedge_layouts_shape(const hedge_graph_t *g, const hedge_layouts_t *layouts, uint32_t value,
                                  const hedge_window_t *window)
{
        hedge_shape_t shape = g->values[value].shape;

        shape.dims[layouts->values[value].rows] = window->rows;
        shape.dims[layouts->values[value].columns] = window->cols;
        return shape;
}
