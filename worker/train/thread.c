/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/train/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cost.h"
#include "common/log.h"
#include "common/thread.h"
#include "worker/infer/shares.h"
#include "worker/memory.h"
#include "worker/train/products.h"

#define STACK_BYTES (1024 * 1024)

void hedgew_training_order_destroy(hedgew_training_order_t **order)
{
        if (!*order)
                return;
        hedge_envelope_release(&(*order)->envelope);
        free(*order);
        *order = NULL;
}

hedgew_training_answer_t *hedgew_training_answer_new(hedge_message_type_t type)
{
        hedgew_training_answer_t *answer = calloc(1, sizeof(*answer));

        if (!answer)
                return NULL;
        answer->report.message.type = type;
        for (int i = 0; i < 2; i++) {
                zmq_msg_init(&answer->frames[i]);
                zmq_msg_init(&answer->report.frames[i]);
        }
        return answer;
}

void hedgew_training_answer_destroy(hedgew_training_answer_t **answer)
{
        if (!*answer)
                return;
        for (int i = 0; i < 2; i++) {
                zmq_msg_close(&(*answer)->frames[i]);
                zmq_msg_close(&(*answer)->report.frames[i]);
        }
        free((*answer)->report.held);
        free(*answer);
        *answer = NULL;
}

hedgew_training_answer_t *hedgew_training_error(int code, const hedge_why_t *why, uint64_t job,
                                                const hedge_digest_t *shard)
{
        hedgew_training_answer_t *answer = hedgew_training_answer_new(HEDGE_MSG_ERROR);
        hedge_msg_error_t *error;

        log_warning("job=%llu: %s: %s, answering with an error", (unsigned long long)job, hedge_strerror(code),
                    why->text);
        if (!answer)
                return NULL;
        error = &answer->report.message.error;
        error->code = code;
        error->job = job;
        memcpy(error->text, why->text, sizeof(error->text));
        if (shard)
                error->digest = *shard;
        return answer;
}

void hedgew_training_thread_answer(hedgew_training_thread_t *t, hedgew_training_answer_t *answer)
{
        pthread_mutex_lock(&t->lock);
        t->unsent++;
        t->unsent_bytes += answer->bytes;
        pthread_mutex_unlock(&t->lock);
        hedge_mailbox_put(t->answers, &answer->report.mail);
}

/* ---- the thread ---- */

void hedgew_training_thread_report(hedgew_training_thread_t *t, const hedgew_training_order_t *order,
                                   hedgew_training_answer_t *answer)
{
        if (!answer) {
                log_error("no memory for an answer about a training, ignoring: it is lost");
                return;
        }
        answer->generation = order->generation;
        answer->step = order->envelope.message.type == HEDGE_MSG_STEP && order->code != -EBUSY;
        hedgew_training_thread_answer(t, answer);
}

/* With the lock held. */
static hedgew_training_standing_t standing(const hedgew_training_thread_t *t, const hedgew_training_order_t *order)
{
        if (t->stopping || order->generation != t->generation)
                return HEDGEW_TRAINING_GONE;
        return hedgew_training_products_step(&order->envelope.message) < t->asked_step ? HEDGEW_TRAINING_STALE
                                                                                       : HEDGEW_TRAINING_WANTED;
}

hedgew_training_standing_t hedgew_training_thread_linger(hedgew_training_thread_t *t,
                                                         const hedgew_training_order_t *order, int64_t until_us,
                                                         bool stale)
{
        const struct timespec until = { until_us / 1000000, until_us % 1000000 * 1000 };
        const hedgew_training_standing_t most = stale ? HEDGEW_TRAINING_STALE : HEDGEW_TRAINING_WANTED;
        hedgew_training_standing_t is;

        pthread_mutex_lock(&t->lock);
        while ((is = standing(t, order)) <= most && hedge_now_us() < until_us)
                pthread_cond_timedwait(&t->changed, &t->lock, &until);
        pthread_mutex_unlock(&t->lock);
        return is;
}

/* One may always wait, so that no product is too large to get out. */
bool hedgew_training_thread_room(hedgew_training_thread_t *t, const hedgew_training_order_t *order, uint64_t bytes)
{
        const uint64_t most = t->settings.bytes_max;
        hedgew_training_standing_t is;

        pthread_mutex_lock(&t->lock);
        while ((is = standing(t, order)) != HEDGEW_TRAINING_GONE && t->unsent_bytes > 0 &&
               (bytes > most || t->unsent_bytes > most - bytes))
                pthread_cond_wait(&t->changed, &t->lock);
        pthread_mutex_unlock(&t->lock);
        return is != HEDGEW_TRAINING_GONE;
}

