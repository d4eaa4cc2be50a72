/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/follow.h"
#include "client/requests.h"
#include "client/training.h"

typedef struct jobs_values {
        hedgec_target_t target;
        const char *output;
        bool json, follow;
} jobs_values_t;

static const hedgec_option_t options[] = {
        HEDGEC_ROW(STRING, "output", 'o', jobs_values_t, output, "FILE", "model: where to write it"),
        HEDGEC_ROW(FLAG, "follow", 'f', jobs_values_t, follow, NULL,
                   "follow the job to its end, as 'hedge train' does"),
        HEDGEC_ROW(FLAG, "json", 'j', jobs_values_t, json, NULL, "print one JSON object per job and line"),
        HEDGEC_ROW_TABLE(jobs_values_t, target, hedgec_target_options),
        HEDGEC_ROW_END,
};

/* What the operands mean. */
typedef struct wish {
        enum { LIST, SHOW, STOP, MODEL } what;
        uint64_t job;
} wish_t;

static int print_json(const hedge_job_status_t *job, hedge_why_t *why)
{
        hedgec_json_t json = { 0 };

        json.root = hedgec_training_json(&json, job);
        return hedgec_json_print(&json, 0, stdout) < 0 ? hedge_why(why, -ENOMEM, "out of memory") : 0;
}

static int list(hedgec_connection_t *connection, bool as_json, hedge_why_t *why)
{
        const hedge_msg_jobs_ok_t *jobs;
        hedge_envelope_t answer;
        int r = hedgec_request_jobs(connection, 0, 0, 0, &answer, why);

        if (r < 0)
                return r;
        jobs = &answer.message.jobs_ok;
        for (uint32_t i = 0; as_json && !r && i < jobs->n_jobs; i++)
                r = print_json(&jobs->jobs[i], why);
        if (!as_json && !jobs->n_jobs)
                puts("There are no jobs: 'hedge train JOB.yaml' begins one.");
        else if (!as_json && hedgec_training_list(jobs->jobs, jobs->n_jobs, stdout) < 0)
                r = hedge_why(why, -ENOMEM, "out of memory");
        hedge_envelope_release(&answer);
        return r;
}

/* A job's lists come in pieces. */
typedef struct page {
        bool json;
        hedgec_json_t object;
        struct json_object *epochs, *events;
        hedgec_training_shown_t shown;
} page_t;

static void add_page(page_t *page, const hedge_job_status_t *job)
{
        for (uint32_t i = 0; i < job->n_epochs_done; i++)
                hedgec_json_add(&page->object, page->epochs, NULL,
                                hedgec_training_epoch_json(&page->object, job->job, &job->epochs_done[i]));
        for (uint32_t i = 0; i < job->n_events; i++)
                hedgec_json_add(&page->object, page->events, NULL,
                                hedgec_training_event_json(&page->object, job->job, &job->events[i]));
        page->shown.epochs = job->first_epoch + job->n_epochs_done;
        page->shown.events = job->first_event + job->n_events;
}

static void begin_page(page_t *page, const hedge_job_status_t *job)
{
        if (page->json) {
                page->object.root = hedgec_training_json(&page->object, job);
                page->epochs = hedgec_json_array(&page->object);
                page->events = hedgec_json_array(&page->object);
        } else {
                hedgec_training_print(job, stdout);
                if (job->n_epochs_done || job->n_events)
                        putchar('\n');
        }
}

static int end_page(page_t *page)
{
        if (!page->json)
                return 0;
        hedgec_json_add(&page->object, page->object.root, "epochs_done", page->epochs);
        hedgec_json_add(&page->object, page->object.root, "events", page->events);
        return hedgec_json_print(&page->object, 0, stdout);
}

static int show(hedgec_connection_t *connection, uint64_t number, bool as_json, hedge_why_t *why)
{
        page_t page = { .json = as_json };
        hedge_envelope_t answer;
        bool first = true, more;
        int r, ended;

        do {
                const hedge_job_status_t *job;

                r = hedgec_request_jobs(connection, number, page.shown.epochs, page.shown.events, &answer, why);
                if (r < 0)
                        break;
                job = answer.message.jobs_ok.jobs;
                if (first)
                        begin_page(&page, job);
                first = false;
                if (as_json)
                        add_page(&page, job);
                else
                        hedgec_training_show(job, false, &page.shown, stdout);
                more = job->n_epochs_done == HEDGE_JOB_LIST || job->n_events == HEDGE_JOB_LIST;
                hedge_envelope_release(&answer);
        } while (more);
        if (first)
                return r;
        ended = end_page(&page);
        return r < 0 || !ended ? r : hedge_why(why, ended, "out of memory");
}

