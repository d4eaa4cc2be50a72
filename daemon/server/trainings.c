/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/trainings_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What clients say about training jobs. */

#define MOST_CREATING 4 /* jobs at a time; their data is in memory */
#define MOST_READING  4 /* models at a time, likewise */

void hedged_trainings_answer(const hedge_asker_t *asker, hedge_message_type_t type, const hedged_job_t *job)
{
        hedge_job_status_t status;
        const hedge_message_t message = { .type = type, .jobs_ok = { .id = asker->id, .n_jobs = 1, .jobs = &status } };

        hedged_job_view(job, hedged_jobs_now_s(), false, 0, 0, &status);
        hedged_reply(asker, &message, NULL, 0);
}

static unsigned count_ops(const hedged_trainings_t *c, hedged_storage_op_kind_t kind)
{
        unsigned n = 0;

        for (const hedged_storage_op_t *op = c->ops; op; op = op->next)
                n += op->kind == kind;
        return n;
}

static hedged_storage_op_t *make_op(const hedge_asker_t *asker, hedged_storage_op_kind_t kind)
{
        hedged_storage_op_t *op = calloc(1, sizeof(*op));

        if (op) {
                op->kind = kind;
                op->asker = *asker;
        }
        return op;
}

/* The job that a client means. */
static int find_job(const hedged_trainings_t *c, uint64_t number, hedged_job_t **ret, hedge_why_t *why)
{
        hedged_job_t *job = hedged_jobs_find(&c->jobs, number);

        if (!job)
                return hedge_why(why, -ENOENT, "there is no job %" PRIu64, number);
        *ret = job;
        return 0;
}

/* ---- TRAIN ---- */

/* Waiting beside the one that runs, and on their way to that. */
static unsigned count_waiting(const hedged_trainings_t *c)
{
        return hedged_jobs_open(&c->jobs) - (c->running != NULL) + count_ops(c, HEDGED_STORAGE_CREATE);
}

static int check_train(const hedged_trainings_t *c, hedge_why_t *why)
{
        if (c->server->stopping)
                return hedge_why(why, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
        if (!c->takes_jobs)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "the coordinator takes no training jobs: jobs.folder: %.300s",
                                 c->no_jobs.text);
        if (count_waiting(c) >= c->server->config->jobs.queue)
                return hedge_why(why, -EAGAIN, "%u jobs are waiting already (jobs.queue), try again later",
                                 count_waiting(c));
        if (count_ops(c, HEDGED_STORAGE_CREATE) >= MOST_CREATING)
                return hedge_why(why, -EAGAIN, "too many jobs are being taken in already, try again later");
        return 0;
}

void hedged_trainings_train(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        hedged_trainings_t *c = server->trainings;
        hedged_storage_op_t *op = NULL;
        hedge_why_t why;
        int r = check_train(c, &why);

        if (r == 0 && !(op = make_op(asker, HEDGED_STORAGE_CREATE)))
                r = hedge_why(&why, -ENOMEM, "out of memory");
        if (r < 0) {
                hedged_refuse(asker, r, why.text);
                return;
        }
        op->frames = e->frames;
        op->n_frames = e->n_frames;
        e->frames = NULL;
        e->n_frames = 0;
        hedged_trainings_send(c, op);
}

/* ---- JOBS ---- */

