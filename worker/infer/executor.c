/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/executor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/infer/compute.h"
#include "worker/outbox.h"

struct hedgew_executor {
        hedgew_compute_t *compute;
        hedgew_outbox_t *outbox; /* where a board is emulated: results pass through it */
        hedgew_task_t *tasks;
        uint32_t n_tasks;
        uint64_t task_bytes;
        hedge_mail_t *current; /* what `report` speaks of */
        hedgew_report_t report;
};

static void free_share_work(hedgew_share_work_t *work)
{
        hedgew_floats_release(&work->filters);
        hedgew_share_unref(&work->share);
        free(work);
}

static void forget_task(hedgew_executor_t *e, hedgew_task_t *task)
{
        hedgew_task_t **link = &e->tasks;

        while (*link != task)
                link = &(*link)->next;
        *link = task->next;
        e->n_tasks--;
        e->task_bytes -= task->input_bytes;
        hedgew_task_destroy(&task);
}

static void free_part(hedgew_executor_t *e, hedgew_part_t *part)
{
        pthread_mutex_lock(&e->compute->lock);
        e->compute->unsent_bytes -= part->bytes;
        pthread_cond_signal(&e->compute->changed);
        pthread_mutex_unlock(&e->compute->lock);
        hedgew_part_destroy(&part);
}

static void free_mail(hedgew_executor_t *e, hedge_mail_t *mail)
{
        if (mail->kind == HEDGEW_MAIL_SHARE)
                free_share_work((hedgew_share_work_t *)mail);
        else if (mail->kind == HEDGEW_MAIL_TASK)
                forget_task(e, (hedgew_task_t *)mail);
        else if (mail->kind == HEDGEW_MAIL_PART)
                free_part(e, (hedgew_part_t *)mail);
        else if (mail->kind == HEDGEW_MAIL_NUDGE)
                free(mail); /* HEDGEW_MAIL_STOP is not ours to free */
}

static void empty(hedgew_executor_t *e, hedge_mailbox_t *box)
{
        hedge_mail_t *mail;

        while ((mail = hedge_mailbox_take(box)))
                free_mail(e, mail);
}

void hedgew_executor_destroy(hedgew_executor_t **executor)
{
        hedgew_executor_t *e = *executor;
        hedge_mail_t *mail;

        if (!e)
                return;
        if (e->current)
                free_mail(e, e->current);
        while (e->outbox && (mail = hedgew_outbox_take_any(e->outbox)))
                free_mail(e, mail);
        hedgew_outbox_destroy(&e->outbox);
        if (e->compute) {
                empty(e, e->compute->work);
                empty(e, e->compute->results);
                hedgew_shares_clear(e->compute->settings.shares);
        }
        hedgew_compute_destroy(&e->compute);
        zmq_msg_close(&e->report.frame);
        free(e);
        *executor = NULL;
}

/* When a result may be reported: 0: at once. What was cancelled waits for nothing. */
static int64_t due_us(const hedge_mail_t *mail)
{
        if (mail->kind == HEDGEW_MAIL_PART)
                return ((const hedgew_part_t *)mail)->task->cancelled ? 0 : ((const hedgew_part_t *)mail)->due_us;
        if (mail->kind == HEDGEW_MAIL_TASK)
                return ((const hedgew_task_t *)mail)->cancelled ? 0 : ((const hedgew_task_t *)mail)->due_us;
        return 0;
}

int hedgew_executor_new(const hedgew_executor_settings_t *settings, hedgew_executor_t **ret)
{
        hedgew_executor_t *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
        zmq_msg_init(&e->report.frame);
        r = hedgew_compute_start(settings, &e->compute);
        if (r == 0 && settings->emulate)
                r = hedgew_outbox_new(e->compute->results, due_us, &e->outbox);
        if (r < 0)
                hedgew_executor_destroy(&e);
        else
                *ret = e;
        return r;
}

void hedgew_executor_stop(hedgew_executor_t *executor)
{
        hedgew_compute_stop(executor->compute);
}

