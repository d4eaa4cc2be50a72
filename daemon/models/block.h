/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_BLOCK_H
#define HEDGED_BLOCK_H

#include <stdatomic.h>

#include "common/code/conv/code.h"
#include "common/model/graph.h"
#include "common/types/digest.h"
#include "daemon/models/constants.h"

struct zmq_msg_t; /* a frame: <zmq.h> */

/** A run of a model's nodes as a share of its own: what a board holds so that it can be asked for segments, in strips or in one
 * piece. Any segment inside can be asked of a board that holds the block. */
typedef struct hedged_block {
        uint32_t first, last; /**< nodes of the model's graph; last exclusive */
        hedge_graph_t *graph; /**< node i is the model's first + i; its constants are lent by the model's graph */
        void *program;        /**< the graph packed, without its constants */
        size_t program_bytes;
        uint32_t n_constants;
        uint32_t *constants;       /**< of the graph: the values whose data goes beside the program, in their order */
        uint64_t bytes;            /**< that a board counts for it: hedge_held_bytes */
        uint64_t constant_bytes;   /**< of all constants on the way to a board, one behind the other */
        hedge_digest_t *digests;   /**< of each board's */
        _Atomic uint64_t saves_us; /**< what a request gains where boards hold it, by prediction */
        atomic_bool all;           /**< it covers every segment that a chain has now */
        uint64_t chosen[HEDGE_CODE_MAX_BOARDS / 64];          /**< the loop's: boards that are to hold it */
        _Atomic uint64_t planned[HEDGE_CODE_MAX_BOARDS / 64]; /**< boards that hold it by the plan */
        _Atomic uint64_t holders[HEDGE_CODE_MAX_BOARDS / 64]; /**< boards that hold it and may be given work */
} hedged_block_t;

/** Make a block of a model's graph. Its digests name what it is made of: the file, the nodes, their geometry and thus the shape of
 * the model's inputs, and the board.
 * @param graph            Its constants are lent.
 * @param boards           Numbers that it may be for.
 * @param frame_bytes_max  Largest frame that may be sent.
 * @return 0, -EINVAL (no such run), HEDGE_ELIMIT (it has more constants than can be packed, or too large a program), -ENOMEM. On
 * failure there is nothing to release. */
int hedged_block_init(hedged_block_t *block, const hedge_graph_t *graph, uint32_t first, uint32_t last, unsigned boards,
                      uint64_t frame_bytes_max);

/** The frame of a GRAPH: the program, copied. @return 0, -ENOMEM. */
int hedged_block_frame(const hedged_block_t *block, struct zmq_msg_t *ret);

/** The frame of a CONSTANTS: from this offset on in all constants, to the end of the one that is there, but no more than `most` bytes. It
 * is not copied: it has a reference to `constants`, whose graph the block was made of, and gives it back on ZeroMQ's thread.
 * @param offset  Below constant_bytes. @return 0, -EINVAL (it is not), -ENOMEM. */
int hedged_block_piece(const hedged_block_t *block, hedged_constants_t *constants, uint64_t offset, size_t most,
                       struct zmq_msg_t *ret);

/** Takes half-built ones, too. */
void hedged_block_release(hedged_block_t *block);

/** Are nodes first .. last - 1 inside? */
bool hedged_block_covers(const hedged_block_t *block, uint32_t first, uint32_t last);

/** Boards that are to hold it, as hedged_room_choose found: the loop's. */
bool hedged_block_is_chosen(const hedged_block_t *block, unsigned board);
void hedged_block_choose(hedged_block_t *block, unsigned board, bool chosen);

/** Boards that hold it by the plan; any thread. */
bool hedged_block_is_planned(const hedged_block_t *block, unsigned board);

/** Boards that hold it and may be given work; any thread. */
bool hedged_block_holds(const hedged_block_t *block, unsigned board);

#endif
