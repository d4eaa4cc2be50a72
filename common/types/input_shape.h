/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_INPUT_SHAPE_H
#define HEDGE_TYPES_INPUT_SHAPE_H

#include "common/err.h"
#include "common/tensor.h"
#include "common/types/name.h"

/** The shape of a model's input, as who uses the model states it where its file leaves extents open. */
typedef struct hedge_input_shape {
        char name[HEDGE_LAYER_NAME_MAX]; /**< empty: the model's only input */
        hedge_shape_t shape;
} hedge_input_shape_t;

#define HEDGE_INPUT_SHAPE_TEXT (HEDGE_LAYER_NAME_MAX + 80)

/** Read "NAME=1x3x320x320" or, for a model's only input, "1x3x320x320". A name may hold '='; "scalar" is a shape too.
 * @return 0, -EINVAL; `why` says what is wrong. */
int hedge_input_shape_parse(const char *text, hedge_input_shape_t *ret, hedge_why_t *why);

/** Write it so that it reads back as the same. @return buf, of at least HEDGE_INPUT_SHAPE_TEXT bytes. */
char *hedge_input_shape_text(const hedge_input_shape_t *shape, char *buf);

#endif
