/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BATCH_PRINT_H
#define HEDGE_BATCH_PRINT_H

#include "common/model/graph.h"

/** What is remembered of the constants of a graph, so that graphs of one file for several numbers of pictures can be compared
 * without their weights being in memory at the same time. */

typedef struct hedge_print {
        bool constant;
        uint64_t ordered; /**< of the elements as they lie */
        uint64_t loose;   /**< of the elements in any order */
        uint64_t elements;
        uint32_t alike; /**< bit k: along axis k there are as many indices as pictures, and all hold the same */
        uint64_t first[HEDGE_MAX_RANK]; /**< where they do: of the first of them */
} hedge_print_t;

/** One per value of the graph. @return NULL: no memory. Free with free(). */
hedge_print_t *hedge_batch_prints(const hedge_graph_t *graph, uint32_t pictures);

#endif
