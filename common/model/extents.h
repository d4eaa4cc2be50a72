/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_EXTENTS_H
#define HEDGE_EXTENTS_H

#include "common/model/onnx.h"
#include "onnx.pb-c.h"

/** The shapes of a model's inputs: what the file fixes, what the user states, and a batch of 1.
 *
 * An extent is open where the file gives a symbol, 0, a negative number or nothing for it, and all of an input's are where it has no
 * shape. An open extent is what is stated for it, or for another one of the same symbol. The first of several may be left out: it is
 * the batch, and then 1, unless its symbol says that it is rows, time or the like. Any other that is not stated is refused: there is no
 * right guess.
 *
 * @param inputs  The inputs that a caller gives: tensors. Borrowed.
 * @param stated  n_stated shapes, each of one input.
 * @param shapes  n shapes; overwritten.
 * @param open    n masks; overwritten: bit i is set where the file leaves axis i open, stated or not.
 * @return 0; HEDGE_ESHAPE: an open extent is not stated, or something stated is no input's, or contradicts the file or another;
 *         HEDGE_ELIMIT, HEDGE_EUNSUPPORTED, -ENOMEM. */
int hedge_extents_settle(const Onnx__ValueInfoProto *const *inputs, uint32_t n, const hedge_input_shape_t *stated,
                         uint32_t n_stated, hedge_shape_t *shapes, uint32_t *open, hedge_why_t *why);

#endif
