/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SEGMENT_H
#define HEDGE_SEGMENT_H

#include "common/model/graph.h"
#include "common/types/window.h"

/** A segment: a run of a graph's nodes, first .. last - 1, that is computed as one.
 *
 * The order of what goes in and out is that of the nodes, so that it is the same in a graph, in a block of it
 * (hedge_segment_graph), and in a block of that. */

/** The values that go in (computed before or given, read inside; in the order in which they are first read) and out
 * (computed inside, read later or an answer; in the order in which they are computed). Both arrays are to be freed.
 * @return 0, -EINVAL (no such run), -ENOMEM. */
int hedge_segment_values(const hedge_graph_t *graph, uint32_t first, uint32_t last, uint32_t **ret_in,
                         uint32_t *ret_n_in, uint32_t **ret_out, uint32_t *ret_n_out);

/** The window of the input that a window of the output of a local segment (hedge_segment_is_local) needs.
 *
 * Who asks often prepares the graph once: common/segment/reach.h.
 * @return 0, -EINVAL (no such run or window), HEDGE_EUNSUPPORTED (not local), -ENOMEM. */
int hedge_segment_halo(const hedge_graph_t *graph, uint32_t first, uint32_t last, const hedge_window_t *out,
                       hedge_window_t *ret_in);

/** Multiply-accumulates of a segment (out NULL: all of it, local or not), or of a window of the output of a local one, with what
 * is computed of the values in between for it. @return as hedge_segment_halo. */
int hedge_segment_macs(const hedge_graph_t *graph, uint32_t first, uint32_t last, const hedge_window_t *out,
                       uint64_t *ret);

/** A run of nodes as a graph of its own.
 *
 * All of it (out NULL): inputs and outputs are those of hedge_segment_values, and node i of it is node first + i of `graph`.
 * For a window of the output of a local segment: from the window of the input that hedge_segment_halo names, 1 x rows x cols x
 * channels, to the window itself. The graph's answer is that part of what the whole gives: it is padded only where the window
 * touches the border of the image. Its nodes are those of the segment that the window needs, and slices where branches need
 * less of a value than others.
 *
 * Constants are lent by `graph`, which must outlive it; values keep their order, their names, what the model says of their
 * elements, and whether they are marked. Nothing is known of batches.
 * @return 0, -EINVAL (no such run or window), HEDGE_EUNSUPPORTED (windows of what is not local), HEDGE_ELIMIT, -ENOMEM. */
int hedge_segment_graph(const hedge_graph_t *graph, uint32_t first, uint32_t last, const hedge_window_t *out,
                        hedge_graph_t **ret);

#endif
