/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TIDY_H
#define HEDGE_TIDY_H

#include "common/model/graph.h"

/** Drop nodes and values that no output needs (inputs stay), renumber the rest, count uses. @return 0, -ENOMEM. */
int hedge_tidy_prune(hedge_graph_t *graph);

/** Make node names printable and unique. @return 0, -ENOMEM. */
int hedge_tidy_names(hedge_graph_t *graph);

/** Would running the graph, in order, hold more than max_bytes of computed values at once? @return 0, HEDGE_ELIMIT,
 * -ENOMEM. */
int hedge_tidy_check_memory(const hedge_graph_t *graph, uint64_t max_bytes, hedge_why_t *why);

#endif
