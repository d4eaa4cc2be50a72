/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/follow.h"
#include "client/requests.h"

/* A coordinator of a few lines, in a thread. Its job has done one epoch more at every question, so that what is printed
 * depends on nothing but the questions. */
enum { EPOCHS = 300 };

typedef struct fake {
        void *context, *control;
        void *hub, *socket; /* the ROUTER in a context of its own: when that has ended, its address is free */
        pthread_t thread, asker;
        uint32_t done;         /* epochs of the job so far */
        uint32_t last;         /* it ends after so many; then its state is `end` */
        const char *end;       /* "done", ... */
        uint32_t hang_up_at;   /* close instead of this epoch, for good if there is no `end`; 0: never */
        uint32_t interrupt_at; /* send the asker a SIGINT after it; 0: never */
        uint32_t refuse_at;    /* answer HEDGE_ESHUTDOWN instead of it; 0: never */
        unsigned asked;
} fake_t;

static char folder[] = "/tmp/hedge-follow-XXXXXX";
static char output[64], complaints[64];
static hedgec_target_t target;
static char address[96];

static hedge_epoch_report_t epochs[EPOCHS];
static hedge_job_event_t event = { .step = 0, .text = "it begins" };

static hedge_job_status_t answer_jobs(fake_t *fake, const hedge_msg_jobs_t *question)
{
        hedge_job_status_t job = {
                .job = 7, .name = "net", .method = "co3", .epochs = fake->last, .steps = fake->last
        };
        uint32_t left;

        fake->done += fake->done < fake->last;
        left = question->from_epoch < fake->done ? fake->done - question->from_epoch : 0;
        strcpy(job.state, fake->done < fake->last ? "running" : fake->end);
        job.epoch = fake->done;
        job.step = fake->done;
        job.test_accuracy = 0.5;
        job.parameters = 11;
        job.first_epoch = question->from_epoch;
        job.epochs_done = epochs + (left ? question->from_epoch : 0);
        job.n_epochs_done = left < HEDGE_JOB_LIST ? left : HEDGE_JOB_LIST;
        job.first_event = question->from_event;
        job.events = &event;
        job.n_events = question->from_event ? 0 : 1;
        return job;
}

static void answer(fake_t *fake, const hedge_envelope_t *request)
{
        const hedge_message_t *asked = &request->message;
        hedge_message_t message = { .type = HEDGE_MSG_JOBS_OK };
        hedge_job_status_t job;
        zmq_msg_t frames[2];

        if (asked->type == HEDGE_MSG_JOB_MODEL) {
                message.type = HEDGE_MSG_JOB_MODEL_OK;
                message.job_model_ok = (hedge_msg_job_model_ok_t){ asked->job_ask.id, asked->job_ask.job, "net" };
                for (int i = 0; i < 2; i++) {
                        zmq_msg_init_size(&frames[i], 5);
                        memcpy(zmq_msg_data(&frames[i]), i ? "yaml\n" : "onnx\n", 5);
                }
                hedge_link_send(fake->socket, &request->route, &message, frames, 2);
                return;
        }
        fake->asked++;
        if (asked->jobs.job != 7 || (fake->refuse_at && fake->done + 1 == fake->refuse_at)) {
                message.type = HEDGE_MSG_ERROR;
                message.error = (hedge_msg_error_t){ .about = asked->jobs.id,
                                                     .code = asked->jobs.job == 7 ? HEDGE_ESHUTDOWN : -ENOENT,
                                                     .text = "there is no such job" };
                fake->refuse_at = 0;
        } else {
                job = answer_jobs(fake, &asked->jobs);
                message.jobs_ok = (hedge_msg_jobs_ok_t){ asked->jobs.id, 1, &job };
        }
        hedge_link_send(fake->socket, &request->route, &message, NULL, 0);
        if (fake->interrupt_at && fake->done == fake->interrupt_at)
                pthread_kill(fake->asker, SIGINT);
}

