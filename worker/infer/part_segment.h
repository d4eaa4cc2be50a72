/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_PART_SEGMENT_H
#define HEDGEW_PART_SEGMENT_H

#include "worker/infer/part.h"

/** Parts of a block's segments: a window of what it gives, or one of its outputs. In one piece all outputs come of one run, which
 * the first part that is asked for begins and pays for. For part.c only. */

/** Get the engine for a part. @param ret_macs  What the part takes.
 * @return 0, HEDGE_ELIMIT, HEDGE_EUNSUPPORTED, -EINVAL, -ENOMEM, with a sentence in task->why. */
int hedgew_part_begin_segment(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means,
                              uint64_t *ret_macs);

/** Run it. Its inputs are open.
 * @param ret  Release it. @return 0, 1 (nobody wants it any more), HEDGE_EKERNEL, HEDGE_ESHAPE, -ENOMEM. */
int hedgew_part_run_segment(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means,
                            hedge_tensor_t *ret);

#endif
