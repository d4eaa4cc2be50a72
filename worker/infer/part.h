/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_PART_H
#define HEDGEW_PART_H

#include "worker/infer/parts.h"
#include "worker/infer/stored_parts.h"

/** What the compute thread computes parts with. */
typedef struct hedgew_part_means {
        hedge_kernels_t *kernels;
        hedgew_stored_parts_t *stored; /**< used where the task's fate has a store; may be NULL */
        bool (*wanted)(void *arg, const hedgew_task_t *task); /**< asked again and again while a segment runs */
        void *arg;
} hedgew_part_means_t;

/** Compute a part of a task with its share's kernel, or with an engine of its block, and write it in the task's precision: as float32
 * where it is no image, or where q16 cannot hold it (an element is infinite or not a number).
 * @param ret  All but the time it took. Close its frame.
 * @return 0, 1 (nobody wants it any more), HEDGE_EKERNEL, HEDGE_ELIMIT (with a sentence in task->why), -ENOMEM. */
int hedgew_part_compute(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means,
                        hedgew_part_t *ret);

#endif