static void open_hub(fake_t *fake)
{
        fake->hub = zmq_ctx_new();
        fake->socket = zmq_socket(fake->hub, ZMQ_ROUTER);
        assert_int_equal(hedge_socket_set(fake->socket, &(hedge_socket_options_t){ .limits = &hedge_wire_default_limits,
                                                                                   .linger_ms = 1000 }),
                         0);
        assert_int_equal(zmq_bind(fake->socket, address), 0);
}

static void close_hub(fake_t *fake)
{
        zmq_close(fake->socket);
        zmq_ctx_term(fake->hub);
}

/* Until it is told to leave. */
static void *serve(void *arg)
{
        fake_t *fake = arg;
        zmq_pollitem_t items[] = { { fake->socket, 0, ZMQ_POLLIN, 0 }, { fake->control, 0, ZMQ_POLLIN, 0 } };
        hedge_envelope_t request;

        while (zmq_poll(items, 2, -1) > 0 && !items[1].revents) {
                if (hedge_link_receive(fake->socket, true, &hedge_wire_default_limits, &request, NULL) != 1)
                        continue;
                if (fake->done + 1 != fake->hang_up_at) {
                        answer(fake, &request);
                } else {
                        close_hub(fake);
                        if (fake->end)
                                open_hub(fake);
                        fake->hang_up_at = 0;
                        items[0].socket = fake->socket;
                }
                hedge_envelope_release(&request);
                if (!fake->end && !fake->hang_up_at)
                        break;
        }
        if (fake->end)
                close_hub(fake);
        zmq_close(fake->control);
        return NULL;
}

static void start(fake_t *fake)
{
        fake->context = zmq_ctx_new();
        fake->asker = pthread_self();
        open_hub(fake);
        fake->control = zmq_socket(fake->context, ZMQ_PAIR);
        assert_int_equal(zmq_bind(fake->control, "inproc://control"), 0);
        assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

static void stop(fake_t *fake)
{
        void *control = zmq_socket(fake->context, ZMQ_PAIR);
        int none = 0;

        zmq_connect(control, "inproc://control");
        zmq_send(control, "", 0, ZMQ_DONTWAIT);
        pthread_join(fake->thread, NULL);
        zmq_setsockopt(control, ZMQ_LINGER, &none, sizeof(none));
        zmq_close(control);
        zmq_ctx_term(fake->context);
}

static char *read_file(const char *path)
{
        static char text[65536];
        FILE *file = fopen(path, "r");
        size_t n;

        assert_non_null(file);
        n = fread(text, 1, sizeof(text) - 1, file);
        text[n] = '\0';
        fclose(file);
        return text;
}

/* Have a stream go to a file. @return what brings it back. */
static int divert(FILE *stream, const char *path)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), before;

        fflush(stream);
        before = dup(fileno(stream));
        dup2(fd, fileno(stream));
        close(fd);
        return before;
}

static void bring_back(FILE *stream, int before)
{
        fflush(stream);
        dup2(before, fileno(stream));
        close(before);
}

/* @return the exit status; what was printed is in the two files. */
static int follow(fake_t *fake, const hedgec_follow_t *wish, const hedgec_job_model_t *model)
{
        hedgec_connection_t *connection = NULL;
        int out, err, status;

        start(fake);
        assert_int_equal(hedgec_connect("test", &target, &connection), 0);
        out = divert(stdout, output);
        err = divert(stderr, complaints);
        status = hedgec_follow_to_end(wish, &connection, model);
        bring_back(stdout, out);
        bring_back(stderr, err);
        hedgec_connection_close(&connection);
        stop(fake);
        return status;
}

static unsigned count(const char *text, const char *word)
{
        unsigned n = 0;

        for (; (text = strstr(text, word)); text++)
                n++;
        return n;
}

/* Every epoch once, in order. */
static void check_epochs(const char *text, unsigned n)
{
        char line[32];

        for (unsigned i = 1; i <= n; i++) {
                snprintf(line, sizeof(line), "\"epoch\":%u,", i);
                text = strstr(text, line);
                assert_non_null(text);
                assert_null(strstr(text + 1, line));
        }
}

