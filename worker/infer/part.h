/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_PART_H
#define HEDGEW_PART_H

#include "worker/infer/stored_parts.h"
#include "worker/infer/task.h"

/** A finished part, ready to be sent. */
typedef struct hedgew_part {
        hedge_mail_t mail;
        hedgew_task_t *task; /**< outlives its parts */
        uint32_t number;
        hedge_precision_t wire;
        uint64_t compute_us, bytes; /**< bytes of the frame */
        int64_t due_us;             /**< not to be sent before (monotonic time); 0: at once */
        zmq_msg_t frame;
} hedgew_part_t;

/** Compute a part of a task with its share's kernel, and write it in the task's precision: as float32 where q16 cannot hold
 * it (an element is infinite or not a number).
 * @param slack   As hedgew_floats_open.
 * @param stored  Used where the task's fate has a store; may be NULL.
 * @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedgew_part_compute(hedgew_task_t *task, const hedgew_task_part_t *which, size_t slack,
                        hedgew_stored_parts_t *stored, hedgew_part_t **ret);

/** NULL-safe; nullifies. */
void hedgew_part_destroy(hedgew_part_t **part);

#endif
