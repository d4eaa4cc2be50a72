/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_SHARES_H
#define HEDGEW_SHARES_H

#include "common/kernel/kernel.h"
#include "common/wire/message.h"

/** What a board holds, by digest: coded filter blocks, packed for its kernels (worker/infer/share_filters.h), and blocks of models'
 * graphs (worker/infer/share_graph.h).
 *
 * A share is claimed when its message comes (its memory is counted before any is taken), and prepared later, on the compute
 * thread. It is counted by reference: dropping it takes it out of the table at once, and its memory goes when the last task
 * that computes with it is done. Until then that memory counts. Everything here may be called from any thread. */
typedef struct hedgew_shares hedgew_shares_t;
typedef struct hedgew_share hedgew_share_t;
typedef struct hedgew_share_kind hedgew_share_kind_t;

/** Counted for every share, every filter block and every constant besides their floats, so that many tiny ones are bounded too. */
#define HEDGEW_SHARE_OVERHEAD_BYTES 4096u

/** However small they are: a HELLO lists them all. */
#define HEDGEW_SHARES_MAX 65536u

/** @param bytes_max        Memory that all shares together may take.
 * @param frame_bytes_max  Largest coded input or part of a share that is accepted.
 * @return 0, -ENOMEM. */
int hedgew_shares_new(uint64_t bytes_max, uint64_t frame_bytes_max, hedgew_shares_t **ret);

/** All references must be gone. NULL-safe; nullifies. */
void hedgew_shares_destroy(hedgew_shares_t **shares);

/** Give up a claimed share that will not be prepared. The reference stays. */
void hedgew_share_abandon(hedgew_share_t *share);

/** A new reference to a share that is held or claimed, or NULL. */
hedgew_share_t *hedgew_shares_find(hedgew_shares_t *shares, const hedge_digest_t *digest);

/** Give back a reference. NULL-safe; nullifies. */
void hedgew_share_unref(hedgew_share_t **share);

/** Forget a share, held or claimed. @return 0, HEDGE_ENOSHARE. */
int hedgew_shares_drop(hedgew_shares_t *shares, const hedge_digest_t *digest);

/** Forget all of them. */
void hedgew_shares_clear(hedgew_shares_t *shares);

/** Forget those that come in pieces of which more are to come. @return how many. */
unsigned hedgew_shares_clear_filling(hedgew_shares_t *shares);

/** Nothing is computed for a while: give back buffers, but nothing that is packed. On the compute thread. */
void hedgew_shares_rest(hedgew_shares_t *shares);

/** The digests of all shares that are held. @param ret  Allocated; free() it. NULL where none is. @return how many, -ENOMEM. */
int hedgew_shares_list(hedgew_shares_t *shares, hedge_digest_t **ret);

typedef struct hedgew_shares_figures {
        uint32_t held;  /**< shares that tasks may name */
        uint32_t alive; /**< shares that exist at all, also those only a task still refers to */
        uint64_t bytes; /**< counted for all of these */
} hedgew_shares_figures_t;

/** All at one moment. */
hedgew_shares_figures_t hedgew_shares_figures(hedgew_shares_t *shares);

/** Of a share. */
const hedge_digest_t *hedgew_share_digest(const hedgew_share_t *share);
const hedgew_share_kind_t *hedgew_share_kind(const hedgew_share_t *share);

/** May tasks compute with it? Else it is not prepared yet, or could not be. */
bool hedgew_share_is_held(const hedgew_share_t *share);

/** Does it come in pieces of which more are to come? */
bool hedgew_share_is_filling(const hedgew_share_t *share);

#endif
