/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KEY_FOLDER_H
#define HEDGE_KEY_FOLDER_H

#include <stddef.h>

#include "common/wire/message.h"

#define HEDGE_KEYS_MAX       4096 /**< of one folder; the wire knows 1024 boards */
#define HEDGE_COMPLAINTS_MAX 64   /**< of one folder that are told one by one; the last says how many more there are */

/** A folder of NAME.pub files: whose keys are accepted. The one reader: at start, whenever the folder has changed, and for
 * --check-config.
 *
 * A file that is no key costs its owner alone: the others count. What is wrong with it is told. A key that is there
 * twice belongs to the file that it was made for (the name in the certificate), else to the first by name. */

typedef struct hedge_key {
        char key[41]; /**< Z85 */
        char name[HEDGE_BOARD_NAME_MAX];
} hedge_key_t;

typedef struct hedge_key_folder {
        hedge_key_t *keys; /**< sorted by key, each there once */
        size_t n_keys;
        char (*complaints)[HEDGE_TEXT_MAX]; /**< sentences that begin with the file's path; sorted */
        size_t n_complaints;
} hedge_key_folder_t;

/** Read it.
 * @param ret  Empty, or released; to be released when 0 is returned.
 * @return 0; -errno: the folder cannot be read, or descriptors or memory are short (hedge_key_folder_short): that says
 *         nothing about any key. */
int hedge_key_folder_read(const char *folder, hedge_key_folder_t *ret, hedge_why_t *why);

/** Is this an error for want of memory or descriptors, which will pass? */
bool hedge_key_folder_short(int code);

/** Whose key is it? NULL: nobody's. */
const char *hedge_key_folder_find(const hedge_key_folder_t *folder, const char *key);

/** Free; leaves an empty one. */
void hedge_key_folder_release(hedge_key_folder_t *folder);

#endif
