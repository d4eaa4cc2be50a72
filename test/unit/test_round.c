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
#include "test/unit/line_bed.h"

/* What is said is kept, what boards say is put in by hand. */
static struct bed {
        line_bed_t line;
        hedge_message_t said;
        unsigned said_to, sayings, frames;
        int fails;
} bed;

static hedged_round_t *rounds;

static int hear(line_bed_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames)
{
        (void)line;
        (void)frames;
        if (bed.fails)
                return bed.fails;
        bed.said = *message;
        bed.said_to = board;
        bed.frames = n_frames;
        bed.sayings++;
        return 0;
}

static int set_up(void **state)
{
        (void)state;
        memset(&bed, 0, sizeof(bed));
        bed.line.hear = hear;
        line_bed_open(&bed.line);
        return hedged_round_new(line_bed_line(&bed.line), 7, &rounds);
}

static int tear_down(void **state)
{
        (void)state;
        line_bed_close(&bed.line);
        hedged_round_destroy(&rounds);
        assert_null(rounds);
        return 0;
}

static hedged_line_event_t *put(enum hedged_line_event_kind kind, unsigned board)
{
        hedged_line_event_t *event = line_bed_event(kind, board);

        event->received_us = 1234;
        line_bed_put(&bed.line, event);
        return event;
}

static void put_product(unsigned board, uint64_t step, uint32_t packet, size_t floats)
{
        hedged_line_event_t *event = line_bed_answer(board, HEDGE_MSG_PRODUCT);

        event->received_us = 0;
        event->envelope.message.product =
                (hedge_msg_product_t){ .job = 7, .step = step, .packet = packet, .compute_us = 55 };
        memset(zmq_msg_data(line_bed_frame(event, floats * sizeof(float))), (int)packet, floats * sizeof(float));
        line_bed_put(&bed.line, event);
}

static void put_error(unsigned board, int code)
{
        line_bed_put_error(&bed.line, board, code, "no such matrix", NULL);
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
                assert_int_equal(bed.said.type, m[i].type);
                assert_int_equal(bed.said_to, 1);
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
        bed.fails = -ENOMEM;
        assert_int_equal(ask(4, 1), -ENOMEM);
        assert_int_equal(hedged_round_pending(rounds), 0);
        assert_int_equal(bed.sayings, 0);
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
        bed.line.stopping = HEDGED_STOP_USER;
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