void hedgew_training_thread_busy(hedgew_training_thread_t *t, bool busy)
{
        pthread_mutex_lock(&t->lock);
        t->busy_since_us = busy ? hedge_now_us() : 0;
        pthread_mutex_unlock(&t->lock);
}

void hedgew_training_thread_publish(hedgew_training_thread_t *t, uint64_t steps)
{
        const uint64_t job = t->matrices ? hedgew_matrices_train(t->matrices) : 0;
        const uint64_t bytes = t->matrices ? hedgew_matrices_bytes(t->matrices) : 0;

        pthread_mutex_lock(&t->lock);
        t->status.job = t->job ? hedgew_training_job_number(t->job) : job;
        t->status.bytes = bytes + (t->job ? hedgew_training_job_bytes(t->job) : 0);
        t->status.steps = steps;
        pthread_mutex_unlock(&t->lock);
}

void hedgew_training_thread_leave(hedgew_training_thread_t *t)
{
        if (t->job)
                log_info("job=%llu: leaving the training", (unsigned long long)hedgew_training_job_number(t->job));
        hedgew_training_job_destroy(&t->job);
        hedgew_training_thread_publish(t, 0);
}

static int enter(hedgew_training_thread_t *t, const hedge_msg_join_t *join, hedge_why_t *why)
{
        int r;

        if (t->job && hedgew_training_job_is(t->job, join)) {
                hedgew_training_job_rejoin(t->job, join->job);
                log_info("job=%llu: taking part again", (unsigned long long)join->job);
        } else {
                hedgew_training_thread_leave(t);
                hedgew_matrices_destroy(&t->matrices);
                hedgew_training_thread_busy(t, true);
                r = hedgew_training_job_new(join, t->settings.bytes_max, &t->job, why);
                hedgew_training_thread_busy(t, false);
                if (r < 0)
                        return r;
                log_info("job=%llu: taking part: %zu parameters, mini-batches of %u images, %llu KiB",
                         (unsigned long long)join->job, hedgew_training_job_parameters(t->job),
                         hedgew_training_job_batch(t->job),
                         (unsigned long long)hedgew_training_job_bytes(t->job) >> 10);
        }
        hedgew_training_thread_publish(t, 0);
        return 0;
}

static void on_join(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        const hedge_msg_join_t *join = &order->envelope.message.join;
        hedgew_training_answer_t *answer;
        hedge_why_t why = { .text = "" };
        int r = enter(t, join, &why), n;

        t->joined = order->generation;
        if (r < 0) {
                hedgew_training_thread_report(t, order, hedgew_training_error(r, &why, join->job, NULL));
                return;
        }
        answer = hedgew_training_answer_new(HEDGE_MSG_JOINED);
        n = answer ? hedgew_training_job_held(t->job, &answer->report.held) : -ENOMEM;
        if (n < 0) {
                hedgew_training_answer_destroy(&answer);
        } else {
                answer->report.message.joined.job = join->job;
                answer->report.message.joined.n_held = (uint32_t)n;
                answer->report.message.joined.held = answer->report.held;
        }
        hedgew_training_thread_report(t, order, answer);
}

static void on_shard(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        const hedge_msg_shard_t *shard = &order->envelope.message.shard;
        hedgew_training_answer_t *answer;
        hedge_why_t why = { .text = "" };
        char text[9];
        int r;

        hedgew_training_thread_busy(t, true);
        r = hedgew_training_job_shard(t->job, shard, order->envelope.frames, &why);
        hedgew_training_thread_busy(t, false);
        hedgew_training_thread_publish(t, t->status.steps);
        log_debug("job=%llu shard=%s: %u images: %s", (unsigned long long)shard->job,
                  hedge_digest_text(&shard->digest, text), shard->count, r < 0 ? "refused" : "kept");
        if (r < 0) {
                hedgew_training_thread_report(t, order, hedgew_training_error(r, &why, shard->job, &shard->digest));
                return;
        }
        answer = hedgew_training_answer_new(HEDGE_MSG_SHARD_OK);
        if (answer) {
                answer->report.message.shard.job = shard->job;
                answer->report.message.shard.digest = shard->digest;
        }
        hedgew_training_thread_report(t, order, answer);
}

