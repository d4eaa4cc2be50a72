/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/actors.h"

#include <czmq.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/cost.h"
#include "common/thread.h"

enum { STOP = -1 };

struct hedge_actors {
        hedge_mailbox_t *queue;
        hedge_actor_fn *work;
        void *arg;
        zactor_t **threads;
        hedge_mail_t *stops; /* one for each, put at the end only */
        unsigned count;
        atomic_uint
                ended; /* orders what they did before what destroys them does, for tools that do not see into CZMQ's pipes */
};

static void run(zsock_t *pipe, void *arg)
{
        hedge_actors_t *a = arg;
        hedge_mail_t *mail;

        hedge_cost_thread();
        zsock_signal(pipe, 0);
        while ((mail = hedge_mailbox_wait(a->queue, -1))->kind != STOP)
                a->work(a->arg, mail);
        atomic_fetch_add_explicit(&a->ended, 1, memory_order_release);
}

static void *nothing(void *arg)
{
        return arg;
}

/* zactor_new() waits for ever where no thread can be made: see first whether one can. And where a signal interrupts one of CZMQ's
 * own actors, it takes that for the program's end. */
int hedge_actor_start(void (*work)(zsock_t *pipe, void *arg), void *arg, zactor_t **ret)
{
        sigset_t before;
        pthread_t probe;
        int r = hedge_thread_start(&probe, 0, nothing, NULL);

        if (r < 0)
                return r;
        pthread_join(probe, NULL);
        hedge_signals_block(&before); /* they are the main thread's */
        *ret = zactor_new(work, arg);
        hedge_signals_restore(&before);
        return *ret ? 0 : -ENOMEM;
}

/* Room for so many. @return 0, -ENOMEM. */
static int make_room(hedge_actors_t *a, unsigned count)
{
        zactor_t **threads = reallocarray(a->threads, count, sizeof(*threads));
        hedge_mail_t *stops;

        if (!threads)
                return -ENOMEM;
        a->threads = threads;
        stops = reallocarray(a->stops, count, sizeof(*stops));
        if (!stops)
                return -ENOMEM;
        a->stops = stops;
        return 0;
}

int hedge_actors_grow(hedge_actors_t *a, unsigned count)
{
        int r = count > a->count ? make_room(a, count) : 0;

        for (; r == 0 && a->count < count; a->count += r == 0)
                r = hedge_actor_start(run, a, &a->threads[a->count]);
        return r;
}

int hedge_actors_new(unsigned count, hedge_actor_fn *work, void *arg, hedge_actors_t **ret)
{
        hedge_actors_t *a = calloc(1, sizeof(*a));
        int r = -ENOMEM;

        if (!a)
                return r;
        a->work = work;
        a->arg = arg;
        r = hedge_mailbox_new(&a->queue);
        if (r == 0)
                r = hedge_actors_grow(a, count);
        if (r < 0)
                hedge_actors_destroy(&a);
        else
                *ret = a;
        return r;
}

void hedge_actors_put(hedge_actors_t *actors, hedge_mail_t *mail)
{
        hedge_mailbox_put(actors->queue, mail);
}

void hedge_actors_destroy(hedge_actors_t **actors)
{
        hedge_actors_t *a = *actors;

        if (!a)
                return;
        for (unsigned i = 0; i < a->count; i++) {
                a->stops[i].kind = STOP;
                hedge_mailbox_put(a->queue, &a->stops[i]);
        }
        for (unsigned i = 0; i < a->count; i++)
                zactor_destroy(&a->threads[i]);
        while (atomic_load_explicit(&a->ended, memory_order_acquire) < a->count)
                sched_yield(); /* never: they have been waited for */
        hedge_mailbox_destroy(&a->queue);
        free(a->threads);
        free(a->stops);
        free(a);
        *actors = NULL;
}
