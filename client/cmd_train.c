/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/file_frame.h"
#include "client/follow.h"
#include "client/job_text.h"
#include "client/media/file.h"
#include "client/requests.h"
#include "client/training.h"
#include "common/job/job.h"

#define TAKE_IN_MS 600000 /* to send the data, have it checked and stored */

typedef struct train_values {
        hedgec_target_t target;
        hedgec_option_list_t set;
        const char *output;
        bool json, detach;
} train_values_t;

static const hedgec_option_t options[] = {
        HEDGEC_ROW(STRING, "output", 'o', train_values_t, output, "MODEL.onnx",
                   "write the model there when it is done"),
        HEDGEC_ROW(LIST, "set", 's', train_values_t, set, "KEY=VALUE", "change a key of the job, as sgd.rate=0.1"),
        HEDGEC_ROW(FLAG, "detach", 0, train_values_t, detach, NULL, "do not wait for the end"),
        HEDGEC_ROW(FLAG, "json", 'j', train_values_t, json, NULL, "print a JSON object per epoch and event"),
        HEDGEC_ROW_TABLE(train_values_t, target, hedgec_target_options),
        HEDGEC_ROW_END,
};

/* A job as it is sent. */
typedef struct order {
        hedge_job_t job;
        char *paths[HEDGE_JOB_FILES]; /* of the data files, from here */
        unsigned n_files;
        zmq_msg_t frames[1 + HEDGE_JOB_FILES];
        uint32_t n_frames;
} order_t;

static void release_order(order_t *order)
{
        for (uint32_t i = 0; i < order->n_frames; i++)
                zmq_msg_close(&order->frames[i]);
        for (unsigned i = 0; i < order->n_files; i++)
                free(order->paths[i]);
        hedge_job_release(&order->job);
        order->n_frames = order->n_files = 0;
}

/* The text, as --set has it. */
static int read_text(const char *path, const hedgec_option_list_t *set, order_t *order, hedge_why_t *why)
{
        uint8_t *bytes;
        char *text;
        size_t size;
        int r = hedgec_file_read(path, HEDGE_JOB_MAX_BYTES, &bytes, &size, why);

        if (r < 0)
                return r;
        text = (char *)bytes;
        for (unsigned i = 0; !r && i < set->count; i++)
                r = hedgec_job_text_set(path, &text, &size, set->items[i], why);
        if (!r)
                r = hedge_job_parse(path, text, size, &order->job, why);
        if (!r)
                r = hedgec_frame_text(text, size, &order->frames[0], why);
        if (r < 0)
                free(text);
        else
                order->n_frames = 1;
        return r;
}

/* A job names its files as seen from where it lies. */
static char *path_from(const char *job, const char *file)
{
        const char *slash = strrchr(job, '/');
        char *path;

        if (file[0] == '/' || !slash)
                return strdup(file);
        return asprintf(&path, "%.*s/%s", (int)(slash - job), job, file) < 0 ? NULL : path;
}

/* Everything that the coordinator will look at, so that mistakes are said before anything is sent. */
static int check(order_t *order, hedge_why_t *why)
{
        hedge_dataset_t *train = NULL, *test = NULL;
        hedge_net_t *net = NULL;
        int r = hedge_job_prepare(&order->job, (const char *const *)order->paths, &train, &test, &net, why);

        if (!r) {
                hedge_net_destroy(&net);
                hedge_dataset_destroy(&train);
                hedge_dataset_destroy(&test);
        }
        return r;
}

static int add_files(const char *path, order_t *order, hedge_why_t *why)
{
        const char *files[HEDGE_JOB_FILES];
        unsigned n = hedge_job_files(&order->job, files);
        int r;

        for (unsigned i = 0; i < n; i++) {
                order->paths[i] = path_from(path, files[i]);
                if (!order->paths[i])
                        return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
                order->n_files++;
                r = hedgec_frame_file(order->paths[i], &order->frames[order->n_frames], why);
                if (r < 0)
                        return r;
                order->n_frames++;
        }
        return check(order, why);
}

/* Sentences about a key begin with the job's name and line; others are given it. */
static int complain(const char *path, const hedge_why_t *why)
{
        if (!strncmp(why->text, path, strlen(path)))
                return hedgec_complain("%s", why->text);
        return hedgec_complain("%s: %s", path, why->text);
}

