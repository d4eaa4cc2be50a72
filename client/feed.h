/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_FEED_H
#define HEDGEC_FEED_H

#include "client/batch.h"

/** From the INPUTs of a command line to requests, in their order.
 *
 * An INPUT is one request, mostly. Of a model whose batch is fixed, pictures (and tensors of one picture) that follow one another are
 * taken in groups of that many; a group that is not full is filled with its last picture. Tensors of several such batches are as
 * many requests. */

/** The form of the model that an input is for. The form of the call before stays valid. */
typedef int hedgec_feed_choose_t(void *arg, const hedgec_input_t *input, const hedgec_form_t **ret, hedge_why_t *why);

typedef struct hedgec_request {
        unsigned first, count; /**< the INPUTs in it */
        int result;            /**< 0; else why the INPUT is none: `why` has the sentence */
        hedge_why_t why;
        const hedgec_form_t *form;
        hedge_tensor_t *tensors;             /**< form->n_inputs, owned; take them, or release the request */
        uint32_t runs, n_pictures, from, of; /**< as in hedgec_batch_answers_t */
        bool passed;                         /**< inside: its INPUTs are behind the feed already */
} hedgec_request_t;

typedef struct hedgec_feed {
        char **operands;
        unsigned n, next;
        uint32_t n_inputs; /**< of the model */
        bool as_stored;    /**< how pictures are read */
        hedgec_feed_choose_t *choose;
        void *arg;
        hedgec_show_t *show; /**< is told what pictures are made of; NULL: nobody is */
        /* inside */
        bool held; /* INPUT `next` is read already */
        int held_result;
        hedge_why_t held_why;
        hedgec_input_t input;
        const hedgec_form_t *form;
        hedge_tensor_t *parts; /* the tensors of INPUT `next`, which are several requests */
        uint32_t part, n_parts;
} hedgec_feed_t;

/** The next request. @return false: there is none. */
bool hedgec_feed_next(hedgec_feed_t *feed, hedgec_request_t *ret);

/** What an answer to it needs to be shown. `operands` are the feed's; run_layers is left 0. */
hedgec_batch_answers_t hedgec_request_answers(const hedgec_request_t *request, char **operands);

void hedgec_request_release(hedgec_request_t *request);
void hedgec_feed_release(hedgec_feed_t *feed);

#endif
