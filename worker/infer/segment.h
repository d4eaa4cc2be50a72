/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_SEGMENT_H
#define HEDGEW_SEGMENT_H

#include "common/model/graph.h"
#include "common/wire/message.h"

/** What a task asks for of a block: a segment of its nodes, in windows or in one piece. */
typedef struct hedgew_segment {
        uint32_t first, last;
        uint32_t n_in, n_out;
        uint32_t *in, *out;      /**< the block's values that go in and come out */
        uint32_t n_windows;      /**< 0: in one piece */
        hedge_window_t *windows; /**< of the output, one per frame */
        hedge_window_t *halos;   /**< of the input: what the frame holds */
        hedge_tensor_t *outputs; /**< compute thread, in one piece: n_out of them, those that no part has taken yet */
        bool ran, paid;          /**< compute thread, in one piece: its outputs are there; somebody has paid for them */
        struct hedgew_engine *engine; /**< compute thread: of the part that is being computed, until it has run */
        int64_t packing_us;           /**< compute thread: of that part's time, what its engine took for its kernels */
        bool tight;                   /**< compute thread: was it made to take little memory? */
} hedgew_segment_t;

/** Check what a TASK says of nodes and windows against the block that it names.
 * @return 0, HEDGE_EMALFORMED, -ENOMEM. */
int hedgew_segment_new(const hedge_graph_t *block, const hedge_msg_task_t *message, uint32_t n_frames,
                       hedgew_segment_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedgew_segment_destroy(hedgew_segment_t **segment);

/** How many parts there may be: of each frame one, or the outputs. */
uint32_t hedgew_segment_parts(const hedgew_segment_t *segment);

/** The shape of what frame `frame` holds, and its precision where the task has `wire`: only images between a model's layers travel
 * as anything else than floats. */
hedge_shape_t hedgew_segment_input(const hedgew_segment_t *segment, const hedge_graph_t *block, uint32_t frame);
hedge_precision_t hedgew_segment_input_wire(const hedgew_segment_t *segment, const hedge_graph_t *block, uint32_t frame,
                                            hedge_precision_t wire);

/** Likewise of output `output` (of windows the only one). */
hedge_precision_t hedgew_segment_output_wire(const hedgew_segment_t *segment, const hedge_graph_t *block,
                                             uint32_t output, hedge_precision_t wire);

#endif
