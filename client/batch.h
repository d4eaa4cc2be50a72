/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_BATCH_H
#define HEDGEC_BATCH_H

#include "client/input.h"
#include "client/show.h"

/** Several pictures in one request: how many tensors hold, and the answers of each. */

/** How many times the model's input is this shape? Extents of 1 may be missing or added where it is once.
 * With a fixed batch the input is that of all its pictures. @return 0: it is none. */
uint32_t hedgec_batch_times(const hedgec_form_t *form, uint32_t input, const hedge_shape_t *given);

/** Is an input, file by file, one picture of a form with a fixed batch of several? */
bool hedgec_batch_is_single(const hedgec_form_t *form, const hedgec_input_t *input);

/** May the form have tensors of this shape: as they are, of several pictures, or of one of them? */
bool hedgec_batch_takes(const hedgec_form_t *form, uint32_t input, const hedge_shape_t *given);

/** The shape of one picture of an input. */
hedge_shape_t hedgec_batch_one(const hedgec_form_t *form, uint32_t input);

/** Why an input holds no more than the model's number of pictures; "" where there is nothing to say. */
const char *hedgec_batch_why(const hedgec_form_t *form);

/** "faces.npy[3]": what picture `i` of `of` in an operand is called; of one, as the operand. @return NULL: no memory. */
char *hedgec_batch_name(const char *operand, uint32_t i, uint32_t of);

/** Answers of one request, for each picture that somebody named. */
typedef struct hedgec_batch_answers {
        const hedge_batch_t *batch;
        uint32_t runs;         /**< of the graph in the request */
        char *const *operands; /**< n_pictures of them hold a picture each; or one holds them all */
        uint32_t n_operands;
        uint32_t n_pictures; /**< to be shown; those behind them only filled the request */
        uint32_t from, of;   /**< the number of the first within its operand, which holds `of` */
        uint32_t run_layers; /**< coded layers of a run */
} hedgec_batch_answers_t;

/** Show the answer of every picture, or, where it is not known whose is what, of all of them.
 * @param answer  As the request's was: outputs of all pictures, layers run by run. */
void hedgec_batch_show(hedgec_show_t *show, const hedgec_batch_answers_t *answers, const hedgec_answer_t *answer);

#endif
