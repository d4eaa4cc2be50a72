/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/trainings_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* ---- ops ---- */

void hedged_trainings_send(hedged_trainings_t *c, hedged_storage_op_t *op)
{
        op->next = c->ops;
        c->ops = op;
        c->n_ops++;
        hedged_storage_send(c->storage, op);
}

static void take_op(hedged_trainings_t *c, const hedged_storage_op_t *op)
{
        for (hedged_storage_op_t **at = &c->ops; *at; at = &(*at)->next)
                if (*at == op) {
                        *at = op->next;
                        break;
                }
        c->n_ops--;
}

/* ---- the end of a job ---- */

/* Those who wait for its end get what has become of it. */
static void answer_stops(hedged_trainings_t *c, const hedged_job_t *job)
{
        for (unsigned i = 0; i < c->n_stops;) {
                const hedged_stop_ask_t *stop = &c->stops[i];

                if (stop->job != job->status.job) {
                        i++;
                        continue;
                }
                hedged_trainings_answer(&stop->asker, HEDGE_MSG_JOB_STOP_OK, job);
                c->stops[i] = c->stops[--c->n_stops];
        }
}

/* No more than are to be kept of those that have ended. */
static void trim(hedged_trainings_t *c)
{
        hedged_job_t *job;

        while ((job = hedged_jobs_surplus(&c->jobs, (unsigned)c->server->config->jobs.keep))) {
                hedged_storage_op_t *e = calloc(1, sizeof(*e));

                if (!e)
                        return; /* with the next one */
                e->kind = HEDGED_STORAGE_REMOVE;
                e->job = job->status.job;
                hedged_jobs_remove(&c->jobs, job);
                hedged_trainings_send(c, e);
        }
}

static void ended(hedged_trainings_t *c, hedged_job_t *job, const char *state, const char *text)
{
        hedged_job_end(job, state, text);
        log_notice("job=%" PRIu64 " name=%s: %s%s%s", job->status.job, job->status.name, state, *text ? ": " : "",
                   text);
        answer_stops(c, job);
        trim(c);
}

static void warn_unwritten(const hedged_job_t *job, int r)
{
        log_warning("job=%" PRIu64 ": cannot write down how it ended: %s, it goes on after a restart", job->status.job,
                    hedge_strerror(r));
}

void hedged_trainings_end(hedged_trainings_t *c, hedged_job_t *job, const char *state, const char *text)
{
        hedged_storage_op_t *e = calloc(1, sizeof(*e));

        job->ending = true;
        if (!e) {
                int r = hedged_folder_end(job->folder, state, text);

                if (r < 0)
                        warn_unwritten(job, r);
                ended(c, job, state, text);
                return;
        }
        e->kind = HEDGED_STORAGE_END;
        e->job = job->status.job;
        e->folder = job->folder;
        snprintf(e->state, sizeof(e->state), "%s", state);
        snprintf(e->text, sizeof(e->text), "%s", text);
        hedged_trainings_send(c, e);
}

/* ---- the job that runs ---- */

void hedged_trainings_next(hedged_trainings_t *c)
{
        hedged_run_settings_t settings = {
                .line = c->line, .loop = c->server->mail, .news_kind = HEDGED_MAIL_NEWS, .macs_per_s = c->macs_per_s
        };
        hedged_job_t *job;
        char text[HEDGE_TEXT_MAX];
        int r = -1;

        while (r < 0 && !c->running && !c->lent && !c->server->stopping && (job = hedged_jobs_next(&c->jobs))) {
                settings.folder = job->folder;
                hedged_line_open(c->line, job->status.job);
                r = hedged_run_start(&settings, &c->run);
                if (r == 0) {
                        c->running = job;
                        snprintf(job->status.state, sizeof(job->status.state), "running");
                        log_notice("job=%" PRIu64 " name=%s: running", job->status.job, job->status.name);
                        return;
                }
                hedged_line_close(c->line, false);
                snprintf(text, sizeof(text), "it could not be started: %s", hedge_strerror(r));
                hedged_trainings_end(c, job, "failed", text);
        }
}

/* Have it written down: a disk may take its time. */
static void keep(hedged_trainings_t *c, hedged_job_t *job, const hedge_epoch_report_t *epoch,
                 const hedge_job_event_t *event)
{
        hedged_storage_op_t *e = calloc(1, sizeof(*e));

        if (!e)
                return; /* as where the disk is full: it goes on without */
        e->kind = HEDGED_STORAGE_LOG;
        e->job = job->status.job;
        e->folder = job->folder;
        e->is_epoch = epoch != NULL;
        if (epoch)
                e->epoch = *epoch;
        else
                e->event = *event;
        hedged_trainings_send(c, e);
}

