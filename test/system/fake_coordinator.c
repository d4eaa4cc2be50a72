/* SPDX-License-Identifier: Apache-2.0 */
#include "test/system/fake_coordinator.h"

#include <czmq.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "test/system/process.h"

void fake_coordinator_open(fake_coordinator_t *fake, const hedge_key_pair_t *keys, const char *boards)
{
        const struct timespec pause = { 0, 10000000 };
        int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
        const hedge_socket_options_t options = {
                .limits = &hedge_wire_default_limits,
                .domain = keys ? "boards" : NULL,
                .secret_key = keys ? keys->secret_key : NULL,
        };
        hedge_why_t why;
        char *endpoint;
        int r;

        fake->incarnation += 1000;
        if (keys) {
                const char *folders[HEDGE_ROLES] = { [HEDGE_ROLE_BOARD] = boards };

                assert_int_equal(hedge_auth_new(folders, NULL, NULL, &fake->auth, &why), 0);
        }
        assert_int_equal(hedge_socket_new(ZMQ_ROUTER, &options, &fake->socket), 0);
        if (fake->receive_queue)
                zsock_set_rcvhwm(fake->socket, fake->receive_queue);
        /* the port of the one before may be in use for a moment */
        while ((r = hedge_socket_bind(fake->socket, *fake->endpoint ? fake->endpoint : "tcp://127.0.0.1:*", &why)) <
               0) {
                assert_int_equal(r, -EADDRINUSE);
                assert_true(hedge_now_ms() < end_ms);
                nanosleep(&pause, NULL);
        }
        endpoint = zsock_last_endpoint(fake->socket);
        assert_true(snprintf(fake->endpoint, sizeof(fake->endpoint), "%s", endpoint) < (int)sizeof(fake->endpoint));
        freen(endpoint);
}

void fake_coordinator_close(fake_coordinator_t *fake)
{
        hedge_envelope_release(&fake->last);
        zsock_destroy(&fake->socket);
        hedge_auth_destroy(&fake->auth);
        fake->board.size = 0;
}

const hedge_message_t *fake_coordinator_next(fake_coordinator_t *fake, int timeout_ms)
{
        zmq_pollitem_t item = hedge_socket_poll(fake->socket, ZMQ_POLLIN);
        int64_t end_ms = hedge_now_ms() + timeout_ms;
        hedge_why_t why;
        int r;

        hedge_envelope_release(&fake->last);
        while ((r = hedge_link_receive(fake->socket, true, &hedge_wire_default_limits, &fake->last, &why)) == 0) {
                int64_t left_ms = end_ms - hedge_now_ms();

                if (left_ms <= 0)
                        return NULL;
                zmq_poll(&item, 1, (long)left_ms);
        }
        if (r < 0)
                fail_msg("a board sent what is no message: %s", why.text);
        if (fake->auth)
                assert_int_equal(hedge_auth_admit(fake->auth, HEDGE_ROLE_BOARD, &fake->last, &why), 0);
        fake->board = fake->last.route;
        return &fake->last.message;
}

const hedge_message_t *fake_coordinator_expect(fake_coordinator_t *fake, hedge_message_type_t type)
{
        int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
        const hedge_message_t *message;

        do {
                int64_t left_ms = end_ms - hedge_now_ms();

                message = fake_coordinator_next(fake, left_ms > 0 ? (int)left_ms : 0);
        } while (message && message->type != type);
        if (!message)
                fail_msg("no %s came", hedge_message_name(type));
        return message;
}

void fake_coordinator_send(fake_coordinator_t *fake, const hedge_message_t *message, zmq_msg_t *frames,
                           uint32_t n_frames)
{
        assert_int_equal(hedge_link_send(fake->socket, &fake->board, message, frames, n_frames), 0);
}

void fake_coordinator_send_bytes(fake_coordinator_t *fake, const void *header, size_t size, const void *frame,
                                 size_t frame_size)
{
        void *socket = zsock_resolve(fake->socket);

        assert_true(zmq_send(socket, fake->board.bytes, fake->board.size, ZMQ_SNDMORE) >= 0);
        assert_true(zmq_send(socket, header, size, frame ? ZMQ_SNDMORE : 0) >= 0);
        if (frame)
                assert_true(zmq_send(socket, frame, frame_size, 0) >= 0);
}

void fake_coordinator_welcome(fake_coordinator_t *fake, uint32_t heartbeat_ms, hedge_msg_hello_t *ret_hello)
{
        const hedge_message_t *message = fake_coordinator_expect(fake, HEDGE_MSG_HELLO);
        const hedge_message_t welcome = {
                .type = HEDGE_MSG_WELCOME,
                .welcome = { .coordinator = fake->incarnation, .index = 3, .heartbeat_ms = heartbeat_ms },
        };

        if (ret_hello) {
                *ret_hello = message->hello;
                ret_hello->held = NULL;
        }
        fake_coordinator_send(fake, &welcome, NULL, 0);
}

const hedge_msg_pong_t *fake_coordinator_ping(fake_coordinator_t *fake)
{
        const hedge_message_t ping = {
                .type = HEDGE_MSG_PING,
                .ping = { .coordinator = fake->incarnation, .sequence = ++fake->sequence },
        };
        const hedge_message_t *message;

        fake_coordinator_send(fake, &ping, NULL, 0);
        do
                message = fake_coordinator_expect(fake, HEDGE_MSG_PONG);
        while (message->pong.sequence != fake->sequence);
        return &message->pong;
}
