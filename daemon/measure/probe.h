/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PROBE_H
#define HEDGED_PROBE_H

#include "common/conv.h"
#include "common/types/digest.h"
#include "daemon/measure/measure.h"

/** What a board that nothing is known about is measured with: a few tasks of a made-up convolution, small and large by turns, one
 * after the other, so that its computing, its link's rate and its delay come apart. A board of 2.5 x 10^9 multiply-accumulates a second
 * behind 100 Mbit/s is measured in some 150 ms. Pure: who sends and receives is daemon/server/probes.h. */

/** 7 million multiply-accumulates, 50 kB in and 50 kB out. */
extern const hedge_conv_t hedged_probe_conv;

/** Of its filters, which are the same for ever. */
extern const hedge_digest_t hedged_probe_digest;

#define HEDGED_PROBE_INPUTS 4u /**< of a task at most; a part for each */

/** One board's measuring. All zeros: the filters are on their way to it. */
typedef struct hedged_probe {
        unsigned step; /**< tasks that have been asked for */
        uint64_t run;  /**< of the last one */
        unsigned inputs;
        unsigned came; /**< bit i: part i of the last one has come */
        int64_t sent_us;
        hedged_task_sample_t sample;
} hedged_probe_t;

/** The filters: hedge_conv_filter_elements() floats. */
void hedged_probe_filters(float *ret);

/** An input: hedge_conv_in_elements() floats. */
void hedged_probe_input(float *ret);

/** The next task goes out now, as this run.
 * @return how many inputs it has, numbered from 0, as are its parts; 0: there is none, the board is measured. */
unsigned hedged_probe_next(hedged_probe_t *probe, uint64_t run, int64_t now_us);

/** Parts have come, in one message.
 * @return 1: all of the task have, and if `*ret` is not NULL, it is what they say of the board; 0: not yet all; HEDGE_EMALFORMED: they
 *         are not what was asked for. */
int hedged_probe_part(hedged_probe_t *probe, const hedge_msg_part_t *message, const size_t *frame_bytes, int64_t now_us,
                      const hedged_task_sample_t **ret);

#endif
