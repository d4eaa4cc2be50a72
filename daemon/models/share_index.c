/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/share_index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64u

/* A digest is as good as random, whatever bytes of it are taken. */
static hedged_share_t **bucket(hedged_share_t **buckets, size_t n_buckets, const hedge_digest_t *digest)
{
        uint64_t hash;

        memcpy(&hash, digest->bytes, sizeof(hash));
        return &buckets[hash & (n_buckets - 1)];
}

/* Chains stay short: as many buckets as shares, or more. Where there is no memory for more, chains get longer. */
static int grow(hedged_share_index_t *index)
{
        const size_t n = index->n_buckets ? 2 * index->n_buckets : FIRST_BUCKETS;
        hedged_share_t **buckets;

        if (index->count < index->n_buckets)
                return 0;
        buckets = calloc(n, sizeof(*buckets));
        if (!buckets)
                return index->n_buckets ? 0 : -ENOMEM;
        for (size_t i = 0; i < index->n_buckets; i++)
                while (index->buckets[i]) {
                        hedged_share_t *share = index->buckets[i], **to = bucket(buckets, n, &share->digest);

                        index->buckets[i] = share->next;
                        share->next = *to;
                        *to = share;
                }
        free(index->buckets);
        index->buckets = buckets;
        index->n_buckets = n;
        return 0;
}

static int make_room(hedged_board_shares_t *of)
{
        const unsigned max = of->max ? 2 * of->max : 16;
        hedged_share_t **grown;

        if (of->count < of->max)
                return 0;
        grown = realloc(of->shares, max * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        of->shares = grown;
        of->max = max;
        return 0;
}

static int add_use(hedged_share_t *share, const hedged_share_use_t *use)
{
        hedged_share_use_t *grown = realloc(share->uses, (share->n_uses + 1) * sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        share->uses = grown;
        share->uses[share->n_uses++] = *use;
        return 0;
}

static void free_share(hedged_share_t *share)
{
        free(share->uses);
        free(share);
}

static int add_share(hedged_share_index_t *index, const hedge_digest_t *digest, unsigned board,
                     const hedged_share_use_t *use)
{
        hedged_board_shares_t *of = &index->boards[board];
        hedged_share_t *share, **at;

        if (grow(index) < 0 || make_room(of) < 0)
                return -ENOMEM;
        share = calloc(1, sizeof(*share));
        if (!share)
                return -ENOMEM;
        share->digest = *digest;
        share->board = board;
        if (add_use(share, use) < 0) {
                free_share(share);
                return -ENOMEM;
        }
        share->place = of->count;
        of->shares[of->count++] = share;
        at = bucket(index->buckets, index->n_buckets, digest);
        share->next = *at;
        *at = share;
        index->count++;
        return 0;
}

int hedged_share_index_add(hedged_share_index_t *index, const hedge_digest_t *digest, unsigned board,
                           const hedged_share_use_t *use)
{
        hedged_share_t *share = hedged_share_index_find(index, digest);

        assert(board < HEDGE_CODE_MAX_BOARDS);
        if (!share)
                return add_share(index, digest, board, use);
        return share->board == board && share->uses[0].kind == use->kind ? add_use(share, use) : -EINVAL;
}

static void end_uses(hedged_share_t *share, const struct hedged_model *model)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < share->n_uses; i++)
                if (share->uses[i].model != model)
                        share->uses[kept++] = share->uses[i];
        share->n_uses = kept;
}

static void take_out(hedged_share_index_t *index, hedged_share_t *share)
{
        hedged_share_t **at = bucket(index->buckets, index->n_buckets, &share->digest);

        while (*at != share)
                at = &(*at)->next;
        *at = share->next;
        index->count--;
        index->boards[share->board].sending -= share->held == HEDGED_SHARE_SENDING;
        if (index->boards[share->board].block == share)
                index->boards[share->board].block = NULL;
}

static void remove_from_board(hedged_share_index_t *index, hedged_board_shares_t *of, const struct hedged_model *model,
                              hedged_share_gone_t *gone, void *arg)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < of->count; i++) {
                hedged_share_t *share = of->shares[i];

                end_uses(share, model);
                if (share->n_uses > 0) {
                        share->place = kept;
                        of->shares[kept++] = share;
                        continue;
                }
                if (gone)
                        gone(arg, share);
                take_out(index, share);
                free_share(share);
        }
        of->count = kept;
        of->skip = 0; /* places have moved */
}

void hedged_share_index_remove(hedged_share_index_t *index, const struct hedged_model *model, hedged_share_gone_t *gone,
                               void *arg)
{
        for (unsigned b = 0; b < HEDGE_CODE_MAX_BOARDS; b++)
                remove_from_board(index, &index->boards[b], model, gone, arg);
}

void hedged_share_index_release(hedged_share_index_t *index)
{
        for (unsigned b = 0; b < HEDGE_CODE_MAX_BOARDS; b++) {
                for (unsigned i = 0; i < index->boards[b].count; i++)
                        free_share(index->boards[b].shares[i]);
                free(index->boards[b].shares);
        }
        free(index->buckets);
        memset(index, 0, sizeof(*index));
}

hedged_share_t *hedged_share_index_find(const hedged_share_index_t *index, const hedge_digest_t *digest)
{
        hedged_share_t *share = index->n_buckets ? *bucket(index->buckets, index->n_buckets, digest) : NULL;

        while (share && memcmp(&share->digest, digest, sizeof(*digest)))
                share = share->next;
        return share;
}

hedged_share_t *const *hedged_share_index_of(const hedged_share_index_t *index, unsigned board, unsigned *ret_count)
{
        *ret_count = index->boards[board].count;
        return index->boards[board].shares;
}

hedged_share_t *hedged_share_index_next(hedged_share_index_t *index, unsigned board, hedged_share_wanted_t *wanted,
                                        void *arg)
{
        hedged_board_shares_t *of = &index->boards[board];

        while (of->skip < of->count && of->shares[of->skip]->held != HEDGED_SHARE_MISSING)
                of->skip++;
        for (unsigned i = of->skip; i < of->count; i++)
                if (of->shares[i]->held == HEDGED_SHARE_MISSING && (!wanted || wanted(arg, of->shares[i])))
                        return of->shares[i];
        return NULL;
}

unsigned hedged_share_index_sending(const hedged_share_index_t *index, unsigned board)
{
        return index->boards[board].sending;
}

hedged_share_t *hedged_share_index_block(const hedged_share_index_t *index, unsigned board)
{
        return index->boards[board].block;
}

static void change(hedged_share_index_t *index, hedged_share_t *share, hedged_held_t held)
{
        hedged_board_shares_t *of = &index->boards[share->board];

        of->sending += held == HEDGED_SHARE_SENDING;
        of->sending -= share->held == HEDGED_SHARE_SENDING;
        if (of->block == share)
                of->block = NULL;
        share->held = held;
        if (held == HEDGED_SHARE_MISSING && share->place < of->skip)
                of->skip = share->place;
}

uint64_t hedged_share_index_send(hedged_share_index_t *index, hedged_share_t *share)
{
        change(index, share, HEDGED_SHARE_SENDING);
        if (share->uses[0].kind == HEDGED_SHARE_BLOCK)
                index->boards[share->board].block = share;
        memset(&share->pieces, 0, sizeof(share->pieces));
        share->ticket = ++index->tickets;
        return share->ticket;
}

void hedged_share_index_set(hedged_share_index_t *index, hedged_share_t *share, hedged_held_t held)
{
        assert(held != HEDGED_SHARE_SENDING);
        change(index, share, held);
}
