/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/link.h"

#define PATIENCE_MS 20000

/* A ROUTER and a DEALER over a transport, as a coordinator and a board have them. */
typedef struct pair {
        void *context, *router, *dealer;
        hedge_route_t board; /* once it has said HELLO */
} pair_t;

static const hedge_wire_limits_t limits = { .max_header_bytes = 65536, .max_frames = 64, .max_frame_bytes = 1 << 20 };

static hedge_message_t bye(const char *reason)
{
        hedge_message_t message = { .type = HEDGE_MSG_BYE };

        strcpy(message.bye.reason, reason);
        return message;
}

static void await(void *socket, short event)
{
        zmq_pollitem_t item = { socket, 0, event, 0 };

        assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
}

static int receive(void *socket, bool router, hedge_envelope_t *ret, hedge_why_t *why)
{
        await(socket, ZMQ_POLLIN);
        return hedge_link_receive(socket, router, &limits, ret, why);
}

static void open_pair(pair_t *pair, const char *endpoint)
{
        hedge_message_t hello = { .type = HEDGE_MSG_HELLO, .hello = { .board = "pi-3", .cores = 4 } };
        char bound[256];
        size_t size = sizeof(bound);
        hedge_envelope_t got;

        memset(pair, 0, sizeof(*pair));
        pair->context = zmq_ctx_new();
        pair->router = zmq_socket(pair->context, ZMQ_ROUTER);
        pair->dealer = zmq_socket(pair->context, ZMQ_DEALER);
        assert_int_equal(hedge_socket_set(pair->router, &(hedge_socket_options_t){ .limits = &limits }), 0);
        assert_int_equal(hedge_socket_set(pair->dealer, &(hedge_socket_options_t){ .limits = &limits }), 0);
        assert_int_equal(zmq_bind(pair->router, endpoint), 0);
        assert_int_equal(zmq_getsockopt(pair->router, ZMQ_LAST_ENDPOINT, bound, &size), 0);
        assert_int_equal(zmq_connect(pair->dealer, bound), 0);
        assert_int_equal(hedge_link_send(pair->dealer, NULL, &hello, NULL, 0), 0);
        assert_int_equal(receive(pair->router, true, &got, NULL), 1);
        assert_string_equal(got.message.hello.board, "pi-3");
        assert_string_equal(got.user, "");
        pair->board = got.route;
        hedge_envelope_release(&got);
}

static void close_pair(pair_t *pair)
{
        if (pair->dealer)
                zmq_close(pair->dealer);
        if (pair->router)
                zmq_close(pair->router);
        zmq_ctx_term(pair->context);
}

static int new_tcp_pair(void **state)
{
        pair_t *pair = calloc(1, sizeof(*pair));

        open_pair(pair, "tcp://127.0.0.1:*");
        *state = pair;
        return 0;
}

static int end_pair(void **state)
{
        close_pair(*state);
        free(*state);
        return 0;
}

static zmq_msg_t *filled_frames(uint32_t n, size_t bytes)
{
        zmq_msg_t *frames = calloc(n, sizeof(*frames));

        for (uint32_t i = 0; i < n; i++) {
                zmq_msg_init_size(&frames[i], bytes);
                memset(zmq_msg_data(&frames[i]), (int)(i + 1), bytes);
        }
        return frames;
}

