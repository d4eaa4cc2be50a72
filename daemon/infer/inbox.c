/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/inbox.h"

#include <time.h>

void hedged_inbox_init(hedged_inbox_t *box)
{
        pthread_condattr_t monotonic;

        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_mutex_init(&box->lock, NULL);
        pthread_cond_init(&box->enough, &monotonic);
        pthread_condattr_destroy(&monotonic);
        box->head = NULL;
        box->tail = &box->head;
        box->worth = box->least = 0;
        box->urgent = false;
}

void hedged_inbox_release(hedged_inbox_t *box)
{
        pthread_cond_destroy(&box->enough);
        pthread_mutex_destroy(&box->lock);
}

static bool is_enough(const hedged_inbox_t *box, unsigned least)
{
        return box->urgent || box->worth >= least;
}

/* Signalled without the lock: who wakes must not find it taken. */
bool hedged_inbox_put(hedged_inbox_t *box, hedge_mail_t *first, hedge_mail_t *last, unsigned worth, bool urgent)
{
        bool wakes;

        last->next = NULL;
        pthread_mutex_lock(&box->lock);
        *box->tail = first;
        box->tail = &last->next;
        box->worth += worth;
        box->urgent |= urgent;
        wakes = box->least > 0 && is_enough(box, box->least);
        if (wakes)
                box->least = 0; /* once is enough */
        pthread_mutex_unlock(&box->lock);
        if (wakes)
                pthread_cond_signal(&box->enough);
        return wakes;
}

hedge_mail_t *hedged_inbox_take(hedged_inbox_t *box)
{
        hedge_mail_t *first;

        pthread_mutex_lock(&box->lock);
        first = box->head;
        box->head = NULL;
        box->tail = &box->head;
        box->worth = 0;
        box->urgent = false;
        pthread_mutex_unlock(&box->lock);
        return first;
}

void hedged_inbox_wait(hedged_inbox_t *box, unsigned least, int64_t until_us)
{
        const struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
        const unsigned enough = least ? least : 1;
        int r = 0;

        pthread_mutex_lock(&box->lock);
        box->least = enough;
        while (r == 0 && !is_enough(box, enough))
                r = pthread_cond_timedwait(&box->enough, &box->lock, &until);
        box->least = 0;
        pthread_mutex_unlock(&box->lock);
}
