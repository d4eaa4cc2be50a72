/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KEYS_H
#define HEDGE_KEYS_H

#include "common/err.h"

/** CURVE keys in files.
 *
 * A key pair NAME is two files: NAME.secret (mode 0600, public and secret key) and NAME.pub (public key). Both are the
 * ZPL certificate files of CZMQ. Keys are Z85 text, 40 characters and a zero. */
typedef struct hedge_key_pair {
        char public_key[41];
        char secret_key[41]; /**< empty where only the public key was read */
} hedge_key_pair_t;

/** Make a new pair and write DIR/NAME.secret and DIR/NAME.pub, or neither. Never overwrites.
 * @return 0, -EEXIST, -EINVAL (no name: hedge_name_ok in message.h), -errno. */
int hedge_keys_generate(const char *dir, const char *name, hedge_why_t *why);

/** Read a .secret file. Refuses one that group or others can read, and two keys that are not a pair.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EDENIED, -errno. */
int hedge_keys_load_secret(const char *path, hedge_key_pair_t *ret, hedge_why_t *why);

/** Read the public key of a .pub file. @return 0, HEDGE_EMALFORMED, -errno. */
int hedge_keys_load_public(const char *path, char ret_public_key[41], hedge_why_t *why);

/** Overwrite the secret. */
void hedge_keys_wipe(hedge_key_pair_t *pair);

#endif
