/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_POOL_H
#define HEDGE_POOL_H

#include "common/train/layer.h"

/** Pools. The greatest of a window is its first one among equals, by rows; every window has a pixel inside the image. */
extern const hedge_layer_type_t hedge_layer_max_pool, hedge_layer_average_pool, hedge_layer_global_average_pool;

#endif
