/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/executor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cost.h"
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

static void free_parts(hedgew_executor_t *e, hedgew_parts_t **parts)
{
        if (*parts)
                hedgew_compute_sent(e->compute, (*parts)->bytes);
        hedgew_parts_destroy(parts);
}

/* Parts that were computed and not sent were so for nothing. */
static void note_cost(const hedgew_task_t *task)
{
        const uint32_t vain = task->computed - task->parts_sent;

        if (task->computed)
                hedge_cost_parts(task->computed, vain, task->computed_us * vain / task->computed);
}

static void forget_task(hedgew_executor_t *e, hedgew_task_t *task)
{
        hedgew_task_t **link = &e->tasks;

        while (*link != task)
                link = &(*link)->next;
        *link = task->next;
        note_cost(task);
        e->n_tasks--;
        e->task_bytes -= task->input_bytes;
        free_parts(e, &task->parts);
        hedgew_task_destroy(&task);
}

static void free_mail(hedgew_executor_t *e, hedge_mail_t *mail)
{
        hedgew_parts_t *parts = (hedgew_parts_t *)mail;

        if (mail->kind == HEDGEW_MAIL_SHARE)
                free_share_work((hedgew_share_work_t *)mail);
        else if (mail->kind == HEDGEW_MAIL_TASK)
                forget_task(e, (hedgew_task_t *)mail);
        else if (mail->kind == HEDGEW_MAIL_PARTS)
                free_parts(e, &parts);
        else if (mail->kind == HEDGEW_MAIL_NUDGE)
                free(mail); /* HEDGEW_MAIL_STOP is not ours to free */
}

static void empty(hedgew_executor_t *e, hedge_mailbox_t *box)
{
        hedge_mail_t *mail;

        while ((mail = hedge_mailbox_take(box)))
                free_mail(e, mail);
}

static void close_report(hedgew_report_t *report)
{
        while (report->n_frames > 0)
                zmq_msg_close(&report->frames[--report->n_frames]);
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
        close_report(&e->report);
        free(e);
        *executor = NULL;
}

/* When a result may be reported: 0: at once. Parts that leave together are due when their last is. What was cancelled waits for
 * nothing. */
static int64_t due_us(const hedge_mail_t *mail)
{
        const hedgew_parts_t *parts = (const hedgew_parts_t *)mail;
        const hedgew_task_t *task = mail->kind == HEDGEW_MAIL_PARTS ? parts->task : (const hedgew_task_t *)mail;

        if (mail->kind == HEDGEW_MAIL_SHARE || task->cancelled || !task->fate.hold_us)
                return 0;
        return task->fate.hold_us + (mail->kind == HEDGEW_MAIL_PARTS ? parts->ready_us : task->clock_us);
}

