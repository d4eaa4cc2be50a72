/* SPDX-License-Identifier: Apache-2.0 */
/* Training with products that boards compute by a deadline; the boards are played (run_bed.h). */
#include "test/unit/run_bed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Nothing of it is a multiple of 3. */
#define MLP                                                                                                          \
        "layers: [{type: flatten}, {type: dense, units: 16}, {type: relu}, {type: dense, units: 11}, {type: relu}, " \
        "{type: dense, units: 4}]\n"
#define JOB  MLP "epochs: 3\nbatch: 20\nsgd: {rate: 0.05, schedule: constant}\n"
#define LONG "uep: {deadline_ms: 60000}\n"

/* @return the distance of its parameters from the bed's own, relative to their length. */
static double distance(bed_t *a, bed_t *b)
{
        float *x = bed_checkpoint(a, NULL), *y = bed_checkpoint(b, NULL);
        double difference = 0, length = 0;

        for (size_t i = 0; i < a->status.parameters; i++) {
                difference += pow((double)x[i] - (double)y[i], 2);
                length += pow((double)x[i], 2);
        }
        free(x);
        free(y);
        return sqrt(difference / length);
}

static bed_t *run_local(void)
{
        bed_t *bed = bed_new(JOB "method: local\n");

        bed_run(bed);
        assert_true(bed->epochs[2].test_accuracy > 0.9);
        return bed;
}

static void assert_done(bed_t *bed)
{
        if (strcmp(bed->status.state, "done") != 0)
                fail_msg("%s: %s", bed->status.state, bed->status.text);
}

/* When everything comes, it is what the coordinator alone learns. */
static void exact_products_are_as_good_as_local(void **state)
{
        static const char *const methods[] = { "method: uep-uncoded\n" LONG,
                                               "method: uep-replication\n" LONG,
                                               "method: uep-mds\nuep: {deadline_ms: 60000, packets: 10}\n",
                                               "method: uep-now\nuep: {deadline_ms: 60000, packets: 70}\n",
                                               "method: uep-ew\nuep: {deadline_ms: 60000, packets: 70, windows: [0.4, "
                                               "0.35, 0.25]}\n",
                                               "method: uep-ew\nuep: {deadline_ms: 60000, packets: 30, split: "
                                               "column-row, blocks_a: 4, blocks_b: 4}\n" };
        bed_t *local = run_local();

        (void)state;
        for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
                char job[512];
                bed_t *bed;

                snprintf(job, sizeof(job), "%s%s", JOB, methods[i]);
                bed = bed_new(job);
                bed_all_here(bed, 5);
                bed_run(bed);
                assert_done(bed);
                assert_int_equal(bed->status.step, local->status.step);
                assert_true(distance(local, bed) < (i < 2 ? 1e-4 : 1e-2));
                assert_true(bed->epochs[2].boards == 5);
                assert_true(bed->epochs[2].bytes_up_per_step > 0 && bed->epochs[2].bytes_down_per_step > 0);
                bed_destroy(&bed);
        }
        bed_destroy(&local);
}

/* Two of eight never answer: what they have is 0, step after step, or comes from others; it learns all the same. */
static void it_learns_without_some(void **state)
{
        static const char *const methods[] = { "uep-ew", "uep-now", "uep-replication", "uep-uncoded" };

        (void)state;
        for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
                char job[512];
                bed_t *bed;

                snprintf(job, sizeof(job), "%smethod: %s\nuep: {deadline_ms: 5}\n", JOB, methods[i]);
                bed = bed_new(job);
                bed_all_here(bed, 8);
                bed->boards[1].dumb = bed->boards[6].dumb = true;
                bed_run(bed);
                assert_done(bed);
                assert_true(bed->epochs[0].late > 0);
                assert_true(bed->epochs[2].test_accuracy > 0.6);
                assert_true(bed->boards[1].multiplied < 40); /* they are left out after a while */
                assert_true(bed->boards[0].multiplied > 100);
                bed_destroy(&bed);
        }
}