static int stop(hedgec_connection_t *connection, uint64_t number, bool as_json, hedge_why_t *why)
{
        char text[HEDGE_TEXT_MAX + 64];
        const hedge_job_status_t *job;
        hedge_envelope_t answer;
        int r = hedgec_request_job_stop(connection, number, &answer, why);

        if (r < 0)
                return r;
        job = answer.message.jobs_ok.jobs;
        if (as_json) {
                r = print_json(job, why);
        } else {
                printf("Job %" PRIu64 ": ", job->job);
                hedgec_print_safe(hedgec_training_end_text(job, text, sizeof(text)), stdout);
                puts(".");
        }
        hedge_envelope_release(&answer);
        return r;
}

static int fetch(hedgec_connection_t *connection, const jobs_values_t *v, uint64_t job, hedge_why_t *why)
{
        hedgec_job_model_t model;
        hedgec_json_t json = { 0 };
        int r = hedgec_job_model_name(v->output, &model, why);

        if (r < 0)
                return r;
        r = hedgec_job_model_fetch(connection, job, &model, why);
        if (!r && v->json) {
                json.root = hedgec_json_object(&json);
                hedgec_json_add_uint(&json, json.root, "job", job);
                hedgec_json_add_string(&json, json.root, "model", model.onnx);
                hedgec_json_add_string(&json, json.root, "manifest", model.manifest);
                r = hedgec_json_print(&json, 0, stdout) < 0 ? hedge_why(why, -ENOMEM, "out of memory") : 0;
        } else if (!r) {
                printf("Wrote %s and %s: '%s' puts it on the cluster.\n", model.onnx, model.manifest, model.load);
        }
        hedgec_job_model_release(&model);
        return r;
}

/* @return 0, or the exit status of wrong usage. */
static int understand(const jobs_values_t *v, char **operands, unsigned n, wish_t *ret)
{
        wish_t wish = { .what = n ? SHOW : LIST };
        const char *number = n ? operands[n - 1] : NULL;

        if (n == 2 || (n == 1 && (!strcmp(number, "stop") || !strcmp(number, "model")))) {
                wish.what = !strcmp(operands[0], "stop") ? STOP : MODEL;
                if (wish.what == MODEL && strcmp(operands[0], "model"))
                        return hedgec_complain_usage("jobs", "jobs: '%s' is neither stop nor model", operands[0]);
                if (n == 1)
                        return hedgec_complain_usage("jobs", "jobs: %s which job? its number is wanted", number);
        }
        if (n && hedgec_uint_parse(number, 1, UINT64_MAX, &wish.job) < 0)
                return hedgec_complain_usage("jobs", "jobs: '%s' is no job's number", number);
        if ((wish.what == MODEL) != (v->output != NULL))
                return hedgec_complain_usage("jobs", wish.what == MODEL ? "jobs: model wants --output FILE"
                                                                        : "jobs: --output goes with model");
        if (v->follow && wish.what != SHOW)
                return hedgec_complain_usage("jobs", "jobs: --follow goes with a job's number alone");
        *ret = wish;
        return 0;
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const jobs_values_t *v = values;
        hedgec_connection_t *connection = NULL;
        hedge_why_t why = { "" };
        wish_t wish = { LIST, 0 };
        int status = understand(v, operands, n_operands, &wish), r = 0;

        if (!status)
                status = hedgec_connect("jobs", &v->target, &connection);
        if (status)
                return status;
        if (v->follow)
                status =
                        hedgec_follow_to_end(&(hedgec_follow_t){ &v->target, wish.job, v->json, 0 }, &connection, NULL);
        else if (wish.what == LIST)
                r = list(connection, v->json, &why);
        else if (wish.what == SHOW)
                r = show(connection, wish.job, v->json, &why);
        else if (wish.what == STOP)
                r = stop(connection, wish.job, v->json, &why);
        else
                r = fetch(connection, v, wish.job, &why);
        hedgec_connection_close(&connection);
        return r < 0 ? hedgec_complain("%s", why.text) : status;
}

const hedgec_command_t hedgec_command_jobs = {
        .name = "jobs",
        .operands = "[ID | stop ID | model ID]",
        .summary = "list the training jobs, show or stop one, fetch its model",
        .details = "List the training jobs. With ID, show that job's epochs and what has happened\n"
                   "to it. 'stop ID' ends it; what it has learnt so far is its model. 'model ID\n"
                   "-o FILE' writes its model as FILE, and its model.yaml beside it.",
        .example = "hedge jobs model 3 -o digits.onnx",
        .options = options,
        .values_size = sizeof(jobs_values_t),
        .max_operands = 2,
        .run = run,
};
