/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_PART_H
#define HEDGEW_PART_H

#include "worker/infer/parts.h"
#include "worker/infer/stored_parts.h"

/** Compute a part of a task with its share's kernel, and write it in the task's precision: as float32 where q16 cannot hold
 * it (an element is infinite or not a number).
 * @param slack   As hedgew_floats_open.
 * @param stored  Used where the task's fate has a store; may be NULL.
 * @param ret     All but the time it took. Close its frame.
 * @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedgew_part_compute(hedgew_task_t *task, const hedgew_task_part_t *which, size_t slack,
                        hedgew_stored_parts_t *stored, hedgew_part_t *ret);

#endif
