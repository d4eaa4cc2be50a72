/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_FAKE_PEER_H
#define HEDGE_TEST_FAKE_PEER_H

#include "common/wire/keys.h"
#include "common/wire/link.h"

/** A client's or board's end of the wire, played by a test: a DEALER that sends what it is told. Failures fail the cmocka
 * test. */
typedef struct fake_peer {
        zsock_t *socket;
        hedge_envelope_t last; /**< the last message received */
} fake_peer_t;

/** Connect. keys: CURVE, to a coordinator with this public key; NULL: without. */
void fake_peer_open(fake_peer_t *peer, const char *endpoint, const hedge_key_pair_t *keys, const char *server_key);

/** Hang up, as a program that was killed. */
void fake_peer_close(fake_peer_t *peer);

/** The next message, whatever it is, or NULL when the time is over. Borrowed until the next call. */
const hedge_message_t *fake_peer_next(fake_peer_t *peer, int timeout_ms);

/** The next message of this type; others are skipped. Fails the test when none comes. */
const hedge_message_t *fake_peer_expect(fake_peer_t *peer, hedge_message_type_t type);

/** The same for an ERROR with this code about this request or job. */
const hedge_msg_error_t *fake_peer_expect_error(fake_peer_t *peer, int code, uint64_t job);

/** Send; waits for the connection. Frames are taken over. */
void fake_peer_send(fake_peer_t *peer, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames);

/** Send a header that is not checked, and n_frames raw frames of so many zeros behind it. */
void fake_peer_send_bytes(fake_peer_t *peer, const void *header, size_t size, unsigned n_frames, size_t frame_size);

/** The header of a message as bytes, to be broken. @return its size. */
size_t fake_peer_header(const hedge_message_t *message, void *bytes, size_t size);

#endif
