/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_CONSTANTS_H
#define HEDGEW_CONSTANTS_H

#include "common/model/graph.h"

/** A block's constants on their way in: all of them one behind the other, in the order of the graph's values, piece by piece. Each has
 * memory of its own, aligned as kernels want it, which is taken when its first byte comes. */
typedef struct hedgew_constants {
        hedge_graph_t *graph; /**< borrowed; constants are lent to it as they get whole */
        uint32_t n;
        uint32_t *values; /**< of the graph; n of them */
        float **data;     /**< likewise; NULL where nothing has come yet */
        uint64_t bytes;   /**< of all */
        uint64_t come;    /**< of these */
        uint32_t at;      /* the one that comes next, or goes on */
        size_t filled;    /* of its bytes */
} hedgew_constants_t;

/** @param graph  Unpacked, without data. @return 0, -ENOMEM. Release it in any case. */
int hedgew_constants_init(hedgew_constants_t *constants, hedge_graph_t *graph);

/** The graph must not be used any more. Takes zeros, too. */
void hedgew_constants_release(hedgew_constants_t *constants);

/** The next bytes come. @param offset  Of the first of them.
 * @return 0, HEDGE_EMALFORMED (they are not the next, or more than there are to come), HEDGE_ELIMIT (too many for one message),
 * -ENOMEM. */
int hedgew_constants_take(hedgew_constants_t *constants, uint64_t offset, const void *bytes, size_t size,
                          hedge_why_t *why);

static inline bool hedgew_constants_are_complete(const hedgew_constants_t *constants)
{
        return constants->at == constants->n;
}

#endif
