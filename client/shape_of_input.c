/* SPDX-License-Identifier: Apache-2.0 */
#include "client/shape_of_input.h"

#include <stdio.h>
#include <string.h>

/* A tensor's extents under the model's axes: the batch may be missing. */
static bool of_tensor(const hedge_onnx_input_t *input, const hedge_shape_t *tensor, hedge_shape_t *ret)
{
        const bool without_batch =
                input->has_shape && tensor->rank + 1 == input->shape.rank && input->shape.dims[0] <= 1;

        if (!input->has_shape || tensor->rank == input->shape.rank) {
                *ret = *tensor;
                return true;
        }
        if (!without_batch)
                return false;
        ret->rank = input->shape.rank;
        ret->dims[0] = 1;
        memcpy(ret->dims + 1, tensor->dims, tensor->rank * sizeof(tensor->dims[0]));
        return true;
}

/* Where height is, and width behind it; 0: no picture's size is open here, or more is. */
static bool find_height(const hedge_onnx_input_t *input, hedge_layout_t layout, uint32_t *ret)
{
        const uint32_t *d = input->shape.dims, first = input->shape.rank == 4;

        if (!input->has_shape || input->shape.rank < 3 || input->shape.rank > 4)
                return false;
        if (layout != HEDGE_LAYOUT_NHWC && d[first] && !d[first + 1] && !d[first + 2])
                *ret = first + 1;
        else if (layout != HEDGE_LAYOUT_NCHW && !d[first] && !d[first + 1] && d[first + 2])
                *ret = first;
        else
                return false;
        return true;
}

static bool of_picture(const hedge_onnx_input_t *input, const hedgec_picture_t *picture, hedge_layout_t layout,
                       const hedge_model_preprocess_t *how, hedge_shape_t *ret)
{
        uint32_t height;

        if (how->resize || !find_height(input, layout, &height))
                return false;
        *ret = input->shape;
        ret->dims[height] = picture->height;
        ret->dims[height + 1] = picture->width;
        if (ret->rank == 4 && !ret->dims[0])
                ret->dims[0] = 1;
        return true;
}

uint32_t hedgec_shape_of_input(const hedge_onnx_input_t *inputs, const hedgec_input_t *input, hedge_layout_t layout,
                               const hedge_model_preprocess_t *how, hedge_input_shape_t *ret)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < input->n; i++) {
                const hedgec_input_file_t *file = &input->files[i];
                hedge_input_shape_t stated = { "", { 0 } };

                snprintf(stated.name, sizeof(stated.name), "%s", inputs[i].name);
                if (file->is_picture ? of_picture(&inputs[i], &file->picture, layout, how, &stated.shape)
                                     : of_tensor(&inputs[i], &file->tensor.shape, &stated.shape))
                        ret[n++] = stated;
        }
        return n;
}

bool hedgec_inputs_are_open(const hedge_onnx_input_t *inputs, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                if (!inputs[i].has_shape)
                        return true;
                for (uint32_t a = 0; a < inputs[i].shape.rank; a++)
                        if (!inputs[i].shape.dims[a])
                                return true;
        }
        return false;
}
