/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_INPUT_H
#define HEDGEC_INPUT_H

#include "client/input_file.h"
#include "common/err.h"
#include "common/model/batch.h"
#include "common/tensor.h"
#include "common/types/preprocess.h"

/** What a model wants to be given, whoever runs it. */
typedef struct hedgec_form {
        uint32_t n_inputs;
        hedge_shape_t *shapes;               /**< n_inputs, owned */
        hedge_model_preprocess_t preprocess; /**< for pictures; not given: pictures are refused */
        hedge_batch_t *batch;                /**< owned; NULL: one picture */
        uint64_t whole; /**< bit i: input i is of integers, so that a picture for it is rounded to whole numbers */
} hedgec_form_t;

/** Take the shapes of `n` inputs from `shapes`. @return 0, -ENOMEM. */
int hedgec_form_init(hedgec_form_t *form, const hedge_shape_t *shapes, uint32_t n);
void hedgec_form_release(hedgec_form_t *form);

/** Input i of the model is of this type (a hedge_element_t). Models have at most 64 inputs. */
void hedgec_form_set_element(hedgec_form_t *form, uint32_t i, int element);

/** Prepare pictures as a preset says ("imagenet") and not as the model's own manifest does. @return 0, -EINVAL. */
int hedgec_form_use_preset(hedgec_form_t *form, const char *preset);

/** Read one INPUT of the command line: a file, or, for a model of several inputs, as many file names with commas between.
 *
 * .npy and .pb hold the tensor itself, in the model's shape (extents of 1 may be missing or added); anything else is a
 * picture; input_file.h has how they are told apart. "-" is standard input.
 * @param tensors  form->n_inputs, allocated here, of the form's shapes, or, of several pictures, as long as they are along the batch
 *                 (hedgec_batch_times); release each. Written on success.
 * @param why      Begins with the name of the file.
 * @return 0, HEDGE_ESHAPE, -EINVAL (too few or too many files), or what reading them failed with. */
int hedgec_input_read(const hedgec_form_t *form, const char *operand, hedge_tensor_t *tensors, hedge_why_t *why);

/** One INPUT that has been read, before it is known in which shape the model takes it. */
typedef struct hedgec_input {
        char *text;
        char **names; /**< n, within text */
        hedgec_input_file_t *files;
        uint32_t n;
} hedgec_input_t;

/** The two halves of hedgec_input_read: read the files of an INPUT of a model of n inputs, and make the tensors of them, of which the
 * second takes those that are tensors already: once. */
int hedgec_input_open(const char *operand, uint32_t n, bool as_stored, hedgec_input_t *ret, hedge_why_t *why);
int hedgec_input_take(hedgec_input_t *input, const hedgec_form_t *form, hedge_tensor_t *tensors, hedge_why_t *why);

/** Free and clear. */
void hedgec_input_close(hedgec_input_t *input);

/** Are the shapes the same but for extents of 1? */
int hedgec_shape_fits(const hedge_shape_t *given, const hedge_shape_t *wanted);

#endif
