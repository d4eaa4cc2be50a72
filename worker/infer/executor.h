/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_EXECUTOR_H
#define HEDGEW_EXECUTOR_H

#include <zmq.h>

#include "worker/emulate/emulate.h"
#include "worker/infer/shares.h"

/** The compute thread, its queue, and what it has to report.
 *
 * Shares are packed and tasks computed one after the other, in the order in which they came. Finished parts are handed to the I/O
 * loop at once, or as the task's hold_us lets them wait for one another; cancelling is honoured between parts, and between the nodes of a segment. All functions are called from one thread, the I/O loop's.
 * None of them waits, but for hedgew_executor_join.
 *
 * Where a board is emulated, the parts of a task together take at least their emulated time: one that took longer than its own
 * is made up for by the next. Tasks that are delayed on their way, and what is held back, keep nothing else waiting, and
 * can be cancelled all that time. */
typedef struct hedgew_executor hedgew_executor_t;

typedef struct hedgew_executor_settings {
        const char *backend;       /**< for hedge_kernels_new; opened when the first share comes */
        unsigned threads;          /**< of the back end */
        hedgew_shares_t *shares;   /**< borrowed */
        uint32_t tasks_max;        /**< tasks that may be here */
        uint64_t task_bytes_max;   /**< coded inputs that may be here; a single task may be larger */
        uint64_t unsent_bytes_max; /**< parts that may wait to be sent; one may always, whatever its size */
        hedgew_emulate_t *emulate; /**< NULL; else it decides the fate of every task. Borrowed */
} hedgew_executor_settings_t;

/** One message for the coordinator. */
typedef struct hedgew_report {
        hedge_message_t message; /**< SHARE_OK, PART, TASK_END or ERROR */
        uint32_t n_frames;       /**< of a PART, else 0 */
        zmq_msg_t frames[HEDGE_PART_FRAMES];
} hedgew_report_t;

/** Start the thread, with all signals blocked. @return 0, -ENOMEM, -errno. */
int hedgew_executor_new(const hedgew_executor_settings_t *settings, hedgew_executor_t **ret);

/** Ask the thread to end: at once where it waits, else after the kernel call it is in. */
void hedgew_executor_stop(hedgew_executor_t *executor);

/** Wait for it. @return 0, -ETIMEDOUT (it is still inside a kernel: then do not destroy, but leave the process). */
int hedgew_executor_join(hedgew_executor_t *executor, int timeout_ms);

/** Free everything, and forget all shares. The thread was joined. NULL-safe; nullifies. */
void hedgew_executor_destroy(hedgew_executor_t **executor);

/** Keep a share: SHARE_OK or an ERROR with its digest is reported when it is packed.
 * @param frame  Its filters; left empty on success, untouched on failure.
 * @return 0, 1 (it is held already: say SHARE_OK), or as hedgew_filters_claim. */
int hedgew_executor_share(hedgew_executor_t *executor, const hedge_msg_share_t *message, zmq_msg_t *frame,
                          hedge_why_t *why);

/** Likewise a block, whose constants are to come. @param program  The packed graph.
 * @return 0 (say CONSTANTS_OK), 1 (it is held already: say SHARE_OK), 2 (SHARE_OK will be reported), or as hedgew_graph_claim. */
int hedgew_executor_graph(hedgew_executor_t *executor, const hedge_msg_graph_t *message, zmq_msg_t *program,
                          hedge_why_t *why);

/** The next constants of a block: when they are its last, SHARE_OK is reported as that of a share is.
 * @param ret_bytes  That have come by now. Written when 0 is returned.
 * @return 0 (say CONSTANTS_OK), HEDGE_ENOSHARE (no such block), or as hedgew_graph_fill. */
int hedgew_executor_constants(hedgew_executor_t *executor, const hedge_msg_constants_t *message, zmq_msg_t *frame,
                              uint64_t *ret_bytes, hedge_why_t *why);

/** No more will come of blocks whose constants were coming: forget them. */
void hedgew_executor_forget_filling(hedgew_executor_t *executor);

/** Forget a share. Tasks that wait for it or compute with it go on. @return 0, HEDGE_ENOSHARE. */
int hedgew_executor_drop(hedgew_executor_t *executor, const hedge_digest_t *digest);

/** Queue a task. PARTs are reported, the last of which ends it; where something goes wrong an ERROR with its run does, and where it
 * is cancelled a TASK_END.
 * @param frames  Its coded inputs; left empty on success, untouched on failure.
 * @return 0, HEDGE_ENOSHARE, HEDGE_EMALFORMED, HEDGE_ELIMIT (too much is queued), HEDGE_EKERNEL (an emulated failure), -ENOMEM. */
int hedgew_executor_task(hedgew_executor_t *executor, const hedge_msg_task_t *message, zmq_msg_t *frames,
                         uint32_t n_frames, hedge_why_t *why);

/** Stop all tasks of a run: no more of its parts are reported, only a TASK_END for each. @return 0, -ENOENT (not here, or finished). */
int hedgew_executor_cancel(hedgew_executor_t *executor, uint64_t run);

/** Stop all runs, and report nothing more of them. */
void hedgew_executor_abandon(hedgew_executor_t *executor);

/** Readable while there may be something to report. */
int hedgew_executor_fd(const hedgew_executor_t *executor);

/** The oldest thing to report, or NULL. The same again until hedgew_executor_reported, or until it was cancelled: borrowed
 * until the next call of any function here, its frames are there to be sent. */
hedgew_report_t *hedgew_executor_report(hedgew_executor_t *executor);

/** It was sent. */
void hedgew_executor_reported(hedgew_executor_t *executor);

typedef struct hedgew_executor_status {
        uint32_t tasks;      /**< waiting or running, or not yet reported */
        uint64_t parts_done; /**< since the start */
        int64_t busy_us;     /**< how long it has been inside the current kernel call or packing; 0: it is not */
} hedgew_executor_status_t;

void hedgew_executor_status(hedgew_executor_t *executor, hedgew_executor_status_t *ret);

#endif
