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

/** A run of nodes as a graph of its own, whose inputs and outputs are those of hedge_segment_values.
 *
 * Node i of it is node first + i of `graph`. Constants are lent by `graph`, which must outlive it; values keep their order,
 * their names, what the model says of their elements, and whether they are marked. Nothing is known of batches.
 * @param out  NULL: all of it. A window of the output is refused until runs of local operators are known as such.
 * @return 0, -EINVAL (no such run), HEDGE_EUNSUPPORTED (windows), -ENOMEM. */
int hedge_segment_graph(const hedge_graph_t *graph, uint32_t first, uint32_t last, const hedge_window_t *out,
                        hedge_graph_t **ret);

#endif
