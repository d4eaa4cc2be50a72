/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_UEP_H
#define HEDGED_UEP_H

#include "daemon/train/method.h"

/** The methods uep-*: the coordinator holds the network and does the forward pass; the products of the backward pass, dW = delta^T x and
 * dx = delta W of every dense layer, are computed by the boards in packets of a code (common/code/uep/uep.h), and what is
 * not known of one by its deadline is 0.
 *
 * Rows of A and columns of B (where the inner side is cut: that) are sorted by their norms first, so that blocks differ in
 * importance as much as they can; what comes back is put in its place.
 *
 * Source: UEP, arXiv 2103.02928, where dx is waited for one layer after the other, as here. The products dW depend on nothing
 * that comes later, so those of all layers are asked for together and have one deadline. */
extern const hedged_method_t hedged_method_uep;

#endif