/* Nobody answers: nothing is learnt, which is said. */
static void silence_is_said(void **state)
{
        bed_t *bed = bed_new(JOB "method: uep-uncoded\nuep: {deadline_ms: 0.5}\n");

        (void)state;
        bed_all_here(bed, 2);
        bed->boards[0].dumb = bed->boards[1].dumb = true;
        bed_run(bed);
        assert_done(bed);
        assert_true(bed_event(bed, "nothing has come by the deadline of 0.5 ms"));
        bed_destroy(&bed);
}

/* What has happened already, in a script. */
static bool lost_one, lost_more;

static void lose_some(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        (void)message;
        if (!lost_one && board == 3 && bed->boards[3].multiplied == 25) {
                lost_one = true;
                bed_lost(bed, 3);
        }
        if (!lost_more && board == 1 && bed->boards[1].multiplied == 40) {
                lost_more = true;
                for (unsigned i = 0; i < 3; i++)
                        bed_lost(bed, i);
                bed_here(bed, 2);
                bed_here(bed, 3);
        }
}

static void boards_come_and_go(void **state)
{
        bed_t *local = run_local(), *bed = bed_new(JOB "method: uep-uncoded\n" LONG);

        (void)state;
        bed_all_here(bed, 4);
        bed->script = lose_some;
        lost_one = lost_more = false;
        bed_run(bed);
        assert_done(bed);
        assert_true(distance(local, bed) < 1e-4);
        assert_true(bed->boards[3].multiplied > 40 && bed->boards[1].multiplied <= 41);
        assert_true(bed_event(bed, "board-1 is lost: going on with 2 boards"));
        assert_true(bed_event(bed, "board-3 takes part"));
        bed_destroy(&local);
        bed_destroy(&bed);
}

static void come_back(bed_t *bed)
{
        bed_here(bed, 0);
}

static void lose_all(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        (void)message;
        if (lost_one || bed->boards[board].multiplied < 70)
                return;
        lost_one = true;
        bed_lost(bed, 0);
}

/* All of them go in the middle of a step: it is done again when there are boards. */
static void without_boards_it_waits(void **state)
{
        bed_t *bed = bed_new(JOB "method: uep-uncoded\n" LONG), *local = run_local();

        (void)state;
        bed_here(bed, 0);
        bed->script = lose_all;
        bed->on_waiting = come_back;
        lost_one = false;
        bed_run(bed);
        assert_done(bed);
        assert_true(bed_event(bed, "waiting for 1 boards: 0 are here"));
        assert_true(bed_event(bed, "going on with 1 boards"));
        assert_true(distance(local, bed) < 1e-4);
        bed_destroy(&bed);
        bed_destroy(&local);
}

/* mds with a packet for each board needs as many boards as there are sub-products. */
static void too_few_boards_are_waited_for(void **state)
{
        bed_t *bed = bed_new(JOB "method: uep-mds\nuep: {deadline_ms: 60000, blocks_a: 3, blocks_b: 2}\n");

        (void)state;
        bed->line.stop_why = HEDGED_STOP_USER;
        for (unsigned looks = 1; !bed->waited; looks++) {
                bed_all_here(bed, 5);
                bed->line.stop_look = looks;
                bed_run(bed);
                assert_string_equal(bed->status.state, "stopped");
                assert_true(looks < 50);
        }
        assert_true(bed_event(bed, "waiting for 6 boards: 5 are here"));
        assert_int_equal(bed->boards[0].multiplied, 0);
        bed_destroy(&bed);
}

static void it_goes_on_from_a_checkpoint(void **state)
{
        bed_t *local = run_local(), *bed = bed_new(JOB "method: uep-replication\n" LONG);

        (void)state;
        bed->line.stop_why = HEDGED_STOP_SHUTDOWN;
        for (unsigned i = 0; i < 3; i++) {
                bed_all_here(bed, 4);
                bed->line.stop_look = i < 2 ? 300 : 0;
                bed_run(bed);
                assert_true(i == 2 || strcmp(bed->status.state, "running") == 0);
        }
        assert_done(bed);
        assert_true(bed_event(bed, "the coordinator was started anew: going on from step "));
        assert_true(distance(local, bed) < 1e-4);
        bed_destroy(&local);
        bed_destroy(&bed);
}

