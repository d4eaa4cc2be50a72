/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_SHARE_FILTERS_H
#define HEDGEW_SHARE_FILTERS_H

#include "worker/infer/shares.h"

/** Shares of a coded layer: filter blocks, packed for the board's kernels. */
extern const hedgew_share_kind_t hedgew_filters_kind;

/** Make room for a share.
 *
 * Checks its geometry against the frame, and the cap: the filters' own size is counted from here on.
 * @param frame_bytes  Size of the frame that came with it.
 * @param ret          A reference, to be prepared with hedgew_filters_prepare. Written when 0 is returned.
 * @return 0, 1 (it is held already), 2 (it is claimed already, and will be held soon), HEDGE_EMALFORMED (the frame is not the
 * geometry's, or the digest is held for another geometry), HEDGE_ELIMIT (over the cap), -EINVAL, -ENOMEM. */
int hedgew_filters_claim(hedgew_shares_t *shares, const hedge_msg_share_t *message, size_t frame_bytes,
                         hedgew_share_t **ret, hedge_why_t *why);

/** Pack a claimed share's filter blocks. What packing takes more than was counted when it was claimed is counted now.
 *
 * Where the memory lasts, filters are packed for the fastest method, which may take several times their own size, and are kept beside
 * as they came; when it is wanted for other shares, the largest are packed again without. So this belongs to the thread that runs
 * the kernels, and a method costs no share its place.
 * On failure it is taken out of the table, as if it had never come.
 * @param filters  The frame's floats: ell_b blocks of out_c x kernel_h x kernel_w x (in_c / groups). Not kept.
 * @return 0, 1 (done, but it was dropped in the meantime), HEDGE_ELIMIT, HEDGE_EKERNEL, HEDGE_ESHAPE, -EINVAL, -ENOMEM. */
int hedgew_filters_prepare(hedgew_share_t *share, hedge_kernels_t *kernels, const float *filters, hedge_why_t *why);

/** Of a share of this kind. */
const hedge_conv_t *hedgew_filters_conv(const hedgew_share_t *share);
uint32_t hedgew_filters_blocks(const hedgew_share_t *share);

/** The kernel of filter block `block`, or NULL while the share is not prepared (or could not be). Borrowed. */
hedge_kernel_t *hedgew_filters_kernel(hedgew_share_t *share, uint32_t block);

#endif
