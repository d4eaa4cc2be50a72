/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_AUTH_H
#define HEDGE_AUTH_H

#include "common/wire/key_folder.h"
#include "common/wire/link.h"

/** Who may connect, and as what: CZMQ's zauth in the context of all sockets, over two folders of keys (key_folder.h).
 *
 * There are two gates. At the handshake zauth lets every key in that is in one of the folders, and turns all others away
 * (ZAP status 400: ZMQ_EVENT_HANDSHAKE_FAILED_AUTH at both ends; the peer's libzmq does not try again). It has one list for
 * all sockets, so at every message hedge_auth_admit looks again: is the sender's key in the folder of those who may use this
 * socket, as the folder is now?
 *
 * A folder is read again when it has changed (hedge_auth_fd) and whenever one asks. Whoever is not in it any more, or under
 * another name, loses his connections at once. Belongs to one thread; one in a process. */
typedef struct hedge_auth hedge_auth_t;

typedef enum hedge_role { HEDGE_ROLE_BOARD, HEDGE_ROLE_CLIENT, HEDGE_ROLES } hedge_role_t;

/** Something for the log: a file that is no key, a connection that was cut. One sentence. */
typedef void hedge_auth_tell_t(void *arg, const char *sentence);

/** Read the folders and start zauth; before any socket is bound.
 * @param folders  By role; NULL: nobody has it. Copied.
 * @param tell     NULL: it is not to be told.
 * @return 0, -errno: a folder cannot be read, zauth cannot be started. Bad files in a folder are no errors. */
int hedge_auth_new(const char *const folders[HEDGE_ROLES], hedge_auth_tell_t *tell, void *arg, hedge_auth_t **ret,
                   hedge_why_t *why);

/** After the sockets are closed. NULL-safe; nullifies. */
void hedge_auth_destroy(hedge_auth_t **auth);

/** Readable when a folder may have changed: then call hedge_auth_changed. The same for as long as it lives; -1: folders
 * cannot be watched here, hedge_auth_tick reads them. */
int hedge_auth_fd(const hedge_auth_t *auth);
void hedge_auth_changed(hedge_auth_t *auth);

/** Read the folders again; cut off those who have lost their keys. A folder that cannot be read any more holds nobody; where
 * only memory or descriptors are short all stays as it is until the next tick. */
void hedge_auth_read(hedge_auth_t *auth);

/** To be called now and then: reads where that could not be done, or folders cannot be watched; cuts off those who were
 * refused and have had the time to hear of it. */
void hedge_auth_tick(hedge_auth_t *auth);

/** May this message's sender use a socket for this role? Sets envelope->user to the name that its key has there.
 * @return 0; HEDGE_EDENIED: no, with a sentence for the peer and the log; the connection will be cut;
 *         -EALREADY: no, and it was told so before. */
int hedge_auth_admit(hedge_auth_t *auth, hedge_role_t role, hedge_envelope_t *envelope, hedge_why_t *why);

/** A handshake was refused (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH). */
void hedge_auth_failed(hedge_auth_t *auth);

/** Connections refused so far. */
unsigned long hedge_auth_refused(const hedge_auth_t *auth);

/** What is wrong with the folder of a role. Borrowed until the next read. */
const hedge_key_folder_t *hedge_auth_folder(const hedge_auth_t *auth, hedge_role_t role);

#endif
