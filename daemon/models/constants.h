/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CONSTANTS_H
#define HEDGED_CONSTANTS_H

#include <stdatomic.h>

#include "common/model/graph.h"

/** A model's graph, which lives as long as anything points into its constants: the model, the same model in other shapes, and
 * messages that are on their way to boards without having been copied. Counted by references; any thread. */
typedef struct hedged_constants {
        atomic_uint references;
        hedge_graph_t *graph;
        struct hedged_constants *lender; /**< a reference to those that the graph has borrowed from, or NULL; set
                                              before anyone else has one */
} hedged_constants_t;

/** @param graph  Taken over, on failure too. @return 0 and one reference, -ENOMEM. */
int hedged_constants_new(hedge_graph_t *graph, hedged_constants_t **ret);

hedged_constants_t *hedged_constants_ref(hedged_constants_t *constants);

/** Give a reference back; the last one frees, which calls nothing but free(). NULL-safe; nullifies. */
void hedged_constants_unref(hedged_constants_t **constants);

#endif
