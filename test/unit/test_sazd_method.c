/* SPDX-License-Identifier: Apache-2.0 */
/* Training with coded matrices, by boards that stay. */
#include "test/unit/sazd_method_bed.h"

/* See ROUNDED: with 110 steps. */
#define ROUNDED_LONG      4e-4
#define ROUNDED_LONG_POLY 1.3e-2 /* 1.3e-3 with OpenBLAS's code for SkylakeX */

/* ---- tests ---- */

static void all_methods_learn_what_local_does(void **state)
{
        static const char *const jobs[] = { SAZD("sazd-naive", 4, 2), SAZD("sazd-deu", 4, 2), SAZD("poly", 4, 2),
                                            SAZD("uncoded", 6, 0),    SAZD("sazd-deu", 8, 2), SAZD("sazd-deu", 1, 0) };
        static const unsigned boards[] = { 6, 6, 6, 6, 10, 1 };

        (void)state;
        for (unsigned i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
                bed_t *bed = bed_new(jobs[i], boards[i]);

                bed_run(bed);
                bed_expect_state(bed, "done");
                assert_int_equal(bed->n_epochs, 2);
                assert_int_equal(bed->steps, 20);
                assert_false(bed->waited);
                assert_true(bed->epochs[1].boards == boards[i]);
                bed_expect_as_local(bed, 1e-4);
                bed_destroy(&bed);
        }
}

static void boards_hold_the_code_of_the_weights(void **state)
{
        static const char *const jobs[] = { SAZD("sazd-deu", 4, 2), SAZD("poly", 4, 2), SAZD("uncoded", 6, 0) };
        static const hedged_code_kind_t kinds[] = { HEDGED_CODE_SAZD, HEDGED_CODE_POLY, HEDGED_CODE_UNCODED };

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                bed_t *bed = bed_new(jobs[i], 6);

                bed->job.folder->config.epochs = 11; /* 110 steps */
                bed_run(bed);
                bed_expect_state(bed, "done");
                for (unsigned b = 0; b < 6; b++) {
                        assert_int_equal(bed->boards[b].holds, 3);
                        bed_expect_code_word(bed, b, b, kinds[i], i < 2 ? 4 : 6, i < 2 ? 2 : 0, 1e-4);
                }
                bed_expect_as_local(bed, i == 1 ? ROUNDED_LONG_POLY : ROUNDED_LONG);
                bed_destroy(&bed);
        }
}

static void stop_in_the_middle(bed_t *bed)
{
        if (bed->steps == 15) {
                line_bed_stop(&bed->line, HEDGED_STOP_SHUTDOWN);
        }
}

/* The coordinator's and all boards' end: what was fetched at the stop is gone on from. */
static void a_checkpoint_continues(void **state)
{
        static const char *const jobs[] = { SAZD("sazd-naive", 4, 2), SAZD("sazd-deu", 4, 2), SAZD("poly", 4, 2),
                                            SAZD("uncoded", 6, 0) };

        (void)state;
        for (unsigned i = 0; i < 4; i++) {
                bed_t *bed = bed_new(jobs[i], 6);
                job_bed_learnt_t l;

                bed->script = stop_in_the_middle;
                bed_run(bed);
                bed_expect_state(bed, "running");
                l = job_bed_learnt(&bed->job);
                assert_int_equal(l.step, 14);
                job_bed_release(&l);
                bed->script = NULL;
                for (unsigned b = 0; b < 6; b++) {
                        bed_forget(bed, b);
                        bed_come(bed, b);
                }
                bed_run(bed);
                bed_expect_state(bed, "done");
                bed_expect_event(bed, "going on from step 14");
                assert_int_equal(bed->steps, 15 + 6);
                bed_expect_as_local(bed, ROUNDED);
                bed_destroy(&bed);
        }
}

static void stop_and_freeze(bed_t *bed)
{
        if (bed->steps != 15)
                return;
        for (unsigned b = 0; b < 6; b++)
                bed->boards[b].frozen = true;
        line_bed_stop(&bed->line, HEDGED_STOP_USER);
}

static void a_stop_does_not_wait_for_the_weights(void **state)
{
        bed_t *bed = bed_new(SAZD("sazd-deu", 4, 2), 6);

        (void)state;
        bed->script = stop_and_freeze;
        bed_run(bed);
        bed_expect_state(bed, "stopped");
        bed_expect_event(bed, "the model is that of an earlier step");
        bed_destroy(&bed);
}

static void bring_seventh(bed_t *bed, const char *text)
{
        if (strstr(text, "waiting for 6 boards: 4 are here")) {
                bed_come(bed, 5);
                bed_come(bed, 8);
        }
}

static void it_begins_when_all_are_there(void **state)
{
        bed_t *bed = bed_new(SAZD("sazd-deu", 4, 2), 4);

        (void)state;
        bed->on_event = bring_seventh;
        bed_run(bed);
        bed_expect_state(bed, "done");
        assert_true(bed->waited);
        bed_expect_code_word(bed, 8, 5, HEDGED_CODE_SAZD, 4, 2, 1e-4);
        bed_destroy(&bed);
}

static void who_has_no_room_is_left_out(void **state)
{
        bed_t *bed = bed_new(SAZD("sazd-deu", 4, 2), 6);

        (void)state;
        bed->boards[1].no_room = true;
        bed_run(bed);
        bed_expect_state(bed, "done");
        bed_expect_event(bed, "board-1 is left out: no room for a matrix");
        bed_expect_as_local(bed, ROUNDED);
        bed_destroy(&bed);
}

/* What frames come to: 64 inputs, 50 and 42 units, 40 images; blocks of 13 and 11 rows, 13 columns; parities of a step of 1. */
static void bytes_are_reported(void **state)
{
        enum { X0 = 40 * 64 * 4, X1 = 40 * 50 * 4, D1 = 40 * 42 * 4, D0 = 40 * 50 * 4 };
        enum { UP = 40 * 4 * ((13 + 11 + 13) * 4 + (13 + 11 + 13) + (13 + 11 + 13) + 3 * 3) };
        bed_t *bed = bed_new(SAZD("sazd-deu", 4, 2), 6);

        (void)state;
        bed->job.folder->config.epochs = 1;
        bed_run(bed);
        bed_expect_state(bed, "done");
        /* what came after the last step was done is not among them */
        assert_true(bed->epochs[0].bytes_up_per_step >= 0.98 * UP);
        assert_true(bed->epochs[0].bytes_up_per_step <= UP);
        /* beside the factors, the weights once */
        assert_true(bed->epochs[0].bytes_down_per_step >= 6 * (X0 + X1 + D1 + D0));
        assert_true(bed->epochs[0].bytes_down_per_step < 6 * (X0 + X1 + D1 + D0) + 6 * 2 * 13 * 64 * 4);
        bed_destroy(&bed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_methods_learn_what_local_does),
                cmocka_unit_test(boards_hold_the_code_of_the_weights),
                cmocka_unit_test(a_checkpoint_continues),
                cmocka_unit_test(a_stop_does_not_wait_for_the_weights),
                cmocka_unit_test(it_begins_when_all_are_there),
                cmocka_unit_test(who_has_no_room_is_left_out),
                cmocka_unit_test(bytes_are_reported),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
