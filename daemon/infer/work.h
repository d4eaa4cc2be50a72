/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_WORK_H
#define HEDGED_WORK_H

#include <stdbool.h>

#include "common/code/precision.h"
#include "common/types/digest.h"
#include "common/types/window.h"

/** What boards may be asked for in one run, and what of it comes back: parts, numbered from 0. Of a coded layer
 * (daemon/infer/coded.h) every board has parts of its own, all of one size; of a run of nodes (daemon/infer/segment_run.h) they are
 * the same whoever does them, and differ in size. Those who send tasks and check parts need to know no more than this. */

typedef struct hedged_work_part {
        size_t elements;       /**< of its frame */
        size_t row;            /**< 0: just so many elements; else at most so many, in whole rows of this many */
        bool floats;           /**< it comes as float32, whatever the work's precision is */
        uint64_t macs;         /**< 0: it comes with another one's work */
        hedge_window_t window; /**< of the output, where it is `windowed` */
} hedged_work_part_t;

typedef struct hedged_work_board {
        const hedge_digest_t *digest; /**< of what it holds for this; the model's. NULL: it is never asked */
        uint32_t first, last; /**< of a block, the nodes that are asked for; 0, 0: it is a coded layer's share */
        unsigned parts;       /**< so many could it do */
} hedged_work_board_t;

typedef struct hedged_run_work {
        unsigned boards, most_parts; /**< numbers of boards, and of parts, are below these */
        hedge_precision_t wire;      /**< of parts; float32 is taken as well */
        uint32_t hold_us;            /**< so long may a finished part wait for the next ones of its task */
        bool windowed;               /**< part la is a window, and input la what it needs */
        bool whole_boards;           /**< parts count when their board has sent all that it was asked for */
        unsigned kinds;              /**< of parts: 1 (all are alike), or most_parts */
        hedged_work_board_t *board;
        hedged_work_part_t *part;
} hedged_run_work_t;

/** Room for so much, all zero. @return 0, -ENOMEM. */
int hedged_work_new(unsigned boards, unsigned most_parts, unsigned kinds, hedged_run_work_t **ret);

/** NULL-safe; nullifies. */
void hedged_work_destroy(hedged_run_work_t **work);

const hedged_work_part_t *hedged_work_part(const hedged_run_work_t *work, unsigned part);

/** Bytes of a part's frame, at most, in this precision; where the part is always float32, of that. */
size_t hedged_work_bytes(const hedged_run_work_t *work, unsigned part, hedge_precision_t wire);

/** May a part's frame have this precision and so many bytes? Its number is below most_parts; `wire` is what a board says. */
bool hedged_work_takes(const hedged_run_work_t *work, unsigned part, uint32_t wire, size_t bytes);

#endif
