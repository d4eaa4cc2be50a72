/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_INPUTS_H
#define HEDGED_INPUTS_H

#include <zmq.h>

#include "daemon/infer/task.h"
#include "daemon/models/model.h"

/** The coded inputs of tasks, as raw frames.
 *
 * Encodes each different one once, in one pass over the layer's input: boards that get the same strip share its frame.
 * @param input   in_h x in_w x in_c of the layer.
 * @param tasks   n_tasks of them.
 * @param frames  Per task an array of task->n_inputs frames; overwritten, owned by the caller. None on failure.
 * @param wire    In and out: f32 where the input holds something that q16 cannot (infinite, not a number).
 * @return 0, -ENOMEM. */
int hedged_inputs_encode(const hedged_variant_t *variant, const float *input, unsigned n_tasks,
                         const hedged_task_t *const *tasks, zmq_msg_t *const *frames, hedge_precision_t *wire,
                         unsigned threads);

#endif