static void add_epoch(hedged_trainings_t *c, hedged_job_t *job, const hedge_epoch_report_t *epoch)
{
        log_info("job=%" PRIu64 " epoch=%u loss=%.4f test_accuracy=%.4f", job->status.job, epoch->epoch, epoch->loss,
                 epoch->test_accuracy);
        if (hedged_job_add_epoch(job, epoch) == 0)
                keep(c, job, &job->log.epochs[job->log.n_epochs - 1], NULL);
}

static void add_event(hedged_trainings_t *c, hedged_job_t *job, const hedge_job_event_t *happened)
{
        hedge_job_event_t event = *happened;

        event.at_s = hedged_jobs_now_s() - job->log.created_s;
        log_notice("job=%" PRIu64 " step=%" PRIu64 ": %s", job->status.job, event.step, event.text);
        if (hedged_job_add_event(job, &event) == 0)
                keep(c, job, NULL, &job->log.events[job->log.n_events - 1]);
}

/* Its thread has ended, or is about to. Where the program stops, the job goes on after the next start. */
static void run_ended(hedged_trainings_t *c, const hedge_job_status_t *status)
{
        const bool over = strcmp(status->state, "running") != 0 && strcmp(status->state, "waiting") != 0;
        hedged_job_t *job = c->running;

        hedged_run_destroy(&c->run);
        hedged_line_close(c->line, !over && c->server->stopping);
        c->running = NULL;
        if (over)
                hedged_trainings_end(c, job, status->state, status->text);
        else if (c->server->stopping)
                log_notice("job=%" PRIu64 ": stopped at step %" PRIu64 ", it goes on after the next start",
                           job->status.job, status->step);
        else
                hedged_trainings_end(c, job, "failed", "its thread ended before its time");
        hedged_trainings_next(c);
}

void hedged_trainings_news(hedged_trainings_t *c, hedged_news_t *news)
{
        if (c->running) {
                hedged_job_update(c->running, &news->status);
                if (news->has_event)
                        add_event(c, c->running, &news->event);
                if (news->has_epoch)
                        add_epoch(c, c->running, &news->epoch);
                if (news->ended)
                        run_ended(c, &news->status);
        }
        free(news);
}

void hedged_trainings_stop(hedged_trainings_t *c)
{
        if (c->running)
                hedged_line_stop(c->line, HEDGED_STOP_SHUTDOWN);
}

/* ---- what comes back from the storage ---- */

static void created(hedged_trainings_t *c, hedged_storage_op_t *e)
{
        hedged_job_t *job = NULL;
        int r = e->result;

        if (r == 0) {
                r = hedged_jobs_add(&c->jobs, e->folder, NULL, hedged_jobs_now_s(), &job);
                if (r < 0)
                        hedge_why(&e->why, r, "out of memory: the job runs after the next start of the coordinator");
        }
        if (r < 0) {
                log_warning("a job was not taken in: %s", e->why.text);
                hedged_refuse(&e->asker, r, e->why.text);
                return;
        }
        e->folder = NULL;
        log_notice("job=%" PRIu64 " name=%s method=%s: taken in", job->status.job, job->status.name,
                   job->status.method);
        hedged_trainings_next(c);
        hedged_trainings_answer(&e->asker, HEDGE_MSG_TRAIN_OK, job);
}

static void model_read(hedged_trainings_t *c, hedged_storage_op_t *e)
{
        const hedged_job_t *job = hedged_jobs_find(&c->jobs, e->job);
        hedge_message_t message = { .type = HEDGE_MSG_JOB_MODEL_OK };

        if (e->result < 0 || !job) {
                hedged_refuse(&e->asker, job ? e->result : -ENOENT,
                              job ? e->why.text : "the job has just been removed");
                return;
        }
        message.job_model_ok.id = e->asker.id;
        message.job_model_ok.job = e->job;
        snprintf(message.job_model_ok.name, sizeof(message.job_model_ok.name), "%s", job->status.name);
        hedged_reply(&e->asker, &message, e->frames, 2);
        e->n_frames = 0; /* they are gone */
}

static void end_written(hedged_trainings_t *c, const hedged_storage_op_t *e)
{
        hedged_job_t *job = hedged_jobs_find(&c->jobs, e->job);

        if (e->result < 0)
                warn_unwritten(job, e->result);
        ended(c, job, e->state, e->text);
}

