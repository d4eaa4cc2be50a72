/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SOCKET_H
#define HEDGE_SOCKET_H

#include <zmq.h>

#include "common/wire/message.h"

/** CZMQ's socket. Its own header, <czmq.h>, brings half of the system's with it: for those who call it. */
typedef struct _zsock_t zsock_t;

/** The sockets of all programs: CZMQ's, in its one context of the process, configured by one function. A socket belongs to one
 * thread. CZMQ ends the program where memory for a socket is missing; tensors never come from its allocator. */

/** First thing in a program that opens sockets: signals stay the program's own (CZMQ would take SIGINT and SIGTERM), threads'
 * pipes have no limit (CZMQ's block after 2,000 messages), and what it has to say, as of a socket that was forgotten, goes to standard
 * error.
 * @param sockets_max  So many sockets at most, counting two for each thread that CZMQ starts; libzmq takes memory for all of them. */
void hedge_sockets_begin(size_t sockets_max);

/** libzmq's context, which all these sockets are in. */
void *hedge_sockets_context(void);

/** Last thing: send what is left, for as long as each socket's linger says. All sockets have been destroyed. */
void hedge_sockets_end(void);

typedef struct hedge_socket_options {
        const hedge_wire_limits_t *limits;
        int linger_ms;
        int send_queue;   /**< messages that may wait to be sent, for each peer; 0: 256, a message may hold megabytes */
        int handshake_ms; /**< 0: 10 s; a board's handshake takes milliseconds, a port scanner's none at all */
        int reconnect_ms, reconnect_max_ms; /**< 0: 100 ms, 5 s */
        bool immediate; /**< of a DEALER: while there is no connection nothing is queued, sending says -EAGAIN. Without it what is sent
                         * waits for whoever is there next */
        /* CURVE, all Z85: a server has a domain and its secret key; a client its pair, and the server's public key. */
        const char *domain;
        const char *secret_key, *public_key, *server_key; /**< NULL: no CURVE */
} hedge_socket_options_t;

/** Make a socket of one of ZeroMQ's types. What all have: bounded queues and message size, TCP keep-alive, a time limit for
 * handshakes, IPv6 beside IPv4, for a ROUTER also ZMQ_ROUTER_MANDATORY. A server lets nobody in before somebody checks keys
 * (ZMQ_ZAP_ENFORCE_DOMAIN).
 *
 * ZMTP heartbeats are off: their answers wait behind a long frame, so they would cut slow links in the middle of it; PING and TCP
 * keep-alive do that work. Destroy it with zsock_destroy(). @return 0, -ENOMEM, -errno. */
int hedge_socket_new(int type, const hedge_socket_options_t *options, zsock_t **ret);

/** The same for a socket that is there: CZMQ's, or libzmq's own. @return 0, -errno. */
int hedge_socket_set(void *socket, const hedge_socket_options_t *options);

/** Listen at an endpoint as users write it; zsock_last_endpoint() tells the port that was found. @return 0, -errno with a sentence. */
int hedge_socket_bind(zsock_t *socket, const char *endpoint, hedge_why_t *why);

/** @return 0, -errno with a sentence. */
int hedge_socket_connect(zsock_t *socket, const char *endpoint, hedge_why_t *why);

/** What a wait for the socket is for, in zmq_poll(). */
zmq_pollitem_t hedge_socket_poll(zsock_t *socket, short events);

/** For who polls descriptors: readable when there is news since the socket was last used, whatever it is (ZMQ_FD). Before a wait
 * hedge_socket_events has to be asked. @return -1 where it has none. */
int hedge_socket_fd(zsock_t *socket);

/** What may be done now: ZMQ_POLLIN, ZMQ_POLLOUT. @return -errno, HEDGE_ESHUTDOWN. */
int hedge_socket_events(zsock_t *socket);

#endif
