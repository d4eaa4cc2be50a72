/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKSPACE_H
#define HEDGE_WORKSPACE_H

#include "common/train/net.h"

/** Running a network forward and backward.
 *
 * A workspace is the memory for one thread's mini-batches, taken once. The same numbers give the same results, bit for
 * bit, on one machine: products run in the calling thread (which holds for OpenBLAS in the whole process from the first
 * workspace on), sums go in a fixed order. */
typedef struct hedge_workspace hedge_workspace_t;

#define HEDGE_WORKSPACE_MAX_BYTES (UINT64_C(4) << 30)
#define HEDGE_MAX_BATCH           65536u

/** @param net  Borrowed; must outlive the workspace.
 * @param products  What convolutions are computed with: "onednn" (one thread of it), "blas", or NULL for the best of the
 *                  build. Results differ between the two by rounding.
 * @param max_batch  Images of one mini-batch, 1 .. HEDGE_MAX_BATCH.
 * @return 0, HEDGE_ELIMIT (it would take more than HEDGE_WORKSPACE_MAX_BYTES), -EINVAL,
 *         HEDGE_EUNSUPPORTED (products: not in this build; OpenBLAS is not installed), HEDGE_EKERNEL, -ENOMEM. */
int hedge_workspace_new(const hedge_net_t *net, const char *products, uint32_t max_batch, hedge_workspace_t **ret,
                        hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_workspace_destroy(hedge_workspace_t **workspace);

/** What it takes. */
uint64_t hedge_workspace_bytes(const hedge_workspace_t *workspace);

/** What one would take, before it is made. @return 0, -EINVAL (max_batch), -ENOMEM. */
int hedge_workspace_size(const hedge_net_t *net, uint32_t max_batch, uint64_t *ret);

/** How well images are told apart. */
typedef struct hedge_score {
        double loss;      /**< mean softmax cross-entropy; not finite when training has gone wrong */
        uint32_t correct; /**< images whose class has the greatest logit */
} hedge_score_t;

/** Loss and gradient of one mini-batch, batch normalisation by the batch's own statistics.
 *
 * @param images  batch x H x W x C, normalised. Borrowed, as are params and labels.
 * @param labels  batch classes.
 * @param ret_gradient    n_params: the mean loss by the parameters.
 * @param ret_statistics  n_state: the batch's means and variances (over n - 1), for hedge_net_blend_state.
 * @return 0, -EINVAL (batch is 0 or above the workspace's, a label is not one of the net's classes). */
int hedge_net_gradient(hedge_workspace_t *workspace, const float *params, const float *images, const uint8_t *labels,
                       uint32_t batch, float *ret_gradient, float *ret_statistics, hedge_score_t *ret_score);

/** The logits, batch x classes, with the state's running statistics. @return 0, -EINVAL. */
int hedge_net_forward(hedge_workspace_t *workspace, const float *params, const float *state, const float *images,
                      uint32_t batch, float *ret_logits);

/** Loss and right answers for any number of images, with the state's running statistics.
 * @return 0, -EINVAL (no images, or a wrong label). */
int hedge_net_evaluate(hedge_workspace_t *workspace, const float *params, const float *state, const float *images,
                       const uint8_t *labels, uint32_t count, hedge_score_t *ret_score);

#endif
