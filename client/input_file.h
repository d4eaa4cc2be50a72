/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_INPUT_FILE_H
#define HEDGEC_INPUT_FILE_H

#include "client/media/picture.h"
#include "common/tensor.h"

/** One file of an input: a picture, or the tensor itself. */
typedef struct hedgec_input_file {
        bool is_picture;
        hedgec_picture_t picture; /**< is_picture */
        hedge_tensor_t tensor;    /**< else */
} hedgec_input_file_t;

/** Read a picture, a .npy or an ONNX tensor, known by its contents; but an ONNX tensor, which has no mark, is known by its name's
 * ending .pb, or by being nothing else that comes from standard input.
 * @param path       "-": standard input.
 * @param as_stored  Pictures: as hedgec_picture_decode.
 * @param why        Begins with the file's name.
 * @return 0, or what reading it failed with. */
int hedgec_input_file_read(const char *path, bool as_stored, hedgec_input_file_t *ret, hedge_why_t *why);

void hedgec_input_file_release(hedgec_input_file_t *file);

#endif