static void test_a_job_is_followed_to_its_end(void **state)
{
        const hedgec_follow_t wish = { &target, 7, false, 0 };
        fake_t fake = { .last = 3, .end = "done" };
        const char *text;

        assert_int_equal(follow(&fake, &wish, NULL), EXIT_SUCCESS);
        text = read_file(output);
        assert_int_equal(count(text, "EPOCH "), 1);
        assert_int_equal(count(text, "step 0: it begins\n"), 1);
        assert_int_equal(count(text, "\n    1 "), 1);
        assert_int_equal(count(text, "\n    2 "), 1);
        assert_int_equal(count(text, "\n    3 "), 1);
        assert_non_null(strstr(text, "\ndone after 3 epochs: 50.00 % of the test images are right\n"));
        assert_string_equal(read_file(complaints), "");
        assert_int_equal(fake.asked, 3);
}

static void test_long_lists_come_in_pieces(void **state)
{
        const hedgec_follow_t wish = { &target, 7, true, 0 };
        fake_t fake = { .done = EPOCHS - 1, .last = EPOCHS, .end = "done" };
        const char *text;

        assert_int_equal(follow(&fake, &wish, NULL), EXIT_SUCCESS);
        assert_int_equal(fake.asked, 2);
        text = read_file(output);
        check_epochs(text, EPOCHS);
        assert_int_equal(count(text, "\"event\":"), 1);
        assert_int_equal(count(text, "\"state\":\"done\",\"text\":\"\",\"epochs\":300,\"parameters\":11}\n"), 1);
}

static void test_a_failed_job_is_a_failure(void **state)
{
        const hedgec_follow_t wish = { &target, 7, true, 0 };
        fake_t fake = { .last = 1, .end = "failed" }, stopped = { .last = 1, .end = "stopped" };

        assert_int_equal(follow(&fake, &wish, NULL), EXIT_FAILURE);
        assert_int_equal(count(read_file(output), "\"state\":\"failed\""), 1);
        assert_non_null(strstr(read_file(complaints), "hedge: job 7 failed: it does not say why\n"));
        assert_int_equal(follow(&stopped, &wish, NULL), EXIT_FAILURE);
        assert_non_null(strstr(read_file(complaints), "hedge: job 7 was stopped after 1 epoch"));
}

static void test_a_coordinator_may_come_back(void **state)
{
        const hedgec_follow_t wish = { &target, 7, true, 0 };
        fake_t fake = { .last = 4, .end = "done", .hang_up_at = 2 };

        assert_int_equal(follow(&fake, &wish, NULL), EXIT_SUCCESS);
        check_epochs(read_file(output), 4);
        assert_non_null(strstr(read_file(complaints), "went away; trying to reach it again for 60 s\n"));
        assert_non_null(strstr(read_file(complaints), "hedge: the coordinator is back\n"));

        /* One that says that it is about to go. */
        fake = (fake_t){ .last = 4, .end = "done", .refuse_at = 2 };
        assert_int_equal(follow(&fake, &wish, NULL), EXIT_SUCCESS);
        check_epochs(read_file(output), 4);
        assert_non_null(strstr(read_file(complaints), "hedge: the coordinator is back\n"));
}

static void test_a_coordinator_that_stays_away_is_given_up(void **state)
{
        const hedgec_follow_t wish = { &target, 7, true, 1000 };
        fake_t fake = { .last = 4, .hang_up_at = 2 };

        assert_int_equal(follow(&fake, &wish, NULL), EXIT_FAILURE);
        check_epochs(read_file(output), 1);
        assert_null(strstr(read_file(output), "\"state\""));
        assert_non_null(strstr(read_file(complaints), "hedge: the coordinator did not come back; job 7 goes on when"));
}

