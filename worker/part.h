/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_PART_H
#define HEDGE_WORKER_PART_H

#include "worker/stored_parts.h"
#include "worker/task.h"

/** A finished part, ready to be sent. */
typedef struct hedge_part {
        hedge_mail_t mail;
        hedge_task_t *task; /**< outlives its parts */
        uint32_t number;
        hedge_precision_t wire;
        uint64_t compute_us, bytes; /**< bytes of the frame */
        int64_t due_us;             /**< not to be sent before (monotonic time); 0: at once */
        zmq_msg_t frame;
} hedge_part_t;

/** Compute a part of a task with its share's kernel, and write it in the task's precision: as float32 where q16 cannot hold
 * it (an element is infinite or not a number).
 * @param slack   As hedge_floats_open.
 * @param stored  Used where the task's fate has a store; may be NULL.
 * @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_part_compute(hedge_task_t *task, const hedge_task_part_t *which, size_t slack, hedge_stored_parts_t *stored,
                       hedge_part_t **ret);

/** NULL-safe; nullifies. */
void hedge_part_destroy(hedge_part_t **part);

#endif