int hedgew_executor_join(hedgew_executor_t *executor, int timeout_ms)
{
        return hedgew_compute_join(executor->compute, timeout_ms);
}

int hedgew_executor_share(hedgew_executor_t *e, const hedge_msg_share_t *message, zmq_msg_t *frame, hedge_why_t *why)
{
        hedgew_share_work_t *work = calloc(1, sizeof(*work));
        int r;

        if (!work)
                return hedge_why(why, -ENOMEM, "no memory for a share");
        r = hedgew_shares_claim(e->compute->settings.shares, message, zmq_msg_size(frame), &work->share, why);
        if (r != 0) {
                free(work);
                return r == 2 ? 0 : r; /* 2: the one that is on its way will be reported */
        }
        work->mail.kind = HEDGEW_MAIL_SHARE;
        work->digest = message->digest;
        hedgew_floats_take(&work->filters, frame, HEDGE_PRECISION_F32, zmq_msg_size(frame) / sizeof(float));
        hedge_mailbox_put(e->compute->work, &work->mail);
        return 0;
}

/* Without memory for it the thread looks another time. */
static void nudge(hedgew_executor_t *e)
{
        hedge_mail_t *mail = calloc(1, sizeof(*mail));

        if (!mail)
                return;
        mail->kind = HEDGEW_MAIL_NUDGE;
        hedge_mailbox_put(e->compute->work, mail);
}

int hedgew_executor_drop(hedgew_executor_t *e, const hedge_digest_t *digest)
{
        int r = hedgew_shares_drop(e->compute->settings.shares, digest);

        if (r == 0)
                nudge(e);
        return r;
}

static int check_room(const hedgew_executor_t *e, zmq_msg_t *frames, uint32_t n_frames, hedge_why_t *why)
{
        uint64_t bytes = 0;

        for (uint32_t i = 0; i < n_frames; i++)
                bytes += zmq_msg_size(&frames[i]);
        if (e->n_tasks >= e->compute->settings.tasks_max ||
            (e->task_bytes && e->task_bytes + bytes > e->compute->settings.task_bytes_max))
                return hedge_why(why, HEDGE_ELIMIT, "%u tasks of %llu bytes are waiting already", e->n_tasks,
                                 (unsigned long long)e->task_bytes);
        return 0;
}

int hedgew_executor_task(hedgew_executor_t *e, const hedge_msg_task_t *message, zmq_msg_t *frames, uint32_t n_frames,
                         hedge_why_t *why)
{
        hedgew_fate_t fate = { 0 };
        hedgew_task_t *task;
        int r = check_room(e, frames, n_frames, why);

        if (r == 0 && e->outbox)
                hedgew_emulate_task(e->compute->settings.emulate, message->run, &fate);
        if (r == 0 && fate.fails)
                r = hedge_why(why, HEDGE_EKERNEL, "emulated failure");
        if (r == 0)
                r = hedgew_task_new(e->compute->settings.shares, message, frames, n_frames, &task, why);
        if (r < 0)
                return r;
        task->mail.kind = HEDGEW_MAIL_TASK;
        task->fate = fate;
        task->next = e->tasks;
        e->tasks = task;
        e->n_tasks++;
        e->task_bytes += task->input_bytes;
        hedge_mailbox_put(e->compute->work, &task->mail);
        return 0;
}

/* One lock for all that is cancelled together, so that the compute thread does not start on the next. */
static int cancel(hedgew_executor_t *e, const uint64_t *run, bool abandon)
{
        int r = -ENOENT;

        pthread_mutex_lock(&e->compute->lock);
        for (hedgew_task_t *task = e->tasks; task; task = task->next) {
                if (run && task->run != *run)
                        continue;
                task->cancelled = true;
                task->abandoned = task->abandoned || abandon;
                r = 0;
        }
        pthread_cond_signal(&e->compute->changed);
        pthread_mutex_unlock(&e->compute->lock);
        if (r == 0 && e->outbox)
                nudge(e); /* it may be waiting for one of them to arrive */
        return r;
}

int hedgew_executor_cancel(hedgew_executor_t *e, uint64_t run)
{
        return cancel(e, &run, false);
}

