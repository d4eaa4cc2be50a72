/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/compute.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/cost.h"
#include "common/emulated.h"
#include "common/log.h"
#include "common/thread.h"
#include "worker/infer/handover.h"
#include "worker/memory.h"

#define REST_AFTER_MS 1000 /* idle for so long: give memory back */
#define STACK_BYTES   (1024 * 1024)

bool hedgew_compute_wants(const hedgew_compute_t *c, const hedgew_task_t *task)
{
        return !c->stopping && !(task && task->cancelled);
}

void hedgew_compute_sent(hedgew_compute_t *c, uint64_t bytes)
{
        pthread_mutex_lock(&c->lock);
        c->unsent_bytes -= bytes;
        pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->lock);
}

/* About to be busy for a while. @return false: there is no point any more. */
static bool begin_step(hedgew_compute_t *c, const hedgew_task_t *task)
{
        bool wanted;

        pthread_mutex_lock(&c->lock);
        wanted = hedgew_compute_wants(c, task);
        if (wanted)
                c->busy_since_us = hedge_now_us();
        pthread_mutex_unlock(&c->lock);
        return wanted;
}

static void end_step(hedgew_compute_t *c)
{
        pthread_mutex_lock(&c->lock);
        c->busy_since_us = 0;
        pthread_mutex_unlock(&c->lock);
}

/* @return 0, 1 (dropped in the meantime), or what went wrong: then the share is given up. */
static int prepare(hedgew_compute_t *c, hedgew_share_work_t *work)
{
        int r = 0;

        if (!c->kernels)
                r = hedge_kernels_open(c->settings.backend, c->settings.threads, &c->kernels, &work->why);
        if (r == 0 && hedgew_share_kind(work->share) == &hedgew_graph_kind)
                return hedgew_graph_prepare(work->share, c->kernels);
        if (r == 0 && hedgew_floats_open(&work->filters, 0) < 0)
                r = hedge_why(&work->why, -ENOMEM, "no memory for a share");
        if (r == 0)
                return hedgew_filters_prepare(work->share, c->kernels, work->filters.data, &work->why);
        hedgew_share_abandon(work->share);
        return r;
}

static void prepare_share(hedgew_compute_t *c, hedgew_share_work_t *work)
{
        if (!begin_step(c, NULL)) {
                hedgew_share_abandon(work->share);
                work->code = HEDGE_ESHUTDOWN;
                return;
        }
        work->code = prepare(c, work);
        hedgew_floats_release(&work->filters);
        hedgew_share_unref(&work->share);
        end_step(c);
}

/* A part is computed: move the task's clock on. On a slower board it begins where the one before ended and takes its own
 * time, whenever it was really begun: then this one may be late, but all of them together are not. What the test bed stretches besides
 * the kernel (packing, handing over) is its time, too.
 * @return how long it took. */
static int64_t pass_time(hedgew_task_t *task, uint64_t macs, int64_t start_us)
{
        const double rate = task->fate.macs_per_s;
        const double us = 1e6 * (double)macs / rate;

        if (rate > 0) {
                start_us = task->clock_us;
                task->clock_us += (int64_t)(us < 1e12 ? us : 1e12) + hedge_emulated_rest_us();
        } else {
                task->clock_us = hedge_now_us();
        }
        return task->clock_us - start_us;
}

static bool is_wanted(void *arg, const hedgew_task_t *task)
{
        hedgew_compute_t *c = arg;
        bool wanted;

        pthread_mutex_lock(&c->lock);
        wanted = hedgew_compute_wants(c, task);
        pthread_mutex_unlock(&c->lock);
        return wanted;
}

