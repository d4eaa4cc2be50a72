/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "daemon/train/round.h"

/* The line is this test's own: what is said is kept, what boards say is put in by hand. */
struct hedged_line {
        hedge_mailbox_t *events;
        enum hedged_stop stopping;
        hedge_message_t said;
        unsigned said_to, sayings, frames;
        int fails;
};

static hedged_line_t line;
static hedged_round_t *rounds;

int hedged_line_send(hedged_line_t *l, unsigned board, const hedge_message_t *message, zmq_msg_t *frames,
                     uint32_t n_frames)
{
        for (uint32_t i = 0; i < n_frames; i++)
                zmq_msg_close(&frames[i]);
        if (l->fails)
                return l->fails;
        l->said = *message;
        l->said_to = board;
        l->frames = n_frames;
        l->sayings++;
        return 0;
}

hedged_line_event_t *hedged_line_next(hedged_line_t *l, int timeout_ms)
{
        return (hedged_line_event_t *)hedge_mailbox_wait(l->events, timeout_ms);
}

void hedged_line_event_release(hedged_line_event_t **event)
{
        hedge_envelope_release(&(*event)->envelope);
        free(*event);
        *event = NULL;
}

enum hedged_stop hedged_line_stopping(const hedged_line_t *l)
{
        return l->stopping;
}

static int set_up(void **state)
{
        (void)state;
        memset(&line, 0, sizeof(line));
        assert_int_equal(hedge_mailbox_new(&line.events), 0);
        return hedged_round_new(&line, 7, &rounds);
}

static int tear_down(void **state)
{
        hedged_line_event_t *event;

        (void)state;
        while ((event = (hedged_line_event_t *)hedge_mailbox_take(line.events)))
                hedged_line_event_release(&event);
        hedge_mailbox_destroy(&line.events);
        hedged_round_destroy(&rounds);
        assert_null(rounds);
        return 0;
}

static hedged_line_event_t *put(enum hedged_line_event_kind kind, unsigned board)
{
        hedged_line_event_t *event = calloc(1, sizeof(*event));

        assert_non_null(event);
        event->mail.kind = (int)kind;
        event->board = board;
        event->received_us = 1234;
        snprintf(event->name, sizeof(event->name), "board-%u", board);
        hedge_mailbox_put(line.events, &event->mail);
        return event;
}

static void put_product(unsigned board, uint64_t step, uint32_t packet, size_t floats)
{
        hedged_line_event_t *event = calloc(1, sizeof(*event));

        assert_non_null(event);
        event->mail.kind = HEDGED_LINE_MESSAGE;
        event->board = board;
        event->envelope.message.type = HEDGE_MSG_PRODUCT;
        event->envelope.message.product =
                (hedge_msg_product_t){ .job = 7, .step = step, .packet = packet, .compute_us = 55 };
        event->envelope.n_frames = 1;
        event->envelope.frames = calloc(1, sizeof(zmq_msg_t));
        zmq_msg_init_size(&event->envelope.frames[0], floats * sizeof(float));
        memset(zmq_msg_data(&event->envelope.frames[0]), (int)packet, floats * sizeof(float));
        hedge_mailbox_put(line.events, &event->mail);
}

static void put_error(unsigned board, int code)
{
        hedged_line_event_t *event = calloc(1, sizeof(*event));

        assert_non_null(event);
        event->mail.kind = HEDGED_LINE_MESSAGE;
        event->board = board;
        event->envelope.message.type = HEDGE_MSG_ERROR;
        event->envelope.message.error.code = code;
        snprintf(event->envelope.message.error.text, 32, "no such matrix");
        hedge_mailbox_put(line.events, &event->mail);
}

static hedged_round_news_t expect(hedged_round_event_t event, unsigned board)
{
        hedged_round_news_t news;

        hedged_round_next(rounds, 0, &news);
        assert_int_equal(news.event, event);
        if (event != HEDGED_ROUND_LATE && event != HEDGED_ROUND_STOP)
                assert_int_equal(news.board, board);
        if (event == HEDGED_ROUND_PRODUCT) {
                assert_int_equal(*(const uint8_t *)zmq_msg_data(&news.frame), news.packet);
                zmq_msg_close(&news.frame);
        }
        return news;
}

static void here(unsigned board)
{
        put(HEDGED_LINE_HERE, board);
        expect(HEDGED_ROUND_HERE, board);
}

/* Packets are single numbers here, but for what a FETCH brings. */
static int ask(unsigned board, uint32_t packet)
{
        hedge_message_t message = { .type = HEDGE_MSG_MULTIPLY, .multiply = { .packet = packet } };
        zmq_msg_t frames[2];

        zmq_msg_init_size(&frames[0], 16);
        zmq_msg_init_size(&frames[1], 16);
        return hedged_round_say(rounds, board, &message, frames, 2, 2, 3);
}

