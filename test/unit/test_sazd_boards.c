/* SPDX-License-Identifier: Apache-2.0 */
/* Training with coded matrices, by boards that freeze, fall silent, go and come. */
#include <unistd.h>

#include "test/unit/sazd_method_bed.h"

#define PATIENCE_US 250000 /* holders.c: with a board that is more than four steps behind */

static void thaw(bed_t *bed, unsigned board)
{
        board_t *b = &bed->boards[board];

        b->frozen = false;
        for (unsigned i = 0; i < b->queued; i++)
                bed_serve_one(bed, board, &b->queue[i]);
        b->queued = 0;
}

/* With all that it held. */
static void lose(bed_t *bed, unsigned board)
{
        bed_forget(bed, board);
        line_bed_lost(&bed->line, board);
}

/* See ROUNDED: two are missing. */
#define ROUNDED_POLY_OF_8 2e-3

/* Steps take no time here, and a board is given some: until what it owes is older than is had patience for. */
static void outlast(const bed_t *bed, unsigned board)
{
        assert_true(bed->boards[board].queued > 0);
        while (hedge_now_us() - bed->boards[board].oldest_us <= PATIENCE_US)
                usleep(1000);
}

static void freeze_two(bed_t *bed)
{
        if (bed->steps == 3)
                bed->boards[1].frozen = bed->boards[6].frozen = true;
        if (bed->steps == 9) {
                outlast(bed, 1);
                outlast(bed, 6);
        }
}

static void two_of_ten_may_freeze(void **state)
{
        static const char *const jobs[] = { SAZD("sazd-naive", 8, 2), SAZD("sazd-deu", 8, 2), SAZD("poly", 8, 2) };

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                bed_t *bed = bed_new(jobs[i], 10);

                bed->script = freeze_two;
                bed_run(bed);
                bed_expect_state(bed, "done");
                bed_expect_as_local(bed, i == 2 ? ROUNDED_POLY_OF_8 : ROUNDED);
                bed_expect_event(bed, "board-1 does not keep up");
                bed_expect_event(bed, "board-6 does not keep up");
                assert_true(bed->boards[1].longest <= 8 * (i ? 5 : 7));
                assert_true(bed->boards[6].longest > 0);
                assert_false(bed->waited);
                bed_destroy(&bed);
        }
}

static void thaw_two(bed_t *bed)
{
        freeze_two(bed);
        if (bed->steps == 14) {
                thaw(bed, 1);
                thaw(bed, 6);
        }
}

static void one_that_was_frozen_comes_back(void **state)
{
        bed_t *bed = bed_new(SAZD("sazd-deu", 8, 2), 10);

        (void)state;
        bed->script = thaw_two;
        bed_run(bed);
        bed_expect_state(bed, "done");
        bed_expect_as_local(bed, ROUNDED);
        bed_expect_event(bed, "board-1 is there again");
        bed_expect_event(bed, "board-6 is there again");
        for (unsigned b = 0; b < 10; b++)
                bed_expect_code_word(bed, b, b, HEDGED_CODE_SAZD, 8, 2, 1e-4);
        bed_destroy(&bed);
}

static void lag(bed_t *bed)
{
        if (bed->steps == 5)
                bed->boards[2].frozen = true;
        if (bed->steps == 8)
                thaw(bed, 2);
}

/* Nobody sends anything anew: it gets everything in order. */
static void a_late_board_catches_up(void **state)
{
        bed_t *bed = bed_new(SAZD("sazd-deu", 4, 2), 6);

        (void)state;
        bed->script = lag;
        bed_run(bed);
        bed_expect_state(bed, "done");
        assert_int_equal(bed->boards[2].holds, 3);
        assert_true(bed->epochs[0].late > 0);
        bed_expect_code_word(bed, 2, 2, HEDGED_CODE_SAZD, 4, 2, 1e-4);
        bed_destroy(&bed);
}

static void come_and_go(bed_t *bed)
{
        if (bed->steps == 4)
                lose(bed, 0);
        if (bed->steps == 9)
                bed_come(bed, 0);
        if (bed->steps == 12) {
                lose(bed, 3);
                bed_come(bed, 11);
        }
}

static void boards_come_and_go(void **state)
{
        static const char *const jobs[] = { SAZD("sazd-naive", 4, 2), SAZD("sazd-deu", 4, 2), SAZD("poly", 4, 2) };

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                bed_t *bed = bed_new(jobs[i], 6);

                bed->script = come_and_go;
                bed_run(bed);
                bed_expect_state(bed, "done");
                bed_expect_as_local(bed, ROUNDED);
                bed_expect_event(bed, "board-0 is lost: going on with 5 boards");
                bed_expect_event(bed, "board-0 is back");
                bed_expect_event(bed, "board-11 takes the place of board-3");
                assert_int_equal(bed->steps, 20);
                if (i > 0) {
                        bed_expect_code_word(bed, 0, 0, i == 1 ? HEDGED_CODE_SAZD : HEDGED_CODE_POLY, 4, 2, 1e-4);
                        bed_expect_code_word(bed, 11, 3, i == 1 ? HEDGED_CODE_SAZD : HEDGED_CODE_POLY, 4, 2, 1e-4);
                }
                bed_destroy(&bed);
        }
}

static void lose_three(bed_t *bed)
{
        if (bed->steps == 14)
                for (unsigned b = 0; b < 3; b++)
                        lose(bed, b);
}

