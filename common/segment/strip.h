/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_STRIP_H
#define HEDGE_STRIP_H

#include "common/model/graph.h"
#include "common/types/window.h"

/** Inside of common/segment: hedge_segment_graph for a window. */
int hedge_strip_graph(const hedge_graph_t *graph, uint32_t first, uint32_t last, const hedge_window_t *out,
                      hedge_graph_t **ret);

#endif
