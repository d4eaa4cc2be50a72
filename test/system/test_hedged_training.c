/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "test/system/hedged_bed.h"

/* Training jobs in the real hedged, with boards and clients that the test plays. */

#define SIDE   4
#define IMAGES 96
#define END    8 /* where the pixels and labels of an IDX file begin is 16 and 8 */

/* Bright pictures and dark ones, in IDX. */
typedef struct data {
        uint8_t images[16 + IMAGES * SIDE * SIDE], labels[END + IMAGES];
} data_t;

static void put_u32(uint8_t *at, uint32_t x)
{
        for (unsigned i = 0; i < 4; i++)
                at[i] = (uint8_t)(x >> (24 - 8 * i));
}

static void make_data(data_t *data)
{
        const uint32_t head[] = { 0x803, IMAGES, SIDE, SIDE };

        for (unsigned i = 0; i < 4; i++)
                put_u32(data->images + 4 * i, head[i]);
        put_u32(data->labels, 0x801);
        put_u32(data->labels + 4, IMAGES);
        for (unsigned i = 0; i < IMAGES; i++) {
                const uint8_t label = i * 2654435761u >> 13 & 1;

                data->labels[END + i] = label;
                for (unsigned p = 0; p < SIDE * SIDE; p++)
                        data->images[16 + i * SIDE * SIDE + p] =
                                (uint8_t)(100 * label + ((i * SIDE * SIDE + p) * 2246822519u >> 9 & 127));
        }
}

static void fill(zmq_msg_t *frame, const void *bytes, size_t size)
{
        assert_int_equal(zmq_msg_init_size(frame, size), 0);
        memcpy(zmq_msg_data(frame), bytes, size);
}

/* TRAIN with so many bytes of the images left out. */
static void send_job(hedged_bed_t *bed, const char *method, unsigned epochs, const char *more, size_t cut)
{
        const hedge_message_t message = { .type = HEDGE_MSG_TRAIN, .train = { .id = ++bed->id } };
        char text[1024];
        zmq_msg_t frames[3];
        data_t data;

        make_data(&data);
        snprintf(text, sizeof(text),
                 "name: squares\n"
                 "data: {train: [images, labels], hold_out: 16, classes: 2}\n"
                 "layers:\n"
                 "  - {type: flatten}\n"
                 "  - {type: dense, name: out, units: 2}\n"
                 "method: %s\nepochs: %u\nbatch: 16\n%s\n",
                 method, epochs, more);
        fill(&frames[0], text, strlen(text));
        fill(&frames[1], data.images, sizeof(data.images) - cut);
        fill(&frames[2], data.labels, sizeof(data.labels));
        fake_peer_send(&bed->client, &message, frames, 3);
}

static const hedge_message_t *expect(hedged_bed_t *bed, hedge_message_type_t type)
{
        const hedge_message_t *m = hedged_bed_answer(bed);

        if (m->type == HEDGE_MSG_ERROR && m->type != type)
                fail_msg("in place of a %s: %s", hedge_message_name(type), m->error.text);
        assert_int_equal(m->type, type);
        return m;
}

/* The one job of an answer. */
static const hedge_job_status_t *expect_job(hedged_bed_t *bed, hedge_message_type_t type)
{
        const hedge_message_t *m = expect(bed, type);

        assert_int_equal(m->jobs_ok.id, bed->id);
        assert_int_equal(m->jobs_ok.n_jobs, 1);
        return &m->jobs_ok.jobs[0];
}

static uint64_t train(hedged_bed_t *bed, const char *method, unsigned epochs, const char *more)
{
        send_job(bed, method, epochs, more, 0);
        return expect_job(bed, HEDGE_MSG_TRAIN_OK)->job;
}

static void send_jobs(hedged_bed_t *bed, uint64_t job, uint32_t from_epoch, uint32_t from_event)
{
        const hedge_message_t m = {
                .type = HEDGE_MSG_JOBS,
                .jobs = { .id = ++bed->id, .job = job, .from_epoch = from_epoch, .from_event = from_event },
        };

        fake_peer_send(&bed->client, &m, NULL, 0);
}

static const hedge_job_status_t *show(hedged_bed_t *bed, uint64_t job)
{
        send_jobs(bed, job, 0, 0);
        return expect_job(bed, HEDGE_MSG_JOBS_OK);
}