/* The emulated board takes its own time for the gradient, and holds its answer back. @return false: nobody wants it any more. */
static bool pass_time(hedgew_training_thread_t *t, const hedgew_training_order_t *order, int64_t began_us,
                      hedgew_training_gradient_t *gradient, int64_t *ret_due_us)
{
        const double us = order->fate.macs_per_s > 0 ? 1e6 * (double)gradient->macs / order->fate.macs_per_s : 0;
        const int64_t least_us = (int64_t)(us < 1e12 ? us : 1e12);

        if (least_us > 0 && hedgew_training_thread_linger(t, order, began_us + least_us, true) == HEDGEW_TRAINING_GONE)
                return false;
        if (gradient->message.compute_us < (uint64_t)least_us)
                gradient->message.compute_us = (uint64_t)least_us;
        *ret_due_us = order->fate.hold_us ? hedge_now_us() + order->fate.hold_us : 0;
        return true;
}

static void send_gradient(hedgew_training_thread_t *t, const hedgew_training_order_t *order,
                          hedgew_training_gradient_t *gradient, int64_t due_us)
{
        hedgew_training_answer_t *answer = hedgew_training_answer_new(HEDGE_MSG_GRADIENT);

        if (answer) {
                answer->report.message.gradient = gradient->message;
                answer->report.n_frames = gradient->n_frames;
                for (uint32_t i = 0; i < gradient->n_frames; i++)
                        zmq_msg_move(&answer->frames[i], &gradient->frames[i]);
                answer->due_us = due_us;
        }
        hedgew_training_thread_publish(t, t->status.steps + 1);
        hedgew_training_thread_report(t, order, answer);
}

static void do_step(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        const hedge_msg_step_t *step = &order->envelope.message.step;
        const int64_t began_us = hedge_now_us();
        hedgew_training_gradient_t gradient;
        hedge_why_t why = { .text = "" };
        int64_t due_us;
        int r;

        hedgew_training_thread_busy(t, true);
        r = hedgew_training_job_step(t->job, step, order->envelope.frames, order->envelope.n_frames, &gradient, &why);
        hedgew_training_thread_busy(t, false);
        if (r < 0) {
                hedgew_training_thread_report(
                        t, order,
                        hedgew_training_error(r, &why, step->job, r == HEDGE_ENOSHARE ? &step->digest : NULL));
                return;
        }
        if (pass_time(t, order, began_us, &gradient, &due_us))
                send_gradient(t, order, &gradient, due_us);
        zmq_msg_close(&gradient.frames[0]);
        zmq_msg_close(&gradient.frames[1]);
}

/* One that nobody waits for any more is not done: the JOIN that comes before the next brings the parameters whole. */
static void on_step(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        if (order->generation != t->joined) /* some may have been lost on their way */
                hedgew_training_job_miss(t->job);
        if (order->fate.arrival_us == HEDGEW_NEVER_US ||
            hedgew_training_thread_linger(t, order, order->fate.arrival_us, true) == HEDGEW_TRAINING_GONE)
                hedgew_training_job_miss(t->job);
        else
                do_step(t, order);
}

/* It was refused when it came. */
static void turn_down(hedgew_training_thread_t *t, const hedgew_training_order_t *order)
{
        const hedge_message_t *message = &order->envelope.message;
        const bool shard = message->type == HEDGE_MSG_SHARD;

        if (t->job && message->type == HEDGE_MSG_STEP)
                hedgew_training_job_miss(t->job);
        hedgew_training_thread_report(
                t, order,
                hedgew_training_error(order->code, &order->why, order->job, shard ? &message->shard.digest : NULL));
}

static bool is_about_ours(const hedgew_training_thread_t *t, const hedgew_training_order_t *order)
{
        return t->job && hedgew_training_job_number(t->job) == order->job;
}

static void on_stranger(hedgew_training_thread_t *t, const hedgew_training_order_t *order)
{
        hedge_why_t why;

        hedge_why(&why, -ENOENT, "this board takes no part in training %llu", (unsigned long long)order->job);
        hedgew_training_thread_report(t, order, hedgew_training_error(-ENOENT, &why, order->job, NULL));
}

static void on_leave(hedgew_training_thread_t *t, const hedgew_training_order_t *order)
{
        if (is_about_ours(t, order))
                hedgew_training_thread_leave(t);
        hedgew_training_products_leave(t, order);
}

static void carry_out(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        const hedge_message_type_t type = order->envelope.message.type;
        const bool ours = is_about_ours(t, order);

        if (hedgew_training_products_are(type))
                hedgew_training_products_carry_out(t, order);
        else if (order->code < 0)
                turn_down(t, order);
        else if (type == HEDGE_MSG_JOIN)
                on_join(t, order);
        else if (type == HEDGE_MSG_LEAVE)
                on_leave(t, order);
        else if (type == HEDGE_MSG_SHARD && ours)
                on_shard(t, order);
        else if (type == HEDGE_MSG_STEP && ours)
                on_step(t, order);
        else
                on_stranger(t, order);
        pthread_mutex_lock(&t->lock);
        t->waiting--;
        t->waiting_bytes -= order->bytes;
        pthread_mutex_unlock(&t->lock);
        hedgew_training_order_destroy(&order);
}

