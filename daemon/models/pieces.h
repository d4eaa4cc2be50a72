/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PIECES_H
#define HEDGED_PIECES_H

#include <stdbool.h>
#include <stdint.h>

/** How far a block's constants have come on their way to a board, and how much may be under way at once: what else there is for the
 * board waits behind no more, while a link of 1 Gbit/s whose answers take some milliseconds is kept busy. Pure. A struct of zeros: the
 * GRAPH was sent, and nothing has been answered yet. */
typedef struct hedged_pieces {
        bool begun;             /**< the board has taken the GRAPH */
        unsigned n;             /**< messages under way */
        uint64_t sent, arrived; /**< bytes of the constants; those that the board has confirmed */
} hedged_pieces_t;

#define HEDGED_PIECE_BYTES (256u << 10) /**< of a message at most: a fifth of a second at 10 Mbit/s */
#define HEDGED_PIECES_MAX  16           /**< messages under way, where constants are small */

#define HEDGED_PIECES_BYTES_MAX (1u << 20) /**< bytes under way: nothing more is sent from there on */

/** May one more be sent? @param bytes  Of all constants. */
bool hedged_pieces_have_room(const hedged_pieces_t *pieces, uint64_t bytes);

/** One was sent. */
void hedged_pieces_sent(hedged_pieces_t *pieces, uint64_t bytes);

/** The board says that so many bytes of all have come. @return 0, 1 (it has said so before, or of a sending before: never mind),
 * HEDGE_EMALFORMED (that many were not sent). */
int hedged_pieces_arrived(hedged_pieces_t *pieces, uint64_t bytes);

#endif
