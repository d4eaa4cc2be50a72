/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

#include "common/wire/message.h"

#include "daemon/train/jobs/jobs.h"

#define TEXT "name: digits\nmodel: mlp\nepochs: 5\ndata: {train: [images, labels], hold_out: 1, classes: 2}\n"

static hedged_jobs_t jobs;

static int tear_down(void **state)
{
        (void)state;
        hedged_jobs_release(&jobs);
        return 0;
}

static hedged_folder_t *folder(uint64_t number)
{
        hedged_folder_t *f = calloc(1, sizeof(*f));
        hedge_why_t why;

        assert_non_null(f);
        f->job = number;
        if (hedge_job_parse("job.yaml", TEXT, strlen(TEXT), &f->config, &why) < 0)
                fail_msg("%s", why.text);
        return f;
}

static hedged_job_t *add(uint64_t number)
{
        hedged_job_t *job = NULL;

        assert_int_equal(hedged_jobs_add(&jobs, folder(number), NULL, 1000, &job), 0);
        assert_non_null(job);
        return job;
}

static hedged_job_t *add_logged(uint64_t number, hedged_job_log_t *log)
{
        hedged_job_t *job = NULL;

        assert_int_equal(hedged_jobs_add(&jobs, folder(number), log, 0, &job), 0);
        return job;
}

static hedge_epoch_report_t epoch(uint32_t number, double loss)
{
        return (hedge_epoch_report_t){ .epoch = number, .loss = loss, .test_loss = loss, .test_accuracy = 0.5 };
}

static void the_lowest_number_runs_first(void **state)
{
        (void)state;
        hedged_job_t *c = add(30), *a = add(10), *b = add(20);

        assert_int_equal(jobs.count, 3);
        assert_ptr_equal(jobs.jobs[0], a);
        assert_ptr_equal(jobs.jobs[2], c);
        assert_ptr_equal(hedged_jobs_next(&jobs), a);
        assert_int_equal(hedged_jobs_open(&jobs), 3);
        a->ending = true; /* that is being written */
        assert_ptr_equal(hedged_jobs_next(&jobs), b);
        assert_int_equal(hedged_jobs_open(&jobs), 2);
        hedged_job_end(a, "done", "");
        hedged_job_end(b, "failed", "no luck");
        assert_ptr_equal(hedged_jobs_next(&jobs), c);
        hedged_job_end(c, "stopped", "");
        assert_null(hedged_jobs_next(&jobs));
        assert_int_equal(hedged_jobs_open(&jobs), 0);
        assert_ptr_equal(hedged_jobs_find(&jobs, 20), b);
        assert_string_equal(b->status.text, "no luck");
        assert_null(hedged_jobs_find(&jobs, 40));
}

static void the_oldest_of_too_many_goes(void **state)
{
        (void)state;
        hedged_job_t *a = add(1), *b = add(2), *c = add(3);

        assert_null(hedged_jobs_surplus(&jobs, 1));
        hedged_job_end(c, "done", "");
        assert_null(hedged_jobs_surplus(&jobs, 1));
        hedged_job_end(b, "done", "");
        assert_ptr_equal(hedged_jobs_surplus(&jobs, 1), b);
        assert_null(hedged_jobs_surplus(&jobs, 2));
        hedged_jobs_remove(&jobs, b);
        assert_null(hedged_jobs_find(&jobs, 2));
        assert_int_equal(jobs.count, 2);
        assert_null(hedged_jobs_surplus(&jobs, 1));
        assert_ptr_equal(hedged_jobs_next(&jobs), a); /* one that has not ended stays */
}

