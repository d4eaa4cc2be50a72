/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_LINK_H
#define HEDGE_LINK_H

#include "common/wire/route.h"
#include "common/wire/socket.h"

/** Messages over a ZeroMQ socket: one hedge_envelope_t per message, whatever the socket's kind.
 *
 * Frames are libzmq's and not CZMQ's: they are shared between messages and never copied (zframe_dup copies). */

/** Who asked something: where the answer goes. */
typedef struct hedge_asker {
        zsock_t *socket; /**< NULL: nobody */
        hedge_route_t route;
        uint64_t id; /**< of the request, by who asked */
} hedge_asker_t;

typedef struct hedge_envelope {
        hedge_route_t route;
        hedge_message_t message;
        zmq_msg_t *frames; /**< n_frames raw frames, owned */
        uint32_t n_frames;
        char key[41];                    /**< the sender's public key, as Z85; empty without CURVE */
        char user[HEDGE_BOARD_NAME_MAX]; /**< whose it is: hedge_auth_admit fills this in */
        uint64_t about;                  /**< after an error: hedge_message_about of what came */
        int fd;                          /**< of the connection it came in by (ZMQ_SRCFD), -1 where unknown */
} hedge_envelope_t;

/** Receive one message without blocking.
 *
 * Frames over the limits, too many or missing frames and headers that do not unpack are errors; the whole message is
 * drained in any case, so the socket stays usable.
 * @param router  The socket is a ROUTER: the first frame is the route. On errors after the route was read,
 *                ret->route says who sent it, with key and fd (so that it can be answered); the rest of ret is empty.
 *                After 0, ret is as it was.
 * @return 1 (received), 0 (nothing there), HEDGE_EMALFORMED, HEDGE_EVERSION, HEDGE_EUNSUPPORTED, HEDGE_ELIMIT, -errno. */
int hedge_link_receive(zsock_t *socket, bool router, const hedge_wire_limits_t *limits, hedge_envelope_t *ret,
                       hedge_why_t *why);

/** Release message and frames. */
void hedge_envelope_release(hedge_envelope_t *envelope);

/** Send a message without blocking.
 *
 * @param route    For a ROUTER (with ZMQ_ROUTER_MANDATORY); NULL for a DEALER.
 * @param frames   n_frames frames; taken over (moved) on success and closed on failure: they are gone either way.
 * @return 0, -EAGAIN (the peer's queue is full), -EHOSTUNREACH (no such peer), -ENOMEM, -errno; -EINVAL: a field or the
 *         number of frames is beyond what the schema allows (our bug). Nothing is sent in part. */
int hedge_link_send(zsock_t *socket, const hedge_route_t *route, const hedge_message_t *message, zmq_msg_t *frames,
                    uint32_t n_frames);

/** What sends as hedge_link_send does, for who only sends and need not know a socket. */
typedef int hedge_send_t(zsock_t *socket, const hedge_route_t *route, const hedge_message_t *message, zmq_msg_t *frames,
                         uint32_t n_frames);

/** A frame over memory that is not copied; `release(data, hint)` is called (perhaps on ZeroMQ's I/O thread) when it has
 * been sent or dropped. @return 0, -ENOMEM (release was not called). */
int hedge_frame_borrow(zmq_msg_t *frame, void *data, size_t size, void (*release)(void *data, void *hint), void *hint);

/** A frame that owns hedge_floats_new memory: frees it when sent. */
int hedge_frame_floats(zmq_msg_t *frame, float *data, size_t elements);

#endif
