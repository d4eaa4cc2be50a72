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

/* Uses that are looked at: of one model, or of all others; coded ones, blocks, or both. */
typedef struct which {
        const hedged_model_t *of, *not_of;
        const char *not_named;
        bool coded, blocks;
} which_t;

static bool is_meant(const which_t *which, const hedged_share_use_t *use)
{
        if ((which->of && use->model != which->of) || (which->not_of && use->model == which->not_of))
                return false;
        if (which->not_named && !strcmp(use->model->name, which->not_named))
                return false;
        return use->kind == HEDGED_SHARE_BLOCK ? which->blocks : which->coded;
}

/* Memory that shares take which the board must hold, or has, for uses that are meant. */
static uint64_t taken(const hedged_registry_t *registry, unsigned board, const which_t *which)
{
        unsigned count;
        hedged_share_t *const *shares = hedged_share_index_of(&registry->shares, board, &count);
        uint64_t bytes = 0;

        for (unsigned s = 0; s < count; s++)
                for (unsigned i = 0; i < shares[s]->n_uses; i++) {
                        const hedged_share_use_t *use = &shares[s]->uses[i];

                        if (!is_meant(which, use) || !(is_there(shares[s]) || is_due(use, board)))
                                continue;
                        bytes += hedged_use_bytes(use, board);
                        break;
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
        const uint64_t coded = taken(registry, board, &(which_t){ .of = m, .coded = true });
        const uint64_t others = taken(registry, board, &(which_t){ .not_of = m, .coded = true, .blocks = true });
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
        hedged_allot(blocks, n, m->graph->n_nodes, room_for(registry, board, bytes_max, m));
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

uint64_t hedged_room_of(const hedged_registry_t *registry, unsigned board, uint64_t bytes_max, const char *name)
{
        const which_t others = { .not_named = name, .coded = true, .blocks = true };
        const uint64_t room = less(bytes_max, taken(registry, board, &others));

        return room < limit_of(registry) ? room : limit_of(registry);
}