static void messages_and_frames_go_both_ways(void **state)
{
        static const char *endpoints[] = { "tcp://127.0.0.1:*", "ipc://*", "inproc://link" };

        for (unsigned i = 0; i < 3; i++) {
                uint32_t order[] = { 1, 0, 3 };
                hedge_message_t task = { .type = HEDGE_MSG_TASK, .task = { .run = 7, .n_order = 3, .order = order } };
                hedge_part_t third = { .part = 3 };
                hedge_message_t part = { .type = HEDGE_MSG_PART, .part = { .run = 7, .n_parts = 1, .parts = &third } };
                zmq_msg_t *frames = filled_frames(3, 100000);
                hedge_envelope_t got;
                pair_t pair;

                open_pair(&pair, endpoints[i]);
                assert_int_equal(hedge_link_send(pair.router, &pair.board, &task, frames, 3), 0);
                assert_int_equal(receive(pair.dealer, false, &got, NULL), 1);
                assert_int_equal(got.message.type, HEDGE_MSG_TASK);
                assert_int_equal(got.message.task.order[2], 3);
                assert_int_equal(got.route.size, 0);
                assert_int_equal(got.n_frames, 3);
                for (unsigned j = 0; j < 3; j++) {
                        assert_int_equal(zmq_msg_size(&got.frames[j]), 100000);
                        assert_int_equal(((uint8_t *)zmq_msg_data(&got.frames[j]))[99999], j + 1);
                }
                /* The board sends a frame on as it came. */
                assert_int_equal(hedge_link_send(pair.dealer, NULL, &part, &got.frames[1], 1), 0);
                hedge_envelope_release(&got);
                hedge_envelope_release(&got);
                assert_int_equal(receive(pair.router, true, &got, NULL), 1);
                assert_int_equal(got.message.part.parts[0].part, 3);
                assert_int_equal(got.route.size, pair.board.size);
                assert_memory_equal(got.route.bytes, pair.board.bytes, got.route.size);
                assert_int_equal(((uint8_t *)zmq_msg_data(&got.frames[0]))[0], 2);
                assert_int_equal(got.fd >= 0, i < 2);
                hedge_envelope_release(&got);
                assert_int_equal(hedge_link_receive(pair.router, true, &limits, &got, NULL), 0);
                free(frames);
                close_pair(&pair);
        }
}

static void send_raw(void *socket, const char *const *parts, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                assert_true(zmq_send(socket, parts[i], strlen(parts[i]), i + 1 < n ? ZMQ_SNDMORE : 0) >= 0);
}

/* A PART up to its list, and a member of that. */
#define PART  "\x84\xa1v\x01\xa1t\xa4PART\xa3run\x01\xa5parts"
#define FIRST "\x81\xa4part\x01"

static void what_is_wrong_is_drained_and_can_be_answered(void **state)
{
        static const struct {
                const char *parts[6];
                unsigned n;
                int code;
        } rows[] = {
                { { "junk" }, 1, HEDGE_EMALFORMED },
                { { "" }, 1, HEDGE_EMALFORMED },
                { { "", "a", "b", "c" }, 4, HEDGE_EMALFORMED },
                { { "\xdd\xff\xff\xff\xff", "x" }, 2, HEDGE_EMALFORMED },
                { { "\x82\xa1v\x02\xa1t\xa4PING", "x" }, 2, HEDGE_EVERSION },
                { { "\x82\xa1v\x01\xa1t\xa4PANG" }, 1, HEDGE_EUNSUPPORTED },
                { { "\x82\xa1v\x01\xa1t\xa3"
                    "BYE",
                    "one frame too many" },
                  2,
                  HEDGE_EMALFORMED },
                { { PART "\x91" FIRST }, 1, HEDGE_EMALFORMED },
                { { PART "\x91" FIRST, "1", "2", "3" }, 4, HEDGE_EMALFORMED },
                { { PART "\x92" FIRST FIRST, "1" }, 2, HEDGE_EMALFORMED },
                { { PART "\x92" FIRST FIRST, "1", "2", "3" }, 4, HEDGE_EMALFORMED },
                { { PART "\x90" }, 1, HEDGE_EMALFORMED },
                { { PART "\x90", "1" }, 2, HEDGE_EMALFORMED },
                { { "\x84\xa1v\x01\xa1t\xa4PART\xa3run\x01\xa4part\x01", "1" },
                  2,
                  HEDGE_EMALFORMED }, /* as it once was */
        };
        pair_t *pair = *state;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                hedge_message_t error = { .type = HEDGE_MSG_ERROR, .error = { .code = HEDGE_EMALFORMED } };
                hedge_message_t after = bye("after");
                hedge_envelope_t got;
                hedge_why_t why = { "" };

                send_raw(pair->dealer, rows[i].parts, rows[i].n);
                assert_int_equal(hedge_link_send(pair->dealer, NULL, &after, NULL, 0), 0);
                assert_int_equal(receive(pair->router, true, &got, &why), rows[i].code);
                assert_true(why.text[0]);
                assert_int_equal(got.n_frames, 0);
                assert_null(got.frames);
                assert_int_equal(hedge_link_send(pair->router, &got.route, &error, NULL, 0), 0);
                /* The next message is whole. */
                assert_int_equal(receive(pair->router, true, &got, &why), 1);
                assert_string_equal(got.message.bye.reason, "after");
                hedge_envelope_release(&got);
                assert_int_equal(receive(pair->dealer, false, &got, &why), 1);
                assert_int_equal(got.message.error.code, HEDGE_EMALFORMED);
                hedge_envelope_release(&got);
        }
}

