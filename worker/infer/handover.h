/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_HANDOVER_H
#define HEDGEW_HANDOVER_H

#include "worker/infer/compute.h"

/** How finished parts get from the compute thread to the I/O loop: at once, or some together as their task allows (hold_us), when
 * the emulated board would have finished them, and no more of them than may wait to be sent. Called by the compute thread. */

/** A part was finished at task->clock_us. The task's last one stays with it.
 * @param part  Taken over. @param left  Parts of the task behind this one.
 * @return 0, 1 (nobody wants it any more), -ENOMEM. */
int hedgew_handover_part(hedgew_compute_t *compute, hedgew_task_t *task, hedgew_part_t *part, uint32_t left);

/** The task is about to come back: its last parts are finished and come with it; before it where something went wrong; or not
 * at all.
 * @param code  0, 1 (nobody wants them any more), < 0 (something went wrong). */
void hedgew_handover_rest(hedgew_compute_t *compute, hedgew_task_t *task, int code);

#endif
