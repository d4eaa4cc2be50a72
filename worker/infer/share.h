/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_SHARE_H
#define HEDGEW_SHARE_H

#include "worker/infer/shares.h"

/** What the kinds of shares have in common: for shares.c and the kinds' own files. */
typedef enum hedgew_share_state {
        HEDGEW_SHARE_CLAIMED, /**< all of it is there, but for being prepared */
        HEDGEW_SHARE_FILLING, /**< it comes in pieces, and more are to come */
        HEDGEW_SHARE_HELD,
        HEDGEW_SHARE_FAILED,
} hedgew_share_state_t;

struct hedgew_share_kind {
        /** Have both, of this kind and the same digest, the same geometry? */
        bool (*is_same)(const hedgew_share_t *known, const hedgew_share_t *other);
        /** Do without what is spare, so that nothing is any more. On the compute thread; there is a reference. */
        void (*slim)(hedgew_share_t *share, hedge_kernels_t *kernels);
        /** Give back what only makes the next task a little faster. On the compute thread; NULL: there is no such thing. */
        void (*rest)(hedgew_share_t *share);
        /** Free all that it has, and itself. */
        void (*release)(hedgew_share_t *share);
};

/** The beginning of every kind's own structure. */
struct hedgew_share {
        const hedgew_share_kind_t *kind;
        hedgew_shares_t *shares;
        hedgew_share_t *next; /**< in its bucket */
        hedge_digest_t digest;
        hedgew_share_state_t state;
        bool in_table;
        unsigned references; /**< the table's is one */
        uint64_t bytes;      /**< counted */
        uint64_t spare;      /**< of these, what it can do without */
        uint64_t rested;     /**< in which of the compute thread's rests */
};

/** Put a new share into the table, if its memory fits. The caller has a reference too.
 * @param share  Its kind, digest and bytes, and whether it is claimed or filling; the rest 0. Not taken over unless 0 is returned.
 * @return 0, 1 (it is held already), 2 (it is claimed already), HEDGE_EMALFORMED (the digest is held for another), HEDGE_ELIMIT. */
int hedgew_shares_insert(hedgew_shares_t *shares, hedgew_share_t *share, hedge_why_t *why);

/** As it was told. */
uint64_t hedgew_shares_bytes_max(const hedgew_shares_t *shares);
uint64_t hedgew_shares_frame_bytes_max(const hedgew_shares_t *shares);

/** Memory that nobody has counted. */
uint64_t hedgew_shares_free(hedgew_shares_t *shares);

/** The share takes `bytes` in all while it is made: more is counted where that fits. @return 0, HEDGE_ELIMIT. */
int hedgew_share_grow(hedgew_share_t *share, uint64_t bytes, hedge_why_t *why);

/** It takes `bytes` now, whether they fit or not, and can do without `spare` of them. */
void hedgew_share_recount(hedgew_share_t *share, uint64_t bytes, uint64_t spare);

/** While more is counted than may be: let those that can do without most do so. On the compute thread. */
void hedgew_shares_make_room(hedgew_shares_t *shares, hedge_kernels_t *kernels);

/** Nothing more is to come: it is claimed from now on. */
void hedgew_share_filled(hedgew_share_t *share);

/** Forget the share of this digest if it is filling. */
void hedgew_shares_drop_filling(hedgew_shares_t *shares, const hedge_digest_t *digest);

/** Let tasks see it. @return 0, 1 (it was dropped in the meantime). */
int hedgew_share_publish(hedgew_share_t *share);

#endif
