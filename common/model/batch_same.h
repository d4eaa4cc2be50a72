/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BATCH_SAME_H
#define HEDGE_BATCH_SAME_H

#include "common/op.h"

/** Are these two operators the same but for extents that tell how many pictures there are?
 * Their outputs' shapes are compared elsewhere. A kind without a row never is.
 * @param rank  Of their first inputs. */
bool hedge_batch_same_op(const hedge_op_t *a, const hedge_op_t *b, uint32_t rank);

/** The same between graphs whose tensors may lie in another order: what tells axes is not looked at. */
bool hedge_batch_like_op(const hedge_op_t *a, const hedge_op_t *b);

#endif
