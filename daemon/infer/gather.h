/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_GATHER_H
#define HEDGED_GATHER_H

#include "common/code/conv/decode.h"
#include "daemon/infer/assign.h"
#include "daemon/infer/coded.h"
#include "daemon/infer/dispatch.h"

/** One coded layer on its way: tasks out, parts in, until the answer is accurate enough. The request's thread's. */
typedef struct hedged_gather {
        const hedged_coded_settings_t *settings;
        const hedged_variant_t *variant;
        const float *input; /**< the layer's */
        hedged_layer_run_t *run;
        hedged_assign_t *assign;
        hedge_decoder_t *decoder;
        hedged_event_t **taken;  /**< the parts, in the decoder's order */
        unsigned n_taken, asked; /**< parts, so far */
        hedged_event_t **held;   /**< cut.whole_boards: parts of boards that have not sent all of theirs */
        unsigned n_held;
        unsigned *received; /**< parts per board that were taken */
        unsigned boards, lost;
        unsigned n_tried; /**< parts that it was solved with last; 0: not yet */
        unsigned waits;   /**< times that the request's thread has gone to sleep */
        double condition, gain;
        double encode_ms; /**< spent in encoding so far */
        bool solved;
} hedged_gather_t;

/** Everything is borrowed. Release it in any case. @return 0, -ENOMEM, -errno. */
int hedged_gather_init(hedged_gather_t *gather, const hedged_coded_settings_t *settings,
                       const hedged_variant_t *variant, const float *input);
void hedged_gather_release(hedged_gather_t *gather);

/** Give every board that can work its first task.
 * @return 0, 1 (too few boards: this cannot be decoded), -ENOMEM. */
int hedged_gather_start(hedged_gather_t *gather);

/** Take parts until they are enough; boards that run out of work get more. Sleeps until there is something to decide: while all
 * goes well that is once for a layer.
 * @return 0 (solved), 1 (too few boards, or too late), HEDGE_ESHUTDOWN, -ENOMEM, HEDGE_EKERNEL. */
int hedged_gather_wait(hedged_gather_t *gather);

/** What became of every part that was asked for, to report->parts (allocated); also those that came too late to be used and
 * wait in the run's mailbox. After hedged_gather_wait, before the run is destroyed. @return 0, -ENOMEM. */
int hedged_gather_trace(hedged_gather_t *gather, int64_t began_us, hedge_layer_report_t *report);

#endif