static void a_new_job_says_what_it_is(void **state)
{
        (void)state;
        hedge_job_status_t s;

        hedged_job_view(add(7), 1012.5, true, 0, 0, &s);
        assert_int_equal(s.job, 7);
        assert_string_equal(s.name, "digits");
        assert_string_equal(s.method, hedge_job_methods[jobs.jobs[0]->folder->config.method]);
        assert_string_equal(s.state, "queued");
        assert_int_equal(s.epochs, 5);
        assert_true(s.test_accuracy < 0 && s.left_s < 0);
        assert_float_equal(s.age_s, 12.5, 1e-9);
        assert_int_equal(s.n_epochs_done + s.n_events, 0);
        hedged_job_view(jobs.jobs[0], 900, false, 0, 0, &s); /* the clock was set back */
        assert_float_equal(s.age_s, 0, 0);
}

static void lists_come_in_pieces(void **state)
{
        (void)state;
        hedged_job_t *job = add(1);
        hedge_job_event_t event = { .step = 3, .at_s = 1 };
        hedge_job_status_t s;

        for (uint32_t i = 1; i <= 300; i++) {
                const hedge_epoch_report_t e = epoch(i, i);

                assert_int_equal(hedged_job_add_epoch(job, &e), 0);
        }
        for (unsigned i = 0; i < 10; i++) {
                snprintf(event.text, sizeof(event.text), "event %u", i);
                assert_int_equal(hedged_job_add_event(job, &event), 0);
        }
        assert_int_equal(job->status.epoch, 300);
        assert_float_equal(job->status.loss, 300, 0);
        hedged_job_view(job, 1000, true, 0, 8, &s);
        assert_int_equal(s.n_epochs_done, HEDGE_JOB_LIST);
        assert_int_equal(s.first_epoch, 0);
        assert_int_equal(s.epochs_done[HEDGE_JOB_LIST - 1].epoch, HEDGE_JOB_LIST);
        assert_int_equal(s.first_event, 8);
        assert_int_equal(s.n_events, 2);
        assert_string_equal(s.events[1].text, "event 9");
        hedged_job_view(job, 1000, true, HEDGE_JOB_LIST, 10, &s);
        assert_int_equal(s.n_epochs_done, 300 - HEDGE_JOB_LIST);
        assert_int_equal(s.epochs_done[0].epoch, HEDGE_JOB_LIST + 1);
        assert_int_equal(s.n_events, 0);
        hedged_job_view(job, 1000, true, UINT32_MAX, UINT32_MAX, &s);
        assert_int_equal(s.first_epoch, 300);
        assert_int_equal(s.n_epochs_done, 0);
        assert_int_equal(s.first_event, 10);
        hedged_job_view(job, 1000, false, 0, 0, &s);
        assert_int_equal(s.n_epochs_done + s.n_events, 0);
}

static void an_epoch_that_runs_again_takes_the_place(void **state)
{
        (void)state;
        hedged_job_log_t log = { .n_epochs = 4, .n_events = 1, .created_s = 5 };
        hedge_epoch_report_t again = epoch(2, 9);
        hedged_job_t *job;

        log.epochs = calloc(4, sizeof(*log.epochs));
        log.events = calloc(1, sizeof(*log.events));
        log.epochs[0] = epoch(1, 1);
        log.epochs[1] = epoch(2, 2);
        log.epochs[2] = epoch(2, 3);
        log.epochs[3] = epoch(3, 4);
        job = add_logged(1, &log);
        assert_null(log.epochs); /* taken over */
        assert_int_equal(job->log.n_epochs, 3);
        assert_float_equal(job->log.epochs[1].loss, 3, 0);
        assert_int_equal(job->status.epoch, 3);
        assert_false(job->ended);
        assert_int_equal(hedged_job_add_epoch(job, &again), 0);
        assert_int_equal(job->log.n_epochs, 2);
        assert_float_equal(job->log.epochs[1].loss, 9, 0);
        assert_int_equal(job->log.n_events, 1);
}

static void a_log_that_ends_is_of_a_job_that_has(void **state)
{
        (void)state;
        hedged_job_log_t log = { .state = "failed", .text = "the loss is no number" };
        hedge_job_status_t late = { .state = "running", .epoch = 4 };
        hedged_job_t *job = add_logged(1, &log);

        assert_true(job->ended);
        assert_string_equal(job->status.state, "failed");
        assert_string_equal(job->status.text, "the loss is no number");
        hedged_job_update(job, &late);
        assert_string_equal(job->status.state, "failed");
        assert_int_equal(job->status.epoch, 0);
}

