/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_MAILBOX_H
#define HEDGE_MAILBOX_H

/** A queue of messages to one thread, from any thread, in order, with a descriptor to poll.
 *
 * Messages are structures that begin with a hedge_mail_t; putting one hands it over. Nothing is copied or allocated, so
 * putting never fails. */
typedef struct hedge_mailbox hedge_mailbox_t;

typedef struct hedge_mail {
        struct hedge_mail *next;
        int kind; /**< the sender's and the receiver's own enumeration */
} hedge_mail_t;

/** @return 0, -ENOMEM, -errno. */
int hedge_mailbox_new(hedge_mailbox_t **ret);

/** Empty it first: messages still inside are not freed. NULL-safe; nullifies. */
void hedge_mailbox_destroy(hedge_mailbox_t **box);

void hedge_mailbox_put(hedge_mailbox_t *box, hedge_mail_t *mail);

/** The same for what has time until the next message: it is read in its turn, but wakes nobody. */
void hedge_mailbox_put_quietly(hedge_mailbox_t *box, hedge_mail_t *mail);

/** The oldest message, or NULL. */
hedge_mail_t *hedge_mailbox_take(hedge_mailbox_t *box);

/** The same, waiting up to timeout_ms for one (-1: for ever). @return NULL when the time is over. */
hedge_mail_t *hedge_mailbox_wait(hedge_mailbox_t *box, int timeout_ms);

/** Readable while there may be messages that were not put quietly. */
int hedge_mailbox_fd(const hedge_mailbox_t *box);

#endif
