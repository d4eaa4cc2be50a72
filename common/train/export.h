/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_EXPORT_H
#define HEDGE_EXPORT_H

#include "common/train/net.h"

/** Write a trained network as an ONNX model (opset 13), replacing the file at once or not at all.
 *
 * Input "image", 1 x C x H x W, normalised as in training; output the logits, 1 x classes, called as the last layer.
 * Batch normalisation has the running statistics. A row made of an image is in N x H x W x C order, as here.
 * @return 0, -errno with a sentence. */
int hedge_net_write_onnx(const hedge_net_t *net, const float *params, const float *state, const char *path,
                         hedge_why_t *why);

#endif
