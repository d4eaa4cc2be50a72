/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/handover.h"

#include <errno.h>

#include "common/clock.h"

/* Let the emulated board finish what is to be sent. @return false: woken because nobody wants it. */
static bool linger(hedgew_compute_t *c, const hedgew_task_t *task, int64_t until_us)
{
        const struct timespec until = { until_us / 1000000, until_us % 1000000 * 1000 };
        bool wanted;

        pthread_mutex_lock(&c->lock);
        while ((wanted = hedgew_compute_wants(c, task)) && hedge_now_us() < until_us)
                pthread_cond_timedwait(&c->changed, &c->lock, &until);
        pthread_mutex_unlock(&c->lock);
        return wanted;
}

/* Wait until the parts that the task has are ready. @return false: nobody wants them any more. */
static bool finish_parts(hedgew_compute_t *c, const hedgew_task_t *task)
{
        return !(task->fate.macs_per_s > 0) || linger(c, task, task->parts->ready_us);
}

/* Hand the I/O loop the parts that the task has. @return false: nobody wants them any more. */
static bool deliver(hedgew_compute_t *c, hedgew_task_t *task)
{
        hedgew_parts_t *parts = task->parts;

        if (!parts)
                return true;
        if (!finish_parts(c, task))
                return false;
        task->parts = NULL;
        parts->mail.kind = HEDGEW_MAIL_PARTS;
        hedge_mailbox_put(c->results, &parts->mail);
        return true;
}

/* Count a part among those that are not sent, if there is room. @return 0, -EAGAIN, 1 (nobody wants it any more). */
static int try_room(hedgew_compute_t *c, const hedgew_task_t *task, uint64_t bytes)
{
        const bool fits = !c->unsent_bytes || c->unsent_bytes + bytes <= c->settings.unsent_bytes_max;

        if (!hedgew_compute_wants(c, task))
                return 1;
        if (!fits)
                return -EAGAIN;
        c->unsent_bytes += bytes;
        c->parts_done++;
        return 0;
}

/* Wait until there is room for a part. What waits itself goes first: it is in the way, and nobody else would send it.
 * @return false: nobody wants it any more. */
static bool make_room(hedgew_compute_t *c, hedgew_task_t *task, uint64_t bytes)
{
        int64_t now_us;
        int r;

        pthread_mutex_lock(&c->lock);
        r = try_room(c, task, bytes);
        pthread_mutex_unlock(&c->lock);
        if (r != -EAGAIN)
                return r == 0;
        if (!deliver(c, task))
                return false;
        pthread_mutex_lock(&c->lock);
        while ((r = try_room(c, task, bytes)) == -EAGAIN)
                pthread_cond_wait(&c->changed, &c->lock);
        pthread_mutex_unlock(&c->lock);
        now_us = hedge_now_us();
        if (now_us > task->clock_us)
                task->clock_us = now_us; /* so would the emulated board have waited */
        return r == 0;
}

/* @param left  Parts of the task behind this one. @return 0, 1 (nobody wants it any more), -ENOMEM. */
static int keep(hedgew_compute_t *c, hedgew_task_t *task, hedgew_part_t *part, uint32_t left)
{
        const uint32_t room = !task->hold_us ? 1 : left < HEDGE_PART_FRAMES ? left + 1 : HEDGE_PART_FRAMES;
        const uint64_t bytes = zmq_msg_size(&part->frame);

        if (!make_room(c, task, bytes)) {
                zmq_msg_close(&part->frame);
                return 1;
        }
        if (!task->parts && hedgew_parts_new(task, room, &task->parts) < 0) {
                hedgew_compute_sent(c, bytes);
                zmq_msg_close(&part->frame);
                return -ENOMEM;
        }
        hedgew_parts_add(task->parts, part, task->clock_us);
        return 0;
}

/* Does it pay to wait for the next part, which will take about as long as the last? */
static bool may_wait(const hedgew_task_t *task, uint64_t took_us)
{
        const hedgew_parts_t *parts = task->parts;

        return parts->n < parts->room && (uint64_t)(task->clock_us - parts->first_us) + took_us <= task->hold_us;
}

int hedgew_handover_part(hedgew_compute_t *c, hedgew_task_t *task, hedgew_part_t *part, uint32_t left)
{
        const uint64_t took_us = part->said.compute_us;
        int r = keep(c, task, part, left);

        if (r != 0 || left == 0)
                return r;
        return may_wait(task, took_us) || deliver(c, task) ? 0 : 1;
}

void hedgew_handover_rest(hedgew_compute_t *c, hedgew_task_t *task, int code)
{
        if (!task->parts)
                return;
        if (code == 0 ? finish_parts(c, task) : code < 0 && deliver(c, task))
                return;
        hedgew_compute_sent(c, task->parts->bytes);
        hedgew_parts_destroy(&task->parts);
}
