/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_TRAINING_THREAD_H
#define HEDGE_WORKER_TRAINING_THREAD_H

#include <pthread.h>

#include "worker/matrices.h"
#include "worker/training.h"
#include "worker/training_job.h"

/** The training's thread: the other half of worker/training.h, and what both halves share. Only training.c and
 * training_products.c use it.
 *
 * Orders go to the thread by `orders`, answers come back by `answers`. The thread ends when it has nothing to do and takes
 * part in no training. */
typedef struct hedge_training_order {
        hedge_mail_t mail;
        hedge_envelope_t envelope; /**< owned */
        uint64_t train;
        uint64_t bytes;      /**< of its frames */
        uint64_t generation; /**< whose connection it came by */
        hedge_fate_t fate;   /**< of a STEP, APPLY, UPDATE or MULTIPLY */
        int code;            /**< negative: it was refused when it came, and is only to be answered */
        hedge_why_t why;
} hedge_training_order_t;

typedef struct hedge_training_answer {
        hedge_training_report_t report; /**< its frames are made anew of `frames` each time it is tried to send it */
        zmq_msg_t frames[2];
        uint64_t generation;
        uint64_t bytes; /**< of a PRODUCT's frame */
        int64_t due_us; /**< 0: at once */
        bool step;      /**< it is what a STEP was answered with */
} hedge_training_answer_t;

typedef struct hedge_training_thread {
        hedge_training_settings_t settings;
        pthread_t thread;
        bool started; /**< to be joined; the loop's own */
        hedge_mailbox_t *orders, *answers;
        hedge_mail_t nudge;        /**< no order: have a look at `stopping` */
        hedge_training_job_t *job; /**< the thread's; NULL: it takes part in none */
        uint64_t joined;           /**< the thread's: generation of the last JOIN */
        /** The thread's; NULL: no products are wanted of it. Beside a job they hold nothing: they multiply. */
        hedge_matrices_t *matrices;
        uint64_t matrices_generation; /**< whose they are */
        pthread_mutex_t lock;         /**< of everything below */
        pthread_cond_t changed; /**< stopping, another generation or step, an answer is gone: the thread waits for it */
        pthread_cond_t ended;
        bool over; /**< the thread has ended, or there was none yet */
        bool stopping;
        uint64_t generation; /**< counted up when answers are not wanted any more */
        uint32_t waiting;    /**< orders that the thread has not done */
        uint64_t waiting_bytes;
        uint64_t asked_step; /**< of the last APPLY or MULTIPLY: products of earlier steps are not wanted any more */
        uint32_t unsent;     /**< answers, also those that nobody wants any more */
        uint64_t unsent_bytes;
        hedge_training_status_t status;
        int64_t busy_since_us; /**< computing since; 0: not */
} hedge_training_thread_t;

/** Initialise, without starting anything. @return 0, -ENOMEM, -errno. */
int hedge_training_thread_init(hedge_training_thread_t *thread, const hedge_training_settings_t *settings);

/** Free everything. The thread was joined, or never ran. */
void hedge_training_thread_release(hedge_training_thread_t *thread);

/** Hand over an order, to a new thread if there is none any more. @return 0, -errno: it was not taken. */
int hedge_training_thread_put(hedge_training_thread_t *thread, hedge_training_order_t *order);

/** Ask it to end: at once where it waits, else after what it computes.
 * @return 0: it has, and was joined; -ETIMEDOUT. */
int hedge_training_thread_end(hedge_training_thread_t *thread, int timeout_ms);

/** An ERROR about a training. @param shard  NULL: about none. @return NULL: no memory. */
hedge_training_answer_t *hedge_training_error(int code, const hedge_why_t *why, uint64_t train,
                                              const hedge_digest_t *shard);

/** Have an answer sent. From any thread. */
void hedge_training_thread_answer(hedge_training_thread_t *thread, hedge_training_answer_t *answer);

/* ---- for the thread itself ---- */

/** Is an order still to be carried out? */
typedef enum hedge_training_standing {
        HEDGE_TRAINING_WANTED,
        HEDGE_TRAINING_STALE, /**< a later step's product is asked for: its own is not wanted, but what it changes */
        HEDGE_TRAINING_GONE,  /**< of an earlier connection or coordinator, or the end has come */
} hedge_training_standing_t;

/** Let time pass, as long as the order is wanted. @param stale  Also when it is stale. */
hedge_training_standing_t hedge_training_thread_linger(hedge_training_thread_t *thread,
                                                       const hedge_training_order_t *order, int64_t until_us,
                                                       bool stale);

/** Wait until a product of so many bytes may wait to be sent beside the others. @return false: the order is gone. */
bool hedge_training_thread_room(hedge_training_thread_t *thread, const hedge_training_order_t *order, uint64_t bytes);

/** It computes, from now on or no more. */
void hedge_training_thread_busy(hedge_training_thread_t *thread, bool busy);

/** Tell others what is held. */
void hedge_training_thread_publish(hedge_training_thread_t *thread, uint64_t steps);

/** Take part in no training by JOIN any more. */
void hedge_training_thread_leave(hedge_training_thread_t *thread);

/** An empty answer. @return NULL: no memory. */
hedge_training_answer_t *hedge_training_answer_new(hedge_message_type_t type);

/** Send what an order is answered with. @param answer  NULL: there was no memory for it, the coordinator must do without. */
void hedge_training_thread_report(hedge_training_thread_t *thread, const hedge_training_order_t *order,
                                  hedge_training_answer_t *answer);

/** NULL-safe; nullify. */
void hedge_training_order_destroy(hedge_training_order_t **order);
void hedge_training_answer_destroy(hedge_training_answer_t **answer);

#endif
