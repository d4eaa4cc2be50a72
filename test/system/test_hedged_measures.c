/* SPDX-License-Identifier: Apache-2.0 */
/* Boards that nothing is known about are measured before they get work, whatever they do then. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/system/hedged_bed.h"

#define TASKS 6 /* that a board is measured with; the first is not counted */

static void start(hedged_bed_t *bed)
{
        char text[600];

        snprintf(text, sizeof(text),
                 "plan: {min_macs: 0, spare: 2, cut: measured, work: layers, scheme: nsctc}\n"
                 "cluster: {slots: 4, strikes: 40, measurements: '%s/boards.yaml'}\n",
                 bed->dir);
        hedged_bed_launch(bed, "insecure-loopback", text);
        hedged_bed_await(bed);
}

static const hedge_board_status_t *find(hedged_bed_t *bed, unsigned board)
{
        const hedge_msg_status_ok_t *s = hedged_bed_status(bed);

        for (uint32_t i = 0; i < s->n_boards; i++)
                if (!strcmp(s->boards[i].name, bed->boards[board].name))
                        return &s->boards[i];
        fail_msg("board %u is not known", board);
        return NULL;
}

static bool first_is_usable(hedged_bed_t *bed)
{
        return !strcmp(find(bed, 0)->state, "alive");
}

static bool first_has_a_task(hedged_bed_t *bed)
{
        return bed->boards[0].tasks > 0;
}

static bool first_holds_nothing(hedged_bed_t *bed)
{
        return bed->boards[0].n_shares == 0;
}

/* What it was measured with is gone, and something was learnt, or not. */
static void expect(hedged_bed_t *bed, uint64_t measured, unsigned tasks)
{
        const hedge_board_status_t *s = find(bed, 0);

        assert_string_equal(s->state, "alive");
        assert_int_equal(s->measured, measured);
        assert_int_equal(bed->boards[0].tasks, tasks);
        hedged_bed_until(bed, first_holds_nothing, "the board to be told to drop the filters");
}

static void a_board_is_measured_once(void **state)
{
        hedged_bed_t *bed = *state;

        start(bed);
        hedged_bed_join(bed, 1);
        hedged_bed_until(bed, first_is_usable, "the board to be measured");
        expect(bed, TASKS - 1, TASKS);
        assert_true(find(bed, 0)->up_bytes_per_s != 12.5e6); /* the prior */
        assert_int_equal(bed->boards[0].drops, 1);
        fake_board_leave(&bed->boards[0]);
        hedged_bed_join(bed, 1);
        hedged_bed_until(bed, first_is_usable, "the board to be back");
        expect(bed, TASKS - 1, TASKS);
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
        start(bed); /* it is in the file */
        hedged_bed_join(bed, 1);
        hedged_bed_until(bed, first_is_usable, "the board to be taken in");
        expect(bed, TASKS - 1, TASKS);
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
}

static void load(hedged_bed_t *bed)
{
        hedged_bed_send_load(bed, "digits", bed->onnx, bed->onnx_bytes, NULL, 60000);
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_LOAD_OK);
}

/* The board fails at it in one way or another, and is taken as it is. */
static void fail_so(hedged_bed_t *bed, fake_mood_t mood, unsigned tasks)
{
        bed->boards[0].mood = mood;
        start(bed);
        hedged_bed_join(bed, 1);
        hedged_bed_until(bed, first_is_usable, "the board to be taken as it is");
        bed->boards[0].mood = FAKE_GOOD;
        expect(bed, 0, tasks);
        load(bed);
        hedged_bed_infer(bed, "digits");
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
}

static void one_that_has_no_room_is_not(void **state)
{
        fail_so(*state, FAKE_FULL, 0);
}

static void one_that_says_nothing_is_not(void **state)
{
        fail_so(*state, FAKE_SILENT, 1);
}

static void one_that_answers_wrongly_is_not(void **state)
{
        fail_so(*state, FAKE_WRONG_SIZE, 1);
}

static void one_that_ends_its_task_is_not(void **state)
{
        fail_so(*state, FAKE_EMPTY, 1);
}

static void one_that_forgets_is_not(void **state)
{
        fail_so(*state, FAKE_FORGETFUL, 1);
}

/* Lost on the way, it is measured when it is back. */
static void one_that_hangs_up_is_measured_later(void **state)
{
        hedged_bed_t *bed = *state;

        bed->boards[0].mood = FAKE_HANGS_UP;
        start(bed);
        hedged_bed_join(bed, 1);
        hedged_bed_until(bed, first_has_a_task, "its first task");
        bed->boards[0].mood = FAKE_GOOD;
        bed->boards[0].tasks = 0;
        hedged_bed_join(bed, 1);
        hedged_bed_until(bed, first_is_usable, "the board to be measured");
        expect(bed, TASKS - 1, TASKS);
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
}

/* A second one does not wait for one that says nothing; and a load waits for both, but not for long. */
static void others_and_loads_do_not_wait_for_long(void **state)
{
        hedged_bed_t *bed = *state;
        const hedge_board_status_t *s;

        bed->boards[0].mood = FAKE_SILENT;
        start(bed);
        hedged_bed_join(bed, 2);
        load(bed);
        s = find(bed, 1);
        assert_string_equal(s->state, "alive");
        assert_int_equal(s->measured, TASKS - 1);
        hedged_bed_until(bed, first_is_usable, "the silent board to be taken as it is");
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
}

/* It is planned with what the board has been measured to be, and not before. */
static void a_load_waits_for_boards_that_are_measured(void **state)
{
        hedged_bed_t *bed = *state;
        char path[300], line[300];
        bool measured = false, loaded = false;
        FILE *log;

        bed->boards[0].mood = FAKE_HELD_BACK;
        start(bed);
        hedged_bed_join(bed, 1);
        hedged_bed_until(bed, first_has_a_task, "its first task");
        hedged_bed_send_load(bed, "digits", bed->onnx, bed->onnx_bytes, NULL, 60000);
        hedged_bed_status(bed); /* the load was there before it */
        bed->boards[0].mood = FAKE_GOOD;
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_LOAD_OK);
        snprintf(path, sizeof(path), "%s/hedged.log", bed->dir);
        log = fopen(path, "r");
        assert_non_null(log);
        while (!loaded && fgets(line, sizeof(line), log)) {
                measured |= strstr(line, "board-0: measured: ") != NULL;
                loaded = strstr(line, "model=digits: loaded") != NULL;
        }
        fclose(log);
        assert_true(measured && loaded);
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_board_is_measured_once, hedged_bed_set_up, hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(one_that_has_no_room_is_not, hedged_bed_set_up, hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(one_that_says_nothing_is_not, hedged_bed_set_up, hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(one_that_answers_wrongly_is_not, hedged_bed_set_up,
                                                hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(one_that_ends_its_task_is_not, hedged_bed_set_up, hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(one_that_forgets_is_not, hedged_bed_set_up, hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(one_that_hangs_up_is_measured_later, hedged_bed_set_up,
                                                hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(others_and_loads_do_not_wait_for_long, hedged_bed_set_up,
                                                hedged_bed_tear_down),
                cmocka_unit_test_setup_teardown(a_load_waits_for_boards_that_are_measured, hedged_bed_set_up,
                                                hedged_bed_tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
