/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ELEMENTWISE_H
#define HEDGE_ELEMENTWISE_H

#include "common/train/layer.h"

/** Layers that go element by element, or only look at a value in another way. */
extern const hedge_layer_type_t hedge_layer_relu, hedge_layer_flatten, hedge_layer_add;

#endif
