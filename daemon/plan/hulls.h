/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_HULLS_H
#define HEDGED_HULLS_H

#include "daemon/plan/chain.h"

/** A run of nodes that boards are to hold. */
typedef struct hedged_hull {
        uint32_t first, last; /**< last exclusive */
} hedged_hull_t;

/** What chains ask of boards: the nodes from the first segment of any chain to the last, so that one block serves all of
 * them. Only where a run and the next would take a quarter more memory together than apart, for the sake of nodes between them that are in
 * no segment, they stay apart. Likewise it goes on to the graph's ends where that takes little: a later plan finds boards that hold what it needs.
 * @param first,last  Only segments inside these nodes.
 * @param ret         To be freed; in order. @return how many, -ENOMEM. */
int hedged_hulls_find(const hedge_graph_t *graph, const hedged_chains_t *chains, uint32_t first, uint32_t last,
                      hedged_hull_t **ret);

#endif
