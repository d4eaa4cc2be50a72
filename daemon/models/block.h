/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_BLOCK_H
#define HEDGED_BLOCK_H

#include <stdatomic.h>

#include "common/code/conv/code.h"
#include "common/model/graph.h"
#include "common/types/digest.h"

/** A run of a model's nodes as a share of its own: what a board holds so that it can be asked for segments, in strips or in one
 * piece. The largest is the whole model. Any segment inside can be asked of a board that holds the block. */
typedef struct hedged_block {
        uint32_t first, last; /**< nodes of the model's graph; last exclusive */
        hedge_graph_t *graph; /**< node i is the model's first + i; its constants are lent by the model's graph */
        void *program;        /**< the graph packed, without its constants */
        size_t program_bytes;
        uint64_t bytes;                                       /**< that a board counts for it */
        uint64_t sent_bytes;                                  /**< on the way to a board: program and constants */
        hedge_digest_t *digests;                              /**< of each board's */
        _Atomic uint64_t holders[HEDGE_CODE_MAX_BOARDS / 64]; /**< boards that hold it and may be given work */
} hedged_block_t;

/** Takes half-built ones, too. */
void hedged_block_release(hedged_block_t *block);

/** Are nodes first .. last - 1 inside? */
bool hedged_block_covers(const hedged_block_t *block, uint32_t first, uint32_t last);

/** Boards that hold it and may be given work; any thread. */
bool hedged_block_holds(const hedged_block_t *block, unsigned board);
unsigned hedged_block_holders(const hedged_block_t *block);

#endif
