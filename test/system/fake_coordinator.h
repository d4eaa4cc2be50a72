/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_FAKE_COORDINATOR_H
#define HEDGE_TEST_FAKE_COORDINATOR_H

#include "common/wire/auth.h"
#include "common/wire/keys.h"
#include "common/wire/link.h"

/** The coordinator's end of the wire, played by a test, for one board. Failures fail the cmocka test. */
typedef struct fake_coordinator {
        zsock_t *socket;
        int receive_queue; /**< messages that may wait to be read (before binding); 0: as usual */
        hedge_auth_t *auth;
        char endpoint[128];    /**< tcp://127.0.0.1:PORT */
        uint64_t incarnation;  /**< of this coordinator */
        uint64_t sequence;     /**< of the last PING */
        hedge_route_t board;   /**< whom we talk to: who sent the last message */
        hedge_envelope_t last; /**< the last message received */
} fake_coordinator_t;

/** Bind: to a free port where endpoint is empty, else to that endpoint again. keys: CURVE, with the allow-list in folder
 * `boards`; NULL: without. */
void fake_coordinator_open(fake_coordinator_t *fake, const hedge_key_pair_t *keys, const char *boards);

/** Vanish, as a coordinator that was killed; the endpoint stays in the structure. */
void fake_coordinator_close(fake_coordinator_t *fake);

/** The next message, whatever it is, or NULL when the time is over. Borrowed until the next call. */
const hedge_message_t *fake_coordinator_next(fake_coordinator_t *fake, int timeout_ms);

/** The next message of this type; others are skipped. Fails the test when none comes. */
const hedge_message_t *fake_coordinator_expect(fake_coordinator_t *fake, hedge_message_type_t type);

/** Send to the board. Frames are taken over. */
void fake_coordinator_send(fake_coordinator_t *fake, const hedge_message_t *message, zmq_msg_t *frames,
                           uint32_t n_frames);

/** Send raw bytes as a header, and perhaps a raw frame behind it. */
void fake_coordinator_send_bytes(fake_coordinator_t *fake, const void *header, size_t size, const void *frame,
                                 size_t frame_size);

/** Await HELLO, say WELCOME. @param ret_hello  Its scalars (not the list); may be NULL. */
void fake_coordinator_welcome(fake_coordinator_t *fake, uint32_t heartbeat_ms, hedge_msg_hello_t *ret_hello);

/** PING, and the answer to exactly that; messages that come before it are skipped. */
const hedge_msg_pong_t *fake_coordinator_ping(fake_coordinator_t *fake);

#endif
