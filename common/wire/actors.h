/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ACTORS_H
#define HEDGE_ACTORS_H

#include "common/mailbox.h"
#include "common/wire/socket.h"

typedef struct _zactor_t zactor_t;

/** Start one of CZMQ's actors, with all signals blocked. @return 0, -ENOMEM, -errno (the system allows no more threads). */
int hedge_actor_start(void (*run)(zsock_t *pipe, void *arg), void *arg, zactor_t **ret);

/** Threads that live from start to end and do what comes by mail, one piece after the other. The threads are CZMQ's actors; what they
 * are given comes by a mailbox, as putting mail must never fail. */
typedef struct hedge_actors hedge_actors_t;

/** One piece of work. Takes the mail over. */
typedef void hedge_actor_fn(void *arg, hedge_mail_t *mail);

/** Start the threads. @return 0, -ENOMEM, -errno (the system allows no more threads). */
int hedge_actors_new(unsigned count, hedge_actor_fn *work, void *arg, hedge_actors_t **ret);

/** Start more of them, until there are so many. Only who has made them may, and nobody else at the same time.
 * @return 0; -ENOMEM, -errno: there are fewer, which go on. */
int hedge_actors_grow(hedge_actors_t *actors, unsigned count);

/** Hand over mail of any kind but negative ones. From any thread. */
void hedge_actors_put(hedge_actors_t *actors, hedge_mail_t *mail);

/** Let them do what has been put, join, free. There is no limit of time. NULL-safe; nullifies. */
void hedge_actors_destroy(hedge_actors_t **actors);

#endif
