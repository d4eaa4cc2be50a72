/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ALIVE_H
#define HEDGE_ALIVE_H

#include <stdbool.h>

#include "common/model/graph.h"

/** How long the values of a graph are needed. */

/** Per value (room for n_values): 1 + the last node that reads it; n_nodes + 1 where it is an answer; 0 where nothing does. */
void hedge_alive_until(const hedge_graph_t *graph, uint32_t *ret_until);

/** One that is computed or given, not known before. */
static inline bool hedge_alive_moves(const hedge_graph_t *graph, uint32_t value)
{
        return !hedge_value_is_constant(&graph->values[value]);
}

/** Is it 1 x H x W x C, and not empty? */
bool hedge_is_one_image(const hedge_shape_t *shape);

#endif
