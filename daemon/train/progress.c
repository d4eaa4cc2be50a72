/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/progress.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define NEWS_US   100000 /* as often at most */
#define LATELY_US 2000000

struct hedged_progress {
        const hedged_run_settings_t *settings;
        hedge_job_status_t status;
        hedged_tally_t epoch, lately, before; /* `lately` since since_us, `before` the two seconds before that */
        uint64_t steps_per_epoch;
        double test_seconds;
        int64_t since_us, told_us;
        hedged_news_t *last; /* so that the last news never fails */
};

void hedged_tally_add(hedged_tally_t *sum, const hedged_tally_t *tally)
{
        sum->steps += tally->steps;
        sum->images += tally->images;
        sum->loss += tally->loss;
        sum->counted += tally->counted;
        sum->late += tally->late;
        sum->gradients += tally->gradients;
        sum->gradient_bytes += tally->gradient_bytes;
        sum->entropy += tally->entropy;
        sum->bytes_up += tally->bytes_up;
        sum->bytes_down += tally->bytes_down;
        sum->seconds += tally->seconds;
}

int hedged_progress_new(const hedged_run_settings_t *settings, hedged_progress_t **ret)
{
        const hedge_job_t *job = &settings->folder->config;
        hedged_progress_t *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->last = calloc(1, sizeof(*p->last));
        if (!p->last) {
                free(p);
                return -ENOMEM;
        }
        p->settings = settings;
        p->since_us = hedge_now_us();
        p->status = (hedge_job_status_t){ .epochs = (uint32_t)job->epochs, .test_accuracy = -1, .left_s = -1 };
        snprintf(p->status.method, sizeof(p->status.method), "%s", hedge_job_methods[job->method]);
        snprintf(p->status.state, sizeof(p->status.state), "running");
        *ret = p;
        return 0;
}

void hedged_progress_destroy(hedged_progress_t **progress)
{
        if (!*progress)
                return;
        free((*progress)->last);
        free(*progress);
        *progress = NULL;
}

static double ratio(double sum, double n)
{
        return n > 0 ? sum / n : 0;
}

/* ---- news ---- */

static void put(hedged_progress_t *p, hedged_news_t *news)
{
        news->mail.kind = p->settings->news_kind;
        news->status = p->status;
        p->told_us = hedge_now_us();
        hedge_mailbox_put(p->settings->loop, &news->mail);
}

/* Without memory there is none: the next says what counts, but for epochs and events. */
static void tell(hedged_progress_t *p, const hedge_epoch_report_t *epoch, const hedge_job_event_t *event)
{
        hedged_news_t *news = calloc(1, sizeof(*news));

        if (!news)
                return;
        news->has_epoch = epoch != NULL;
        news->has_event = event != NULL;
        if (epoch)
                news->epoch = *epoch;
        if (event)
                news->event = *event;
        put(p, news);
}

static void tell_now_and_then(hedged_progress_t *p)
{
        if (hedge_now_us() - p->told_us >= NEWS_US)
                tell(p, NULL, NULL);
}

void hedged_progress_event(hedged_progress_t *p, const char *format, ...)
{
        hedge_job_event_t event = { .step = p->status.step };
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(event.text, sizeof(event.text), format, args);
        va_end(args);
        if (n >= (int)sizeof(event.text))
                memcpy(event.text + sizeof(event.text) - 4, "...", 4);
        tell(p, NULL, &event);
}

void hedged_progress_boards(hedged_progress_t *p, unsigned boards)
{
        p->status.boards = boards;
}

void hedged_progress_waiting(hedged_progress_t *p, bool waiting)
{
        snprintf(p->status.state, sizeof(p->status.state), "%s", waiting ? "waiting" : "running");
        tell(p, NULL, NULL);
}

