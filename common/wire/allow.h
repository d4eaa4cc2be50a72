/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ALLOW_H
#define HEDGE_ALLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/message.h"

/** An allow-list: a folder of NAME.pub files, read again when it has changed. Belongs to one thread. */
typedef struct hedge_allow hedge_allow_t;

/** Read a folder. Here a file that is no certificate and a key that is there under two names are errors, so that they
 * show at start; when the folder is read again, the one is skipped and of the others the first name counts.
 * @return 0, HEDGE_EMALFORMED, -ENOMEM, -errno. */
int hedge_allow_new(const char *folder, hedge_allow_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_allow_destroy(hedge_allow_t **allow);

/** Whose key is this, as the folder is now? A folder that cannot be read any more holds nobody. */
bool hedge_allow_find(hedge_allow_t *allow, const uint8_t key[32], char ret_name[HEDGE_BOARD_NAME_MAX]);

#endif
