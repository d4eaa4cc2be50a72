/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_ANSWER_H
#define HEDGEC_ANSWER_H

#include <stdbool.h>
#include <stdio.h>

#include "client/json.h"
#include "common/element.h"
#include "common/tensor.h"
#include "common/types/report.h"

/** An answer to one input, wherever it was computed, and how it is shown. */
typedef struct hedgec_answer {
        const char *input; /**< as the user named it */
        const char *model;
        uint32_t n_outputs;
        const hedge_tensor_t *outputs;   /**< in the order of the ONNX file */
        const char *const *names;        /**< of the outputs */
        const hedge_element_t *elements; /**< what the model says they hold; NULL: floats */
        double latency_ms;
        uint32_t n_layers;
        const hedge_layer_report_t *layers; /**< coded layers */
        bool trace;                         /**< JSON lists the parts of each layer */
} hedgec_answer_t;

/** Names of the classes, one a line. */
typedef struct hedgec_labels {
        char *text; /**< owned; its line ends are zeros */
        char **lines;
        uint32_t count;
} hedgec_labels_t;

/** Split text into lines (a last line without its end counts; carriage returns are dropped).
 * @param text  Copied. @return 0, -ENOMEM. */
int hedgec_labels_parse(const char *text, size_t size, hedgec_labels_t *ret);
void hedgec_labels_release(hedgec_labels_t *labels);

/** The name of a class, or NULL. */
const char *hedgec_labels_name(const hedgec_labels_t *labels, uint32_t index);

/** Indices of the `n` largest entries, the largest first, equal ones in order, NaN last.
 * @param indices  At least min(n, size) entries. @return how many there are. */
uint32_t hedgec_top(const float *scores, size_t size, uint32_t n, uint32_t *indices);

/** One line of JSON. @return 0, -ENOMEM. */
int hedgec_answer_print_json(const hedgec_answer_t *answer, const hedgec_labels_t *labels, uint32_t top, FILE *out);

/** The members with which every answer's object begins (input, model) and ends (latency, layers). */
void hedgec_answer_begin_json(const hedgec_answer_t *answer, hedgec_json_t *json);
void hedgec_answer_end_json(const hedgec_answer_t *answer, hedgec_json_t *json);

/** A headline and the top classes, aligned. @return 0, -ENOMEM. */
int hedgec_answer_print_text(const hedgec_answer_t *answer, const hedgec_labels_t *labels, uint32_t top, FILE *out);

/** A table of the coded layers: who answered, condition, encode, wait and decode times. @return 0, -ENOMEM. */
int hedgec_answer_print_layers(const hedgec_answer_t *answer, FILE *out);

/** Append all outputs as raw little-endian float32. @return 0, -errno. */
int hedgec_answer_write_raw(const hedgec_answer_t *answer, FILE *out);

/** "0-3,6": a sorted form of board numbers, cut to fit. @return buf. */
char *hedgec_boards_text(const uint32_t *boards, uint32_t count, char *buf, size_t size);

#endif