/* The next order; NULL: there is nothing more to do, and the thread counts as ended. */
static hedgew_training_order_t *next(hedgew_training_thread_t *t)
{
        hedge_mail_t *mail = t->job || t->matrices ? hedge_mailbox_wait(t->orders, -1) : NULL;
        bool over;

        pthread_mutex_lock(&t->lock);
        if (!mail) /* orders are put with the lock held: none slips in behind this look */
                mail = hedge_mailbox_take(t->orders);
        over = !mail || t->stopping;
        t->over = over;
        if (over)
                pthread_cond_signal(&t->ended);
        pthread_mutex_unlock(&t->lock);
        if (over && mail && mail != &t->nudge)
                hedgew_training_order_destroy((hedgew_training_order_t **)&mail);
        return over ? NULL : (hedgew_training_order_t *)mail;
}

static void *run(void *arg)
{
        hedgew_training_thread_t *t = arg;
        hedgew_training_order_t *order;

        while ((order = next(t))) {
                hedge_cost_enter(HEDGE_COST_KERNEL);
                carry_out(t, order);
                hedge_cost_enter(HEDGE_COST_OTHER);
        }
        hedgew_memory_trim();
        return NULL;
}

/* ---- the other side of it ---- */

static void join(hedgew_training_thread_t *t)
{
        if (t->started)
                pthread_join(t->thread, NULL);
        t->started = false;
}

int hedgew_training_thread_init(hedgew_training_thread_t *t, const hedgew_training_settings_t *settings)
{
        pthread_condattr_t attr;
        int r;

        *t = (hedgew_training_thread_t){ .settings = *settings, .over = true };
        pthread_mutex_init(&t->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&t->changed, &attr);
        pthread_cond_init(&t->ended, &attr);
        pthread_condattr_destroy(&attr);
        r = hedge_mailbox_new(&t->orders);
        if (r == 0)
                r = hedge_mailbox_new(&t->answers);
        return r;
}

static void empty(hedgew_training_thread_t *t)
{
        hedge_mail_t *mail;

        while (t->orders && (mail = hedge_mailbox_take(t->orders)))
                if (mail != &t->nudge)
                        hedgew_training_order_destroy((hedgew_training_order_t **)&mail);
        while (t->answers && (mail = hedge_mailbox_take(t->answers)))
                hedgew_training_answer_destroy((hedgew_training_answer_t **)&mail);
}

void hedgew_training_thread_release(hedgew_training_thread_t *t)
{
        join(t);
        empty(t);
        hedgew_training_job_destroy(&t->job);
        hedgew_matrices_destroy(&t->matrices);
        hedge_mailbox_destroy(&t->orders);
        hedge_mailbox_destroy(&t->answers);
        pthread_cond_destroy(&t->changed);
        pthread_cond_destroy(&t->ended);
        pthread_mutex_destroy(&t->lock);
}

int hedgew_training_thread_put(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        bool over;
        int r;

        pthread_mutex_lock(&t->lock);
        over = t->over;
        if (!over)
                hedge_mailbox_put(t->orders, &order->mail);
        t->waiting++;
        t->waiting_bytes += order->bytes;
        pthread_mutex_unlock(&t->lock);
        if (!over)
                return 0;
        join(t); /* it is as good as gone; until the next one runs, all is this thread's */
        t->over = false;
        hedge_mailbox_put(t->orders, &order->mail);
        r = hedge_thread_start(&t->thread, STACK_BYTES, run, t);
        t->started = r == 0;
        if (r < 0) {
                t->over = true;
                hedge_mailbox_take(t->orders);
                t->waiting--;
                t->waiting_bytes -= order->bytes;
        }
        return r;
}

int hedgew_training_thread_end(hedgew_training_thread_t *t, int timeout_ms)
{
        const int64_t until_us = hedge_now_us() + timeout_ms * (int64_t)1000;
        const struct timespec until = { until_us / 1000000, until_us % 1000000 * 1000 };
        bool over;
        int r = 0;

        pthread_mutex_lock(&t->lock);
        if (!t->stopping && !t->over)
                hedge_mailbox_put(t->orders, &t->nudge);
        t->stopping = true;
        pthread_cond_signal(&t->changed);
        while (!t->over && r == 0)
                r = pthread_cond_timedwait(&t->ended, &t->lock, &until);
        over = t->over;
        pthread_mutex_unlock(&t->lock);
        if (!over)
                return -ETIMEDOUT;
        join(t);
        return 0;
}
