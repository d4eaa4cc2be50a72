/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/train/training.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/outbox.h"
#include "worker/train/products.h"
#include "worker/train/thread.h"

#define WAITING_MAX 256u /* messages, beside the bytes of their frames */
#define UNSENT_MAX  64u

struct hedgew_training {
        hedgew_training_thread_t thread;
        hedgew_outbox_t *outbox;           /* where a board is emulated: answers pass through it */
        uint64_t joined;                   /* number of the training that was begun last */
        bool stepping;                     /* a STEP of this generation is not answered yet */
        hedgew_training_answer_t *current; /* what `report` speaks of */
};

static int64_t due_us(const hedge_mail_t *mail)
{
        return ((const hedgew_training_answer_t *)mail)->due_us;
}

int hedgew_training_new(const hedgew_training_settings_t *settings, hedgew_training_t **ret)
{
        hedgew_training_t *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        r = hedgew_training_thread_init(&t->thread, settings);
        if (r == 0 && settings->emulate)
                r = hedgew_outbox_new(t->thread.answers, due_us, &t->outbox);
        if (r < 0)
                hedgew_training_destroy(&t);
        else
                *ret = t;
        return r;
}

int hedgew_training_end(hedgew_training_t *training, int timeout_ms)
{
        return hedgew_training_thread_end(&training->thread, timeout_ms);
}

void hedgew_training_destroy(hedgew_training_t **training)
{
        hedgew_training_t *t = *training;
        hedge_mail_t *mail;

        if (!t)
                return;
        hedgew_training_answer_destroy(&t->current);
        while (t->outbox && (mail = hedgew_outbox_take_any(t->outbox)))
                hedgew_training_answer_destroy((hedgew_training_answer_t **)&mail);
        hedgew_outbox_destroy(&t->outbox);
        hedgew_training_thread_release(&t->thread);
        free(t);
        *training = NULL;
}

/* ---- messages ---- */

static uint64_t train_of(const hedge_message_t *message)
{
        if (hedgew_training_products_are(message->type))
                return hedgew_training_products_train(message);
        switch (message->type) {
        case HEDGE_MSG_JOIN:
                return message->join.job;
        case HEDGE_MSG_SHARD:
                return message->shard.job;
        case HEDGE_MSG_STEP:
                return message->step.job;
        default:
                return message->leave.job;
        }
}

static void refuse(hedgew_training_t *t, int code, const hedge_why_t *why, uint64_t job)
{
        hedgew_training_answer_t *answer = hedgew_training_error(code, why, job, NULL);

        if (!answer)
                return;
        answer->generation = t->thread.generation; /* only this thread changes it */
        hedgew_training_thread_answer(&t->thread, answer);
}

static hedgew_training_order_t *make_order(hedgew_training_t *t, hedge_envelope_t *envelope)
{
        hedgew_training_order_t *order = calloc(1, sizeof(*order));

        if (!order)
                return NULL;
        order->envelope = *envelope;
        memset(&envelope->message, 0, sizeof(envelope->message));
        envelope->frames = NULL;
        envelope->n_frames = 0;
        order->job = train_of(&order->envelope.message);
        order->generation = t->thread.generation;
        for (uint32_t i = 0; i < order->envelope.n_frames; i++)
                order->bytes += zmq_msg_size(&order->envelope.frames[i]);
        return order;
}

/* What one coordinator may have lying here, and in what order it may speak. @return 0, HEDGE_ELIMIT, -EBUSY. */
static int admit(hedgew_training_t *t, const hedgew_training_order_t *order, hedge_why_t *why)
{
        const uint64_t most = t->thread.settings.bytes_max;
        uint64_t waiting;

        pthread_mutex_lock(&t->thread.lock);
        waiting = t->thread.waiting_bytes;
        pthread_mutex_unlock(&t->thread.lock);
        if (order->envelope.message.type == HEDGE_MSG_STEP && t->stepping)
                return hedge_why(why, -EBUSY, "the STEP before is not answered yet");
        if (order->bytes && (order->bytes > most || waiting > most - order->bytes))
                return hedge_why(why, HEDGE_ELIMIT, "%llu KiB wait here already, of %llu KiB that training may take",
                                 (unsigned long long)waiting >> 10, (unsigned long long)most >> 10);
        return 0;
}

/* Only to be answered, in its turn. */
static void strip(hedgew_training_order_t *order)
{
        for (uint32_t i = 0; i < order->envelope.n_frames; i++)
                zmq_msg_close(&order->envelope.frames[i]);
        free(order->envelope.frames);
        order->envelope.frames = NULL;
        order->envelope.n_frames = 0;
        order->bytes = 0;
}

/* The fate of the step that it is of. */
static void draw_fate(hedgew_training_t *t, hedgew_training_order_t *order)
{
        const hedge_message_t *message = &order->envelope.message;
        uint64_t step;

        if (message->type == HEDGE_MSG_STEP)
                step = message->step.step;
        else if (message->type == HEDGE_MSG_UPDATE)
                step = message->update.step;
        else if (message->type == HEDGE_MSG_APPLY || message->type == HEDGE_MSG_MULTIPLY)
                step = hedgew_training_products_step(message);
        else
                return;
        hedgew_emulate_task(t->thread.settings.emulate, step, &order->fate);
}

/* Products of earlier steps are not wanted any more. */
static void note_step(hedgew_training_t *t, const hedgew_training_order_t *order)
{
        const uint64_t step = hedgew_training_products_step(&order->envelope.message);

        if (step == UINT64_MAX)
                return;
        pthread_mutex_lock(&t->thread.lock);
        t->thread.asked_step = step;
        pthread_cond_signal(&t->thread.changed);
        pthread_mutex_unlock(&t->thread.lock);
}

