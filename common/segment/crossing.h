/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CROSSING_H
#define HEDGE_CROSSING_H

#include "common/code/precision.h"
#include "common/model/graph.h"

/** How a value travels between the coordinator and a board that computes a segment: one rule for both ends.
 *
 * Images between a model's layers (1 x H x W x C) go in the precision that is asked for. The model's own inputs and outputs, and all
 * that is no image (it may hold indices), are float32. Where an image holds numbers that must stay as they are (the `whole` of a
 * hedge_cut_point_t), float32 has to be asked for.
 * @param graph  The model's, or a block of it: they say the same of a value. */
static inline hedge_precision_t hedge_crossing_wire(const hedge_graph_t *graph, uint32_t value, hedge_precision_t wire)
{
        const hedge_value_t *v = &graph->values[value];

        return v->element == HEDGE_ELEMENT_UNDEFINED && v->shape.rank == 4 && v->shape.dims[0] == 1
                       ? wire
                       : HEDGE_PRECISION_F32;
}

#endif
