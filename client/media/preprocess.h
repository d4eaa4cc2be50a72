/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_PREPROCESS_H
#define HEDGEC_PREPROCESS_H

#include "client/media/picture.h"
#include "common/detect/map.h"
#include "common/tensor.h"
#include "common/types/preprocess.h"

/** Make a model's input of a picture.
 *
 * In this order: grey to RGB or RGB to grey (the weights of ITU-R 601) as the model has 3 channels or 1; resize, bilinear
 * with a triangle filter as wide as the reduction, samples rounded to 8 bits after each direction (what Pillow does);
 * centre crop; (pixel * scale - mean) / std; channel order. A picture that has the input's width and height already is
 * not resized and not cropped.
 *
 * With crop and resize = R the shorter side becomes R, the other is rounded; where that would not cover the
 * input, the picture is made just large enough. With a letterbox the picture is made as large as the input holds, the ratio
 * kept, and what it leaves is grey. Otherwise width and height become the input's, whatever the ratio.
 *
 * @param how    From the model, or hedge_manifest_preset; `nhwc` decides where a shape has its channels.
 * @param shape  The model's input: 1 x C x H x W, 1 x H x W x C, the same without the 1, H x W, or 1 x P for a grey
 *               picture of exactly P pixels.
 * @param ret    Of that shape, allocated here; hedge_tensor_release.
 * @return 0, HEDGE_ESHAPE (no picture fits that shape), HEDGE_ELIMIT, -ENOMEM; `why` is a sentence. */
int hedgec_preprocess(const hedgec_picture_t *picture, const hedge_model_preprocess_t *how, const hedge_shape_t *shape,
                      hedge_tensor_t *ret, hedge_why_t *why);

/** Where the input lies in a picture, as hedgec_preprocess makes it of that; its pixels are not looked at. @return as that. */
int hedgec_preprocess_map(const hedgec_picture_t *picture, const hedge_model_preprocess_t *how,
                          const hedge_shape_t *shape, hedge_map_t *ret);

#endif