/* @return 0, 1 (nobody wants it any more), HEDGE_EKERNEL, HEDGE_ELIMIT, -ENOMEM. */
static int do_part(hedgew_compute_t *c, hedgew_task_t *task, uint32_t at)
{
        hedgew_part_means_t means = { .kernels = c->kernels, .wanted = is_wanted, .arg = c };
        hedgew_part_t part;
        int64_t start_us;
        int r;

        if (!begin_step(c, task))
                return 1;
        start_us = hedge_now_us();
        if (task->fate.store_bytes && !c->stored && hedgew_stored_parts_new(&c->stored) < 0)
                log_warning("run=%llu: no memory for a store of parts, ignoring: everything is computed",
                            (unsigned long long)task->run);
        means.stored = c->stored;
        r = hedgew_part_compute(task, &task->order[at], &means, &part);
        end_step(c);
        if (r != 0)
                return r;
        part.said.compute_us = (uint64_t)pass_time(task, part.macs, start_us + part.packing_us);
        return hedgew_handover_part(c, task, &part, task->n_order - at - 1);
}

static void run_task(hedgew_compute_t *c, hedgew_task_t *task)
{
        const hedge_cost_kind_t before = hedge_cost_enter(HEDGE_COST_KERNEL);
        const uint64_t worked_us = hedge_cost_thread_us();
        const int64_t now_us = hedge_now_us();
        int r = 0;

        if (!hedgew_share_is_held(task->share))
                r = hedge_why(&task->why, HEDGE_ENOSHARE, "the task's share could not be prepared");
        /* one that was cancelled before it arrived may have an arrival that never comes */
        task->clock_us = task->fate.arrival_us > now_us && task->fate.arrival_us != HEDGEW_NEVER_US
                                 ? task->fate.arrival_us
                                 : now_us;
        if (task->fate.macs_per_s > 0)
                hedge_emulated_rest_us(); /* of what was before */
        for (uint32_t i = 0; i < task->n_order && r == 0; i++) {
                r = do_part(c, task, i);
                if (r < 0 && !task->why.text[0])
                        hedge_why(&task->why, r, "computing part %u: %s", task->order[i].number, hedge_strerror(r));
        }
        task->computed_us = hedge_cost_thread_us() - worked_us;
        hedge_cost_enter(before);
        task->code = r < 0 ? r : 0;
        hedgew_handover_rest(c, task, r);
        hedgew_task_strip(task);
}

/* How much the test bed's store was of use, once after every burst of work. */
static void tell_stored(hedgew_compute_t *c)
{
        hedgew_stored_figures_t f;

        if (!c->stored)
                return;
        f = hedgew_stored_parts_figures(c->stored);
        if (f.found + f.computed == c->stored_told)
                return;
        c->stored_told = f.found + f.computed;
        log_info("stored=%llu computed=%llu checked=%llu wrong=%llu bytes=%llu: parts so far",
                 (unsigned long long)f.found, (unsigned long long)f.computed, (unsigned long long)f.checked,
                 (unsigned long long)f.wrong, (unsigned long long)f.bytes);
}

/* Nothing to do: give memory back, and all that the back end holds when there is no share for it. */
static void rest(hedgew_compute_t *c)
{
        hedgew_shares_rest(c->settings.shares);
        if (hedgew_shares_figures(c->settings.shares).alive == 0)
                hedge_kernels_destroy(&c->kernels);
        else if (c->kernels)
                hedge_kernels_trim(c->kernels);
        tell_stored(c);
        hedgew_memory_trim();
}

/* The task that arrives first, if that is now or it needs not come any more. */
static hedgew_task_t *find_arrived(hedgew_compute_t *c)
{
        hedgew_task_t *task;

        if (!c->arrivals.first)
                return NULL;
        pthread_mutex_lock(&c->lock);
        task = hedgew_arrivals_find(&c->arrivals, hedge_now_us());
        pthread_mutex_unlock(&c->lock);
        return task;
}

/* What to do next; mail before tasks that arrive by and by. @return NULL: nothing for long. */
static hedge_mail_t *next_mail(hedgew_compute_t *c, bool rested)
{
        hedge_mail_t *mail;

        for (;;) {
                hedgew_task_t *task = find_arrived(c);
                int wait_ms = rested ? -1 : REST_AFTER_MS;

                if (task)
                        wait_ms = 0;
                else if (c->arrivals.first)
                        wait_ms = hedgew_arrivals_wait_ms(&c->arrivals, hedge_now_us());
                mail = hedge_mailbox_wait(c->work, wait_ms);
                if (mail && mail->kind == HEDGEW_MAIL_TASK && ((hedgew_task_t *)mail)->fate.arrival_us) {
                        hedgew_arrivals_put(&c->arrivals, (hedgew_task_t *)mail);
                } else if (mail) {
                        return mail;
                } else if (task) {
                        hedgew_arrivals_remove(&c->arrivals, task);
                        return &task->mail;
                } else if (!c->arrivals.first) {
                        return NULL;
                }
        }
}