static void send_ask(hedged_bed_t *bed, hedge_message_type_t type, uint64_t job)
{
        const hedge_message_t m = { .type = type, .job_ask = { .id = ++bed->id, .job = job } };

        fake_peer_send(&bed->client, &m, NULL, 0);
}

static const hedge_job_status_t *stop(hedged_bed_t *bed, uint64_t job)
{
        send_ask(bed, HEDGE_MSG_JOB_STOP, job);
        return expect_job(bed, HEDGE_MSG_JOB_STOP_OK);
}

/* Ask again and again, while the boards work, until the job is in this state. */
static const hedge_job_status_t *until_state(hedged_bed_t *bed, uint64_t job, const char *state)
{
        const int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
        const hedge_job_status_t *s;

        while (strcmp((s = show(bed, job))->state, state) != 0)
                if (hedge_now_ms() > end_ms || (!strcmp(s->state, "failed") && strcmp(state, "failed") != 0)) {
                        test_process_show(&bed->hedged);
                        fail_msg("job %llu is %s (%s) and not %s", (unsigned long long)job, s->state, s->text, state);
                }
        return s;
}

static const hedge_job_status_t *until_epoch(hedged_bed_t *bed, uint64_t job, uint32_t epoch)
{
        const int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
        const hedge_job_status_t *s;

        while ((s = show(bed, job))->epoch < epoch)
                if (hedge_now_ms() > end_ms || s->text[0]) {
                        test_process_show(&bed->hedged);
                        fail_msg("job %llu is %s at epoch %u", (unsigned long long)job, s->state, s->epoch);
                }
        return s;
}

/* Does an event of the job say this? Asks until it does. */
static void until_event(hedged_bed_t *bed, uint64_t job, const char *text)
{
        const int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;

        do {
                const hedge_job_status_t *s = show(bed, job);

                for (uint32_t i = 0; i < s->n_events; i++)
                        if (strstr(s->events[i].text, text))
                                return;
        } while (hedge_now_ms() < end_ms);
        test_process_show(&bed->hedged);
        fail_msg("no event of job %llu says '%s'", (unsigned long long)job, text);
}

/* How many jobs' folders there are. */
static unsigned count_folders(const hedged_bed_t *bed)
{
        char path[300];
        DIR *dir;
        const struct dirent *entry;
        unsigned n = 0;

        snprintf(path, sizeof(path), "%s/jobs", bed->dir);
        dir = opendir(path);
        assert_non_null(dir);
        while ((entry = readdir(dir)))
                n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
        closedir(dir);
        return n;
}

/* ---- one job ---- */

static void a_local_job_is_done(void **state)
{
        hedged_bed_t *bed = *state;
        const hedge_job_status_t *s;
        const hedge_message_t *m;

        hedged_bed_start(bed, "");
        send_job(bed, "local", 12, "", 0);
        s = expect_job(bed, HEDGE_MSG_TRAIN_OK);
        assert_int_equal(s->job, 1);
        assert_string_equal(s->name, "squares");
        assert_string_equal(s->method, "local");
        assert_int_equal(s->epochs, 12);
        s = until_state(bed, 1, "done");
        assert_int_equal(s->n_epochs_done, 12);
        assert_int_equal(s->epochs_done[11].epoch, 12);
        assert_true(s->epochs_done[11].loss < s->epochs_done[0].loss);
        assert_true(s->test_accuracy > 0.9);
        assert_int_equal(s->parameters, SIDE * SIDE * 2 + 2);
        assert_true(s->age_s > 0);
        send_jobs(bed, 1, 10, UINT32_MAX);
        s = expect_job(bed, HEDGE_MSG_JOBS_OK);
        assert_int_equal(s->first_epoch, 10);
        assert_int_equal(s->n_epochs_done, 2);
        assert_int_equal(s->n_events, 0);

        send_ask(bed, HEDGE_MSG_JOB_MODEL, 1);
        m = expect(bed, HEDGE_MSG_JOB_MODEL_OK);
        assert_int_equal(m->job_model_ok.id, bed->id);
        assert_string_equal(m->job_model_ok.name, "squares");
        assert_int_equal(bed->client.last.n_frames, 2);
        assert_non_null(memmem(zmq_msg_data(&bed->client.last.frames[1]), zmq_msg_size(&bed->client.last.frames[1]),
                               "scale", 5));
        assert_true(zmq_msg_size(&bed->client.last.frames[0]) > 100);
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
}

