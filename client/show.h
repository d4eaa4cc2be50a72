/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_SHOW_H
#define HEDGE_CLIENT_SHOW_H

#include "client/answer.h"
#include "client/input.h"
#include "client/options.h"
#include "client/progress.h"

/** What `infer` and `local` share: how inputs are prepared and answers shown. */
typedef struct hedge_show_options {
        int preprocess; /**< 0: as the model says; else index of a preset's name */
        uint64_t top;
        bool json, layers;
        const char *raw, *labels;
} hedge_show_options_t;

extern const hedge_option_t hedge_show_options[];

#define HEDGE_SHOW_PRESETS \
        {                  \
                .top = 5   \
        }

/** The showing of one command's answers. */
typedef struct hedge_show {
        const hedge_show_options_t *options;
        const char *model;
        hedge_labels_t labels;
        FILE *raw;
        hedge_progress_t progress;
        uint64_t done, failed;
} hedge_show_t;

/** Open what the options name: labels (else those of the model) and the raw file.
 * @param own_labels  The model's; taken over.
 * @param inputs      How many inputs will come. */
int hedge_show_open(hedge_show_t *show, const hedge_show_options_t *options, const char *model,
                    hedge_labels_t *own_labels, uint64_t inputs, hedge_why_t *why);

/** Apply --preprocess. */
int hedge_show_prepare(const hedge_show_options_t *options, hedge_form_t *form, hedge_why_t *why);

/** Show the answer to the next input. */
void hedge_show_answer(hedge_show_t *show, const hedge_answer_t *answer);

/** Say why the next input has no answer; with --json also in an object of its own. */
void hedge_show_failure(hedge_show_t *show, const char *input, const char *sentence);

/** Close. @return the exit status: failure if any input failed or the raw file could not be written. */
int hedge_show_close(hedge_show_t *show);

#endif
