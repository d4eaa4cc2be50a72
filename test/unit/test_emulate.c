/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/executor_bed.h"

/* An executor of a board that is emulated. Times are only ever bounded from below. */
static char dir[] = "/tmp/hedge-emulate-XXXXXX";
static char path[64], fresh_path[64];

static int make_dir(void **state)
{
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof(path), "%s/board", dir);
        snprintf(fresh_path, sizeof(fresh_path), "%s/board.new", dir);
        return 0;
}

static int remove_dir(void **state)
{
        unlink(path);
        return rmdir(dir);
}

/* Written at this second, as far as anybody can see. */
static void write_at(const char *where, const char *text, time_t second)
{
        const struct timespec times[] = { { second, 0 }, { second, 0 } };
        FILE *file = fopen(where, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(utimensat(AT_FDCWD, where, times, 0), 0);
}

/* Replace the file by another of the same time. */
static void write_file(const char *text)
{
        write_at(fresh_path, text, 1000);
        assert_int_equal(rename(fresh_path, path), 0);
}

static hedgew_fate_t next_fate(hedgew_emulate_t *e, uint64_t job)
{
        hedgew_fate_t fate;

        hedgew_emulate_task(e, job, &fate);
        return fate;
}

static void the_file_is_read_when_it_changes(void **state)
{
        hedgew_emulate_t *e;

        unlink(path);
        assert_int_equal(hedgew_emulate_new(path, 5e6, &e), 0);
        assert_true(next_fate(e, 1).macs_per_s == 5e6);
        write_file("macs_per_s 7e6\n");
        assert_true(next_fate(e, 1).macs_per_s == 7e6);
        write_file("macs_per_s 8e6\n"); /* of the same size and time */
        assert_true(next_fate(e, 1).macs_per_s == 8e6);
        write_at(path, "macs_per_s 6e6\n", 1001); /* the same file */
        assert_true(next_fate(e, 1).macs_per_s == 6e6);
        write_at(path, "macs_per_s 8e6 # again\n", 1001);
        assert_true(next_fate(e, 1).macs_per_s == 8e6);
        write_file("macs_per_s 9e6\nspeed 3\n"); /* wrong: the old values stay */
        assert_true(next_fate(e, 1).macs_per_s == 8e6);
        assert_int_equal(unlink(path), 0);
        assert_true(next_fate(e, 1).macs_per_s == 8e6);
        write_file("boards 1\nfailing 1\n");
        assert_true(next_fate(e, 1).macs_per_s == 5e6);
        assert_true(next_fate(e, 1).fails);
        write_file("boards 1\nsilent 1\n");
        assert_false(next_fate(e, 1).fails);
        assert_true(next_fate(e, 1).arrival_us == HEDGEW_NEVER_US);
        write_file("boards 1\nfixed 1 250\n");
        assert_int_equal(next_fate(e, 1).hold_us, 250000);
        assert_int_equal(next_fate(e, 1).arrival_us, 0);
        hedgew_emulate_destroy(&e);
}

/* The second job of a round has the same luck, however many tasks the first had. */
static void jobs_are_counted_by_round(void **state)
{
        int64_t second, of_next_round;
        hedgew_emulate_t *e;

        write_file("round 1\ndelay_ms 100\n");
        assert_int_equal(hedgew_emulate_new(path, 0, &e), 0);
        assert_true(next_fate(e, 10).macs_per_s == 0);
        second = next_fate(e, 11).hold_us;
        write_file("round 2\ndelay_ms 100\n");
        of_next_round = next_fate(e, 12).hold_us;
        assert_int_equal(next_fate(e, 12).hold_us, of_next_round); /* another task of the same job */
        write_file("round 1\ndelay_ms 100\n");
        for (int i = 0; i < 3; i++)
                assert_true(next_fate(e, 20).hold_us != second);
        assert_int_equal(next_fate(e, 21).hold_us, second);
        write_file("round 2\ndelay_ms 100\n");
        assert_int_equal(next_fate(e, 22).hold_us, of_next_round);
        write_file("round 2\ndelay_ms 100\n"); /* the same round again: another request with the same luck */
        assert_int_equal(next_fate(e, 32).hold_us, of_next_round);
        hedgew_emulate_destroy(&e);
}

static void nothing_is_emulated_without_a_reason(void **state)
{
        hedgew_emulate_t *e;
        hedgew_fate_t fate;

        assert_int_equal(hedgew_emulate_new(NULL, 0, &e), 0);
        fate = next_fate(e, 1);
        assert_true(fate.macs_per_s == 0 && fate.arrival_us == 0 && fate.hold_us == 0 && !fate.fails);
        hedgew_emulate_destroy(&e);
}

static void parts_take_their_emulated_time(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        int64_t start_us = hedge_now_us();
        hedgew_report_t *report;
        fixture_t f;

        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, NULL, RATE(0.02));
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, 2), 0);
        for (uint32_t i = 0; i < 4; i++) {
                report = next_report(&f);
                expect_part(&f, report, 1, i);
                assert_in_range(report->message.part.parts[0].compute_us, 19999,
                                20000); /* exactly, however long it really took */
                assert_true(hedge_now_us() - start_us >= 19999 * (int64_t)(i + 1));
                hedgew_executor_reported(f.executor);
        }
        expect_ended(&f, 1);
        finish(&f);
}