static void expect_sentence(hedged_bed_t *bed, int code, const char *words)
{
        const hedge_msg_error_t *error = hedged_bed_expect_error(bed, code);

        if (!strstr(error->text, words))
                fail_msg("'%s' does not say '%s'", error->text, words);
}

static void bad_jobs_leave_nothing(void **state)
{
        hedged_bed_t *bed = *state;
        const hedge_message_t all = { .type = HEDGE_MSG_JOBS, .jobs = { .id = 7 } };

        hedged_bed_start(bed, "");
        send_job(bed, "local", 3, "colour: red", 0);
        expect_sentence(bed, HEDGE_ECONFIG, "colour");
        send_job(bed, "local", 3, "", 5);
        expect_sentence(bed, HEDGE_EMALFORMED, "images");
        send_job(bed, "elsewhere", 3, "", 0);
        expect_sentence(bed, HEDGE_ECONFIG, "elsewhere");
        send_ask(bed, HEDGE_MSG_JOB_STOP, 7);
        expect_sentence(bed, -ENOENT, "there is no job 7");
        send_ask(bed, HEDGE_MSG_JOB_MODEL, 7);
        expect_sentence(bed, -ENOENT, "there is no job 7");
        send_jobs(bed, 7, 0, 0);
        expect_sentence(bed, -ENOENT, "there is no job 7");
        fake_peer_send(&bed->client, &all, NULL, 0);
        assert_int_equal(expect(bed, HEDGE_MSG_JOBS_OK)->jobs_ok.n_jobs, 0);
        assert_int_equal(count_folders(bed), 0);
        assert_int_equal(train(bed, "local", 1, ""), 1);
}

/* ---- the queue ---- */

#define LONG 1000000

static void jobs_wait_for_their_turn(void **state)
{
        hedged_bed_t *bed = *state;

        bed->jobs = ", queue: 2";
        hedged_bed_start(bed, "");
        assert_int_equal(train(bed, "local", LONG, ""), 1);
        assert_int_equal(train(bed, "local", LONG, ""), 2);
        assert_int_equal(train(bed, "local", 2, ""), 3);
        send_job(bed, "local", 2, "", 0);
        expect_sentence(bed, -EAGAIN, "jobs.queue");
        until_epoch(bed, 1, 2);
        assert_string_equal(show(bed, 1)->state, "running");
        assert_string_equal(show(bed, 2)->state, "queued");
        send_ask(bed, HEDGE_MSG_JOB_MODEL, 1);
        expect_sentence(bed, -EAGAIN, "running");

        assert_string_equal(stop(bed, 2)->state, "stopped");
        send_ask(bed, HEDGE_MSG_JOB_MODEL, 2);
        expect_sentence(bed, -ENOENT, "no model");
        assert_string_equal(show(bed, 1)->state, "running");
        assert_string_equal(stop(bed, 1)->state, "stopped");
        send_ask(bed, HEDGE_MSG_JOB_MODEL, 1); /* what it had learnt so far */
        expect(bed, HEDGE_MSG_JOB_MODEL_OK);
        send_ask(bed, HEDGE_MSG_JOB_STOP, 1);
        expect_sentence(bed, -EALREADY, "ended already: stopped");
        until_state(bed, 3, "done");
        assert_int_equal(train(bed, "local", 1, ""), 4);
}

static void only_so_many_are_kept(void **state)
{
        hedged_bed_t *bed = *state;

        bed->jobs = ", keep: 2";
        hedged_bed_start(bed, "");
        for (uint64_t i = 1; i <= 4; i++) {
                assert_int_equal(train(bed, "local", 1, ""), i);
                until_state(bed, i, "done");
        }
        send_jobs(bed, 2, 0, 0);
        expect_sentence(bed, -ENOENT, "there is no job 2");
        assert_int_equal(show(bed, 3)->epoch, 1);
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
        assert_int_equal(count_folders(bed), 2);

        /* numbers are not given again, and what ended is known still */
        hedged_bed_start(bed, "");
        assert_string_equal(show(bed, 4)->state, "done");
        assert_int_equal(show(bed, 4)->n_epochs_done, 1);
        assert_int_equal(train(bed, "local", 1, ""), 5);
}

