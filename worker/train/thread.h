/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_TRAINING_THREAD_H
#define HEDGEW_TRAINING_THREAD_H

#include <pthread.h>

#include "worker/train/job.h"
#include "worker/train/matrices.h"
#include "worker/train/training.h"

/** The training's thread: the other half of worker/train/training.h, and what both halves share. Only training.c and
 * training_products.c use it.
 *
 * Orders go to the thread by `orders`, answers come back by `answers`. The thread ends when it has nothing to do and takes
 * part in no training. */
typedef struct hedgew_training_order {
        hedge_mail_t mail;
        hedge_envelope_t envelope; /**< owned */
        uint64_t job;
        uint64_t bytes;      /**< of its frames */
        uint64_t generation; /**< whose connection it came by */
        hedgew_fate_t fate;  /**< of a STEP, APPLY, UPDATE or MULTIPLY */
        int code;            /**< negative: it was refused when it came, and is only to be answered */
        hedge_why_t why;
} hedgew_training_order_t;

typedef struct hedgew_training_answer {
        hedgew_training_report_t report; /**< its frames are made anew of `frames` each time it is tried to send it */
        zmq_msg_t frames[2];
        uint64_t generation;
        uint64_t bytes; /**< of a PRODUCT's frame */
        int64_t due_us; /**< 0: at once */
        bool step;      /**< it is what a STEP was answered with */
} hedgew_training_answer_t;

typedef struct hedgew_training_thread {
        hedgew_training_settings_t settings;
        pthread_t thread;
        bool started; /**< to be joined; the loop's own */
        hedge_mailbox_t *orders, *answers;
        hedge_mail_t nudge;         /**< no order: have a look at `stopping` */
        hedgew_training_job_t *job; /**< the thread's; NULL: it takes part in none */
        uint64_t joined;            /**< the thread's: generation of the last JOIN */
        /** The thread's; NULL: no products are wanted of it. Beside a job they hold nothing: they multiply. */
        hedgew_matrices_t *matrices;
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
        hedgew_training_status_t status;
        int64_t busy_since_us; /**< computing since; 0: not */
} hedgew_training_thread_t;

/** Initialise, without starting anything. @return 0, -ENOMEM, -errno. */
int hedgew_training_thread_init(hedgew_training_thread_t *thread, const hedgew_training_settings_t *settings);

/** Free everything. The thread was joined, or never ran. */
void hedgew_training_thread_release(hedgew_training_thread_t *thread);

/** Hand over an order, to a new thread if there is none any more. @return 0, -errno: it was not taken. */
int hedgew_training_thread_put(hedgew_training_thread_t *thread, hedgew_training_order_t *order);

/** Ask it to end: at once where it waits, else after what it computes.
 * @return 0: it has, and was joined; -ETIMEDOUT. */
int hedgew_training_thread_end(hedgew_training_thread_t *thread, int timeout_ms);

/** An ERROR about a training. @param shard  NULL: about none. @return NULL: no memory. */
hedgew_training_answer_t *hedgew_training_error(int code, const hedge_why_t *why, uint64_t job,
                                                const hedge_digest_t *shard);

/** Have an answer sent. From any thread. */
void hedgew_training_thread_answer(hedgew_training_thread_t *thread, hedgew_training_answer_t *answer);

/* ---- for the thread itself ---- */

/** Is an order still to be carried out? */
typedef enum hedgew_training_standing {
        HEDGEW_TRAINING_WANTED,
        HEDGEW_TRAINING_STALE, /**< a later step's product is asked for: its own is not wanted, but what it changes */
        HEDGEW_TRAINING_GONE,  /**< of an earlier connection or coordinator, or the end has come */
} hedgew_training_standing_t;

/** Let time pass, as long as the order is wanted. @param stale  Also when it is stale. */
hedgew_training_standing_t hedgew_training_thread_linger(hedgew_training_thread_t *thread,
                                                         const hedgew_training_order_t *order, int64_t until_us,
                                                         bool stale);

/** Wait until a product of so many bytes may wait to be sent beside the others. @return false: the order is gone. */
bool hedgew_training_thread_room(hedgew_training_thread_t *thread, const hedgew_training_order_t *order,
                                 uint64_t bytes);

/** It computes, from now on or no more. */
void hedgew_training_thread_busy(hedgew_training_thread_t *thread, bool busy);

/** Tell others what is held. */
void hedgew_training_thread_publish(hedgew_training_thread_t *thread, uint64_t steps);

/** Take part in no training by JOIN any more. */
void hedgew_training_thread_leave(hedgew_training_thread_t *thread);

/** An empty answer. @return NULL: no memory. */
hedgew_training_answer_t *hedgew_training_answer_new(hedge_message_type_t type);

/** Send what an order is answered with. @param answer  NULL: there was no memory for it, the coordinator must do without. */
void hedgew_training_thread_report(hedgew_training_thread_t *thread, const hedgew_training_order_t *order,
                                   hedgew_training_answer_t *answer);

/** NULL-safe; nullify. */
void hedgew_training_order_destroy(hedgew_training_order_t **order);
void hedgew_training_answer_destroy(hedgew_training_answer_t **answer);

#endif