void hedged_trainings_list(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        hedged_trainings_t *c = server->trainings;
        const hedge_msg_jobs_t *asked = &e->message.jobs;
        hedge_message_t message = { .type = HEDGE_MSG_JOBS_OK, .jobs_ok = { .id = asked->id } };
        hedge_msg_jobs_ok_t *ok = &message.jobs_ok;
        hedged_job_t *one = NULL;
        hedge_why_t why;
        int r = asked->job ? find_job(c, asked->job, &one, &why) : 0;

        if (r == 0 && !(ok->jobs = calloc(c->jobs.count + 1, sizeof(*ok->jobs))))
                r = hedge_why(&why, -ENOMEM, "out of memory");
        if (r < 0) {
                hedged_refuse(asker, r, why.text);
                return;
        }
        for (unsigned i = 0; i < c->jobs.count; i++)
                if (!one || c->jobs.jobs[i] == one)
                        hedged_job_view(c->jobs.jobs[i], hedged_jobs_now_s(), one != NULL, asked->from_epoch,
                                        asked->from_event, &ok->jobs[ok->n_jobs++]);
        hedged_reply(asker, &message, NULL, 0);
        free(ok->jobs);
}

/* ---- JOB_STOP ---- */

static int check_stop(const hedged_trainings_t *c, uint64_t number, hedged_job_t **ret, hedge_why_t *why)
{
        hedged_job_t *job = NULL;
        int r = find_job(c, number, &job, why);

        if (r < 0)
                return r;
        if (c->server->stopping)
                return hedge_why(why, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
        if (job->ended)
                return hedge_why(why, -EALREADY, "job %" PRIu64 " has ended already: %s", number, job->status.state);
        if (c->n_stops >= HEDGED_MAX_STOPS)
                return hedge_why(why, -EAGAIN, "too many wait for a job's end already, try again later");
        *ret = job;
        return 0;
}

void hedged_trainings_stop_job(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        hedged_trainings_t *c = server->trainings;
        const hedge_msg_job_ask_t *asked = &e->message.job_ask;
        hedged_job_t *job = NULL;
        hedge_why_t why;
        int r = check_stop(c, asked->job, &job, &why);

        if (r < 0) {
                hedged_refuse(asker, r, why.text);
                return;
        }
        c->stops[c->n_stops++] = (hedged_stop_ask_t){ *asker, asked->job };
        if (job == c->running)
                hedged_line_stop(c->line, HEDGED_STOP_USER);
        else if (!job->ending)
                hedged_trainings_end(c, job, "stopped", "before it began");
}

/* ---- JOB_MODEL ---- */

static int check_model(const hedged_trainings_t *c, uint64_t number, hedged_job_t **ret, hedge_why_t *why)
{
        hedged_job_t *job = NULL;
        int r = find_job(c, number, &job, why);

        if (r < 0)
                return r;
        if (!job->ended)
                return hedge_why(why, -EAGAIN, "job %" PRIu64 " has no model yet: it is %s", number, job->status.state);
        if (!strcmp(job->status.state, "failed"))
                return hedge_why(why, -ENOENT, "job %" PRIu64 " failed and has no model", number);
        if (count_ops(c, HEDGED_STORAGE_MODEL) >= MOST_READING)
                return hedge_why(why, -EAGAIN, "too many models are being read already, try again later");
        *ret = job;
        return 0;
}

static char *file_of(const hedged_job_t *job, const char *name)
{
        char path[sizeof(job->folder->path) + 64];

        return strdup(hedged_folder_file(job->folder, name, path, sizeof(path)));
}

void hedged_trainings_model(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        hedged_trainings_t *c = server->trainings;
        const hedge_msg_job_ask_t *asked = &e->message.job_ask;
        hedged_storage_op_t *op = NULL;
        hedged_job_t *job = NULL;
        hedge_why_t why;
        int r = check_model(c, asked->job, &job, &why);

        if (r == 0 &&
            (!(op = make_op(asker, HEDGED_STORAGE_MODEL)) || !(op->files[0] = file_of(job, HEDGED_FOLDER_MODEL)) ||
             !(op->files[1] = file_of(job, HEDGED_FOLDER_MANIFEST))))
                r = hedge_why(&why, -ENOMEM, "out of memory");
        if (r < 0) {
                hedged_storage_op_destroy(&op);
                hedged_refuse(asker, r, why.text);
                return;
        }
        op->job = asked->job;
        hedged_trainings_send(c, op);
}
