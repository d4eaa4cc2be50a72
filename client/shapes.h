/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_SHAPES_H
#define HEDGEC_SHAPES_H

#include "client/options.h"
#include "common/types/input_shape.h"
#include "common/wire/message.h"

/** What --shape states, which several commands take. */
typedef struct hedgec_shapes {
        hedge_input_shape_t items[HEDGE_INPUT_SHAPES_MAX];
        uint32_t n;
} hedgec_shapes_t;

#define HEDGEC_SHAPE_ROW(type_, field_, help_) HEDGEC_ROW(LIST, "shape", 's', type_, field_, "SHAPE", help_)

/** Read the option. @return 0, -EINVAL. */
int hedgec_shapes_parse(const hedgec_option_list_t *option, hedgec_shapes_t *ret, hedge_why_t *why);

/** Has a model, as the coordinator describes it, inputs of the stated shapes? Inputs of which nothing is stated may be as they are. */
bool hedgec_shapes_match(const hedge_input_shape_t *stated, uint32_t n, const hedge_model_status_t *model);

/** May an extent of the model's inputs be another one? */
bool hedgec_shapes_open(const hedge_model_status_t *model);

/** "data=1x3x320x320 mask=1x320x320", for people. @return buf. */
char *hedgec_shapes_text(const hedge_model_status_t *model, char *buf, size_t size);

#endif
