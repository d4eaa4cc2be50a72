/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_FLOATS_H
#define HEDGEW_FLOATS_H

#include <stddef.h>
#include <zmq.h>

#include "common/code/precision.h"

/** The floats of a received frame, where a kernel can read them: in the frame itself if that is float32, aligned, and the
 * back end wants no readable bytes behind it, else in a copy. */
typedef struct hedgew_floats {
        zmq_msg_t frame; /**< owned; empty after a copy was made */
        hedge_precision_t wire;
        size_t elements;
        float *copy; /**< owned, or NULL */
        const float *data;
} hedgew_floats_t;

/** Take over a frame. It is left empty; the floats are readable after hedgew_floats_open.
 * @param frame     hedge_precision_bytes(wire, elements) bytes: the caller has checked it. */
void hedgew_floats_take(hedgew_floats_t *floats, zmq_msg_t *frame, hedge_precision_t wire, size_t elements);

/** Make them readable for a back end that wants `slack` bytes (hedge_kernels_slack). Does nothing the second time.
 * @return 0, -ENOMEM. */
int hedgew_floats_open(hedgew_floats_t *floats, size_t slack);

/** Free everything. */
void hedgew_floats_release(hedgew_floats_t *floats);

#endif