/* ---- restarts ---- */

static void a_job_goes_on_after_a_restart(void **state)
{
        hedged_bed_t *bed = *state;
        uint32_t epochs;
        int64_t since_ms;

        hedged_bed_start(bed, "");
        assert_int_equal(train(bed, "local", LONG, ""), 1);
        assert_int_equal(train(bed, "local", 2, ""), 2);
        epochs = until_epoch(bed, 1, 3)->epoch;
        since_ms = hedge_now_ms();
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
        if (!getenv("HEDGE_TEST_SANITIZED"))
                assert_true(hedge_now_ms() - since_ms < 5000);

        hedged_bed_start(bed, "");
        until_event(bed, 1, "started anew");
        assert_string_equal(show(bed, 2)->state, "queued");
        assert_true(until_epoch(bed, 1, epochs + 1)->epoch > epochs);
        assert_int_equal(hedged_bed_end(bed, SIGKILL), 128 + SIGKILL);

        hedged_bed_start(bed, "");
        until_epoch(bed, 1, epochs + 2);
        assert_int_equal(train(bed, "local", 1, ""), 3);
        assert_string_equal(stop(bed, 1)->state, "stopped");
        until_state(bed, 2, "done");
        until_state(bed, 3, "done");
}

static void what_cannot_be_read_is_left_alone(void **state)
{
        hedged_bed_t *bed = *state;
        char path[300];

        snprintf(path, sizeof(path), "%s/jobs", bed->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/jobs/000005", bed->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        test_write_file(path, "job.yaml", "no job\n");
        hedged_bed_start(bed, "");
        assert_true(test_process_said(&bed->hedged, "leaving it alone"));
        send_jobs(bed, 5, 0, 0);
        expect_sentence(bed, -ENOENT, "there is no job 5");
        assert_int_equal(train(bed, "local", 1, ""), 6);
        until_state(bed, 6, "done");
        assert_int_equal(count_folders(bed), 2);
}

static void without_a_folder_the_rest_goes_on(void **state)
{
        hedged_bed_t *bed = *state;

        test_write_file(bed->dir, "jobs", "no folder\n");
        hedged_bed_start(bed, "");
        assert_true(test_process_said(&bed->hedged, "going on without training jobs"));
        send_job(bed, "local", 1, "", 0);
        expect_sentence(bed, HEDGE_EUNSUPPORTED, "jobs.folder");
        hedged_bed_join(bed, 4);
        hedged_bed_load(bed, "digits");
        hedged_bed_infer(bed, "digits");
}

/* ---- with boards ---- */

#define CO3 "co3: {format: fp8, max_bits: 6}"

static bool two_left(hedged_bed_t *bed)
{
        return bed->boards[0].leaves > 0 && bed->boards[1].leaves > 0;
}

static void boards_take_part(void **state)
{
        hedged_bed_t *bed = *state;
        const hedge_job_status_t *s;

        hedged_bed_start(bed, "");
        hedged_bed_join(bed, 2);
        assert_int_equal(train(bed, "co3", 12, CO3), 1);
        s = until_state(bed, 1, "done");
        assert_int_equal(s->n_epochs_done, 12);
        assert_true(s->epochs_done[11].loss < s->epochs_done[0].loss);
        assert_true(s->test_accuracy > 0.9);
        assert_true(s->epochs_done[0].bits_per_entry > 0);
        assert_float_equal(s->epochs_done[11].boards, 2, 0.01);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(bed->boards[i].joins, 1);
                assert_int_equal(bed->boards[i].shards, 1);
                assert_int_equal(bed->boards[i].steps, s->steps);
        }
        hedged_bed_until(bed, two_left, "LEAVE");
        assert_int_equal(bed->boards[0].left, 1);
        assert_int_equal(hedged_bed_status(bed)->malformed, 0);
}