void hedged_progress_end(hedged_progress_t *p, const char *state, const char *text)
{
        hedged_news_t *news = p->last;

        if (state)
                snprintf(p->status.state, sizeof(p->status.state), "%s", state);
        snprintf(p->status.text, sizeof(p->status.text), "%s", text);
        p->status.left_s = strcmp(p->status.state, "done") == 0 ? 0 : -1;
        p->last = NULL;
        news->ended = true;
        put(p, news);
}

/* ---- averages ---- */

void hedged_progress_begin(hedged_progress_t *p, uint64_t parameters, uint64_t steps_per_epoch, uint64_t step,
                           uint32_t epoch)
{
        p->steps_per_epoch = steps_per_epoch;
        p->status.parameters = parameters;
        p->status.step = step;
        p->status.steps = steps_per_epoch * p->status.epochs;
        p->status.epoch = epoch;
        tell(p, NULL, NULL);
}

static hedged_tally_t recent(const hedged_progress_t *p)
{
        hedged_tally_t sum = p->before;

        hedged_tally_add(&sum, &p->lately);
        return sum;
}

static void estimate(hedged_progress_t *p)
{
        const hedged_tally_t r = recent(p);
        hedge_job_status_t *s = &p->status;
        const uint64_t left = s->steps - s->step;

        s->loss = ratio(r.loss, (double)r.images);
        s->samples_per_s = ratio((double)r.images, r.seconds);
        s->bytes_up_per_step = ratio((double)r.bytes_up, (double)r.steps);
        s->left_s = (double)left * ratio(r.seconds, (double)r.steps) + p->test_seconds * (s->epochs - s->epoch);
}

/* A window is at least one step. */
static void move_window(hedged_progress_t *p)
{
        const int64_t now_us = hedge_now_us();

        if (now_us - p->since_us < LATELY_US || p->lately.steps == 0)
                return;
        p->before = p->lately;
        p->lately = (hedged_tally_t){ 0 };
        p->since_us = now_us;
}

void hedged_progress_step(hedged_progress_t *p, const hedged_tally_t *step)
{
        hedged_tally_add(&p->epoch, step);
        hedged_tally_add(&p->lately, step);
        p->status.step += step->steps;
        estimate(p);
        tell_now_and_then(p);
        move_window(p);
}

void hedged_progress_back(hedged_progress_t *p, uint64_t step)
{
        p->status.step = step;
}

bool hedged_progress_has_steps(const hedged_progress_t *p)
{
        return p->epoch.images > 0;
}

static hedge_epoch_report_t report(const hedged_progress_t *p, double train_loss)
{
        const hedged_tally_t *t = &p->epoch;
        const double steps = (double)t->steps;
        const double bits = 8 * (double)t->gradient_bytes / (double)p->status.parameters;

        return (hedge_epoch_report_t){ .epoch = p->status.epoch + 1,
                                       .loss = t->images ? t->loss / (double)t->images : train_loss,
                                       .seconds = t->seconds,
                                       .ms_per_step = ratio(1e3 * t->seconds, steps),
                                       .samples_per_s = ratio((double)t->images, t->seconds),
                                       .bytes_up_per_step = ratio((double)t->bytes_up, steps),
                                       .bytes_down_per_step = ratio((double)t->bytes_down, steps),
                                       .bits_per_entry = ratio(bits, (double)t->gradients),
                                       .entropy = ratio(t->entropy, (double)t->gradients),
                                       .late = (uint32_t)t->late,
                                       .boards = ratio((double)t->counted, steps) };
}

void hedged_progress_epoch(hedged_progress_t *p, double train_loss, const hedge_score_t *test, uint32_t images,
                           double seconds)
{
        hedge_epoch_report_t epoch = report(p, train_loss);

        epoch.test_loss = test->loss;
        epoch.test_accuracy = ratio(test->correct, images);
        p->test_seconds = seconds;
        p->status.epoch = epoch.epoch;
        p->status.test_accuracy = epoch.test_accuracy;
        estimate(p);
        p->epoch = (hedged_tally_t){ 0 };
        tell(p, &epoch, NULL);
}
