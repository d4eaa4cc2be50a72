/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_LOSS_H
#define HEDGE_LOSS_H

#include <stdint.h>

/** Softmax cross-entropy.
 *
 * @param logits   batch x classes.
 * @param labels   batch, each below classes.
 * @param delta    batch x classes: the mean loss by the logits; NULL: not asked for. Overwritten.
 * @param correct  How many images have their greatest logit (the first among equals) at their class.
 * @return the sum of the images' losses; not finite if a logit is not. */
double hedge_loss(const float *logits, const uint8_t *labels, uint32_t batch, uint32_t classes, float *delta,
                  uint32_t *correct);

#endif