static int send_order(const train_values_t *v, hedgec_connection_t *connection, order_t *order, hedge_job_status_t *ret,
                      hedge_why_t *why)
{
        int wait_ms = v->target.timeout_s ? (int)v->target.timeout_s * 1000 : TAKE_IN_MS;
        hedge_message_t message = { .type = HEDGE_MSG_TRAIN };
        uint32_t n = order->n_frames;
        hedge_envelope_t answer;
        int r;

        message.train.id = hedgec_connection_id(connection);
        order->n_frames = 0;
        r = hedgec_connection_request(connection, &message, order->frames, n, HEDGE_MSG_TRAIN_OK, wait_ms, &answer,
                                      why);
        if (r < 0)
                return r;
        r = hedgec_answer_one_job(&answer.message, why);
        if (!r)
                *ret = answer.message.jobs_ok.jobs[0];
        ret->epochs_done = NULL;
        ret->events = NULL;
        ret->n_epochs_done = ret->n_events = 0;
        hedge_envelope_release(&answer);
        return r;
}

static int say_taken_in(const train_values_t *v, const hedge_job_status_t *job)
{
        hedgec_json_t json = { 0 };

        if (v->json && !v->detach)
                return EXIT_SUCCESS;
        if (v->json) {
                json.root = hedgec_training_json(&json, job);
                return hedgec_json_print(&json, 0, stdout) < 0 ? hedgec_complain("out of memory") : EXIT_SUCCESS;
        }
        printf("Job %" PRIu64 " (%s, ", job->job, job->name);
        hedgec_print_safe(job->method, stdout);
        if (v->detach)
                printf(") is taken in: 'hedge jobs %" PRIu64 "' shows it, 'hedge jobs stop %" PRIu64 "' ends it.\n",
                       job->job, job->job);
        else
                puts(") is taken in; Ctrl-C leaves it running.");
        hedgec_flush();
        return EXIT_SUCCESS;
}

static int train(const train_values_t *v, const char *path, order_t *order, const hedgec_job_model_t *model)
{
        hedgec_connection_t *connection = NULL;
        hedge_job_status_t job = { 0 };
        hedge_why_t why = { "" };
        int status = hedgec_connect("train", &v->target, &connection), r;

        if (status)
                return status;
        r = send_order(v, connection, order, &job, &why);
        if (r == -ECONNRESET || r == -ETIMEDOUT)
                status = hedgec_complain("%s; 'hedge jobs' tells whether it has taken the job in", why.text);
        else
                status = r < 0 ? complain(path, &why) : say_taken_in(v, &job);
        if (!status && !v->detach)
                status = hedgec_follow_to_end(&(hedgec_follow_t){ &v->target, job.job, v->json, 0 }, &connection,
                                              model->onnx ? model : NULL);
        hedgec_connection_close(&connection);
        return status;
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const train_values_t *v = values;
        hedgec_job_model_t model = { NULL, NULL, NULL };
        order_t order = { .n_frames = 0 };
        hedge_why_t why = { "" };
        int r, status;

        if (v->output && v->detach)
                return hedgec_complain_usage("train", "train: --output waits for the end, --detach does not; "
                                                      "'hedge jobs model' fetches a model later");
        r = read_text(operands[0], &v->set, &order, &why);
        if (!r)
                r = add_files(operands[0], &order, &why);
        if (r < 0)
                status = complain(operands[0], &why);
        else if (v->output && hedgec_job_model_name(v->output, &model, &why) < 0)
                status = hedgec_complain("cannot write %s", why.text);
        else
                status = train(v, operands[0], &order, &model);
        hedgec_job_model_release(&model);
        release_order(&order);
        return status;
}

const hedgec_command_t hedgec_command_train = {
        .name = "train",
        .operands = "JOB.yaml",
        .summary = "train a network on the cluster",
        .details = "Send a training job with its data files to the coordinator, which keeps it and\n"
                   "runs it with the boards, and follow it to its end. The job says what is\n"
                   "trained, on which data (files named as seen from the job), how and for how\n"
                   "long: hedge-job.yaml(5) has every key. All of it is checked before anything is\n"
                   "sent. A job goes on without this command, and when the coordinator is started\n"
                   "anew.",
        .example = "hedge train digits.yaml -o digits.onnx --set co3.format=fp4",
        .options = options,
        .values_size = sizeof(train_values_t),
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