static void test_ctrl_c_leaves_the_job(void **state)
{
        const hedgec_follow_t wish = { &target, 7, true, 0 };
        fake_t fake = { .last = EPOCHS, .end = "done", .interrupt_at = 2 };

        assert_int_equal(follow(&fake, &wish, NULL), HEDGEC_EXIT_INTERRUPTED);
        assert_string_equal(read_file(complaints),
                            "hedge: job 7 goes on; 'hedge jobs 7' shows it, 'hedge jobs stop 7' ends it\n");
        assert_true(fake.done < EPOCHS);
}

static void test_an_unknown_job_is_said(void **state)
{
        const hedgec_follow_t wish = { &target, 8, true, 0 };
        fake_t fake = { .last = 1, .end = "done" };

        assert_int_equal(follow(&fake, &wish, NULL), EXIT_FAILURE);
        assert_string_equal(read_file(complaints), "hedge: there is no such job\n");
}

static void test_the_model_is_written(void **state)
{
        const hedgec_follow_t wish = { &target, 7, false, 0 };
        fake_t fake = { .last = 1, .end = "done" };
        hedgec_job_model_t model;
        hedge_why_t why = { "" };
        char path[96], line[512];

        snprintf(path, sizeof(path), "%s/a.b.onnx", folder);
        assert_int_equal(hedgec_job_model_name(path, &model, &why), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(follow(&fake, &wish, &model), EXIT_SUCCESS);
        assert_string_equal(read_file(path), "onnx\n");
        snprintf(line, sizeof(line),
                 "Wrote %s/a.b.onnx and %s/a.b.model.yaml: 'hedge load %s/a.b.onnx --manifest "
                 "%s/a.b.model.yaml' puts it on the cluster.\n",
                 folder, folder, folder, folder);
        assert_non_null(strstr(read_file(output), line));
        unlink(path);
        snprintf(path, sizeof(path), "%s/a.b.model.yaml", folder);
        assert_string_equal(read_file(path), "yaml\n");
        unlink(path);
        hedgec_job_model_release(&model);

        /* A failed job has none. */
        fake = (fake_t){ .last = 1, .end = "failed" };
        snprintf(path, sizeof(path), "%s/model.onnx", folder);
        assert_int_equal(hedgec_job_model_name(path, &model, &why), 0);
        snprintf(line, sizeof(line), "%s/model.yaml", folder);
        assert_string_equal(model.manifest, line);
        snprintf(line, sizeof(line), "hedge load %s/model.onnx", folder);
        assert_string_equal(model.load, line);
        assert_int_equal(follow(&fake, &wish, &model), EXIT_FAILURE);
        assert_int_equal(access(path, F_OK), -1);
        hedgec_job_model_release(&model);

        snprintf(path, sizeof(path), "%s/nowhere/model.onnx", folder);
        assert_int_equal(hedgec_job_model_name(path, &model, &why), -ENOENT);
        assert_non_null(strstr(why.text, "nowhere/model.onnx"));
}

static int make_folder(void **state)
{
        if (!mkdtemp(folder))
                return -1;
        snprintf(output, sizeof(output), "%s/output", folder);
        snprintf(complaints, sizeof(complaints), "%s/complaints", folder);
        snprintf(address, sizeof(address), "ipc://%s/sock", folder);
        target = (hedgec_target_t){ .connect = address };
        for (uint32_t i = 0; i < EPOCHS; i++)
                epochs[i].epoch = i + 1;
        return 0;
}

static int remove_folder(void **state)
{
        char path[96];

        unlink(output);
        unlink(complaints);
        snprintf(path, sizeof(path), "%s/sock", folder);
        unlink(path);
        return rmdir(folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_job_is_followed_to_its_end),
                cmocka_unit_test(test_long_lists_come_in_pieces),
                cmocka_unit_test(test_a_failed_job_is_a_failure),
                cmocka_unit_test(test_a_coordinator_may_come_back),
                cmocka_unit_test(test_a_coordinator_that_stays_away_is_given_up),
                cmocka_unit_test(test_ctrl_c_leaves_the_job),
                cmocka_unit_test(test_an_unknown_job_is_said),
                cmocka_unit_test(test_the_model_is_written),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
