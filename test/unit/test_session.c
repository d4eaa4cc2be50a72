/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a board talks to, when it says HELLO, and when it takes another socket. */
#include "test/unit/session_bed.h"

static void hello_says_who_it_is(void **state)
{
        const hedge_msg_hello_t *hello;

        assert_int_equal(hedgew_session_new(&bed.settings, &bed.session), 0);
        bed_event(HEDGEW_UPLINK_CONNECTED);
        bed_turn();
        hello = &bed_expect(HEDGE_MSG_HELLO)->hello;
        assert_string_equal(hello->board, "pi-3");
        assert_string_equal(hello->backend, "plain");
        assert_string_equal(hello->version, HEDGE_VERSION);
        assert_true(hello->incarnation);
        assert_int_equal(hello->cores, 4);
        assert_int_equal(hello->share_bytes_max, 12345);
        assert_int_equal(hello->n_held, 0);
        assert_false(bed_serving());
        assert_int_equal(bed.n_status, 0);
}

static void welcome_is_told_to_people(void **state)
{
        bed_serve();
        assert_string_equal(bed.status, "connected to tcp://coordinator:1 as board 3");
        bed_welcome(77, UINT32_MAX);
        bed_turn();
        assert_string_equal(bed.status, "connected to tcp://coordinator:1 as a spare");
        bed_expect_nothing();
        assert_int_equal(bed.executor.n_abandoned, 0);
}

/* Turn until the next HELLO. @return how long it took, which is what the session said that it would sleep. */
static int64_t next_hello(void)
{
        const int64_t wait_ms = bed_turn();

        assert_true(wait_ms > 0);
        bed_expect_nothing();
        bed_later(wait_ms - 1);
        bed_expect_nothing();
        bed_later(1);
        bed_expect(HEDGE_MSG_HELLO);
        return wait_ms;
}

static void hello_is_repeated_ever_more_rarely(void **state)
{
        const int64_t base_ms[] = { 100, 200, 400, 800, 800, 800 };

        bed_start();
        for (unsigned i = 0; i < 6; i++) {
                int64_t waited_ms = next_hello();

                assert_in_range(waited_ms, base_ms[i] / 2, base_ms[i]);
        }
        bed_welcome(77, 3); /* and from the start */
        bed_turn();
        bed_expect_nothing();
        bed_later(BED_SILENCE - 1);
        bed_expect_nothing();
        bed_later(1);
        bed_expect(HEDGE_MSG_HELLO);
        assert_in_range(next_hello(), 50, 100);
        assert_in_range(next_hello(), 100, 200);
}

/* A cluster's boards do not all come at the same time. */
static void hello_has_jitter(void **state)
{
        int64_t first_ms, waited_ms;
        unsigned same = 0;

        bed_start();
        for (int i = 0; i < 3; i++)
                next_hello();
        first_ms = next_hello(); /* 400 .. 800 ms */
        for (int i = 0; i < 9; i++) {
                waited_ms = next_hello();
                same += waited_ms == first_ms;
                bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_CANCEL, .cancel = { 1 } }, 0); /* it is not silent */
        }
        assert_true(same < 9); /* by chance once in 401^9 */
}

static void silence_is_answered_with_hello(void **state)
{
        const int64_t silence_ms[][2] = {
                { 0, BED_SILENCE },
                { 1000, 5 * BED_HEARTBEAT }, /* an idle cluster's PINGs are four heartbeats apart */
                { 7000, 7000 },
        };

        for (unsigned i = 0; i < 3; i++) {
                bed.settings.silence_ms = (unsigned)silence_ms[i][0];
                bed_serve();
                assert_int_equal(bed_turn(), silence_ms[i][1]);
                assert_int_equal(bed_later(silence_ms[i][1] - 1), 1);
                assert_true(bed_serving());
                bed_expect_nothing();
                bed_later(1);
                assert_false(bed_serving());
                bed_expect(HEDGE_MSG_HELLO);
                assert_string_equal(bed.status, "connecting to tcp://coordinator:1");
                assert_int_equal(bed.executor.n_abandoned, 0); /* it may only have been slow */
                hedgew_session_destroy(&bed.session);
        }
}

