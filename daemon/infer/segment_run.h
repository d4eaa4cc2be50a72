/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SEGMENT_RUN_H
#define HEDGED_SEGMENT_RUN_H

#include "daemon/infer/coded.h"
#include "daemon/infer/gate.h"
#include "daemon/infer/standing.h"

/** Running a SEGMENT step of a chain: its windows, or all of it in one piece, are given to boards and to this machine
 * (daemon/infer/share_out.h), and put together as they come back. */

typedef struct hedged_segment_ask {
        hedged_model_t *model;
        const hedged_step_t *step;
        const hedge_tensor_t *in; /**< what hedge_segment_values says goes in, in its order */
        hedge_tensor_t *
                out; /**< what goes out, allocated. May lie where `in` does: it is written when nobody reads that any more */
        hedged_gate_t
                *gate; /**< of what requests compute here: while that takes all cores this machine is given no piece */
        int64_t began_us; /**< when the request began (monotonic), for the report */
        bool trace;       /**< report every part of a board, too */
} hedged_segment_ask_t;

/** @param settings  Those of coded layers: the loop, and how long to wait beyond what is predicted.
 * @param report  Filled in any case; report->boards and report->parts are allocated, the caller frees them.
 * @return 0; 1: not possible now, compute it node by node (report->scheme says "local"); HEDGE_ESHUTDOWN; -ENOMEM. */
int hedged_segment_run(const hedged_coded_settings_t *settings, hedged_standing_t *standing,
                       const hedged_segment_ask_t *ask, hedge_layer_report_t *report);

#endif
