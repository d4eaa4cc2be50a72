/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SAZD_H
#define HEDGED_SAZD_H

#include "daemon/train/method.h"

/** The methods sazd-naive, sazd-deu, poly and uncoded: dense layers whose weights are cut over the boards, coded so that any k of
 * k + r boards are enough.
 *
 * Source: SAZD-DEU, IEEE TPDS 2023, doi 10.1109/TPDS.2023.3276888.
 *
 * A step multiplies by W forward and by its transpose backward, both by blocks that boards hold and answer with, decoded from the
 * first k. Then, but for sazd-naive, boards encode both factors of the gradient for themselves and update their blocks: these are
 * from then on the coded blocks of the updated weights, which never travel again. sazd-naive updates the weights in the
 * coordinator, encodes them and sends all blocks in every step. Biases, and layers that are too small, are the coordinator's.
 *
 * For tests and checkpoints the weights are fetched from k boards. What too few boards hold is lost: the training goes
 * on from what was fetched last. Where the method is uncoded the coordinator computes in place of boards that are lost. */
extern const hedged_method_t hedged_method_sazd;

#endif