/* By the emulated board's time: of parts of 10 ms each, three have waited 20 ms when the fourth would be too late. What is held
 * back is so from the last of them on. */
static void parts_wait_for_one_another_in_emulated_time(void **state)
{
        const int64_t start_us = hedge_now_us();
        char text[100];
        fixture_t f;

        snprintf(text, sizeof(text), "macs_per_s %.17g\nboards 1\nfixed 1 50\n", RATE(0.01));
        write_file(text);
        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, path, 0);
        give_share(&f);
        give_holding(&f, 1, 25000);
        for (uint32_t i = 0; i < 6; i += 3) {
                for (uint32_t k = 0; k < 3; k++)
                        assert_in_range(next_report(&f)->message.part.parts[k].compute_us, 9999, 10000);
                assert_true(hedge_now_us() - start_us >= 9999 * (int64_t)(i + 3) + 50000);
                take_parts(&f, 1, i, 3);
        }
        expect_ended(&f, 1);
        finish(&f);
}

/* Where nothing leaves, computing waits; that time is not made up for afterwards. */
static void time_without_room_is_not_computing(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedgew_executor_status_t status = { 0 };
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        int64_t freed_us;
        fixture_t f;

        start_emulated(&f, &(hedgew_executor_settings_t){ .unsent_bytes_max = 1 }, NULL, RATE(0.02));
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 3, 2), 0);
        expect_part(&f, next_report(&f), 1, 0);
        /* for four parts' time: the second is ready long before, and the third would be */
        for (int64_t until_us = hedge_now_us() + 80000; hedge_now_us() < until_us;)
                poll(NULL, 0, 20);
        freed_us = hedge_now_us();
        hedgew_executor_reported(f.executor);
        take_part(&f, 1, 1);
        while (status.parts_done < 3 && hedge_now_ms() < end_ms) {
                hedgew_executor_status(f.executor, &status);
                poll(NULL, 0, 1);
        }
        take_part(&f, 1, 2);
        assert_true(hedge_now_us() - freed_us >= 19999);
        expect_ended(&f, 1);
        finish(&f);
}

/* Find rounds of a seed in which the first task's delays suit the test: an hour on the way in, or out. */
static void write_delay(const char *more, bool in)
{
        hedgew_emulate_t *e = NULL;
        char text[200];
        bool found = false;

        for (unsigned round = 1; !found && round < 1000; round++) {
                hedgew_fate_t fate;

                snprintf(text, sizeof(text), "round %u\ndelay_ms 3600000\n%s", round, more);
                write_file(text);
                assert_int_equal(hedgew_emulate_new(path, 0, &e), 0);
                fate = next_fate(e, 1);
                found = in ? fate.arrival_us - hedge_now_us() > 3600000000 : fate.hold_us > 3600000000;
                hedgew_emulate_destroy(&e);
        }
        assert_true(found);
}

static void a_task_on_its_way_keeps_nothing_waiting(void **state)
{
        uint32_t order[] = { 0, 1 };
        hedgew_executor_status_t status;
        hedge_digest_t digest = { { 9 } };
        fixture_t f;

        write_delay("", true);
        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, path, 0);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 2, 1), 0);
        write_file("round 0\n");
        assert_int_equal(give_task(&f, 2, order, 2, 1), 0);
        take_part(&f, 2, 0);
        take_part(&f, 2, 1);
        expect_ended(&f, 2);
        hedgew_executor_status(f.executor, &status);
        assert_int_equal(status.tasks, 1);
        assert_int_equal(hedgew_executor_drop(f.executor, &digest), 0);
        give_share(&f); /* shares come as always */
        assert_int_equal(hedgew_executor_cancel(f.executor, 1), 0);
        expect_cancelled(&f, 1, 0);
        assert_int_equal(hedgew_executor_cancel(f.executor, 1), -ENOENT);
        finish(&f);
}

static void a_task_arrives_when_its_time_has_come(void **state)
{
        uint32_t order[] = { 0 };
        fixture_t f;

        write_file("seed 4\ndelay_ms 30\n");
        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, path, 0);
        give_share(&f);
        for (uint64_t job = 1; job < 4; job++) {
                hedgew_emulate_t *twin; /* has the same luck */
                hedgew_fate_t fate = { 0 };
                int64_t start_us;

                assert_int_equal(hedgew_emulate_new(path, 0, &twin), 0);
                for (uint64_t i = 1; i <= job; i++)
                        fate = next_fate(twin, i);
                start_us = hedge_now_us();
                fate.arrival_us -= start_us; /* at most what it is; a little less when we were slow */
                assert_int_equal(give_task(&f, job, order, 1, 1), 0);
                take_part(&f, job, 0);
                assert_true(hedge_now_us() - start_us >= fate.arrival_us + fate.hold_us - 1000);
                expect_ended(&f, job);
                hedgew_emulate_destroy(&twin);
        }
        finish(&f);
}

