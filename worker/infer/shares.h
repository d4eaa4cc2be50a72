/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_SHARES_H
#define HEDGEW_SHARES_H

#include "common/kernel/kernel.h"
#include "common/wire/message.h"

/** What a board holds: coded filter blocks, packed for its kernels, by digest.
 *
 * A share is claimed when its message comes (its memory is counted before any is taken), and prepared later, on the compute
 * thread. It is counted by reference: dropping it takes it out of the table at once, and its memory goes when the last task
 * that computes with it is done. Until then that memory counts. Everything here may be called from any thread. */
typedef struct hedgew_shares hedgew_shares_t;
typedef struct hedgew_share hedgew_share_t;

/** Counted for every share and every filter block besides their floats, so that many tiny ones are bounded too. */
#define HEDGEW_SHARE_OVERHEAD_BYTES 4096u

/** However small they are: a HELLO lists them all. */
#define HEDGEW_SHARES_MAX 65536u

/** @param bytes_max        Memory that all shares together may take.
 * @param frame_bytes_max  Largest coded input or part of a share that is accepted.
 * @return 0, -ENOMEM. */
int hedgew_shares_new(uint64_t bytes_max, uint64_t frame_bytes_max, hedgew_shares_t **ret);

/** All references must be gone. NULL-safe; nullifies. */
void hedgew_shares_destroy(hedgew_shares_t **shares);

/** Make room for a share.
 *
 * Checks its geometry against the frame, and the cap: the filters' own size is counted from here on.
 * @param frame_bytes  Size of the frame that came with it.
 * @param ret          A reference, to be prepared with hedgew_share_prepare. Written when 0 is returned.
 * @return 0, 1 (it is held already), 2 (it is claimed already, and will be held soon), HEDGE_EMALFORMED (the frame is not the
 * geometry's, or the digest is held for another geometry), HEDGE_ELIMIT (over the cap), -EINVAL, -ENOMEM. */
int hedgew_shares_claim(hedgew_shares_t *shares, const hedge_msg_share_t *message, size_t frame_bytes,
                        hedgew_share_t **ret, hedge_why_t *why);

/** Pack a claimed share's filter blocks. What packing takes more than was counted when it was claimed is counted now.
 *
 * Where the memory lasts, filters are packed for the fastest method, which may take several times their own size, and are kept beside
 * as they came; when it is wanted for other shares, the largest are packed again without. So this belongs to the thread that runs
 * the kernels, and a method costs no share its place.
 * On failure it is taken out of the table, as if it had never come.
 * @param filters  The frame's floats: ell_b blocks of out_c x kernel_h x kernel_w x (in_c / groups). Not kept.
 * @return 0, 1 (done, but it was dropped in the meantime), HEDGE_ELIMIT, HEDGE_EKERNEL, HEDGE_ESHAPE, -EINVAL, -ENOMEM. */
int hedgew_share_prepare(hedgew_share_t *share, hedge_kernels_t *kernels, const float *filters, hedge_why_t *why);

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
const hedge_conv_t *hedgew_share_conv(const hedgew_share_t *share);
uint32_t hedgew_share_blocks(const hedgew_share_t *share);

/** The kernel of filter block `block`, or NULL while the share is not prepared (or could not be). Borrowed. */
hedge_kernel_t *hedgew_share_kernel(hedgew_share_t *share, uint32_t block);

#endif
