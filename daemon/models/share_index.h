/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SHARE_INDEX_H
#define HEDGED_SHARE_INDEX_H

#include "common/code/conv/code.h"
#include "common/types/digest.h"
#include "daemon/models/pieces.h"

/** All shares of the models that are served, by digest and by board: what uses each of them, and whether its board holds it.
 *
 * A digest names what a share is made of, the board's number included: so a share is for one number. Two models of one file, or
 * two variants that differ in the precision alone, use the same share, which a board holds once. All uses of a share are of one kind.
 * Pure: it is told what happened. The loop's. A struct of zeros is an empty index.
 *
 *   hedged_share_index_add(&index, &digest, 3, &(hedged_share_use_t){ .model = model, .layer = 2, .variant = 0 });
 *   share = hedged_share_index_next(&index, 3, NULL, NULL);
 *   ticket = hedged_share_index_send(&index, share);                      the board's share is on its way
 *   hedged_share_index_set(&index, share, HEDGED_SHARE_HELD);             the board has confirmed it */

struct hedged_model;

/** Whether the board holds its share. */
typedef enum hedged_held {
        HEDGED_SHARE_MISSING,
        HEDGED_SHARE_SENDING, /**< being encoded, or sent and not yet confirmed */
        HEDGED_SHARE_HELD,
        HEDGED_SHARE_REFUSED, /**< the board has no room for it */
} hedged_held_t;

typedef enum hedged_share_kind {
        HEDGED_SHARE_CODED, /**< filter blocks of a layer's variant */
        HEDGED_SHARE_BLOCK, /**< a run of the model's nodes: daemon/models/block.h */
} hedged_share_kind_t;

/** What a share is for. */
typedef struct hedged_share_use {
        struct hedged_model *model; /**< borrowed */
        hedged_share_kind_t kind;
        unsigned layer, variant; /**< of the model; coded */
        unsigned block;          /**< of the model; a block */
} hedged_share_use_t;

/** Read only, but for what is the caller's. */
typedef struct hedged_share {
        hedge_digest_t digest;
        unsigned board; /**< the number it is made for */
        hedged_held_t held;
        uint64_t ticket;        /**< of the last hedged_share_index_send */
        hedged_pieces_t pieces; /**< the caller's: of a block on its way; zeros when it sets out */
        int64_t since_ms;       /**< the caller's: when it set out */
        bool listed;            /**< the caller's, to mark shares while it compares lists; false before and after */
        hedged_share_use_t *uses;
        unsigned n_uses; /**< at least 1 */
        unsigned place;  /* among its board's */
        struct hedged_share *next;
} hedged_share_t;

/** The shares of one board, in the order in which they were added. */
typedef struct hedged_board_shares {
        hedged_share_t **shares;
        unsigned count, max;
        unsigned sending;      /* of them */
        hedged_share_t *block; /* of these, the block that set out last, or NULL */
        unsigned skip;         /* none before this one is missing */
} hedged_board_shares_t;

typedef struct hedged_share_index {
        hedged_share_t **buckets; /* a power of two of them */
        size_t n_buckets, count;
        uint64_t tickets; /* given out */
        hedged_board_shares_t boards[HEDGE_CODE_MAX_BOARDS];
} hedged_share_index_t;

/** Forgets everything. */
void hedged_share_index_release(hedged_share_index_t *index);

/** Add a use; the share comes in with its first one, as missing. @param board  Below HEDGE_CODE_MAX_BOARDS.
 * @return 0, -EINVAL (this digest is another board's share, or of another kind), -ENOMEM; then nothing has changed. */
int hedged_share_index_add(hedged_share_index_t *index, const hedge_digest_t *digest, unsigned board,
                           const hedged_share_use_t *use);

/** Something about a share; it must not add to or take from the index. */
typedef void hedged_share_gone_t(void *arg, const hedged_share_t *share);

/** All uses of a model end. @param gone  Sees shares that nothing uses any more before they are freed; may be NULL. */
void hedged_share_index_remove(hedged_share_index_t *index, const struct hedged_model *model, hedged_share_gone_t *gone,
                               void *arg);

/** @return borrowed until its last use ends, or NULL. */
hedged_share_t *hedged_share_index_find(const hedged_share_index_t *index, const hedge_digest_t *digest);

/** A board's shares, in the order in which they were added. Borrowed until something is added or removed. */
hedged_share_t *const *hedged_share_index_of(const hedged_share_index_t *index, unsigned board, unsigned *ret_count);

/** Is this share to be sent? */
typedef bool hedged_share_wanted_t(void *arg, const hedged_share_t *share);

/** The first share that its board misses and that is wanted, or NULL. @param wanted  NULL: all are. */
hedged_share_t *hedged_share_index_next(hedged_share_index_t *index, unsigned board, hedged_share_wanted_t *wanted,
                                        void *arg);

/** How many of a board's shares are on their way to it. */
unsigned hedged_share_index_sending(const hedged_share_index_t *index, unsigned board);

/** The block that is on its way to a board, or NULL: the last, were there several. Borrowed. */
hedged_share_t *hedged_share_index_block(const hedged_share_index_t *index, unsigned board);

/** A share is on its way from now on. @return a ticket that no other sending has: what comes back with an older one is late. */
uint64_t hedged_share_index_send(hedged_share_index_t *index, hedged_share_t *share);

/** @param held  Not HEDGED_SHARE_SENDING. */
void hedged_share_index_set(hedged_share_index_t *index, hedged_share_t *share, hedged_held_t held);

#endif