static void a_frame_above_the_limit_is_refused(void **state)
{
        /* The receiver allows less than the sender's socket does: libzmq lets it through, we do not. */
        const hedge_wire_limits_t less = { .max_header_bytes = 4096, .max_frames = 4, .max_frame_bytes = 999 };
        hedge_part_t first = { .part = 0 };
        hedge_message_t part = { .type = HEDGE_MSG_PART, .part = { .n_parts = 1, .parts = &first } };
        uint32_t order = 0;
        hedge_message_t task = { .type = HEDGE_MSG_TASK, .task = { .n_order = 1, .order = &order } };
        pair_t *pair = *state;
        zmq_msg_t *frames;
        hedge_envelope_t got;

        frames = filled_frames(1, 1000);
        assert_int_equal(hedge_link_send(pair->dealer, NULL, &part, frames, 1), 0);
        await(pair->router, ZMQ_POLLIN);
        assert_int_equal(hedge_link_receive(pair->router, true, &less, &got, NULL), HEDGE_ELIMIT);
        free(frames);
        frames = filled_frames(5, 10);
        assert_int_equal(hedge_link_send(pair->router, &pair->board, &task, frames, 5), 0);
        await(pair->dealer, ZMQ_POLLIN);
        assert_int_equal(hedge_link_receive(pair->dealer, false, &less, &got, NULL), HEDGE_EMALFORMED);
        free(frames);
}

static atomic_int released;

static void note_release(void *data, void *hint)
{
        if (hint != &released) /* not on a test thread */
                abort();
        free(data);
        atomic_fetch_add(&released, 1);
}

static zmq_msg_t *noted_frame(void)
{
        zmq_msg_t *frame = calloc(1, sizeof(*frame));

        assert_int_equal(hedge_frame_borrow(frame, calloc(1, 4000), 4000, note_release, &released), 0);
        return frame;
}