static void answers_that_are_held_back_keep_nothing_waiting(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedgew_executor_status_t status = { 0 };
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        fixture_t f;

        write_file("boards 1\nfixed 1 3600000\n");
        /* room for four parts: two are held back, two may be ready beside them */
        start_emulated(&f, &(hedgew_executor_settings_t){ .unsent_bytes_max = 4 * OUT * sizeof(float) }, path, 0);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 2, 1), 0);
        write_file("round 1\n");
        assert_int_equal(give_task(&f, 2, order, 2, 1), 0);
        take_part(&f, 2, 0);
        take_part(&f, 2, 1);
        expect_ended(&f, 2);
        while (status.parts_done < 4 && hedge_now_ms() < end_ms)
                hedgew_executor_status(f.executor, &status);
        assert_int_equal(status.parts_done, 4);
        assert_int_equal(status.tasks, 1);
        assert_null(hedgew_executor_report(f.executor));
        assert_int_equal(hedgew_executor_cancel(f.executor, 1), 0);
        expect_cancelled(&f, 1, 0);
        /* and one that takes all the room, and is held back when everything ends */
        write_file("boards 1\nfixed 1 3600000\n");
        assert_int_equal(give_task(&f, 3, order, 4, 2), 0);
        while (status.parts_done < 8 && hedge_now_ms() < end_ms)
                hedgew_executor_status(f.executor, &status);
        assert_int_equal(status.parts_done, 8);
        assert_null(hedgew_executor_report(f.executor));
        finish(&f);
}

static void a_fixed_delay_is_waited_for(void **state)
{
        uint32_t order[] = { 0 };
        int64_t start_us;
        fixture_t f;

        write_file("boards 1\nfixed 1 50\n");
        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, path, 0);
        give_share(&f);
        start_us = hedge_now_us();
        assert_int_equal(give_task(&f, 1, order, 1, 1), 0);
        take_part(&f, 1, 0);
        assert_true(hedge_now_us() - start_us >= 50000);
        expect_ended(&f, 1);
        finish(&f);
}

static void a_failing_board_refuses_and_a_silent_one_says_nothing(void **state)
{
        uint32_t order[] = { 0, 1 };
        fixture_t f;

        write_file("boards 1\nfailing 1\n");
        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, path, 0);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 2, 1), HEDGE_EKERNEL);
        write_file("boards 1\nsilent 1\n");
        assert_int_equal(give_task(&f, 2, order, 2, 1), 0);
        assert_int_equal(give_task(&f, 2, order, 2, 1), 0);
        assert_int_equal(give_task(&f, 3, order, 2, 1), 0);
        write_file("round 1\n");
        assert_int_equal(give_task(&f, 4, order, 1, 1), 0);
        take_part(&f, 4, 0);
        expect_ended(&f, 4);
        assert_int_equal(hedgew_executor_cancel(f.executor, 2), 0);
        expect_cancelled(&f, 2, 0);
        expect_cancelled(&f, 2, 0);
        finish(&f); /* with one that never answers */
}

static void what_never_comes_is_given_up_with_the_coordinator(void **state)
{
        uint32_t order[] = { 0, 1 };
        hedgew_executor_status_t status = { .tasks = 1 };
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        fixture_t f;

        write_file("boards 1\nsilent 1\n");
        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, path, 0);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 2, 1), 0);
        hedgew_executor_abandon(f.executor);
        while (status.tasks && hedge_now_ms() < end_ms) {
                assert_null(hedgew_executor_report(f.executor));
                hedgew_executor_status(f.executor, &status);
        }
        assert_int_equal(status.tasks, 0);
        finish(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_file_is_read_when_it_changes),
                cmocka_unit_test(jobs_are_counted_by_round),
                cmocka_unit_test(nothing_is_emulated_without_a_reason),
                cmocka_unit_test(parts_take_their_emulated_time),
                cmocka_unit_test(parts_wait_for_one_another_in_emulated_time),
                cmocka_unit_test(time_without_room_is_not_computing),
                cmocka_unit_test(a_task_on_its_way_keeps_nothing_waiting),
                cmocka_unit_test(a_task_arrives_when_its_time_has_come),
                cmocka_unit_test(answers_that_are_held_back_keep_nothing_waiting),
                cmocka_unit_test(a_fixed_delay_is_waited_for),
                cmocka_unit_test(a_failing_board_refuses_and_a_silent_one_says_nothing),
                cmocka_unit_test(what_never_comes_is_given_up_with_the_coordinator),
        };

        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
