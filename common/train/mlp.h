/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_MLP_H
#define HEDGE_MLP_H

#include "common/train/loss.h"
#include "common/train/net.h"
#include "common/train/workspace.h"

/** A gradient of a network of dense layers whose products somebody else computes: a cluster, exactly or approximately.
 *
 * Only dense, relu and flatten layers, each reading the one before it. Bias, relu and loss are computed here. Without hooks a
 * product is computed here too (sgemm), so that methods distribute what they want to. */

#define HEDGE_MLP_HERE 1 /**< what a hook returns for a product that it leaves to the pass */

/** The products of dense layer `dense` (counted among the dense ones, from 0), with `out` outputs and `in` inputs.
 * Each returns 0, HEDGE_MLP_HERE or an error that ends the pass. HEDGE_MLP_HERE, or no hook: computed here from the parameters.
 *
 * Order: forward of the first to the last; backward of the last to the second; then weigh or update of the last to the first.
 * So a pass that ends before its first update has changed nothing anywhere. What they are given stays as it is until the pass ends. */
typedef struct hedge_mlp_hooks {
        void *arg;
        /** y (batch x out) = x (batch x in) W^T */
        int (*forward)(void *arg, uint32_t dense, uint32_t batch, const float *x, float *y);
        /** dx (batch x in) = delta (batch x out) W; not asked for the first dense layer */
        int (*backward)(void *arg, uint32_t dense, uint32_t batch, const float *delta, float *dx);
        /** dw (out x in) = delta^T x. With `update` NULL the caller wants gradients. */
        int (*weigh)(void *arg, uint32_t dense, uint32_t batch, const float *delta, const float *x, float *dw);
        /** In place of weigh, for weights that live elsewhere: no gradient of them comes back (its entries are 0). */
        int (*update)(void *arg, uint32_t dense, uint32_t batch, const float *delta, const float *x);
} hedge_mlp_hooks_t;

typedef struct hedge_mlp hedge_mlp_t;

/** @param net  Borrowed. @return 0, HEDGE_EUNSUPPORTED (another layer, or one that reads elsewhere: `why` names it),
 * HEDGE_ELIMIT, -ENOMEM, as hedge_workspace_new. */
int hedge_mlp_new(const hedge_net_t *net, uint32_t max_batch, hedge_mlp_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_mlp_destroy(hedge_mlp_t **mlp);

/** Dense layers, and each one's layer of the net. */
uint32_t hedge_mlp_count(const hedge_mlp_t *mlp);
const hedge_layer_t *hedge_mlp_dense(const hedge_mlp_t *mlp, uint32_t dense);

/** Loss and gradient of a mini-batch, as hedge_net_gradient has them.
 * @param hooks   NULL: none.
 * @param params  n_params; weights of layers whose forward and backward are hooked are not read.
 * @return 0, -EINVAL, or what a hook returned. */
int hedge_mlp_gradient(hedge_mlp_t *mlp, const hedge_mlp_hooks_t *hooks, const float *params, const float *images,
                       const uint8_t *labels, uint32_t batch, float *ret_gradient, hedge_score_t *ret_score);

#endif
