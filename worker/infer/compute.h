/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_COMPUTE_H
#define HEDGEW_COMPUTE_H

#include <pthread.h>

#include "worker/infer/arrivals.h"
#include "worker/infer/executor.h"
#include "worker/infer/part.h"

/** The compute thread: the other half of the executor, and what both halves share. Only executor.c uses it.
 *
 * Mail goes to the thread by `work` and comes back by `results`: a share or a task comes back when it is done, a task behind
 * its parts and with the last of them. */
enum {
        HEDGEW_MAIL_SHARE, /**< hedgew_share_work_t */
        HEDGEW_MAIL_TASK,  /**< hedgew_task_t */
        HEDGEW_MAIL_PARTS, /**< hedgew_parts_t, from the thread */
        HEDGEW_MAIL_NUDGE, /**< a hedge_mail_t, freed by the thread: have a look at what was dropped or cancelled */
        HEDGEW_MAIL_STOP,
};

typedef struct hedgew_share_work {
        hedge_mail_t mail;
        hedgew_share_t *share;   /**< a claimed one; NULL when it comes back */
        hedgew_floats_t filters; /**< of a share of filters */
        hedge_digest_t digest;
        int code; /**< what preparing it said */
        hedge_why_t why;
} hedgew_share_work_t;

typedef struct hedgew_compute {
        hedgew_executor_settings_t settings;
        pthread_t thread;
        hedge_mailbox_t *work, *results;
        hedge_mail_t stop;
        hedge_kernels_t *kernels;      /**< the thread's; NULL while there is no share for it */
        hedgew_arrivals_t arrivals;    /**< the thread's */
        hedgew_stored_parts_t *stored; /**< the thread's; NULL until a task's fate has a store */
        uint64_t stored_told;          /**< parts that the log knows of */
        pthread_mutex_t lock;          /**< of everything below, and of tasks' `cancelled` */
        pthread_cond_t changed;        /**< cancelled, stopping, room for parts: the thread waits for it */
        pthread_cond_t ended;
        bool stopping, over;
        uint64_t unsent_bytes, parts_done;
        int64_t busy_since_us; /**< inside a kernel or packing since; 0: not */
} hedgew_compute_t;

/** Start the thread, with all signals blocked. @return 0, -ENOMEM, -errno. */
int hedgew_compute_start(const hedgew_executor_settings_t *settings, hedgew_compute_t **ret);

/** The caller holds the lock. @param task  May be NULL: is anything wanted at all? */
bool hedgew_compute_wants(const hedgew_compute_t *compute, const hedgew_task_t *task);

/** So many bytes of parts wait no more. */
void hedgew_compute_sent(hedgew_compute_t *compute, uint64_t bytes);

/** As hedgew_executor_stop and hedgew_executor_join. */
void hedgew_compute_stop(hedgew_compute_t *compute);
int hedgew_compute_join(hedgew_compute_t *compute, int timeout_ms);

/** The thread was joined (or never ran), the mailboxes are empty and no share is left. NULL-safe; nullifies. */
void hedgew_compute_destroy(hedgew_compute_t **compute);

#endif
