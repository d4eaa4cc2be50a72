/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_COMPUTE_H
#define HEDGE_WORKER_COMPUTE_H

#include <pthread.h>

#include "worker/arrivals.h"
#include "worker/executor.h"
#include "worker/part.h"

/** The compute thread: the other half of the executor, and what both halves share. Only executor.c uses it.
 *
 * Mail goes to the thread by `work` and comes back by `results`: a share or a task comes back when it is done, a task behind
 * its parts. */
enum {
        HEDGE_MAIL_SHARE, /**< hedge_share_work_t */
        HEDGE_MAIL_TASK,  /**< hedge_task_t */
        HEDGE_MAIL_PART,  /**< hedge_part_t, from the thread */
        HEDGE_MAIL_NUDGE, /**< a hedge_mail_t, freed by the thread: have a look at what was dropped or cancelled */
        HEDGE_MAIL_STOP,
};

typedef struct hedge_share_work {
        hedge_mail_t mail;
        hedge_share_t *share; /**< a claimed one; NULL when it comes back */
        hedge_floats_t filters;
        hedge_digest_t digest;
        int code; /**< what hedge_share_prepare said */
        hedge_why_t why;
} hedge_share_work_t;

typedef struct hedge_compute {
        hedge_executor_settings_t settings;
        pthread_t thread;
        hedge_mailbox_t *work, *results;
        hedge_mail_t stop;
        hedge_kernels_t *kernels;     /**< the thread's; NULL while there is no share for it */
        hedge_arrivals_t arrivals;    /**< the thread's */
        hedge_stored_parts_t *stored; /**< the thread's; NULL until a task's fate has a store */
        uint64_t stored_told;         /**< parts that the log knows of */
        pthread_mutex_t lock;         /**< of everything below, and of tasks' `cancelled` */
        pthread_cond_t changed;       /**< cancelled, stopping, room for parts: the thread waits for it */
        pthread_cond_t ended;
        bool stopping, over;
        uint64_t unsent_bytes, parts_done;
        int64_t busy_since_us; /**< inside a kernel or packing since; 0: not */
} hedge_compute_t;

/** Start the thread, with all signals blocked. @return 0, -ENOMEM, -errno. */
int hedge_compute_start(const hedge_executor_settings_t *settings, hedge_compute_t **ret);

/** As hedge_executor_stop and hedge_executor_join. */
void hedge_compute_stop(hedge_compute_t *compute);
int hedge_compute_join(hedge_compute_t *compute, int timeout_ms);

/** The thread was joined (or never ran), the mailboxes are empty and no share is left. NULL-safe; nullifies. */
void hedge_compute_destroy(hedge_compute_t **compute);

#endif