/* It cannot be put among the others, and not even be answered in its turn: of what it was to change nothing may be held. */
static void refuse_now(hedgew_training_t *t, int code, const hedge_why_t *why, const hedge_message_t *message)
{
        if (hedgew_training_products_are(message->type))
                hedgew_training_forget(t);
        refuse(t, code, why, train_of(message));
}

static void take_in(hedgew_training_t *t, hedge_envelope_t *envelope)
{
        hedgew_training_order_t *order = make_order(t, envelope);
        const hedge_why_t full = { "out of memory" };
        int r;

        if (!order) {
                refuse_now(t, -ENOMEM, &full, &envelope->message);
                return;
        }
        note_step(t, order);
        order->code = admit(t, order, &order->why);
        if (order->code < 0)
                strip(order);
        else if (t->outbox)
                draw_fate(t, order);
        if (order->code == 0 && order->envelope.message.type == HEDGE_MSG_STEP) {
                t->stepping = true;
                if (order->fate.fails)
                        order->code = hedge_why(&order->why, HEDGE_EKERNEL, "emulated failure");
        }
        r = hedgew_training_thread_put(&t->thread, order);
        if (r < 0) {
                hedge_why(&order->why, r, "no thread for training: %s", hedge_strerror(r));
                refuse(t, r, &order->why, order->job);
                hedgew_training_order_destroy(&order);
        }
}

void hedgew_training_message(hedgew_training_t *t, hedge_envelope_t *envelope)
{
        const hedge_message_type_t type = envelope->message.type;
        const uint64_t job = train_of(&envelope->message);
        const bool begins = type == HEDGE_MSG_HOLD || type == HEDGE_MSG_MULTIPLY;
        uint32_t waiting;
        hedge_why_t why;
        bool idle;

        if (type == HEDGE_MSG_JOIN || (type == HEDGE_MSG_LEAVE && job == t->joined) || (begins && job != t->joined))
                hedgew_training_forget(t);
        if (type == HEDGE_MSG_JOIN || begins)
                t->joined = job;
        pthread_mutex_lock(&t->thread.lock);
        idle = t->thread.over;
        waiting = t->thread.waiting;
        pthread_mutex_unlock(&t->thread.lock);
        if (idle && type == HEDGE_MSG_LEAVE)
                return;
        if (idle && type != HEDGE_MSG_JOIN && !begins) {
                hedge_why(&why, -ENOENT, "this board takes no part in training %llu", (unsigned long long)job);
                refuse(t, -ENOENT, &why, job);
        } else if (waiting >= WAITING_MAX) {
                hedge_why(&why, HEDGE_ELIMIT, "%u messages about trainings wait here already", waiting);
                refuse_now(t, HEDGE_ELIMIT, &why, &envelope->message);
        } else {
                take_in(t, envelope);
        }
}

void hedgew_training_forget(hedgew_training_t *t)
{
        pthread_mutex_lock(&t->thread.lock);
        t->thread.generation++;
        pthread_cond_signal(&t->thread.changed);
        pthread_mutex_unlock(&t->thread.lock);
        t->stepping = false;
        hedgew_training_report(t); /* lets go of what was waiting */
}

/* ---- reports ---- */

int hedgew_training_fd(const hedgew_training_t *t)
{
        return t->outbox ? hedgew_outbox_fd(t->outbox) : hedge_mailbox_fd(t->thread.answers);
}

static void drop_current(hedgew_training_t *t)
{
        const uint64_t bytes = t->current->bytes;

        hedgew_training_answer_destroy(&t->current);
        pthread_mutex_lock(&t->thread.lock);
        t->thread.unsent--;
        t->thread.unsent_bytes -= bytes;
        pthread_cond_signal(&t->thread.changed);
        pthread_mutex_unlock(&t->thread.lock);
}

/* An answer that somebody wants, or NULL. */
static hedgew_training_answer_t *find_current(hedgew_training_t *t)
{
        hedge_mail_t *mail;

        for (;;) {
                if (!t->current) {
                        mail = t->outbox ? hedgew_outbox_take(t->outbox) : hedge_mailbox_take(t->thread.answers);
                        t->current = (hedgew_training_answer_t *)mail;
                }
                if (!t->current || t->current->generation == t->thread.generation)
                        return t->current;
                drop_current(t);
        }
}

hedgew_training_report_t *hedgew_training_report(hedgew_training_t *t)
{
        hedgew_training_answer_t *answer = find_current(t);

        if (!answer)
                return NULL;
        for (uint32_t i = 0; i < answer->report.n_frames; i++) {
                zmq_msg_close(&answer->report.frames[i]); /* it is closed already where it could not be sent */
                zmq_msg_init(&answer->report.frames[i]);
                zmq_msg_copy(&answer->report.frames[i], &answer->frames[i]); /* counted, not copied */
        }
        return &answer->report;
}

void hedgew_training_reported(hedgew_training_t *t)
{
        if (t->current->step)
                t->stepping = false;
        drop_current(t);
}

void hedgew_training_status(hedgew_training_t *t, hedgew_training_status_t *ret)
{
        pthread_mutex_lock(&t->thread.lock);
        *ret = t->thread.status;
        ret->unsent_bytes = t->thread.unsent_bytes;
        ret->full = t->thread.unsent >= UNSENT_MAX;
        ret->busy_us = t->thread.busy_since_us ? hedge_now_us() - t->thread.busy_since_us + 1 : 0;
        pthread_mutex_unlock(&t->thread.lock);
        ret->queued = t->stepping;
}
