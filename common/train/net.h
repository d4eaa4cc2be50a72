/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_NET_H
#define HEDGE_NET_H

#include "common/train/layer.h"

/** A network to be trained: its layers and where each one's numbers lie.
 *
 * All parameters are one vector of n_params floats, cut into segments; the running statistics of batch normalisation are
 * another, the state. Both belong to the caller, so that they can be sent, compressed and kept. What a network answers
 * are logits, one per class; the loss is softmax cross-entropy.
 *
 * The struct is for reading. A net does not change: threads may share it. */

#define HEDGE_NET_MAX_PARAMS   (UINT64_C(1) << 28)
#define HEDGE_NET_MAX_ELEMENTS (UINT64_C(1) << 26) /**< of one value, for one image */
#define HEDGE_NET_MAX_CLASSES  256

typedef struct hedge_segment {
        char name[HEDGE_LAYER_NAME + 8]; /**< the layer's and ".weight" or ".bias" */
        size_t offset, count;            /**< in the parameters; segments follow each other without gaps */
        uint32_t layer;
        bool decay; /**< weight decay applies: neither a bias nor batch normalisation's */
} hedge_segment_t;

typedef struct hedge_net {
        hedge_extent_t image;
        uint32_t classes;
        hedge_layer_t *layers;
        uint32_t n_layers;
        hedge_segment_t *segments;
        uint32_t n_segments;
        size_t n_params, n_state;
} hedge_net_t;

/** Make a network of a list of layers.
 *
 * @param image  Shape of what it reads; not flat.
 * @param specs  In order: each reads the layer before it, or the one it names. Borrowed for the call.
 * @param why    May be NULL: names the layer and says what does not fit.
 * @return 0, HEDGE_ESHAPE (shapes do not fit), -EINVAL (a number or name is wrong), HEDGE_ELIMIT, -ENOMEM. */
int hedge_net_new(const hedge_extent_t *image, const hedge_layer_spec_t *specs, uint32_t n_specs, hedge_net_t **ret,
                  hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_net_destroy(hedge_net_t **net);

/** The shape of a value: 0 is the image, i + 1 the output of layer i. */
const hedge_extent_t *hedge_net_value(const hedge_net_t *net, uint32_t value);

/** How many layers read it; 1 for the logits. */
uint32_t hedge_net_readers(const hedge_net_t *net, uint32_t value);

/** First parameters and state: He's normal weights (Glorot's for the last layer with weights), biases 0,
 * batch normalisation's scales 1, shifts 0, means 0, variances 1. The same for the same seed on the same machine. */
void hedge_net_initialise(const hedge_net_t *net, uint64_t seed, float *params, float *state);

/** Move the running statistics towards those of a batch (or their mean over boards):
 * state += rate * (statistics - state). */
void hedge_net_blend_state(const hedge_net_t *net, float rate, const float *statistics, float *state);

/** Multiply-accumulates of one image, forward; a training step takes three times as many. */
uint64_t hedge_net_macs(const hedge_net_t *net);

#endif
