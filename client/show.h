/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_SHOW_H
#define HEDGEC_SHOW_H

#include "client/answer.h"
#include "client/input.h"
#include "client/options.h"
#include "client/progress.h"
#include "client/sight.h"

/** What `infer` and `local` share: how inputs are prepared and answers shown. */
typedef struct hedgec_show_options {
        int preprocess; /**< 0: as the model says; else index of a preset's name */
        uint64_t top;
        bool json, layers;
        const char *raw, *npy, *labels;
        hedgec_sight_options_t sight;
} hedgec_show_options_t;

extern const hedgec_option_t hedgec_show_options[];

#define HEDGEC_SHOW_PRESETS                             \
        {                                               \
                .top = 5, .sight = HEDGEC_SIGHT_PRESETS \
        }

/** The showing of one command's answers. */
typedef struct hedgec_show {
        const hedgec_show_options_t *options;
        const char *model;
        hedgec_labels_t labels;
        hedgec_sight_t sight;
        FILE *raw;
        bool raw_failed; /**< said once */
        hedgec_progress_t progress;
        uint64_t done, failed;
        unsigned written; /**< .npy files */
} hedgec_show_t;

/** Open what the options name: labels (else those of the model) and the raw file.
 * @param own_labels  The model's; taken over.
 * @param inputs      How many inputs will come. */
int hedgec_show_open(hedgec_show_t *show, const hedgec_show_options_t *options, const char *model,
                     hedgec_labels_t *own_labels, uint64_t inputs, hedge_why_t *why);

/** Say what the outputs mean, where that is more than scores: as hedgec_sight_open, after hedgec_show_open. */
int hedgec_show_find(hedgec_show_t *show, const hedge_output_t *output, uint64_t inputs, hedge_why_t *why);

/** hedgec_input_take, and what showing the answer will need of the input is kept. */
int hedgec_show_take(hedgec_show_t *show, const char *operand, hedgec_input_t *input, const hedgec_form_t *form,
                     hedge_tensor_t *tensors, hedge_why_t *why);

/** Apply --preprocess. */
int hedgec_show_prepare(const hedgec_show_options_t *options, hedgec_form_t *form, hedge_why_t *why);

/** Show the answer to the next input. */
void hedgec_show_answer(hedgec_show_t *show, const hedgec_answer_t *answer);

/** Say why the next input has no answer; with --json also in an object of its own. */
void hedgec_show_failure(hedgec_show_t *show, const char *input, const char *sentence);

/** Close. @return the exit status: failure if any input failed or the raw file could not be written. */
int hedgec_show_close(hedgec_show_t *show);

#endif
