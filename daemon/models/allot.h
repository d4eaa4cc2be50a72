/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_ALLOT_H
#define HEDGED_ALLOT_H

#include <stdbool.h>
#include <stdint.h>

/** Which blocks of a model a board is to hold. Pure. */

/** A block that may be chosen. */
typedef struct hedged_allot {
        uint32_t first, last; /**< nodes; last exclusive */
        uint64_t bytes;       /**< that a board counts for it */
        double saves_s;       /**< what a request gains where boards hold it */
        bool all;             /**< whoever holds it can be asked for every segment that any chain has */
        bool planned;         /**< the plan has this board hold it */
        bool refused;         /**< the board had no room for it, whatever is reckoned here: not chosen */
        bool chosen;          /**< in: it is held or on its way, and stays; out: the board is to hold it */
} hedged_allot_t;

/** Choose for one board.
 *
 * One block for all segments if there is room. Else what the plan has this board hold, then what it
 * has others hold (the board came later, or has other memory than was planned with), those that save most for their bytes first,
 * as far as they fit. Nothing is chosen that is inside what is chosen.
 * @param room  Bytes that the model's blocks may take on the board, those that stay included. */
void hedged_allot(hedged_allot_t *blocks, unsigned n, uint64_t room);

#endif