static void whatever_is_heard_ends_silence(void **state)
{
        bed_serve();
        bed_later(BED_SILENCE - 1);
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_CANCEL, .cancel = { 1 } }, 0);
        assert_int_equal(bed_turn(), BED_SILENCE);
        bed_later(BED_SILENCE - 1);
        assert_true(bed_serving());
        bed_expect_nothing();
}

static void a_late_ping_makes_it_serve_again(void **state)
{
        bed_serve();
        bed_later(BED_SILENCE);
        assert_false(bed_serving());
        bed_expect(HEDGE_MSG_HELLO);
        bed_ping(77, 5);
        bed_turn();
        assert_true(bed_serving());
        assert_int_equal(bed_expect(HEDGE_MSG_PONG)->pong.sequence, 5);
        bed_expect_nothing();
}

static void long_silence_takes_another_socket(void **state)
{
        bed_serve();
        for (int i = 1; i < 3; i++) {
                bed_later(BED_SILENCE);
                bed_expect(HEDGE_MSG_HELLO);
        }
        bed_later(BED_SILENCE - 1);
        assert_int_equal(bed.n_opened, 0);
        bed.away = true;
        bed_later(1);
        assert_int_equal(bed.n_opened, 1);
        assert_int_equal(bed.reconnect_ms, BED_MIN_MS);
        assert_int_equal(bed.executor.n_abandoned, 1);
        assert_int_equal(bed.training.n_forgotten, 1);
        bed_later(3 * BED_SILENCE - 1);
        assert_int_equal(bed.n_opened, 1);
        bed.away = false;
        bed_later(1);
        assert_int_equal(bed.n_opened, 2);
        while (hedge_link_receive(bed.router, true, &hedge_wire_default_limits, &bed.heard, NULL) == 1)
                hedge_envelope_release(&bed.heard); /* that which was said before */
        bed_event(HEDGEW_UPLINK_CONNECTED);
        bed_later(BED_MAX_MS);
        bed_expect(HEDGE_MSG_HELLO);
        bed_welcome(77, 3);
        bed_turn();
        assert_true(bed_serving());
}

static void a_ping_is_answered(void **state)
{
        const hedge_msg_pong_t *pong;
        uint64_t incarnation;

        bed_start();
        incarnation = bed.heard.message.hello.incarnation;
        bed_welcome(77, 3);
        bed.executor.status = (hedgew_executor_status_t){ .tasks = 2, .parts_done = 9 };
        bed.training.status = (hedgew_training_status_t){ .queued = 1, .bytes = 40 };
        bed_ping(77, 11);
        bed_ping(77, 12);
        bed_turn();
        pong = &bed_expect(HEDGE_MSG_PONG)->pong; /* the last one says all */
        assert_int_equal(pong->sequence, 12);
        assert_int_equal(pong->incarnation, incarnation);
        assert_int_equal(pong->queued, 3);
        assert_int_equal(pong->shares, 0);
        assert_int_equal(pong->held_bytes, 40);
        assert_int_equal(pong->parts_done, 9);
        bed_turn();
        bed_expect_nothing();
}

static void another_coordinator_is_greeted(void **state)
{
        bed_serve();
        bed_later(BED_MIN_MS);
        bed_ping(78, 1);
        bed_turn();
        assert_false(bed_serving());
        bed_expect(HEDGE_MSG_HELLO); /* and no PONG */
        bed_expect_nothing();
        assert_int_equal(bed.executor.n_abandoned, 0);
        bed_welcome(78, 0);
        bed_turn();
        assert_true(bed_serving());
        assert_int_equal(bed.executor.n_abandoned, 1);
        assert_int_equal(bed.training.n_forgotten, 1);
        bed_ping(78, 2);
        bed_turn();
        assert_int_equal(bed_expect(HEDGE_MSG_PONG)->pong.sequence, 2);
}

/* However many PINGs it sends, it hears one HELLO in that time. */
static void hello_is_not_said_too_often(void **state)
{
        bed_start();
        for (int i = 0; i < BED_MIN_MS; i++) {
                bed_ping(78, (uint64_t)i + 1); /* of nobody whom it knows */
                bed_turn();
                bed_expect_nothing();
                bed.now_ms++;
        }
        bed_turn();
        bed_expect(HEDGE_MSG_HELLO);
}

