/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_REACH_H
#define HEDGE_REACH_H

#include <stdbool.h>

#include "common/model/graph.h"
#include "common/types/window.h"

/** How far windows of a graph's values reach: a graph prepared for many questions, each of which takes as long as there are nodes
 * in the segment and no memory. Used by one thread at a time.
 *
 *      hedge_reach_t *reach;
 *      int r = hedge_reach_new(graph, &reach);
 *
 *      if (r == 0 && hedge_reach_is_local(reach, first, last))
 *              r = hedge_reach_trace(reach, first, last, &(hedge_window_t){ 0, 7, 0, 14 }, &in, &macs);
 *      hedge_reach_destroy(&reach); */
typedef struct hedge_reach hedge_reach_t;

/** The graph is borrowed. @return 0, -ENOMEM. */
int hedge_reach_new(const hedge_graph_t *graph, hedge_reach_t **ret);
void hedge_reach_destroy(hedge_reach_t **reach);

/** hedge_segment_is_local. False, too, where there is no such run of nodes. */
bool hedge_reach_is_local(const hedge_reach_t *reach, uint32_t first, uint32_t last);

/** What goes in and comes out of a local segment. @return false: it is not local. */
bool hedge_reach_ends(const hedge_reach_t *reach, uint32_t first, uint32_t last, uint32_t *ret_in, uint32_t *ret_out);

/** hedge_segment_halo and hedge_segment_macs in one.
 * @return 0, -EINVAL (no such window), HEDGE_EUNSUPPORTED (not local). */
int hedge_reach_trace(hedge_reach_t *reach, uint32_t first, uint32_t last, const hedge_window_t *out,
                      hedge_window_t *ret_in, uint64_t *ret_macs);

/** After hedge_reach_trace: the window of a value of the segment that is needed; NULL: none. */
const hedge_window_t *hedge_reach_of(const hedge_reach_t *reach, uint32_t value);

/** Where the rows and columns of the graph's values are (common/segment/layout.h). */
const struct hedge_layouts *hedge_reach_layouts(const hedge_reach_t *reach);

#endif
