/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_STATED_H
#define HEDGE_STATED_H

#include <stddef.h>

#include "common/types/input_shape.h"

/** The shapes that a model was loaded for, in a file beside it that programs write: one a line, as hedge_input_shape_text has them.
 * They count in place of those of model.yaml, which is its user's. */

#define HEDGE_STATED_FILE "shapes"

/** The file's text. @param ret_text  To be freed. @return 0, -ENOMEM. */
int hedge_stated_write(const hedge_input_shape_t *shapes, uint32_t n, char **ret_text, size_t *ret_size);

/** Read the text.
 * @param name  Stands in messages. @param ret  To be freed; NULL where there are none.
 * @return 0, HEDGE_ECONFIG (no such text, or hedge_input_shapes_sets refuses them), -ENOMEM. */
int hedge_stated_parse(const char *name, const char *text, size_t size, hedge_input_shape_t **ret, uint32_t *ret_n,
                       hedge_why_t *why);

#endif
