/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/wire/actors.h"
#include "daemon/infer/run.h"

/* A run at a time: who has it, takes one after the other as long as any waits. */
typedef struct slot {
        hedge_mail_t mail;
        struct slot *next; /* of those that nobody has */
} slot_t;

struct hedged_runners {
        hedged_runner_settings_t settings;
        hedge_actors_t *threads;
        unsigned n_threads; /* the loop's */
        atomic_bool stopping;
        hedged_demand_t demand;
        hedged_gate_t gate;
        pthread_mutex_t opening; /* of requests: the first of its threads that comes does it */
        pthread_mutex_t lock;    /* of the rest */
        hedged_fair_queue_t queue;
        unsigned limit, busy; /* slots that may be given to threads, and that are */
        slot_t *idle;
        slot_t slots[HEDGED_IN_FLIGHT_MAX];
};

void hedged_request_destroy(hedged_request_t **request)
{
        hedged_request_t *q = *request;

        if (!q)
                return;
        for (uint32_t i = 0; q->frames && i < q->model->graph->n_inputs; i++)
                zmq_msg_close(&q->frames[i]);
        for (uint32_t i = 0; q->outputs && i < q->model->graph->n_outputs; i++)
                hedge_tensor_release(&q->outputs[i]);
        hedged_reports_release(&q->reports);
        for (unsigned i = 0; i < q->n_of_runs; i++)
                hedged_reports_release(&q->of_runs[i]);
        free(q->of_runs);
        free(q->frames);
        free(q->outputs);
        hedged_model_unref(&q->model);
        free(q);
        *request = NULL;
}

/* ---- a request's runs ---- */

static void answer(hedged_runners_t *runners, hedged_request_t *q)
{
        q->result = atomic_load(&q->failure);
        if (q->result == 0)
                q->result = hedged_run_close(q);
        if (q->result < 0)
                hedge_why(&q->why, q->result, "model '%s': %s", q->model->name, hedge_strerror(q->result));
        q->mail.kind = runners->settings.answer_kind;
        hedge_mailbox_put(runners->settings.coded.loop, &q->mail);
}

/* So many of its runs are over. Who ends the last one gives the request back, and knows it no more. */
static void end_runs(hedged_runners_t *runners, hedged_request_t *q, uint32_t n)
{
        const uint32_t runs = q->runs; /* when ours are over another thread's may be the last */

        if (n > 0 && atomic_fetch_add(&q->done, n) + n == runs)
                answer(runners, q);
}

static void fail(hedged_request_t *q, int code)
{
        int none = 0;

        atomic_compare_exchange_strong(&q->failure, &none, code); /* the first says why */
}

static int open_once(hedged_runners_t *runners, hedged_request_t *q)
{
        int r = 0;

        pthread_mutex_lock(&runners->opening);
        if (!q->opened)
                r = hedged_run_open(q);
        q->opened = true;
        pthread_mutex_unlock(&runners->opening);
        return r;
}

/* One run, or, where one has failed, none. */
static void run(hedged_runners_t *runners, hedged_request_t *q, uint32_t index)
{
        int r = atomic_load(&runners->stopping) ? HEDGE_ESHUTDOWN : open_once(runners, q);

        if (r < 0)
                fail(q, r);
        if (atomic_load(&q->failure) == 0 && (r = hedged_run(&runners->settings, &runners->stopping, q, index)) < 0)
                fail(q, r);
        atomic_fetch_sub(&runners->demand.at_work, 1);
        end_runs(runners, q, 1);
}

/* ---- threads ---- */

/* With the lock: the next run, if there may be another one. */
static hedged_request_t *take(hedged_runners_t *runners, uint32_t *index)
{
        hedged_turns_t *turns = runners->busy <= runners->limit ? hedged_fair_queue_take(&runners->queue, index) : NULL;

        if (!turns)
                return NULL;
        atomic_fetch_sub(&runners->demand.waiting, 1);
        atomic_fetch_add(&runners->demand.at_work, 1);
        return (hedged_request_t *)((char *)turns - offsetof(hedged_request_t, turns));
}

static void work(void *arg, hedge_mail_t *mail)
{
        hedged_runners_t *runners = arg;
        slot_t *slot = (slot_t *)mail;
        hedged_request_t *q;
        uint32_t index;

        pthread_mutex_lock(&runners->lock);
        while ((q = take(runners, &index))) {
                pthread_mutex_unlock(&runners->lock);
                run(runners, q, index);
                pthread_mutex_lock(&runners->lock);
        }
        slot->next = runners->idle;
        runners->idle = slot;
        runners->busy--;
        pthread_mutex_unlock(&runners->lock);
}

/* Have runs that wait begun with, where there may be more of them. Threads are made when there is something for them; where the
 * system allows no more, those that there are do it. */
