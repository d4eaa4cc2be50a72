/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PRESET_H
#define HEDGE_PRESET_H

#include "common/train/net.h"

/** Networks by name.
 *
 * "mlp": dense 100, 200, classes (the 784-100-200-10 of 28 x 28 images).
 * "lenet5": LeNet-5 with relu and max pools: 6 and 16 filters of 5 x 5, dense 120, 84, classes (61,706 parameters).
 * "resnet8": MLPerf Tiny's ResNet-8: three residual stages of 16, 32 and 64 channels (77,946 parameters at 10 classes).
 * @return 0, -EINVAL (no such name), HEDGE_ESHAPE (images that are too small), HEDGE_ELIMIT, -ENOMEM. */
int hedge_preset_new(const char *name, const hedge_extent_t *image, uint32_t classes, hedge_net_t **ret,
                     hedge_why_t *why);

/** The layers of a preset for other class counts or for showing: written to `specs`.
 * @return their number, at most HEDGE_PRESET_LAYERS, or -EINVAL. */
int hedge_preset_layers(const char *name, uint32_t classes, hedge_layer_spec_t *specs);

#define HEDGE_PRESET_LAYERS 40

/** The names, NULL at the end. */
extern const char *const hedge_preset_names[];

#endif