static void bring_back(bed_t *bed, const char *text)
{
        if (strstr(text, "waiting for 4 boards: 3 are here"))
                bed_come(bed, 1);
}

/* Three of six are too many; the weights are those of the epoch's beginning then. */
static void too_few_are_waited_for(void **state)
{
        static const char *const jobs[] = { SAZD("sazd-naive", 4, 2), SAZD("sazd-deu", 4, 2), SAZD("poly", 4, 2) };

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                bed_t *bed = bed_new(jobs[i], 6);

                bed->script = lose_three;
                bed->on_event = bring_back;
                bed_run(bed);
                bed_expect_state(bed, "done");
                assert_true(bed->waited);
                bed_expect_as_local(bed, ROUNDED);
                if (i > 0)
                        bed_expect_event(bed, "the weights were lost with the boards: going on from step 10");
                assert_int_equal(bed->steps, i ? 24 : 21);
                bed_destroy(&bed);
        }
}

static void freeze_one_and_lose_two(bed_t *bed)
{
        if (bed->steps == 3)
                bed->boards[1].frozen = true;
        if (bed->steps == 9)
                outlast(bed, 1);
        if (bed->steps == 12) {
                lose(bed, 4);
                lose(bed, 5);
        }
        if (bed->steps == 13 || bed->steps == 15)
                thaw(bed, 1);
}

/* One that did not keep up is waited for where there is nobody else. */
static void the_last_ones_are_waited_for(void **state)
{
        static const char *const jobs[] = { SAZD("sazd-naive", 4, 2), SAZD("sazd-deu", 4, 2) };

        (void)state;
        for (unsigned i = 0; i < 2; i++) {
                bed_t *bed = bed_new(jobs[i], 6);

                bed->script = freeze_one_and_lose_two;
                bed_run(bed);
                bed_expect_state(bed, "done");
                bed_expect_event(bed, "board-1 does not keep up");
                assert_false(bed->waited);
                bed_expect_as_local(bed, ROUNDED);
                bed_destroy(&bed);
        }
}

static void strike_dumb(bed_t *bed)
{
        if (bed->steps == 14)
                for (unsigned b = 0; b < 3; b++)
                        bed->boards[b].dumb = true;
}

static void come_for_the_dumb(bed_t *bed, const char *text)
{
        if (strstr(text, "waiting for 4 boards: 3 are here"))
                bed_come(bed, 9);
}

/* They are there, but do not answer. */
static void who_is_silent_is_not_waited_for_ever(void **state)
{
        bed_t *bed = bed_new(SAZD("sazd-deu", 4, 2), 6);

        (void)state;
        bed->script = strike_dumb;
        bed->on_event = come_for_the_dumb;
        bed_run(bed);
        bed_expect_state(bed, "done");
        bed_expect_event(bed, "board-0 is left out: it does not answer");
        bed_expect_event(bed, "board-9 takes the place of board-0");
        bed_expect_as_local(bed, ROUNDED);
        bed_destroy(&bed);

        bed = bed_new(SAZD("uncoded", 6, 0), 6);
        bed->script = strike_dumb;
        bed_run(bed);
        bed_expect_state(bed, "done");
        bed_expect_event(bed, "the coordinator computes in place of board-2");
        bed_expect_as_local(bed, 1e-4);
        bed_destroy(&bed);
}

static void lose_one(bed_t *bed)
{
        if (bed->steps == 14)
                lose(bed, 2);
        if (bed->steps == 18)
                bed_come(bed, 2);
}

static void uncoded_falls_back(void **state)
{
        bed_t *bed = bed_new(SAZD("uncoded", 6, 0), 6);

        (void)state;
        bed->script = lose_one;
        bed_run(bed);
        bed_expect_state(bed, "done");
        bed_expect_event(bed, "the coordinator computes in place of board-2");
        bed_expect_event(bed, "going on from step 10");
        bed_expect_event(bed, "board-2 is back");
        assert_false(bed->waited);
        bed_expect_as_local(bed, 1e-4);
        bed_expect_code_word(bed, 2, 2, HEDGED_CODE_UNCODED, 6, 0, 1e-4);
        bed_destroy(&bed);
}

static void bring_back_one(bed_t *bed, const char *text)
{
        if (strstr(text, "waiting for 6 boards: 5 are here"))
                bed_come(bed, 2);
}

static void uncoded_waits_where_it_may_not(void **state)
{
        bed_t *bed = bed_new("method: uncoded\nsazd: {k: 6, min_units: 32, fall_back: false}\n", 6);

        (void)state;
        bed->script = lose_one;
        bed->on_event = bring_back_one;
        bed_run(bed);
        bed_expect_state(bed, "done");
        assert_true(bed->waited);
        assert_int_equal(bed_events(bed, "the coordinator computes"), 0);
        bed_expect_as_local(bed, 1e-4);
        bed_destroy(&bed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(two_of_ten_may_freeze),
                cmocka_unit_test(one_that_was_frozen_comes_back),
                cmocka_unit_test(a_late_board_catches_up),
                cmocka_unit_test(boards_come_and_go),
                cmocka_unit_test(too_few_are_waited_for),
                cmocka_unit_test(the_last_ones_are_waited_for),
                cmocka_unit_test(who_is_silent_is_not_waited_for_ever),
                cmocka_unit_test(uncoded_falls_back),
                cmocka_unit_test(uncoded_waits_where_it_may_not),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
