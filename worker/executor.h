/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_EXECUTOR_H
#define HEDGE_WORKER_EXECUTOR_H

#include "worker/emulate.h"
#include "worker/shares.h"

/** The compute thread, its queue, and what it has to report.
 *
 * Shares are packed and tasks computed one after the other, in the order in which they came. Every finished part is handed
 * to the I/O loop at once; cancelling is honoured between parts. All functions are called from one thread, the I/O loop's.
 * None of them waits, but for hedge_executor_join.
 *
 * Where a board is emulated, the parts of a task together take at least their emulated time: one that took longer than its own
 * is made up for by the next. Tasks that are delayed on their way, and what is held back, keep nothing else waiting, and
 * can be cancelled all that time. */
typedef struct hedge_executor hedge_executor_t;

typedef struct hedge_executor_settings {
        const char *backend;       /**< for hedge_kernels_new; opened when the first share comes */
        unsigned threads;          /**< of the back end */
        hedge_shares_t *shares;    /**< borrowed */
        uint32_t tasks_max;        /**< tasks that may be here */
        uint64_t task_bytes_max;   /**< coded inputs that may be here; a single task may be larger */
        uint64_t unsent_bytes_max; /**< parts that may wait to be sent; one may always, whatever its size */
        hedge_emulate_t *emulate;  /**< NULL; else it decides the fate of every task. Borrowed */
} hedge_executor_settings_t;

/** One message for the coordinator. */
typedef struct hedge_report {
        hedge_message_t message; /**< SHARE_OK, PART, TASK_END or ERROR */
        zmq_msg_t frame;         /**< of a PART, else empty */
        uint32_t n_frames;
} hedge_report_t;

/** Start the thread, with all signals blocked. @return 0, -ENOMEM, -errno. */
int hedge_executor_new(const hedge_executor_settings_t *settings, hedge_executor_t **ret);

/** Ask the thread to end: at once where it waits, else after the kernel call it is in. */
void hedge_executor_stop(hedge_executor_t *executor);

/** Wait for it. @return 0, -ETIMEDOUT (it is still inside a kernel: then do not destroy, but leave the process). */
int hedge_executor_join(hedge_executor_t *executor, int timeout_ms);

/** Free everything, and forget all shares. The thread was joined. NULL-safe; nullifies. */
void hedge_executor_destroy(hedge_executor_t **executor);

/** Keep a share: SHARE_OK or an ERROR with its digest is reported when it is packed.
 * @param frame  Its filters; left empty on success, untouched on failure.
 * @return 0, 1 (it is held already: say SHARE_OK), or as hedge_shares_claim. */
int hedge_executor_share(hedge_executor_t *executor, const hedge_msg_share_t *message, zmq_msg_t *frame,
                         hedge_why_t *why);

/** Forget a share. Tasks that wait for it or compute with it go on. @return 0, HEDGE_ENOSHARE. */
int hedge_executor_drop(hedge_executor_t *executor, const hedge_digest_t *digest);

/** Queue a task. PARTs are reported, then exactly one TASK_END, or an ERROR with its job that ends it.
 * @param frames  Its coded inputs; left empty on success, untouched on failure.
 * @return 0, HEDGE_ENOSHARE, HEDGE_EMALFORMED, HEDGE_ELIMIT (too much is queued), HEDGE_EKERNEL (an emulated failure), -ENOMEM. */
int hedge_executor_task(hedge_executor_t *executor, const hedge_msg_task_t *message, zmq_msg_t *frames,
                        uint32_t n_frames, hedge_why_t *why);

/** Stop all tasks of a job: no more of its parts are reported, only a TASK_END for each. @return 0, -ENOENT (not here, or finished). */
int hedge_executor_cancel(hedge_executor_t *executor, uint64_t job);

/** Stop all jobs, and report nothing more of them. */
void hedge_executor_abandon(hedge_executor_t *executor);

/** Readable while there may be something to report. */
int hedge_executor_fd(const hedge_executor_t *executor);

/** The oldest thing to report, or NULL. The same again until hedge_executor_reported, or until it was cancelled: borrowed
 * until the next call of any function here. */
hedge_report_t *hedge_executor_report(hedge_executor_t *executor);

/** It was sent. */
void hedge_executor_reported(hedge_executor_t *executor);

typedef struct hedge_executor_status {
        uint32_t tasks;      /**< waiting or running, or not yet reported */
        uint64_t parts_done; /**< since the start */
        int64_t busy_us;     /**< how long it has been inside the current kernel call or packing; 0: it is not */
} hedge_executor_status_t;

void hedge_executor_status(hedge_executor_t *executor, hedge_executor_status_t *ret);

#endif