static void useless_boards_are_left_out(void **state)
{
        bed_t *local = run_local(), *bed = bed_new(JOB "method: uep-uncoded\n" LONG);

        (void)state;
        bed_all_here(bed, 4);
        bed->boards[0].no_room = bed->boards[2].mad = true;
        bed_run(bed);
        assert_done(bed);
        assert_true(bed_event(bed, "board-0 refuses products: no memory for that"));
        assert_true(bed_event(bed, "board-2 refuses products: "));
        assert_true(distance(local, bed) < 1e-4);
        bed_destroy(&bed);

        bed = bed_new(JOB "method: uep-uncoded\n" LONG);
        bed_all_here(bed, 2);
        bed->boards[0].no_room = bed->boards[1].no_room = true;
        bed_run(bed);
        assert_string_equal(bed->status.state, "failed");
        assert_non_null(strstr(bed->status.text, "no board computes its products: board-"));
        bed_destroy(&bed);
        bed_destroy(&local);
}

static void a_loss_that_is_no_number_fails_the_job(void **state)
{
        bed_t *bed =
                bed_new(MLP "epochs: 3\nbatch: 20\nsgd: {rate: 900, schedule: constant}\nmethod: uep-uncoded\n" LONG);

        (void)state;
        bed_all_here(bed, 3);
        bed_run(bed);
        assert_string_equal(bed->status.state, "failed");
        assert_non_null(strstr(bed->status.text, "the rate of 900 may be too great"));
        bed_destroy(&bed);
}

static void assert_refused(const char *yaml, const char *sentence)
{
        const hedge_dataset_t data = { .image = { BED_SIDE, BED_SIDE, 1, false }, .classes = BED_CLASSES };
        hedge_net_t *net = NULL;
        hedge_job_t job;
        hedge_why_t why = { "" };
        char *text = NULL;
        int r;

        assert_true(asprintf(&text, "name: x\n%sdata: {train: [i, l], hold_out: 9, classes: 4}\n", yaml) > 0);
        r = hedge_job_parse("job", text, strlen(text), &job, &why);
        free(text);
        if (r < 0) {
                assert_non_null(strstr(why.text, sentence));
                return;
        }
        assert_int_equal(hedge_job_net(&job, &data, &net, &why), 0);
        assert_true(hedge_job_uep_check(&job, net, &why) < 0);
        if (!strstr(why.text, sentence))
                fail_msg("'%s' and not '%s'", why.text, sentence);
        hedge_net_destroy(&net);
        hedge_job_release(&job);
}

static void what_cannot_be_is_refused(void **state)
{
        (void)state;
        assert_refused("layers: [{type: conv, units: 4, kernel: 3}, {type: flatten}, {type: dense, units: 4}]\n"
                       "method: uep-ew\n",
                       "only dense, relu and flatten");
        assert_refused(MLP "method: uep-ew\nuep: {windows: [0.5, 0.5]}\n", "2 window probabilities for 3 classes");
        assert_refused(MLP "method: uep-ew\nuep: {windows: [0.5, 0.5, 0.5]}\n", "window");
        assert_refused(MLP "method: uep-uncoded\nuep: {packets: 8}\n", "at least 9 packets, not 8");
        assert_refused(MLP "method: uep-mds\nuep: {packets: 8}\n", "at least 9 packets, not 8");
        assert_refused(MLP "method: uep-ew\nuep: {blocks_a: 200, blocks_b: 200}\n", "uep: dense1: ");
        assert_refused(MLP "method: uep-ew\nuep: {split: column-row, blocks_a: 3, blocks_b: 2}\n", "uep: dense1: ");
        assert_refused(MLP "method: uep-ew\nuep: {deadline_ms: 0}\n", "uep.deadline_ms: 0 is below 0.1");
        assert_refused(MLP "method: uep-ew\nuep: {blocks_a: 0}\n", "uep.blocks_a: 0");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(exact_products_are_as_good_as_local),
                cmocka_unit_test(it_learns_without_some),
                cmocka_unit_test(silence_is_said),
                cmocka_unit_test(boards_come_and_go),
                cmocka_unit_test(without_boards_it_waits),
                cmocka_unit_test(too_few_boards_are_waited_for),
                cmocka_unit_test(it_goes_on_from_a_checkpoint),
                cmocka_unit_test(useless_boards_are_left_out),
                cmocka_unit_test(a_loss_that_is_no_number_fails_the_job),
                cmocka_unit_test(what_cannot_be_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