static void boards_may_go_and_come(void **state)
{
        hedged_bed_t *bed = *state;

        hedged_bed_start(bed, "");
        hedged_bed_join(bed, 2);
        assert_int_equal(train(bed, "co3", LONG, CO3), 1);
        until_epoch(bed, 1, 1);
        fake_board_leave(&bed->boards[1]);
        until_event(bed, 1, "board-1 is lost");
        until_epoch(bed, 1, show(bed, 1)->epoch + 2);
        fake_board_join(&bed->boards[1], bed->endpoint);
        until_event(bed, 1, "board-1 takes part");
        bed->boards[0].mood = FAKE_HANGS_UP;
        until_event(bed, 1, "board-0 is lost");
        bed->boards[0].mood = FAKE_GOOD;
        fake_board_leave(&bed->boards[1]);
        until_event(bed, 1, "waiting for boards");
        until_state(bed, 1, "waiting");
        fake_board_forget(&bed->boards[0]); /* another process */
        fake_board_join(&bed->boards[0], bed->endpoint);
        until_epoch(bed, 1, show(bed, 1)->epoch + 1);
        assert_string_equal(stop(bed, 1)->state, "stopped");
        send_ask(bed, HEDGE_MSG_JOB_MODEL, 1);
        expect(bed, HEDGE_MSG_JOB_MODEL_OK);
}

/* Boards that say what is wrong do no harm to the others' training. */
static void bad_boards_do_no_harm(void **state)
{
        static const fake_mood_t moods[] = { FAKE_WRONG_SIZE, FAKE_TWICE, FAKE_FULL, FAKE_SILENT };
        hedged_bed_t *bed = *state;

        hedged_bed_start(bed, "");
        hedged_bed_join(bed, 3);
        for (unsigned i = 0; i < sizeof(moods) / sizeof(moods[0]); i++) {
                bed->boards[2].mood = moods[i];
                assert_int_equal(train(bed, "co3", 4, CO3 "\n# quorum below"), i + 1);
                if (moods[i] == FAKE_SILENT) { /* nothing comes of it, and only its loss ends the waiting */
                        until_event(bed, i + 1, "3 boards");
                        fake_board_leave(&bed->boards[2]);
                }
                assert_int_equal(until_state(bed, i + 1, "done")->n_epochs_done, 4);
        }
        assert_true(hedged_bed_status(bed)->malformed > 0);
}

/* The coordinator is killed and started anew: boards keep their shards. */
static void shards_outlive_the_coordinator(void **state)
{
        hedged_bed_t *bed = *state;

        hedged_bed_start(bed, "");
        hedged_bed_join(bed, 2);
        assert_int_equal(train(bed, "co3", LONG, CO3), 1);
        until_epoch(bed, 1, 2);
        assert_int_equal(hedged_bed_end(bed, SIGKILL), 128 + SIGKILL);
        hedged_bed_start(bed, "");
        hedged_bed_join(bed, 2);
        until_event(bed, 1, "started anew");
        until_epoch(bed, 1, show(bed, 1)->epoch + 2);
        /* A board that is slow to come back may have lost its shard to the other, to which it is new. */
        assert_int_equal(bed->boards[0].again + bed->boards[1].again, 0);
        assert_int_equal(bed->boards[0].leaves + bed->boards[1].leaves, 0);
        assert_string_equal(stop(bed, 1)->state, "stopped");
        hedged_bed_until(bed, two_left, "LEAVE");
}

/* Inference goes on beside it. */
static void requests_are_served_meanwhile(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");

        assert_int_equal(train(bed, "co3", LONG, CO3), 1);
        until_epoch(bed, 1, 1);
        for (unsigned i = 0; i < 3; i++)
                assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
        assert_string_equal(show(bed, 1)->state, "running");
        assert_string_equal(stop(bed, 1)->state, "stopped");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hedged_bed_set_up, hedged_bed_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_local_job_is_done),
                TEST(bad_jobs_leave_nothing),
                TEST(jobs_wait_for_their_turn),
                TEST(only_so_many_are_kept),
                TEST(a_job_goes_on_after_a_restart),
                TEST(what_cannot_be_read_is_left_alone),
                TEST(without_a_folder_the_rest_goes_on),
                TEST(boards_take_part),
                TEST(boards_may_go_and_come),
                TEST(bad_boards_do_no_harm),
                TEST(shards_outlive_the_coordinator),
                TEST(requests_are_served_meanwhile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
