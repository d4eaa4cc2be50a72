/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_NAME_H
#define HEDGE_TYPES_NAME_H

#include <stdbool.h>

/** Names and texts, with the zero at their end. */
#define HEDGE_BOARD_NAME_MAX 64
#define HEDGE_MODEL_NAME_MAX 64
#define HEDGE_LAYER_NAME_MAX 256
#define HEDGE_TRAIN_NAME_MAX 32 /**< HEDGE_LAYER_NAME */
#define HEDGE_TEXT_MAX       512

/** May a board or model be called so? Letters, digits, '.', '_' and '-', the first a letter or digit, 1 .. 63 bytes: it is
 * a file's name as well. Names on the wire are checked; a program checks what a user types to say it in a sentence. */
bool hedge_name_ok(const char *name);

#endif
