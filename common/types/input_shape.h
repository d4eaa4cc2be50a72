/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_INPUT_SHAPE_H
#define HEDGE_TYPES_INPUT_SHAPE_H

#include <stdbool.h>

#include "common/err.h"
#include "common/tensor.h"
#include "common/types/name.h"

/** The shape of a model's input, as who uses the model states it where its file leaves extents open. */
typedef struct hedge_input_shape {
        char name[HEDGE_LAYER_NAME_MAX]; /**< empty: the model's only input */
        hedge_shape_t shape;
} hedge_input_shape_t;

#define HEDGE_INPUT_SHAPE_TEXT (HEDGE_LAYER_NAME_MAX + 80)
#define HEDGE_INPUT_SHAPES_MAX 32u /**< that may be stated for a model */

/** Read "NAME=1x3x320x320" or, for a model's only input, "1x3x320x320". A name, of printable ASCII, may hold '='; "scalar" is a
 * shape too.
 * @return 0, -EINVAL; `why` says what is wrong. */
int hedge_input_shape_parse(const char *text, hedge_input_shape_t *ret, hedge_why_t *why);

/** May it be stated? A printable name, and extents from 1 to 2^31 - 1. */
bool hedge_input_shape_ok(const hedge_input_shape_t *shape);

/** Write it so that it reads back as the same. @return buf, of at least HEDGE_INPUT_SHAPE_TEXT bytes. */
char *hedge_input_shape_text(const hedge_input_shape_t *shape, char *buf);

/** Shapes of several inputs that stand in one list, in which an input may occur more than once: the model is then wanted for several
 * shapes. Its k-th set has the k-th shape of each input; an input that occurs once has that shape in all of them.
 * @return how many sets there are (1 for an empty list: nothing is stated); -EINVAL: two inputs occur several times each, but not
 *         as often as each other; or there are more than HEDGE_INPUT_SHAPES_MAX shapes. */
int hedge_input_shapes_sets(const hedge_input_shape_t *shapes, uint32_t n, hedge_why_t *why);

/** Copy set k. @param ret  Room for n shapes. @return how many they are. */
uint32_t hedge_input_shapes_set(const hedge_input_shape_t *shapes, uint32_t n, uint32_t k, hedge_input_shape_t *ret);

#endif
