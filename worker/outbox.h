/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_OUTBOX_H
#define HEDGEW_OUTBOX_H

#include <stdint.h>

#include "common/mailbox.h"

/** A mailbox seen through a clock: what an emulated board has to say, held back until it is due. Used by one thread. */
typedef struct hedgew_outbox hedgew_outbox_t;

/** @param box     Where mail comes from; borrowed. Only the outbox takes from it.
 * @param due_us  When a mail is due (monotonic time). Asked again each time: it may come to be due earlier.
 * @return 0, -ENOMEM, -errno. */
int hedgew_outbox_new(hedge_mailbox_t *box, int64_t (*due_us)(const hedge_mail_t *mail), hedgew_outbox_t **ret);

/** Empty it first. NULL-safe; nullifies. */
void hedgew_outbox_destroy(hedgew_outbox_t **outbox);

/** Of the mail that is due by now, what came first; or NULL. */
hedge_mail_t *hedgew_outbox_take(hedgew_outbox_t *outbox);

/** What came first of what is held back, whether or not it is due; or NULL. What is still in the mailbox stays there. */
hedge_mail_t *hedgew_outbox_take_any(hedgew_outbox_t *outbox);

/** Readable while there may be mail that is due; after hedgew_outbox_take said NULL, as soon as there is some. */
int hedgew_outbox_fd(const hedgew_outbox_t *outbox);

#endif