static void bye_is_waited_for(void **state)
{
        bed_serve();
        bed_later(1000);
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_BYE, .bye = { "so long" } }, 0);
        assert_int_equal(bed_turn(), BED_MIN_MS);
        assert_false(bed_serving());
        assert_int_equal(bed.executor.n_abandoned, 1);
        assert_int_equal(bed.training.n_forgotten, 1);
        bed_later(BED_MIN_MS - 1);
        bed_expect_nothing();
        bed_later(1);
        bed_expect(HEDGE_MSG_HELLO);
}

static void it_says_bye_to_whom_it_serves(void **state)
{
        bed_start();
        hedgew_session_bye(bed.session, "nobody");
        bed_expect_nothing();
        bed_welcome(77, 3);
        bed_turn();
        hedgew_session_bye(bed.session, "the board is stopping");
        assert_string_equal(bed_expect(HEDGE_MSG_BYE)->bye.reason, "the board is stopping");
}

/* ---- the connection ---- */

static void a_closed_connection_voids_everything(void **state)
{
        bed_serve();
        bed_ping(77, 1);
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_STATUS }, 0); /* an answer that will wait */
        bed_fill();
        bed_turn();
        assert_true(hedgew_session_wants_room(bed.session));
        bed_event(HEDGEW_UPLINK_CLOSED);
        bed_turn();
        assert_false(bed_serving());
        assert_int_equal(bed.executor.n_abandoned, 1);
        assert_int_equal(bed.training.n_forgotten, 1);
        assert_int_equal(bed.n_opened, 0); /* the socket connects by itself */
        assert_string_equal(bed.status, "connecting to tcp://coordinator:1");

        zsock_destroy(&bed.dealer);
        bed_open();
        while (hedge_link_receive(bed.router, true, &hedge_wire_default_limits, &bed.heard, NULL) == 1)
                hedge_envelope_release(&bed.heard);
        bed_event(HEDGEW_UPLINK_CONNECTED);
        bed_later(BED_MIN_MS);
        bed_expect(HEDGE_MSG_HELLO);
        bed_expect_nothing(); /* neither the PONG nor the ERROR */
        bed_welcome(77, 3);
        bed_turn();
        assert_true(bed_serving());
        bed_expect_nothing();
}

/* What a coordinator sent before the connection broke is read after that was seen. */
static void a_ping_of_a_connection_that_is_gone_counts_for_nothing(void **state)
{
        bed_serve();
        bed_event(HEDGEW_UPLINK_CLOSED);
        bed_ping(77, 1);
        bed_turn();
        assert_false(bed_serving());
        bed_expect_nothing();
}

/* The HELLO waits until there is a connection, and goes out once, whether the event or the room is seen first. */
static void hello_waits_for_a_connection(void **state)
{
        bed.away = true;
        zsock_destroy(&bed.dealer);
        bed_open();
        assert_int_equal(hedgew_session_new(&bed.settings, &bed.session), 0);
        bed_turn();
        assert_true(hedgew_session_wants_room(bed.session));
        bed_connect();
        bed_turn();
        assert_false(hedgew_session_wants_room(bed.session));
        bed_expect(HEDGE_MSG_HELLO);
        bed_welcome(77, 3);
        bed_turn();
        bed_event(HEDGEW_UPLINK_CONNECTED);
        bed_turn();
        assert_true(bed_serving());
        bed_later(BED_MIN_MS);
        bed_expect_nothing();
}

