/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/use.h"

hedged_variant_t *hedged_use_variant(const hedged_share_use_t *use)
{
        return &use->model->layers[use->layer].variants[use->variant];
}

hedged_block_t *hedged_use_block(const hedged_share_use_t *use)
{
        return &use->model->blocks[use->block];
}

uint64_t hedged_use_bytes(const hedged_share_use_t *use, unsigned board)
{
        return use->kind == HEDGED_SHARE_BLOCK ? hedged_use_block(use)->bytes
                                               : hedged_variant_held_bytes(hedged_use_variant(use), board);
}

void hedged_use_set_holder(const hedged_share_use_t *use, unsigned board, bool holds)
{
        _Atomic uint64_t *holders =
                use->kind == HEDGED_SHARE_BLOCK ? hedged_use_block(use)->holders : hedged_use_variant(use)->holders;
        const uint64_t bit = UINT64_C(1) << (board % 64);

        if (holds)
                atomic_fetch_or(&holders[board / 64], bit);
        else
                atomic_fetch_and(&holders[board / 64], ~bit);
}