/* The I/O loop frees them. */
static void give_back_arrivals(hedgew_compute_t *c)
{
        hedgew_task_t *task;

        while ((task = c->arrivals.first)) {
                hedgew_arrivals_remove(&c->arrivals, task);
                hedge_mailbox_put(c->results, &task->mail);
        }
}

static void *run(void *arg)
{
        hedgew_compute_t *c = arg;
        bool rested = false;

        hedge_cost_thread();
        for (;;) {
                hedge_mail_t *mail = next_mail(c, rested);

                rested = !mail;
                if (!mail) {
                        rest(c);
                } else if (mail->kind == HEDGEW_MAIL_STOP) {
                        break;
                } else if (mail->kind == HEDGEW_MAIL_SHARE) {
                        prepare_share(c, (hedgew_share_work_t *)mail);
                        hedge_mailbox_put(c->results, mail);
                } else if (mail->kind == HEDGEW_MAIL_TASK) {
                        run_task(c, (hedgew_task_t *)mail);
                        hedge_mailbox_put(c->results, mail);
                } else {
                        free(mail);
                }
        }
        give_back_arrivals(c);
        tell_stored(c);
        pthread_mutex_lock(&c->lock);
        c->over = true;
        pthread_cond_signal(&c->ended);
        pthread_mutex_unlock(&c->lock);
        return NULL;
}

int hedgew_compute_start(const hedgew_executor_settings_t *settings, hedgew_compute_t **ret)
{
        hedgew_compute_t *c = calloc(1, sizeof(*c));
        pthread_condattr_t attr;
        int r;

        if (!c)
                return -ENOMEM;
        c->settings = *settings;
        c->stop.kind = HEDGEW_MAIL_STOP;
        pthread_mutex_init(&c->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&c->changed, &attr);
        pthread_cond_init(&c->ended, &attr);
        pthread_condattr_destroy(&attr);
        r = hedge_mailbox_new(&c->work);
        if (r == 0)
                r = hedge_mailbox_new(&c->results);
        if (r == 0)
                r = hedge_thread_start(&c->thread, STACK_BYTES, run, c);
        if (r < 0)
                hedgew_compute_destroy(&c);
        else
                *ret = c;
        return r;
}

void hedgew_compute_stop(hedgew_compute_t *c)
{
        pthread_mutex_lock(&c->lock);
        if (!c->stopping)
                hedge_mailbox_put(c->work, &c->stop);
        c->stopping = true;
        pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->lock);
}

int hedgew_compute_join(hedgew_compute_t *c, int timeout_ms)
{
        const int64_t until_us = hedge_now_us() + timeout_ms * (int64_t)1000;
        const struct timespec until = { until_us / 1000000, until_us % 1000000 * 1000 };
        int r = 0;

        pthread_mutex_lock(&c->lock);
        while (!c->over && r == 0)
                r = pthread_cond_timedwait(&c->ended, &c->lock, &until);
        r = c->over ? 0 : -ETIMEDOUT;
        pthread_mutex_unlock(&c->lock);
        if (r == 0)
                pthread_join(c->thread, NULL);
        return r;
}

void hedgew_compute_destroy(hedgew_compute_t **compute)
{
        hedgew_compute_t *c = *compute;

        if (!c)
                return;
        hedge_mailbox_destroy(&c->work);
        hedge_mailbox_destroy(&c->results);
        hedge_kernels_destroy(&c->kernels);
        hedgew_stored_parts_destroy(&c->stored);
        pthread_cond_destroy(&c->changed);
        pthread_cond_destroy(&c->ended);
        pthread_mutex_destroy(&c->lock);
        free(c);
        *compute = NULL;
}
