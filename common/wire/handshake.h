/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_HANDSHAKE_H
#define HEDGE_HANDSHAKE_H

#include "common/wire/key_folder.h"

/** Which keys get through the handshake of CURVE sockets: CZMQ's zauth, and a folder of ours that it reads them from.
 *
 * Each list is a fresh folder: zauth's store compares a folder's time in seconds and size in bytes, so it would miss a key that is
 * replaced within the second. The folder stays until zauth has the next: the store looks at it for every handshake, and one that
 * found it half removed would let half of them in. Zauth goes there by our descriptor, so that nobody can put another in its place. */
typedef struct hedge_handshake hedge_handshake_t;

/** Start zauth, which lets nobody in. @return 0, -EADDRINUSE (there is one in this process), -ENOMEM, -errno. */
int hedge_handshake_new(hedge_handshake_t **ret);

/** From now on let in the keys of these folders and no others. @return 0, -errno: it is as it was. */
int hedge_handshake_accept(hedge_handshake_t *handshake, const hedge_key_folder_t *folders, unsigned n_folders);

/** NULL-safe; nullifies. */
void hedge_handshake_destroy(hedge_handshake_t **handshake);

#endif
