/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_AUTH_H
#define HEDGE_AUTH_H

#include <stdbool.h>

#include "common/err.h"

/** Who may connect: the ZAP handler of a ZeroMQ context (RFC 27/ZAP).
 *
 * A socket's ZAP domain names its allow-list: a folder of NAME.pub files, one per key. A peer whose key is there is let in
 * and its NAME becomes the User-Id of every message it sends, so that a board cannot say that it is another. Everything
 * else, and every mechanism but CURVE, is refused. Folders are looked at for every handshake and read again when they
 * have changed, so a key that is added or taken away counts from the next connection on. A refused peer is told (ZAP
 * status 400, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH at its monitor), and its libzmq does not try again: it takes a new socket
 * to do so.
 *
 * libzmq asks the handler for CURVE sockets, and for plain ones (ZMQ_NULL) only if they have a ZAP domain: sockets that
 * are meant to be open (ipc://, --insecure-loopback) need none. A peer without CURVE at a CURVE socket is turned away by
 * libzmq itself, which is not counted here. */
typedef struct hedge_auth hedge_auth_t;

/** Start the handler: bind inproc://zeromq.zap.01 in the context. One per context; before any socket is bound.
 * @param zmq_context  Raw libzmq context. @return 0, -errno. */
int hedge_auth_new(void *zmq_context, hedge_auth_t **ret);
void hedge_auth_destroy(hedge_auth_t **auth);

/** Let the keys of a folder into a domain ("boards", "clients"). A domain may have several folders.
 * @return 0, -errno (the folder or a file in it cannot be read), HEDGE_EMALFORMED (a .pub file that is no certificate, or
 *         one key under two names), HEDGE_ELIMIT. */
int hedge_auth_allow(hedge_auth_t *auth, const char *domain, const char *folder, hedge_why_t *why);

/** Connections refused so far; for status. Thread-safe. */
unsigned long hedge_auth_refused(const hedge_auth_t *auth);

#endif
