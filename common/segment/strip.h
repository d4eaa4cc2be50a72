/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_STRIP_H
#define HEDGE_STRIP_H

#include "common/segment/local.h"
#include "common/segment/reach.h"
#include "common/types/window.h"

/** Inside of common/segment: hedge_segment_graph for a window. */
int hedge_strip_graph(const hedge_graph_t *graph, uint32_t first, uint32_t last, const hedge_window_t *out,
                      hedge_graph_t **ret);

/** What is known of the graph's operators. */
hedge_local_t hedge_reach_local(const hedge_reach_t *reach);

#endif