static void what_a_run_says_is_taken(void **state)
{
        (void)state;
        hedge_job_status_t said = { .job = 99,
                                    .name = "other",
                                    .state = "waiting",
                                    .epoch = 1,
                                    .epochs = 5,
                                    .step = 17,
                                    .steps = 50,
                                    .parameters = 1000,
                                    .boards = 3,
                                    .loss = NAN,
                                    .test_accuracy = NAN,
                                    .left_s = -INFINITY,
                                    .samples_per_s = INFINITY };
        hedged_job_t *job = add(1);

        hedged_job_update(job, &said);
        assert_int_equal(job->status.job, 1);
        assert_string_equal(job->status.name, "digits");
        assert_string_equal(job->status.state, "waiting");
        assert_int_equal(job->status.step, 17);
        assert_int_equal(job->status.boards, 3);
        assert_true(isinf(job->status.loss));
        assert_float_equal(job->status.test_accuracy, -1, 0);
        assert_float_equal(job->status.left_s, -1, 0);
        assert_float_equal(job->status.samples_per_s, 1e15, 0);
        snprintf(said.state, sizeof(said.state), "done");
        hedged_job_update(job, &said); /* not before that is written */
        assert_string_equal(job->status.state, "waiting");
}

/* Whatever a run says, it can be sent. */
static void every_view_fits_a_message(void **state)
{
        (void)state;
        const double odd[] = { NAN, INFINITY, -INFINITY, -1, 1e300, 2 };
        hedged_job_t *job = add(1);
        hedge_job_status_t s;
        const hedge_message_t message = { .type = HEDGE_MSG_JOBS_OK, .jobs_ok = { .n_jobs = 1, .jobs = &s } };
        zmq_msg_t header;

        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                const double x = odd[i];
                const hedge_job_status_t said = {
                        .loss = x, .test_accuracy = x, .samples_per_s = x, .bytes_up_per_step = x, .left_s = x
                };
                const hedge_epoch_report_t e = {
                        (uint32_t)(i == 5 ? UINT32_MAX : i), x, x, x, x, x, x, x, x, x, x, 0, x
                };
                const hedge_job_event_t event = { .at_s = x };

                hedged_job_update(job, &said);
                assert_int_equal(hedged_job_add_epoch(job, &e), 0);
                assert_int_equal(hedged_job_add_event(job, &event), 0);
                hedged_job_view(job, x, true, 0, 0, &s);
                assert_int_equal(hedge_message_pack(&message, &header), 0);
                zmq_msg_close(&header);
        }
}

static void not_all_events_are_kept(void **state)
{
        (void)state;
        hedged_job_t *job = add(1);
        const hedge_job_event_t event = { .text = "board-1 is lost" };

        for (unsigned i = 0; i < HEDGED_JOB_EVENTS; i++)
                assert_int_equal(hedged_job_add_event(job, &event), 0);
        assert_int_equal(hedged_job_add_event(job, &event), HEDGE_ELIMIT);
        assert_int_equal(job->log.n_events, HEDGED_JOB_EVENTS);
        assert_string_equal(job->log.events[HEDGED_JOB_EVENTS - 2].text, "board-1 is lost");
        assert_string_equal(job->log.events[HEDGED_JOB_EVENTS - 1].text, "more has happened than is kept");
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_lowest_number_runs_first),
                TEST(the_oldest_of_too_many_goes),
                TEST(a_new_job_says_what_it_is),
                TEST(lists_come_in_pieces),
                TEST(an_epoch_that_runs_again_takes_the_place),
                TEST(a_log_that_ends_is_of_a_job_that_has),
                TEST(what_a_run_says_is_taken),
                TEST(every_view_fits_a_message),
                TEST(not_all_events_are_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
