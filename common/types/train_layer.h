/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_TRAIN_LAYER_H
#define HEDGE_TYPES_TRAIN_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/types/name.h"

/** A layer of a network to be trained: hedge_layer_spec_t (common/train/layer.h) on the wire. */
typedef struct hedge_train_layer {
        char kind[32]; /**< "dense", "conv", ... */
        char name[HEDGE_TRAIN_NAME_MAX];
        char from[HEDGE_TRAIN_NAME_MAX], with[HEDGE_TRAIN_NAME_MAX]; /**< empty: not given */
        uint32_t units, kernel, stride, pad;
        bool no_bias;
} hedge_train_layer_t;

#endif