void hedged_trainings_done(hedged_trainings_t *c, hedged_storage_op_t *e)
{
        take_op(c, e);
        switch (e->kind) {
        case HEDGED_STORAGE_CREATE:
                created(c, e);
                break;
        case HEDGED_STORAGE_MODEL:
                model_read(c, e);
                break;
        case HEDGED_STORAGE_END:
                end_written(c, e);
                break;
        case HEDGED_STORAGE_LOG:
                if (e->result < 0)
                        log_warning("job=%" PRIu64 ": cannot add to its log: %s, going on without", e->job,
                                    e->why.text);
                break;
        case HEDGED_STORAGE_REMOVE:
                if (e->result < 0)
                        log_warning("job=%" PRIu64 ": cannot remove its folder: %s, ignoring it", e->job, e->why.text);
        }
        hedged_storage_op_destroy(&e);
}

/* ---- start and end ---- */

static void open_job(hedged_trainings_t *c, uint64_t number)
{
        hedged_folder_t *folder = NULL;
        hedged_job_log_t log = { 0 };
        hedge_why_t why = { "" };
        int r = hedged_folder_open(c->server->config->jobs.folder, number, &folder, &log, &why);

        if (r == 0) {
                r = hedged_jobs_add(&c->jobs, folder, &log, 0, NULL);
                if (r == 0)
                        return;
                hedge_why(&why, r, "out of memory");
                hedged_folder_close(&folder);
                hedged_job_log_release(&log);
        }
        log_warning("job=%" PRIu64 ": %s, leaving it alone", number, *why.text ? why.text : hedge_strerror(r));
}

static int open_storage(hedged_trainings_t *c, uint64_t number, hedge_why_t *why)
{
        const hedged_storage_settings_t settings = {
                .jobs = c->server->config->jobs.folder,
                .number = number,
                .file_bytes = c->server->config->limits.frame_bytes,
                .loop = c->server->mail,
                .done_kind = HEDGED_MAIL_STORAGE,
        };
        int r = hedged_storage_new(&settings, &c->storage);

        if (r == 0)
                r = hedged_line_new(c->server->sockets.boards, c->server->cluster, c->server->mail, HEDGED_MAIL_LINE,
                                    &c->line);
        return r < 0 ? hedge_why(why, r, "cannot start the storage of training jobs: %s", hedge_strerror(r)) : 0;
}

static int open_jobs(hedged_trainings_t *c, hedge_why_t *why)
{
        uint64_t *numbers = NULL, greatest = 0;
        int n = hedged_folder_list(c->server->config->jobs.folder, &numbers, &c->no_jobs), r;

        if (n < 0) {
                if (!*c->no_jobs.text)
                        hedge_why(&c->no_jobs, n, "%s: %s", c->server->config->jobs.folder, hedge_strerror(n));
                log_warning("jobs.folder: %s, going on without training jobs", c->no_jobs.text);
        }
        for (int i = 0; i < n; i++) {
                open_job(c, numbers[i]);
                greatest = numbers[i] > greatest ? numbers[i] : greatest;
        }
        free(numbers);
        c->takes_jobs = n >= 0;
        r = open_storage(c, greatest + 1, why);
        if (r == 0)
                trim(c);
        return r;
}

int hedged_trainings_new(hedged_server_t *server, double macs_per_s, hedged_trainings_t **ret, hedge_why_t *why)
{
        hedged_trainings_t *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return hedge_why(why, -ENOMEM, "out of memory");
        c->server = server;
        c->macs_per_s = macs_per_s;
        r = open_jobs(c, why);
        if (r < 0)
                hedged_trainings_destroy(&c);
        else
                *ret = c;
        return r;
}

void hedged_trainings_destroy(hedged_trainings_t **trainings)
{
        if (!*trainings)
                return;
        hedged_storage_destroy(&(*trainings)->storage);
        hedged_line_destroy(&(*trainings)->line);
        hedged_jobs_release(&(*trainings)->jobs);
        free(*trainings);
        *trainings = NULL;
}

/* ---- for the rest of the server ---- */

hedged_line_t *hedged_trainings_line(hedged_trainings_t *c)
{
        return c->line;
}

int hedged_trainings_take_line(hedged_trainings_t *c, hedge_why_t *why)
{
        if (c->running)
                return hedge_why(why, -EBUSY, "job %" PRIu64 " is training on the boards: wait for it, or stop it",
                                 c->running->status.job);
        c->lent = true;
        return 0;
}

void hedged_trainings_give_line(hedged_trainings_t *c)
{
        c->lent = false;
        hedged_trainings_next(c);
}

void hedged_trainings_abandon(hedged_trainings_t *c)
{
        for (const hedged_storage_op_t *op = c->ops; op; op = op->next)
                if (op->asker.socket)
                        hedged_refuse(&op->asker, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
        for (unsigned i = 0; i < c->n_stops; i++)
                hedged_refuse(&c->stops[i].asker, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
        c->n_stops = 0;
}

bool hedged_trainings_are_idle(const hedged_trainings_t *c)
{
        return !c->run && !c->lent && c->n_ops == 0;
}