static void nothing_is_sent_in_part(void **state)
{
        hedge_part_t first = { .part = 0 }, no_part = { .part = HEDGE_CODE_MAX_PARTS };
        hedge_message_t part = { .type = HEDGE_MSG_PART, .part = { .n_parts = 1, .parts = &first } };
        hedge_message_t wrong = { .type = HEDGE_MSG_PART, .part = { .n_parts = 1, .parts = &no_part } };
        pair_t *pair = *state;
        hedge_route_t nobody = { .bytes = { 0, 1, 2, 3, 4 }, .size = 5 };
        zmq_msg_t *frame;
        hedge_envelope_t got;
        int sent = 0, r, taken = 0;

        atomic_store(&released, 0);
        frame = noted_frame();
        assert_int_equal(hedge_link_send(pair->router, &nobody, &part, frame, 1), -EHOSTUNREACH);
        assert_int_equal(atomic_load(&released), 1);
        free(frame);
        frame = noted_frame();
        assert_int_equal(hedge_link_send(pair->router, &pair->board, &wrong, frame, 1), -EINVAL);
        assert_int_equal(atomic_load(&released), 2);
        free(frame);
        assert_int_equal(hedge_link_send(pair->router, &pair->board, &part, NULL, 0), -EINVAL); /* no frame */

        /* Fill the board's queue: the board does not read. */
        while (1) {
                frame = noted_frame();
                r = hedge_link_send(pair->router, &pair->board, &part, frame, 1);
                free(frame);
                if (r < 0)
                        break;
                sent++;
                assert_true(sent < 1000000);
        }
        assert_int_equal(r, -EAGAIN);
        /* All that were taken come, whole. */
        for (; taken < sent; taken++) {
                assert_int_equal(receive(pair->dealer, false, &got, NULL), 1);
                assert_int_equal(got.message.type, HEDGE_MSG_PART);
                assert_int_equal(zmq_msg_size(&got.frames[0]), 4000);
                hedge_envelope_release(&got);
        }
        assert_int_equal(hedge_link_receive(pair->dealer, false, &limits, &got, NULL), 0);
        close_pair(pair);
        pair->context = zmq_ctx_new();
        pair->router = pair->dealer = NULL;
        assert_int_equal(atomic_load(&released), sent + 3);
}

static void a_dead_context_says_so(void **state)
{
        pair_t *pair = *state;
        hedge_message_t message = bye("");
        hedge_envelope_t got;

        assert_int_equal(zmq_ctx_shutdown(pair->context), 0);
        assert_int_equal(hedge_link_receive(pair->dealer, false, &limits, &got, NULL), HEDGE_ESHUTDOWN);
        assert_int_equal(hedge_link_send(pair->dealer, NULL, &message, NULL, 0), HEDGE_ESHUTDOWN);
}

static void floats_travel_without_a_copy(void **state)
{
        pair_t *pair = *state;
        hedge_part_t first = { .part = 0 };
        hedge_message_t part = { .type = HEDGE_MSG_PART, .part = { .n_parts = 1, .parts = &first } };
        hedge_shape_t shape = { 2, { 10, 1000 } };
        float *data = hedge_floats_new(10000);
        zmq_msg_t frame;
        hedge_envelope_t got;

        for (unsigned i = 0; i < 10000; i++)
                data[i] = (float)i;
        assert_int_equal(hedge_frame_floats(&frame, data, 10000), 0);
        assert_ptr_equal(zmq_msg_data(&frame), data);
        assert_int_equal(hedge_wire_check_tensor(&shape, &frame, NULL), 0);
        assert_int_equal(hedge_link_send(pair->dealer, NULL, &part, &frame, 1), 0);
        assert_int_equal(receive(pair->router, true, &got, NULL), 1);
        assert_int_equal(hedge_wire_check_tensor(&shape, &got.frames[0], NULL), 0);
        for (unsigned i = 0; i < 10000; i++) {
                float value;

                memcpy(&value, (char *)zmq_msg_data(&got.frames[0]) + i * sizeof(value), sizeof(value));
                assert_true(value == (float)i);
        }
        hedge_envelope_release(&got);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(messages_and_frames_go_both_ways),
                cmocka_unit_test_setup_teardown(what_is_wrong_is_drained_and_can_be_answered, new_tcp_pair, end_pair),
                cmocka_unit_test_setup_teardown(a_frame_above_the_limit_is_refused, new_tcp_pair, end_pair),
                cmocka_unit_test_setup_teardown(nothing_is_sent_in_part, new_tcp_pair, end_pair),
                cmocka_unit_test_setup_teardown(a_dead_context_says_so, new_tcp_pair, end_pair),
                cmocka_unit_test_setup_teardown(floats_travel_without_a_copy, new_tcp_pair, end_pair),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