static void who_is_here(void **state)
{
        (void)state;
        assert_int_equal(hedged_round_count(rounds), 0);
        assert_false(hedged_round_here(rounds, 3));
        put(HEDGED_LINE_LOST, 3);
        expect(HEDGED_ROUND_LATE, 0);
        here(3);
        here(255);
        put(HEDGED_LINE_HERE, 256);
        expect(HEDGED_ROUND_LATE, 0);
        assert_int_equal(hedged_round_count(rounds), 2);
        assert_true(hedged_round_here(rounds, 3));
        assert_string_equal(hedged_round_name(rounds, 3), "board-3");
        here(3);
        assert_int_equal(hedged_round_count(rounds), 2);
        put(HEDGED_LINE_LOST, 3);
        expect(HEDGED_ROUND_LOST, 3);
        assert_int_equal(hedged_round_count(rounds), 1);
        assert_false(hedged_round_here(rounds, 3));
        assert_string_equal(hedged_round_name(rounds, 3), "board-3");
        assert_false(hedged_round_here(rounds, 256));
        assert_string_equal(hedged_round_name(rounds, 256), "");
}

static void messages_are_addressed(void **state)
{
        hedge_message_t m[] = { { .type = HEDGE_MSG_HOLD },
                                { .type = HEDGE_MSG_FETCH },
                                { .type = HEDGE_MSG_APPLY },
                                { .type = HEDGE_MSG_UPDATE },
                                { .type = HEDGE_MSG_MULTIPLY } };

        (void)state;
        here(1);
        assert_int_equal(hedged_round_begin(rounds), 1);
        assert_int_equal(hedged_round_begin(rounds), 2);
        for (unsigned i = 0; i < 5; i++) {
                assert_int_equal(hedged_round_say(rounds, 1, &m[i], NULL, 0, 0, 0), 0);
                assert_int_equal(line.said.type, m[i].type);
                assert_int_equal(line.said_to, 1);
                assert_int_equal(m[i].hold.job, 7);
        }
        assert_int_equal(m[2].apply.step, 2);
        assert_int_equal(m[3].update.step, 2);
        assert_int_equal(m[4].multiply.step, 2);
        assert_int_equal(hedged_round_pending(rounds), 0);
        assert_int_equal(hedged_round_owed(rounds, 1), 0);
}

static void who_is_not_here_is_not_asked(void **state)
{
        (void)state;
        hedged_round_begin(rounds);
        assert_int_equal(ask(4, 1), -EHOSTUNREACH);
        assert_int_equal(ask(300, 1), -EHOSTUNREACH);
        here(4);
        line.fails = -ENOMEM;
        assert_int_equal(ask(4, 1), -ENOMEM);
        assert_int_equal(hedged_round_pending(rounds), 0);
        assert_int_equal(line.sayings, 0);
}

static void products_of_this_step_come(void **state)
{
        hedged_round_news_t news;

        (void)state;
        here(0);
        here(1);
        hedged_round_begin(rounds);
        for (uint32_t i = 0; i < 40; i++)
                assert_int_equal(ask(i % 2, i), 0);
        assert_int_equal(hedged_round_pending(rounds), 40);
        put_product(0, 1, 4, 6); /* in any order within a step */
        put_product(0, 1, 2, 6);
        news = expect(HEDGED_ROUND_PRODUCT, 0);
        assert_int_equal(news.packet, 4);
        assert_int_equal(news.compute_us, 55);
        expect(HEDGED_ROUND_PRODUCT, 0);
        put_product(1, 1, 4, 6); /* asked of another board */
        put_product(0, 1, 4, 6); /* twice */
        put_product(0, 2, 6, 6); /* of a step to come */
        expect(HEDGED_ROUND_LATE, 0);
        assert_int_equal(hedged_round_pending(rounds), 38);
        put_product(1, 1, 1, 5);
        news = expect(HEDGED_ROUND_REFUSED, 1);
        assert_int_equal(news.code, HEDGE_EMALFORMED);
        assert_string_equal(news.why.text, "a product of 20 bytes, not 24");
        assert_int_equal(hedged_round_pending(rounds), 37);
}

static void what_is_late_is_dropped(void **state)
{
        (void)state;
        here(0);
        here(1);
        for (unsigned step = 1; step <= 3; step++) {
                hedged_round_begin(rounds);
                for (uint32_t i = 0; i < 2; i++)
                        assert_int_equal(ask(0, i), 0);
                assert_int_equal(ask(1, 9), 0);
        }
        assert_int_equal(hedged_round_pending(rounds), 3);
        assert_int_equal(hedged_round_owed(rounds, 0), 6);
        assert_true(hedged_round_since(rounds, 0) <= hedged_round_since(rounds, 1));
        assert_true(hedged_round_since(rounds, 1) <= hedge_now_us());
        assert_true(hedged_round_since(rounds, 2) == INT64_MAX);
        put_product(0, 1, 0, 6);
        expect(HEDGED_ROUND_LATE, 0);
        assert_int_equal(hedged_round_owed(rounds, 0), 5);
        put_product(0, 3, 1, 6); /* what is older will not come */
        expect(HEDGED_ROUND_PRODUCT, 0);
        assert_int_equal(hedged_round_owed(rounds, 0), 1);
        assert_int_equal(hedged_round_owed(rounds, 1), 3);
        assert_int_equal(hedged_round_pending(rounds), 2);
}

