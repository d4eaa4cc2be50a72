/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_INBOX_H
#define HEDGED_INBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/mailbox.h"

/** A queue of messages to one thread that sleeps until there is enough of them: a wake-up costs more than most messages do.
 *
 * Messages are handed over as with a mailbox (common/mailbox.h): nothing is copied or allocated, so putting never fails. */
typedef struct hedged_inbox {
        pthread_mutex_t lock;
        pthread_cond_t enough;
        hedge_mail_t *head, **tail;
        unsigned worth; /**< of what has not been taken */
        bool urgent;    /**< something of that does not wait */
        unsigned least; /**< who sleeps wants so much; 0: nobody sleeps */
} hedged_inbox_t;

void hedged_inbox_init(hedged_inbox_t *box);

/** Messages still inside are forgotten. */
void hedged_inbox_release(hedged_inbox_t *box);

/** Put a chain of messages, first to last.
 * @param worth   How far it brings who waits. @param urgent  Wake it in any case.
 * @return whether it slept and is woken: a chain that is not enough leaves it asleep. */
bool hedged_inbox_put(hedged_inbox_t *box, hedge_mail_t *first, hedge_mail_t *last, unsigned worth, bool urgent);

/** All that is there, oldest first, as a chain by `next`; NULL: nothing. */
hedge_mail_t *hedged_inbox_take(hedged_inbox_t *box);

/** Sleep until what is there is worth `least` (at least 1), or urgent, or it is until_us (monotonic). */
void hedged_inbox_wait(hedged_inbox_t *box, unsigned least, int64_t until_us);

#endif