int hedgew_executor_new(const hedgew_executor_settings_t *settings, hedgew_executor_t **ret)
{
        hedgew_executor_t *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
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

/* Let the thread prepare what was claimed. */
static void put_share(hedgew_executor_t *e, hedgew_share_work_t *work)
{
        work->mail.kind = HEDGEW_MAIL_SHARE;
        work->digest = *hedgew_share_digest(work->share);
        hedge_mailbox_put(e->compute->work, &work->mail);
}

static hedgew_share_work_t *new_share_work(void)
{
        hedgew_share_work_t *work = calloc(1, sizeof(*work));

        if (work)
                hedgew_floats_release(&work->filters); /* there is no frame yet */
        return work;
}

int hedgew_executor_share(hedgew_executor_t *e, const hedge_msg_share_t *message, zmq_msg_t *frame, hedge_why_t *why)
{
        hedgew_share_work_t *work = new_share_work();
        int r;

        if (!work)
                return hedge_why(why, -ENOMEM, "no memory for a share");
        r = hedgew_filters_claim(e->compute->settings.shares, message, zmq_msg_size(frame), &work->share, why);
        if (r != 0) {
                free(work);
                return r == 2 ? 0 : r; /* 2: the one that is on its way will be reported */
        }
        hedgew_floats_take(&work->filters, frame, HEDGE_PRECISION_F32, zmq_msg_size(frame) / sizeof(float));
        put_share(e, work);
        return 0;
}

/* Put the work for a share whose last bytes have come, or forget it. @param share  A reference, which is taken over. */
static int put_block(hedgew_executor_t *e, hedgew_share_t *share, hedge_why_t *why)
{
        hedgew_share_work_t *work = new_share_work();

        if (!work) {
                hedgew_share_abandon(share);
                hedgew_share_unref(&share);
                return hedge_why(why, -ENOMEM, "no memory for a share");
        }
        work->share = share;
        put_share(e, work);
        return 0;
}

int hedgew_executor_graph(hedgew_executor_t *e, const hedge_msg_graph_t *message, zmq_msg_t *program, hedge_why_t *why)
{
        hedgew_share_t *share = NULL;
        int r = hedgew_graph_claim(e->compute->settings.shares, message, program, &share, why);

        if (r == 0 && !hedgew_share_is_filling(share)) { /* it has no constants */
                r = put_block(e, share, why);
                return r < 0 ? r : 2;
        }
        hedgew_share_unref(&share);
        return r;
}

int hedgew_executor_constants(hedgew_executor_t *e, const hedge_msg_constants_t *message, zmq_msg_t *frame,
                              uint64_t *ret_bytes, hedge_why_t *why)
{
        hedgew_share_t *share = hedgew_shares_find(e->compute->settings.shares, &message->digest);
        int r;

        if (!share)
                return hedge_why(why, HEDGE_ENOSHARE, "constants of a block that is not being sent");
        r = hedgew_graph_fill(share, message->offset, frame, ret_bytes, why);
        if (r == 1)
                return put_block(e, share, why);
        hedgew_share_unref(&share);
        return r;
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

void hedgew_executor_forget_filling(hedgew_executor_t *e)
{
        if (hedgew_shares_clear_filling(e->compute->settings.shares))
                nudge(e);
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

/* Frames are counted, not copied. */
static bool report_parts(hedgew_parts_t *parts, bool last, hedgew_report_t *report)
{
        hedge_msg_part_t *message = &report->message.part;

        if (parts->task->cancelled)
                return false;
        report->message.type = HEDGE_MSG_PART;
        message->run = parts->task->run;
        message->n_parts = parts->n;
        message->parts = parts->said;
        message->last = last;
        for (; report->n_frames < parts->n; report->n_frames++) {
                zmq_msg_init(&report->frames[report->n_frames]);
                zmq_msg_copy(&report->frames[report->n_frames], &parts->frames[report->n_frames]);
        }
        return true;
}

/* Its last parts, which end it; else that it ended. */
static bool report_task(hedgew_task_t *task, hedgew_report_t *report)
{
        if (task->parts && report_parts(task->parts, true, report))
                return true;
        return report_end(task, &report->message);
}

/* Say what a mail means. @return false: nobody wants to hear it. */
static bool compose(hedgew_executor_t *e, hedge_mail_t *mail)
{
        hedgew_report_t *report = &e->report;

        close_report(report);
        memset(&report->message, 0, sizeof(report->message));
        if (mail->kind == HEDGEW_MAIL_SHARE)
                return report_share(e, (hedgew_share_work_t *)mail, &report->message);
        if (mail->kind == HEDGEW_MAIL_TASK)
                return report_task((hedgew_task_t *)mail, report);
        return report_parts((hedgew_parts_t *)mail, false, report);
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
        hedge_mail_t *mail = e->current;
        hedgew_task_t *task = mail->kind == HEDGEW_MAIL_PARTS ? ((hedgew_parts_t *)mail)->task : (hedgew_task_t *)mail;

        if (e->report.message.type == HEDGE_MSG_PART) /* so it is no share's */
                task->parts_sent += e->report.message.part.n_parts;
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
