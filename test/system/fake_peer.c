/* SPDX-License-Identifier: Apache-2.0 */
#include "test/system/fake_peer.h"

#include <czmq.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "test/system/process.h"

void fake_peer_open(fake_peer_t *peer, const char *endpoint, const hedge_key_pair_t *keys, const char *server_key)
{
        const hedge_socket_options_t options = {
                .limits = &hedge_wire_default_limits,
                .reconnect_ms = 20,
                .secret_key = keys ? keys->secret_key : NULL,
                .public_key = keys ? keys->public_key : NULL,
                .server_key = server_key,
        };

        memset(peer, 0, sizeof(*peer));
        assert_int_equal(hedge_socket_new(ZMQ_DEALER, &options, &peer->socket), 0);
        zsock_set_sndtimeo(peer->socket, TEST_PATIENCE_MS);
        assert_int_equal(hedge_socket_connect(peer->socket, endpoint, NULL), 0);
}

void fake_peer_close(fake_peer_t *peer)
{
        hedge_envelope_release(&peer->last);
        zsock_destroy(&peer->socket);
        memset(peer, 0, sizeof(*peer));
}

const hedge_message_t *fake_peer_next(fake_peer_t *peer, int timeout_ms)
{
        zmq_pollitem_t item = hedge_socket_poll(peer->socket, ZMQ_POLLIN);
        int64_t end_ms = hedge_now_ms() + timeout_ms;
        hedge_why_t why;
        int r;

        hedge_envelope_release(&peer->last);
        while ((r = hedge_link_receive(peer->socket, false, &hedge_wire_default_limits, &peer->last, &why)) == 0) {
                int64_t left_ms = end_ms - hedge_now_ms();

                if (left_ms <= 0)
                        return NULL;
                zmq_poll(&item, 1, (long)left_ms);
        }
        if (r < 0)
                fail_msg("the coordinator sent what is no message: %s", why.text);
        return &peer->last.message;
}

const hedge_message_t *fake_peer_expect(fake_peer_t *peer, hedge_message_type_t type)
{
        int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
        const hedge_message_t *message;

        do {
                int64_t left_ms = end_ms - hedge_now_ms();

                message = fake_peer_next(peer, left_ms > 0 ? (int)left_ms : 0);
                if (message && message->type == HEDGE_MSG_ERROR && type != HEDGE_MSG_ERROR)
                        fail_msg("an ERROR in place of %s: %s", hedge_message_name(type), message->error.text);
        } while (message && message->type != type);
        if (!message)
                fail_msg("no %s came", hedge_message_name(type));
        return message;
}

const hedge_msg_error_t *fake_peer_expect_error(fake_peer_t *peer, int code, uint64_t job)
{
        const hedge_msg_error_t *error = &fake_peer_expect(peer, HEDGE_MSG_ERROR)->error;

        if (error->code != code || error->about != job)
                fail_msg("ERROR %d about %llu and not %d about %llu: %s", error->code, (unsigned long long)error->about,
                         code, (unsigned long long)job, error->text);
        if (strlen(error->text) < 8)
                fail_msg("ERROR %d without a sentence: '%s'", code, error->text);
        return error;
}

static void send_raw(fake_peer_t *peer, zmq_msg_t *frame, bool more)
{
        int r;

        do
                r = zmq_msg_send(frame, zsock_resolve(peer->socket), more ? ZMQ_SNDMORE : 0);
        while (r < 0 && errno == EINTR);
        assert_true(r >= 0);
}

void fake_peer_send(fake_peer_t *peer, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames)
{
        zmq_msg_t header;

        assert_int_equal(hedge_message_pack(message, &header), 0);
        send_raw(peer, &header, n_frames > 0);
        for (uint32_t i = 0; i < n_frames; i++)
                send_raw(peer, &frames[i], i + 1 < n_frames);
}

void fake_peer_send_bytes(fake_peer_t *peer, const void *header, size_t size, unsigned n_frames, size_t frame_size)
{
        zmq_msg_t frame;

        assert_int_equal(zmq_msg_init_size(&frame, size), 0);
        memcpy(zmq_msg_data(&frame), header, size);
        send_raw(peer, &frame, n_frames > 0);
        for (unsigned i = 0; i < n_frames; i++) {
                assert_int_equal(zmq_msg_init_size(&frame, frame_size), 0);
                memset(zmq_msg_data(&frame), 0, frame_size);
                send_raw(peer, &frame, i + 1 < n_frames);
        }
}

size_t fake_peer_header(const hedge_message_t *message, void *bytes, size_t size)
{
        zmq_msg_t frame;
        size_t n;

        assert_int_equal(hedge_message_pack(message, &frame), 0);
        n = zmq_msg_size(&frame);
        assert_true(n <= size);
        memcpy(bytes, zmq_msg_data(&frame), n);
        zmq_msg_close(&frame);
        return n;
}
