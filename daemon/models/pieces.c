/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/pieces.h"

#include "common/err.h"

bool hedged_pieces_have_room(const hedged_pieces_t *p, uint64_t bytes)
{
        return p->begun && p->sent < bytes && p->n < HEDGED_PIECES_MAX &&
               p->sent - p->arrived + HEDGED_PIECE_BYTES <= HEDGED_PIECES_BYTES_MAX;
}

void hedged_pieces_sent(hedged_pieces_t *p, uint64_t bytes)
{
        p->n++;
        p->sent += bytes;
}

/* Answers come in the order of what they answer: those to a sending before are here before that to the GRAPH of this one, which is 0. */
int hedged_pieces_arrived(hedged_pieces_t *p, uint64_t bytes)
{
        if (!p->begun) {
                p->begun = bytes == 0;
                return p->begun ? 0 : 1;
        }
        if (bytes > p->sent)
                return HEDGE_EMALFORMED;
        if (bytes <= p->arrived)
                return 1;
        p->arrived = bytes;
        p->n = p->arrived == p->sent || p->n == 0 ? 0 : p->n - 1;
        return 0;
}
