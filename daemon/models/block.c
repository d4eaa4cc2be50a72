/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/block.h"

#include <stdlib.h>

void hedged_block_release(hedged_block_t *b)
{
        hedge_graph_destroy(&b->graph);
        free(b->program);
        free(b->digests);
        b->program = NULL;
        b->digests = NULL;
}

bool hedged_block_covers(const hedged_block_t *b, uint32_t first, uint32_t last)
{
        return b->first <= first && first < last && last <= b->last;
}

bool hedged_block_holds(const hedged_block_t *b, unsigned board)
{
        return atomic_load(&b->holders[board / 64]) >> (board % 64) & 1;
}

unsigned hedged_block_holders(const hedged_block_t *b)
{
        unsigned n = 0;

        for (size_t i = 0; i < sizeof(b->holders) / sizeof(b->holders[0]); i++)
                n += (unsigned)__builtin_popcountll(atomic_load(&b->holders[i]));
        return n;
}
