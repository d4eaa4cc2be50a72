/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BLOCK_BED_H
#define HEDGE_BLOCK_BED_H

#include <zmq.h>

#include "common/wire/message.h"
#include "segment_bed.h"

/** A small network as a block, as a board gets it, with all its values computed by the reference kernels. */
#define BLOCK_FRAMES_MAX 64

/** Convolutions with padding and strides, a branch, a pool, and behind them a line: two outputs, one of them 1 x 4 x 4 x C. */
void block_bed_open(segment_bed_t *bed, uint64_t seed);

/** The frames of a GRAPH. @return how many. */
uint32_t block_bed_frames(const hedge_graph_t *graph, zmq_msg_t *frames);
void block_bed_close_frames(zmq_msg_t *frames, uint32_t n);

/** A frame that holds a value of the block, as a task's does that has `wire`. */
void block_bed_frame(const segment_bed_t *bed, uint32_t value, hedge_precision_t wire, zmq_msg_t *frame);

/** A frame of a window of an image that the block has. */
void block_bed_window_frame(const segment_bed_t *bed, uint32_t value, const hedge_window_t *window,
                            hedge_precision_t wire, zmq_msg_t *frame);

/** Inputs in q16 are wrong by 1 / 65534 of their peak; no run of the bed's layers makes that a hundred times as much. */
#define BLOCK_TOLERANCE(task_wire) ((task_wire) == HEDGE_PRECISION_Q16 ? 2e-3f : 1e-6f)

/** Does a part's frame hold that value of the block (or a window of it), to so much of its peak? */
void block_bed_expect(const segment_bed_t *bed, uint32_t value, const hedge_window_t *window, zmq_msg_t *frame,
                      uint32_t wire, float tolerance);

#endif
