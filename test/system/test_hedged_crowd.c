/* SPDX-License-Identifier: Apache-2.0 */
/* Many requests at a time: whose turn it is, how many may wait, and what becomes of those whose client has gone. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/system/hedged_bed.h"

#define FLOOD 100

typedef struct crowd {
        hedged_bed_t *bed;
        fake_peer_t other; /* a second client */
        uint64_t wanted;   /* what STATUS is to say */
} crowd_t;

static crowd_t crowd;

static void open_crowd(void **state, const char *more)
{
        crowd = (crowd_t){ .bed = hedged_bed_ready(state, more) };
        fake_peer_open(&crowd.other, crowd.bed->clients, NULL, NULL);
}

static void close_crowd(void)
{
        fake_peer_close(&crowd.other);
        assert_int_equal(hedged_bed_end(crowd.bed, SIGTERM), 0);
}

static void set_mood(fake_mood_t mood)
{
        for (unsigned i = 0; i < 4; i++)
                crowd.bed->boards[i].mood = mood;
}

static bool as_many_are_out(hedged_bed_t *bed)
{
        return bed->boards[0].tasks > 0 && hedged_bed_status(bed)->in_flight == crowd.wanted; /* and one is at work */
}

static void expect_out(uint64_t n)
{
        crowd.wanted = n;
        hedged_bed_until(crowd.bed, as_many_are_out, "so many requests to be out");
}

/* The second client asks, with a number that the first does not have. */
static void other_asks(void)
{
        fake_peer_t first = crowd.bed->client;

        crowd.bed->client = crowd.other;
        hedged_bed_ask(crowd.bed, "digits");
        crowd.other = crowd.bed->client;
        crowd.bed->client = first;
}

static bool other_is_answered(hedged_bed_t *bed)
{
        (void)bed;
        return fake_peer_next(&crowd.other, 0) != NULL;
}

/* One client has a hundred requests waiting, another one a single one: that is the next, or the one behind it. */
static void a_flood_holds_nobody_up(void **state)
{
        unsigned before = 0;

        open_crowd(state, "inference: {in_flight: 1, queue: 300}");
        set_mood(FAKE_HELD_BACK);
        for (unsigned i = 0; i < FLOOD; i++)
                hedged_bed_ask(crowd.bed, "digits");
        expect_out(FLOOD);
        other_asks();
        expect_out(FLOOD + 1);
        set_mood(FAKE_GOOD);
        hedged_bed_until(crowd.bed, other_is_answered, "the other client's answer");
        assert_int_equal(crowd.other.last.message.type, HEDGE_MSG_RESULT);
        while (fake_peer_next(&crowd.bed->client, 0))
                before++;
        assert_in_range(before, 0, 20); /* 1 or 2, and what was begun while the answer was on its way */
        for (; before < FLOOD; before++) {
                hedged_bed_answer(crowd.bed);
                hedged_bed_check(crowd.bed);
        }
        close_crowd();
}

/* Of eight places a client that is alone gets half; another one still gets in, until there is none. */
static void nobody_fills_the_queue(void **state)
{
        const hedge_msg_error_t *error;

        open_crowd(state, "inference: {in_flight: 1, queue: 8}");
        set_mood(FAKE_HELD_BACK);
        for (unsigned i = 0; i < 5; i++)
                hedged_bed_ask(crowd.bed, "digits");
        expect_out(5);
        hedged_bed_ask(crowd.bed, "digits");
        error = hedged_bed_expect_error(crowd.bed, -EAGAIN);
        assert_non_null(strstr(error->text, "busy: 4 requests of this client"));
        assert_non_null(strstr(error->text, "inference.queue is 8"));
        other_asks();
        other_asks();
        expect_out(7);
        hedged_bed_ask(crowd.bed, "digits");
        error = hedged_bed_expect_error(crowd.bed, -EAGAIN);
        assert_non_null(strstr(error->text, "busy: 6 requests are waiting, 4 of them of this client"));
        set_mood(FAKE_GOOD);
        for (unsigned i = 0; i < 5; i++) {
                hedged_bed_answer(crowd.bed);
                hedged_bed_check(crowd.bed);
        }
        for (unsigned i = 0; i < 2; i++) {
                hedged_bed_until(crowd.bed, other_is_answered, "the other client's answer");
                assert_int_equal(crowd.other.last.message.type, HEDGE_MSG_RESULT);
        }
        close_crowd();
}

/* A client that hangs up takes what it asked for with it: what waits at once, what is at work when its layer is done. */
static void who_hangs_up_is_not_worked_for(void **state)
{
        open_crowd(state, "inference: {in_flight: 1}");
        set_mood(FAKE_HELD_BACK);
        for (unsigned i = 0; i < 5; i++)
                other_asks();
        expect_out(5);
        hedged_bed_ask(crowd.bed, "digits"); /* the first client's own, which stays */
        expect_out(6);
        fake_peer_close(&crowd.other);
        expect_out(2);
        set_mood(FAKE_GOOD);
        hedged_bed_answer(crowd.bed);
        hedged_bed_check(crowd.bed);
        expect_out(0);
        assert_int_equal(hedged_bed_status(crowd.bed)->requests_failed, 5);
        /* Six requests have two layers each. Of these two layers of the one and the first of another one were worked on, for which a
         * board may be asked more than once. */
        assert_in_range(crowd.bed->boards[0].tasks, 3, 11);
        close_crowd();
}

/* For how many layer runs a board keeps tasks: one for each request at work. */
static unsigned runs_kept(const fake_board_t *board)
{
        unsigned n = 0;

        for (unsigned i = 0; i < board->n_kept; i++) {
                unsigned j = 0;

                while (board->kept[j].message.task.run != board->kept[i].message.task.run)
                        j++;
                n += j == i;
        }
        return n;
}

static bool six_are_at_work(hedged_bed_t *bed)
{
        return runs_kept(&bed->boards[0]) == 6 && runs_kept(&bed->boards[3]) == 6;
}

/* Four boards serve six requests at a time. */

static void as_many_are_at_work_as_boards_serve(void **state)
{
        open_crowd(state, "");
        set_mood(FAKE_HELD_BACK);
        for (unsigned i = 0; i < 10; i++)
                hedged_bed_ask(crowd.bed, "digits");
        expect_out(10);
        hedged_bed_until(crowd.bed, six_are_at_work, "six requests to be at work");
        for (unsigned i = 0; i < 3; i++)
                expect_out(10); /* and no more begin */
        assert_true(six_are_at_work(crowd.bed));
        set_mood(FAKE_GOOD);
        for (unsigned i = 0; i < 10; i++) {
                hedged_bed_answer(crowd.bed);
                hedged_bed_check(crowd.bed);
        }
        close_crowd();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_flood_holds_nobody_up, hedged_bed_set_up, hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(nobody_fills_the_queue, hedged_bed_set_up, hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(who_hangs_up_is_not_worked_for, hedged_bed_set_up,
                                                hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(as_many_are_at_work_as_boards_serve, hedged_bed_set_up,
                                                hedged_bed_tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
