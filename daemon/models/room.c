/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/room.h"

#include <string.h>

#include "daemon/models/allot.h"
#include "daemon/models/use.h"

static bool is_there(const hedged_share_t *share)
{
        return share->held == HEDGED_SHARE_HELD || share->held == HEDGED_SHARE_SENDING;
}

static uint64_t less(uint64_t from, uint64_t bytes)
{
        return from > bytes ? from - bytes : 0;
}

/* Must the board hold it for this use? */
static bool is_due(const hedged_share_use_t *use, unsigned board)
{
        return use->kind == HEDGED_SHARE_BLOCK ? hedged_block_is_chosen(hedged_use_block(use), board)
                                               : hedged_use_variant(use)->cut.enough == 0;
}

/* One model, or all that have a name: those in several shapes, or who is about to be replaced. */
typedef struct owner {
        const hedged_model_t *model; /* NULL: by the name */
        const char *name;
} owner_t;

static bool is_owned(const hedged_share_t *share, const owner_t *owner)
{
        for (unsigned i = 0; i < share->n_uses; i++)
                if (owner->model ? share->uses[i].model == owner->model
                                 : !strcmp(share->uses[i].model->name, owner->name))
                        return true;
        return false;
}

/* Must the board hold the share, for whatever use, or does it? */
static bool is_taken(const hedged_share_t *share)
{
        if (is_there(share))
                return true;
        for (unsigned i = 0; i < share->n_uses; i++)
                if (is_due(&share->uses[i], share->board))
                        return true;
        return false;
}

/* Memory of shares that the board must hold, or has: what is coded of the owner, or all that is none of its. What it has in common with
 * others is the owner's. */
static uint64_t taken(const hedged_registry_t *registry, unsigned board, const owner_t *owner, bool others)
{
        unsigned count;
        hedged_share_t *const *shares = hedged_share_index_of(&registry->shares, board, &count);
        uint64_t bytes = 0;

        for (unsigned s = 0; s < count; s++) {
                const hedged_share_use_t *use = &shares[s]->uses[0];

                if (is_owned(shares[s], owner) == others || (!others && use->kind == HEDGED_SHARE_BLOCK))
                        continue;
                bytes += is_taken(shares[s]) ? hedged_use_bytes(use, board) : 0;
        }
        return bytes;
}

static uint64_t limit_of(const hedged_registry_t *registry)
{
        return registry->share_bytes ? registry->share_bytes : UINT64_MAX;
}

/* What a model's blocks may take, those included that are there. */
static uint64_t room_for(const hedged_registry_t *registry, unsigned board, uint64_t bytes_max, const hedged_model_t *m)
{
        const owner_t owner = { .model = m };
        const uint64_t coded = taken(registry, board, &owner, false), others = taken(registry, board, &owner, true);
        const uint64_t limit = less(limit_of(registry), coded), room = less(bytes_max, coded + others);

        return room < limit ? room : limit;
}

static hedged_allot_t describe(const hedged_registry_t *registry, const hedged_block_t *block, unsigned board)
{
        const hedged_share_t *share = hedged_share_index_find(&registry->shares, &block->digests[board]);

        return (hedged_allot_t){ .first = block->first,
                                 .last = block->last,
                                 .bytes = block->bytes,
                                 .saves_s = (double)atomic_load(&block->saves_us) / 1e6,
                                 .all = atomic_load(&block->all),
                                 .planned = hedged_block_is_planned(block, board),
                                 .refused = !share || share->held == HEDGED_SHARE_REFUSED,
                                 .chosen = share && is_there(share) };
}

static void choose_for(const hedged_registry_t *registry, unsigned board, uint64_t bytes_max, hedged_model_t *m)
{
        const unsigned n = m->n_indexed;
        hedged_allot_t blocks[HEDGED_MODEL_BLOCKS];

        for (unsigned i = 0; i < n; i++)
                blocks[i] = describe(registry, &m->blocks[i], board);
        hedged_allot(blocks, n, room_for(registry, board, bytes_max, m));
        for (unsigned i = 0; i < n; i++)
                hedged_block_choose(&m->blocks[i], board, blocks[i].chosen);
}

void hedged_room_choose(const hedged_registry_t *registry, unsigned board, uint64_t bytes_max)
{
        for (unsigned i = 0; i < registry->count; i++)
                for (unsigned b = 0; b < registry->models[i]->n_indexed; b++)
                        hedged_block_choose(&registry->models[i]->blocks[b], board, false);
        for (unsigned i = 0; i < registry->count; i++)
                if (board < registry->models[i]->slots && registry->models[i]->n_indexed > 0)
                        choose_for(registry, board, bytes_max, registry->models[i]);
}

/* The smallest block of the owner that the board has refused; UINT64_MAX: none. */
static uint64_t least_refused(const hedged_registry_t *registry, unsigned board, const owner_t *owner)
{
        unsigned count;
        hedged_share_t *const *shares = hedged_share_index_of(&registry->shares, board, &count);
        uint64_t least = UINT64_MAX;

        for (unsigned s = 0; s < count; s++) {
                const hedged_share_use_t *use = &shares[s]->uses[0];

                if (shares[s]->held != HEDGED_SHARE_REFUSED || use->kind != HEDGED_SHARE_BLOCK ||
                    !is_owned(shares[s], owner))
                        continue;
                least = hedged_use_bytes(use, board) < least ? hedged_use_bytes(use, board) : least;
        }
        return least;
}

uint64_t hedged_room_of(const hedged_registry_t *registry, unsigned board, uint64_t bytes_max, const char *name)
{
        const owner_t owner = { .name = name };
        const uint64_t refused = least_refused(registry, board, &owner);
        uint64_t room = less(bytes_max, taken(registry, board, &owner, true));

        room = room < limit_of(registry) ? room : limit_of(registry);
        return room < refused ? room : refused - 1;
}