/* What a FETCH brings names no step: the order tells. */
static void fetched_matrices_are_told_apart(void **state)
{
        hedge_message_t fetch = { .type = HEDGE_MSG_FETCH, .hold = { .matrix = 5 } };

        (void)state;
        here(0);
        hedged_round_begin(rounds);
        assert_int_equal(hedged_round_say(rounds, 0, &fetch, NULL, 0, 2, 3), 0);
        hedged_round_begin(rounds);
        assert_int_equal(hedged_round_say(rounds, 0, &fetch, NULL, 0, 2, 3), 0);
        put_product(0, 0, 5, 6);
        expect(HEDGED_ROUND_LATE, 0);
        put_product(0, 0, 5, 6);
        expect(HEDGED_ROUND_PRODUCT, 0);
        put_product(0, 0, 5, 6);
        expect(HEDGED_ROUND_LATE, 0);
}

static void refusals_are_answers(void **state)
{
        hedged_round_news_t news;

        (void)state;
        put_error(0, HEDGE_ENOSHARE); /* of a board that is not here */
        expect(HEDGED_ROUND_LATE, 0);
        here(0);
        hedged_round_begin(rounds);
        assert_int_equal(ask(0, 1), 0);
        assert_int_equal(ask(0, 2), 0);
        put_error(0, HEDGE_ENOSHARE);
        news = expect(HEDGED_ROUND_REFUSED, 0);
        assert_int_equal(news.code, HEDGE_ENOSHARE);
        assert_string_equal(news.why.text, "no such matrix");
        assert_int_equal(hedged_round_pending(rounds), 1);
        put_product(0, 1, 2, 6);
        expect(HEDGED_ROUND_PRODUCT, 0);
        put_error(0, HEDGE_ELIMIT); /* a HOLD, say */
        expect(HEDGED_ROUND_REFUSED, 0);
        assert_int_equal(hedged_round_owed(rounds, 0), 0);
}

static void who_comes_anew_owes_nothing(void **state)
{
        (void)state;
        here(0);
        hedged_round_begin(rounds);
        assert_int_equal(ask(0, 1), 0);
        here(0);
        assert_int_equal(hedged_round_pending(rounds), 0);
        put_product(0, 1, 1, 6);
        expect(HEDGED_ROUND_LATE, 0);
        assert_int_equal(ask(0, 1), 0);
        put(HEDGED_LINE_LOST, 0);
        expect(HEDGED_ROUND_LOST, 0);
        put_product(0, 1, 1, 6);
        expect(HEDGED_ROUND_LATE, 0);
        assert_int_equal(hedged_round_pending(rounds), 0);
}

static void the_deadline_is_kept(void **state)
{
        const int64_t deadline_us = hedge_now_us() + 20500;
        hedged_round_news_t news;

        (void)state;
        hedged_round_next(rounds, deadline_us, &news);
        assert_int_equal(news.event, HEDGED_ROUND_LATE);
        assert_true(hedge_now_us() >= deadline_us);
        put(HEDGED_LINE_HERE, 2);
        hedged_round_next(rounds, deadline_us, &news); /* over, but it has come */
        assert_int_equal(news.event, HEDGED_ROUND_HERE);
        assert_int_equal(news.received_us, 1234);
        put(HEDGED_LINE_HERE, 3);
        hedged_round_next(rounds, INT64_MAX, &news);
        assert_int_equal(news.event, HEDGED_ROUND_HERE);
}

static void bytes_are_counted(void **state)
{
        uint64_t up, down;

        (void)state;
        here(0);
        hedged_round_begin(rounds);
        assert_int_equal(ask(0, 1), 0);
        assert_int_equal(ask(1, 1), -EHOSTUNREACH);
        hedged_round_begin(rounds);
        put_product(0, 1, 1, 6); /* too late, but it came */
        expect(HEDGED_ROUND_LATE, 0);
        hedged_round_bytes(rounds, &up, &down);
        assert_int_equal(up, 24);
        assert_int_equal(down, 32);
}

static void stopping_comes_first(void **state)
{
        (void)state;
        put(HEDGED_LINE_HERE, 2);
        line.stopping = HEDGED_STOP_USER;
        expect(HEDGED_ROUND_STOP, 0);
        expect(HEDGED_ROUND_STOP, 0);
        assert_int_equal(hedged_round_count(rounds), 0);
        hedged_round_finish(rounds);
        expect(HEDGED_ROUND_HERE, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(who_is_here, set_up, tear_down),
                cmocka_unit_test_setup_teardown(messages_are_addressed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(who_is_not_here_is_not_asked, set_up, tear_down),
                cmocka_unit_test_setup_teardown(products_of_this_step_come, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_late_is_dropped, set_up, tear_down),
                cmocka_unit_test_setup_teardown(fetched_matrices_are_told_apart, set_up, tear_down),
                cmocka_unit_test_setup_teardown(refusals_are_answers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(who_comes_anew_owes_nothing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_deadline_is_kept, set_up, tear_down),
                cmocka_unit_test_setup_teardown(bytes_are_counted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(stopping_comes_first, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
