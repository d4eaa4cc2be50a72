/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IMPORT_VOLUME_H
#define HEDGE_IMPORT_VOLUME_H

#include "common/model/image.h"

/** Convolutions and pools of three spatial axes (volume.h); what they share with those of one and two. */

/** A Conv whose input is x, N x C x D x H x W. */
int hedge_import_conv3(hedge_import_t *imp, const hedge_view_t *x, hedge_literal_t *filter);

/** A pool of such an input. @param kind  One of the four pools. */
int hedge_import_pool3(hedge_import_t *imp, hedge_op_kind_t kind, const hedge_view_t *x);

/** Input i, the bias of a convolution, as a constant of the graph. */
int hedge_import_conv_bias(hedge_import_t *imp, uint32_t i, uint32_t out_c, uint32_t *ret);

/** Rounding up: the last window may overhang the end, but must begin inside the input or its leading padding. What padding
 * that needs replaces what the model says. */
void hedge_pool_round_up(hedge_window3_t *window, const uint32_t *in);

#endif
