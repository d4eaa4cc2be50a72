/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_NORM_H
#define HEDGE_NORM_H

#include "common/train/layer.h"

#define HEDGE_NORM_EPSILON 1e-5f /**< beside the variance */

/** Batch normalisation per channel: y = scale * (x - mean) / sqrt(variance + epsilon) + shift, over all rows and pixels of
 * the batch when training, with the state's running statistics otherwise.
 *
 * Source: Ioffe and Szegedy, arXiv 1502.03167. The variance that normalises is over n, the one reported over n - 1. */
extern const hedge_layer_type_t hedge_layer_batch_norm;

#endif