void hedgew_executor_abandon(hedgew_executor_t *e)
{
        cancel(e, NULL, true);
}

int hedgew_executor_fd(const hedgew_executor_t *e)
{
        return e->outbox ? hedgew_outbox_fd(e->outbox) : hedge_mailbox_fd(e->compute->results);
}

static void say_error(hedge_message_t *message, int code, const hedge_why_t *why, uint64_t run,
                      const hedge_digest_t *digest)
{
        message->type = HEDGE_MSG_ERROR;
        message->error.code = code;
        memcpy(message->error.text, why->text, sizeof(message->error.text));
        message->error.about = run;
        message->error.digest = *digest;
}

/* @return whether there is something to say. */
static bool report_share(hedgew_executor_t *e, const hedgew_share_work_t *work, hedge_message_t *message)
{
        if (work->code < 0) {
                say_error(message, work->code, &work->why, 0, &work->digest);
                return work->code != HEDGE_ESHUTDOWN;
        }
        message->type = HEDGE_MSG_SHARE_OK;
        message->share_ok.digest = work->digest;
        message->share_ok.held_bytes = hedgew_shares_figures(e->compute->settings.shares).bytes;
        return work->code == 0;
}

static bool report_end(const hedgew_task_t *task, hedge_message_t *message)
{
        if (task->code < 0) {
                say_error(message, task->code, &task->why, task->run, &task->digest);
        } else {
                message->type = HEDGE_MSG_TASK_END;
                message->task_end.run = task->run;
                message->task_end.parts_sent = task->parts_sent;
                message->task_end.cancelled = task->parts_sent < task->n_order;
        }
        return !task->abandoned;
}

static bool report_part(const hedgew_part_t *part, hedge_message_t *message)
{
        message->type = HEDGE_MSG_PART;
        message->part.run = part->task->run;
        message->part.part = part->number;
        message->part.compute_us = part->compute_us;
        message->part.wire = part->wire;
        return !part->task->cancelled;
}

/* Say what a mail means. @return false: nobody wants to hear it. */
static bool compose(hedgew_executor_t *e, hedge_mail_t *mail)
{
        hedgew_report_t *report = &e->report;

        memset(&report->message, 0, sizeof(report->message));
        zmq_msg_close(&report->frame);
        zmq_msg_init(&report->frame);
        report->n_frames = 0;
        if (mail->kind == HEDGEW_MAIL_SHARE)
                return report_share(e, (hedgew_share_work_t *)mail, &report->message);
        if (mail->kind == HEDGEW_MAIL_TASK)
                return report_end((hedgew_task_t *)mail, &report->message);
        if (!report_part((hedgew_part_t *)mail, &report->message))
                return false;
        zmq_msg_copy(&report->frame, &((hedgew_part_t *)mail)->frame); /* counted, not copied */
        report->n_frames = 1;
        return true;
}

static hedge_mail_t *take_result(hedgew_executor_t *e)
{
        return e->outbox ? hedgew_outbox_take(e->outbox) : hedge_mailbox_take(e->compute->results);
}

hedgew_report_t *hedgew_executor_report(hedgew_executor_t *e)
{
        if (!e->current)
                e->current = take_result(e);
        while (e->current && !compose(e, e->current)) {
                free_mail(e, e->current);
                e->current = take_result(e);
        }
        return e->current ? &e->report : NULL;
}

void hedgew_executor_reported(hedgew_executor_t *e)
{
        if (e->current->kind == HEDGEW_MAIL_PART)
                ((hedgew_part_t *)e->current)->task->parts_sent++;
        free_mail(e, e->current);
        e->current = NULL;
}

void hedgew_executor_status(hedgew_executor_t *e, hedgew_executor_status_t *ret)
{
        pthread_mutex_lock(&e->compute->lock);
        ret->tasks = e->n_tasks;
        ret->parts_done = e->compute->parts_done;
        ret->busy_us = e->compute->busy_since_us ? hedge_now_us() - e->compute->busy_since_us : 0;
        pthread_mutex_unlock(&e->compute->lock);
}