/* A board that is not on the list knocks rarely, until it is let in. */
static void a_refused_board_knocks_rarely(void **state)
{
        bed.away = true;
        assert_int_equal(hedgew_session_new(&bed.settings, &bed.session), 0);
        for (int i = 0; i < 5; i++) {
                bed_event(HEDGEW_UPLINK_REFUSED);
                bed_turn();
        }
        assert_int_equal(bed.n_opened, 1);
        assert_int_equal(bed.reconnect_ms, BED_MAX_MS);
        bed_later(3 * 10 * 1000); /* silent for long: as rarely as before */
        assert_int_equal(bed.n_opened, 2);
        assert_int_equal(bed.reconnect_ms, BED_MAX_MS);
        bed_event(HEDGEW_UPLINK_CLOSED); /* it was not connected */
        bed_turn();
        assert_int_equal(bed.n_opened, 2);
        bed_event(HEDGEW_UPLINK_CONNECTED);
        bed_event(HEDGEW_UPLINK_CLOSED);
        bed_turn();
        assert_int_equal(bed.n_opened, 3);
        assert_int_equal(bed.reconnect_ms, BED_MIN_MS);
        bed_event(HEDGEW_UPLINK_CONNECTED);
        bed_event(HEDGEW_UPLINK_CLOSED);
        bed_turn();
        assert_int_equal(bed.n_opened, 3);
}

static void it_connects_anew_with_other_keys(void **state)
{
        hedge_route_t before;

        bed_serve();
        before = bed.board;
        bed_later(BED_MIN_MS);
        hedgew_session_reconnect(bed.session);
        assert_int_equal(bed.n_opened, 1);
        assert_int_equal(bed.reconnect_ms, BED_MIN_MS);
        assert_int_equal(bed.executor.n_abandoned, 1);
        assert_int_equal(bed.training.n_forgotten, 1);
        assert_false(bed_serving());
        bed_event(HEDGEW_UPLINK_CONNECTED);
        bed_turn();
        bed_expect(HEDGE_MSG_HELLO);
        assert_memory_not_equal(&bed.board, &before, sizeof(before));
        bed_welcome(77, 3);
        bed_turn();
        assert_true(bed_serving());
}

/* Keys that were wrong may be right now: it does not go on knocking rarely. */
static void other_keys_are_tried_at_once(void **state)
{
        assert_int_equal(hedgew_session_new(&bed.settings, &bed.session), 0);
        bed_event(HEDGEW_UPLINK_REFUSED);
        bed_turn();
        assert_int_equal(bed.reconnect_ms, BED_MAX_MS);
        hedgew_session_reconnect(bed.session);
        assert_int_equal(bed.reconnect_ms, BED_MIN_MS);
        bed_event(HEDGEW_UPLINK_REFUSED);
        bed_turn();
        assert_int_equal(bed.n_opened, 3);
        assert_int_equal(bed.reconnect_ms, BED_MAX_MS);
}

static void without_a_socket_it_ends(void **state)
{
        int64_t wait_ms;

        bed_serve();
        bed.reopen_fails = -EMFILE;
        bed_finish_task(1);
        hedgew_session_reconnect(bed.session);
        bed_event(HEDGEW_UPLINK_CONNECTED);
        hedgew_session_events(bed.session);
        hedgew_session_receive(bed.session); /* of which there is none */
        hedgew_session_send(bed.session);
        assert_int_equal(hedgew_session_tick(bed.session, &wait_ms), -EMFILE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BED_TEST(hello_says_who_it_is),
                BED_TEST(welcome_is_told_to_people),
                BED_TEST(hello_is_repeated_ever_more_rarely),
                BED_TEST(hello_has_jitter),
                BED_TEST(silence_is_answered_with_hello),
                BED_TEST(whatever_is_heard_ends_silence),
                BED_TEST(a_late_ping_makes_it_serve_again),
                BED_TEST(long_silence_takes_another_socket),
                BED_TEST(a_ping_is_answered),
                BED_TEST(another_coordinator_is_greeted),
                BED_TEST(hello_is_not_said_too_often),
                BED_TEST(bye_is_waited_for),
                BED_TEST(it_says_bye_to_whom_it_serves),
                BED_TEST(a_closed_connection_voids_everything),
                BED_TEST(a_ping_of_a_connection_that_is_gone_counts_for_nothing),
                BED_TEST(hello_waits_for_a_connection),
                BED_TEST(a_refused_board_knocks_rarely),
                BED_TEST(it_connects_anew_with_other_keys),
                BED_TEST(other_keys_are_tried_at_once),
                BED_TEST(without_a_socket_it_ends),
        };

        return cmocka_run_group_tests(tests, bed_begin, bed_end);
}