static void wake(hedged_runners_t *runners)
{
        slot_t *woken = NULL;
        unsigned busy, n = 0;

        pthread_mutex_lock(&runners->lock);
        while (runners->busy < runners->limit && runners->idle && n < atomic_load(&runners->demand.waiting)) {
                slot_t *slot = runners->idle;

                runners->idle = slot->next;
                slot->next = woken;
                woken = slot;
                runners->busy++;
                n++;
        }
        busy = runners->busy;
        pthread_mutex_unlock(&runners->lock);
        if (busy > runners->n_threads && hedge_actors_grow(runners->threads, busy) == 0)
                runners->n_threads = busy;
        while (woken) {
                slot_t *slot = woken;

                woken = slot->next;
                hedge_actors_put(runners->threads, &slot->mail);
        }
}

/* ---- the loop's side ---- */

/* With the lock: of so many in the queue, how many do wait? Threads are on their way to the others. */
static unsigned that_wait(const hedged_runners_t *runners, unsigned queued)
{
        const unsigned at_work = atomic_load(&runners->demand.at_work);
        const unsigned idle = runners->limit > at_work ? runners->limit - at_work : 0;

        return queued > idle ? queued - idle : 0;
}

/* With the lock. @return 0, -EAGAIN, -ENOMEM. */
static int let_wait(hedged_runners_t *runners, hedged_request_t *q, const hedged_client_t *client, hedge_why_t *why)
{
        const unsigned own = that_wait(runners, hedged_fair_queue_of(&runners->queue, client->name, client->size));
        const unsigned waiting = that_wait(runners, runners->queue.waiting);
        const unsigned places = runners->settings.queue;
        const bool admitted = hedged_fair_queue_admits(own, places > waiting ? places - waiting : 0);

        if (!admitted && own < waiting)
                return hedge_why(why, -EAGAIN,
                                 "busy: %u requests are waiting, %u of them of this client, and inference.queue allows "
                                 "%u in all; ask again when some have been answered",
                                 waiting, own, places);
        if (!admitted)
                return hedge_why(why, -EAGAIN,
                                 "busy: %u requests of this client are waiting, and one client may not fill the queue "
                                 "(inference.queue is %u); ask again when some have been answered",
                                 own, places);
        if (hedged_fair_queue_put(&runners->queue, client->name, client->size, q->model, &q->turns) < 0)
                return hedge_why(why, -ENOMEM, "out of memory");
        atomic_fetch_add(&runners->demand.waiting, q->runs);
        return 0;
}

int hedged_runners_submit(hedged_runners_t *runners, hedged_request_t *q, const hedged_client_t *client,
                          hedge_why_t *why)
{
        int r;

        q->turns.runs = q->runs;
        pthread_mutex_lock(&runners->lock);
        r = let_wait(runners, q, client, why);
        pthread_mutex_unlock(&runners->lock);
        if (r == 0)
                wake(runners);
        return r;
}

void hedged_runners_cancel(hedged_runners_t *runners, hedged_request_t *q, int code)
{
        uint32_t left = 0;

        fail(q, code);
        pthread_mutex_lock(&runners->lock);
        if (q->turns.lane) {
                left = q->turns.runs - q->turns.given;
                hedged_fair_queue_remove(&runners->queue, &q->turns);
                atomic_fetch_sub(&runners->demand.waiting, left);
        }
        pthread_mutex_unlock(&runners->lock);
        end_runs(runners, q, left);
}

void hedged_runners_limit(hedged_runners_t *runners, unsigned limit)
{
        pthread_mutex_lock(&runners->lock);
        runners->limit = limit < 1 ? 1 : limit < HEDGED_IN_FLIGHT_MAX ? limit : HEDGED_IN_FLIGHT_MAX;
        pthread_mutex_unlock(&runners->lock);
        wake(runners);
}

void hedged_runners_stop(hedged_runners_t *runners)
{
        atomic_store(&runners->stopping, true);
}

int hedged_runners_new(const hedged_runner_settings_t *settings, hedged_runners_t **ret)
{
        hedged_runners_t *runners = calloc(1, sizeof(*runners));
        int r;

        if (!runners)
                return -ENOMEM;
        runners->settings = *settings;
        runners->settings.demand = &runners->demand;
        runners->settings.gate = &runners->gate;
        hedged_gate_init(&runners->gate, settings->coded.threads);
        runners->limit = runners->n_threads = 1;
        for (unsigned i = 0; i < HEDGED_IN_FLIGHT_MAX; i++) {
                runners->slots[i].next = runners->idle;
                runners->idle = &runners->slots[i];
        }
        pthread_mutex_init(&runners->opening, NULL);
        pthread_mutex_init(&runners->lock, NULL);
        r = hedge_actors_new(1, work, runners, &runners->threads);
        if (r < 0)
                hedged_runners_destroy(&runners);
        else
                *ret = runners;
        return r;
}

void hedged_runners_destroy(hedged_runners_t **runners)
{
        if (!*runners)
                return;
        hedge_actors_destroy(&(*runners)->threads);
        hedged_fair_queue_clear(&(*runners)->queue);
        hedged_gate_release(&(*runners)->gate);
        pthread_mutex_destroy(&(*runners)->lock);
        pthread_mutex_destroy(&(*runners)->opening);
        free(*runners);
        *runners = NULL;
}
