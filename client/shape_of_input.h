/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_SHAPE_OF_INPUT_H
#define HEDGEC_SHAPE_OF_INPUT_H

#include "client/input.h"
#include "common/manifest/manifest.h"
#include "common/model/onnx.h"

/** The shapes that an input gives to a model whose file leaves extents open.
 *
 * A tensor has its own extents. A picture has its height and width, as it is turned, where both of them are open, nothing else but
 * the batch is, and nothing says that pictures are resized first. What they do not say is not stated: the importer asks for it.
 *
 * @param inputs  Of the model, as many as the input has files.
 * @param layout  Of pictures. With AUTO it is seen from which axis is not open.
 * @param how     How pictures are prepared.
 * @param ret     Room for as many shapes; overwritten. @return how many are stated. */
uint32_t hedgec_shape_of_input(const hedge_onnx_input_t *inputs, const hedgec_input_t *input, hedge_layout_t layout,
                               const hedge_model_preprocess_t *how, hedge_input_shape_t *ret);

/** Does the file leave anything open? */
bool hedgec_inputs_are_open(const hedge_onnx_input_t *inputs, uint32_t n);

#endif
