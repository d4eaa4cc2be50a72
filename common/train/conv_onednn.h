/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CONV_ONEDNN_H
#define HEDGE_CONV_ONEDNN_H

#include "common/train/layer.h"

/** A convolution's three products by oneDNN, where it has fast code for them: on x86 three to five times as fast as
 * columns and a BLAS. One thread computes. Not in every build, and in a module, which is opened when it is first asked
 * for (common/plugin.h). */
typedef struct hedge_conv_onednn hedge_conv_onednn_t;

/** Is it here? Opens the module. */
bool hedge_conv_onednn_built(void);

/** @param layer  A checked CONV; borrowed, must outlive it.
 * @return 0, HEDGE_EUNSUPPORTED (not in this build), HEDGE_EKERNEL, -ENOMEM. */
int hedge_conv_onednn_new(const hedge_layer_t *layer, hedge_conv_onednn_t **ret);

/** NULL-safe; nullifies. */
void hedge_conv_onednn_destroy(hedge_conv_onednn_t **conv);

/** What a layer's forward and backward do. Code is made at the first batch of a size, and made anew when the size changes.
 * @return 0, or a negative code, always the same for a batch size: oneDNN has nothing fast for it, and nothing was written. */
int hedge_conv_onednn_forward(hedge_conv_onednn_t *conv, const hedge_layer_pass_t *pass);
int hedge_conv_onednn_backward(hedge_conv_onednn_t *conv, const hedge_layer_pass_t *pass);

#endif
