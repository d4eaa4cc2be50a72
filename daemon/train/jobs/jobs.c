/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/jobs/jobs.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST       1e15 /* of any number in a message */
#define MAX_EPOCHS 1000000u

/* ---- the list ---- */

double hedged_jobs_now_s(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void destroy_job(hedged_job_t *job)
{
        hedged_folder_close(&job->folder);
        hedged_job_log_release(&job->log);
        free(job);
}

/* Room for one more. */
static int grow(void **list, uint32_t count, uint32_t *room, size_t size)
{
        uint32_t more = *room < 16 ? 16 : 2 * *room;
        void *grown;

        if (count < *room)
                return 0;
        grown = realloc(*list, more * size);
        if (!grown)
                return -ENOMEM;
        *list = grown;
        *room = more;
        return 0;
}

static void describe(hedged_job_t *job)
{
        const hedge_job_t *config = &job->folder->config;
        hedge_job_status_t *s = &job->status;

        s->job = job->folder->job;
        snprintf(s->name, sizeof(s->name), "%s", config->name);
        snprintf(s->method, sizeof(s->method), "%s", hedge_job_methods[config->method]);
        snprintf(s->state, sizeof(s->state), "queued");
        s->epochs = config->epochs < MAX_EPOCHS ? (uint32_t)config->epochs : MAX_EPOCHS;
        s->test_accuracy = -1;
        s->left_s = -1;
}

/* What the log says of it, through the same door as what its run says. */
static void take_log(hedged_job_t *job, hedged_job_log_t *log)
{
        job->log = *log;
        memset(log, 0, sizeof(*log));
        job->epochs_room = job->log.n_epochs;
        job->events_room = job->log.n_events;
        job->log.n_epochs = job->log.n_events = 0;
        for (uint32_t i = 0; i < job->epochs_room; i++) {
                const hedge_epoch_report_t epoch = job->log.epochs[i];

                hedged_job_add_epoch(job, &epoch); /* there is room */
        }
        for (uint32_t i = 0; i < job->events_room; i++) {
                const hedge_job_event_t event = job->log.events[i];

                hedged_job_add_event(job, &event);
        }
        if (*job->log.state)
                hedged_job_end(job, job->log.state, job->log.text);
}

int hedged_jobs_add(hedged_jobs_t *jobs, hedged_folder_t *folder, hedged_job_log_t *log, double now_s,
                    hedged_job_t **ret)
{
        hedged_job_t *job = calloc(1, sizeof(*job));
        unsigned at;

        if (!job || grow((void **)&jobs->jobs, jobs->count, &jobs->room, sizeof(hedged_job_t *)) < 0) {
                free(job);
                return -ENOMEM;
        }
        job->folder = folder;
        describe(job);
        if (log)
                take_log(job, log);
        else
                job->log.created_s = now_s;
        for (at = jobs->count++; at > 0 && jobs->jobs[at - 1]->status.job > job->status.job; at--)
                jobs->jobs[at] = jobs->jobs[at - 1];
        jobs->jobs[at] = job;
        if (ret)
                *ret = job;
        return 0;
}

void hedged_jobs_remove(hedged_jobs_t *jobs, hedged_job_t *job)
{
        unsigned at = 0;

        while (at < jobs->count && jobs->jobs[at] != job)
                at++;
        if (at == jobs->count)
                return;
        jobs->count--;
        memmove(&jobs->jobs[at], &jobs->jobs[at + 1], (jobs->count - at) * sizeof(hedged_job_t *));
        destroy_job(job);
}

void hedged_jobs_release(hedged_jobs_t *jobs)
{
        for (unsigned i = 0; i < jobs->count; i++)
                destroy_job(jobs->jobs[i]);
        free(jobs->jobs);
        memset(jobs, 0, sizeof(*jobs));
}

hedged_job_t *hedged_jobs_find(const hedged_jobs_t *jobs, uint64_t number)
{
        for (unsigned i = 0; i < jobs->count; i++)
                if (jobs->jobs[i]->status.job == number)
                        return jobs->jobs[i];
        return NULL;
}

hedged_job_t *hedged_jobs_next(const hedged_jobs_t *jobs)
{
        for (unsigned i = 0; i < jobs->count; i++)
                if (!jobs->jobs[i]->ended && !jobs->jobs[i]->ending)
                        return jobs->jobs[i];
        return NULL;
}

unsigned hedged_jobs_open(const hedged_jobs_t *jobs)
{
        unsigned n = 0;

        for (unsigned i = 0; i < jobs->count; i++)
                n += !jobs->jobs[i]->ended && !jobs->jobs[i]->ending;
        return n;
}

hedged_job_t *hedged_jobs_surplus(const hedged_jobs_t *jobs, unsigned keep)
{
        hedged_job_t *oldest = NULL;
        unsigned ended = 0;

        for (unsigned i = 0; i < jobs->count; i++) {
                if (!jobs->jobs[i]->ended)
                        continue;
                ended++;
                if (!oldest)
                        oldest = jobs->jobs[i];
        }
        return ended > keep ? oldest : NULL;
}

/* ---- one job ---- */

/* What a message can say of it: 0 .. MOST, or `none` in place of what is no number. */
static double sane(double x, double none)
{
        return isnan(x) || x < 0 ? none : fmin(x, MOST);
}

static double sane_loss(double x)
{
        return isnan(x) ? INFINITY : fmax(x, 0);
}

void hedged_job_update(hedged_job_t *job, const hedge_job_status_t *status)
{
        hedge_job_status_t *s = &job->status;

        if (job->ended)
                return;
        if (!strcmp(status->state, "running") || !strcmp(status->state, "waiting"))
                memcpy(s->state, status->state, sizeof(s->state));
        s->epoch = status->epoch;
        s->epochs = status->epochs;
        s->step = status->step;
        s->steps = status->steps;
        s->parameters = status->parameters;
        s->loss = sane_loss(status->loss);
        s->test_accuracy = fmin(sane(status->test_accuracy, -1), 1);
        s->samples_per_s = sane(status->samples_per_s, 0);
        s->bytes_up_per_step = sane(status->bytes_up_per_step, 0);
        s->boards = status->boards;
        s->left_s = sane(status->left_s, -1);
}

static void make_sane(hedge_epoch_report_t *e)
{
        double *numbers[] = {
                &e->seconds,        &e->ms_per_step, &e->samples_per_s, &e->bytes_up_per_step, &e->bytes_down_per_step,
                &e->bits_per_entry, &e->entropy,     &e->boards
        };

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                *numbers[i] = sane(*numbers[i], 0);
        e->loss = sane_loss(e->loss);
        e->test_loss = sane_loss(e->test_loss);
        e->test_accuracy = fmin(sane(e->test_accuracy, 0), 1);
        e->epoch = e->epoch < 1 ? 1 : e->epoch > MAX_EPOCHS ? MAX_EPOCHS : e->epoch;
}

int hedged_job_add_epoch(hedged_job_t *job, const hedge_epoch_report_t *epoch)
{
        hedge_epoch_report_t report = *epoch;
        uint32_t n = job->log.n_epochs;

        make_sane(&report);
        while (n > 0 && job->log.epochs[n - 1].epoch >= report.epoch)
                n--;
        if (grow((void **)&job->log.epochs, n, &job->epochs_room, sizeof(report)) < 0)
                return -ENOMEM;
        job->log.epochs[n] = report;
        job->log.n_epochs = n + 1;
        job->status.epoch = report.epoch;
        job->status.loss = report.loss;
        job->status.test_accuracy = report.test_accuracy;
        return 0;
}

int hedged_job_add_event(hedged_job_t *job, const hedge_job_event_t *event)
{
        hedge_job_event_t kept = *event;
        const uint32_t n = job->log.n_events;

        if (n >= HEDGED_JOB_EVENTS)
                return HEDGE_ELIMIT;
        if (n == HEDGED_JOB_EVENTS - 1)
                snprintf(kept.text, sizeof(kept.text), "more has happened than is kept");
        kept.at_s = sane(kept.at_s, 0);
        if (grow((void **)&job->log.events, n, &job->events_room, sizeof(kept)) < 0)
                return -ENOMEM;
        job->log.events[n] = kept;
        job->log.n_events++;
        return 0;
}

void hedged_job_end(hedged_job_t *job, const char *state, const char *text)
{
        snprintf(job->status.state, sizeof(job->status.state), "%s", state);
        snprintf(job->status.text, sizeof(job->status.text), "%s", text);
        job->status.left_s = 0;
        job->status.boards = 0;
        job->ending = false;
        job->ended = true;
}

static uint32_t part_of(uint32_t count, uint32_t from)
{
        const uint32_t left = from < count ? count - from : 0;

        return left < HEDGE_JOB_LIST ? left : HEDGE_JOB_LIST;
}

void hedged_job_view(const hedged_job_t *job, double now_s, bool lists, uint32_t from_epoch, uint32_t from_event,
                     hedge_job_status_t *ret)
{
        *ret = job->status;
        ret->age_s = sane(now_s - job->log.created_s, 0); /* the clock may have been set back */
        if (!lists)
                return;
        ret->first_epoch = from_epoch < job->log.n_epochs ? from_epoch : job->log.n_epochs;
        ret->n_epochs_done = part_of(job->log.n_epochs, ret->first_epoch);
        ret->epochs_done = ret->n_epochs_done ? job->log.epochs + ret->first_epoch : NULL;
        ret->first_event = from_event < job->log.n_events ? from_event : job->log.n_events;
        ret->n_events = part_of(job->log.n_events, ret->first_event);
        ret->events = ret->n_events ? job->log.events + ret->first_event : NULL;
}
