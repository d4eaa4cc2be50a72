/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CODED_H
#define HEDGED_CODED_H

#include "common/mailbox.h"
#include "common/types/report.h"
#include "daemon/models/model.h"

/** Running one coded layer: encode, dispatch, gather until it decodes, decode. */

typedef struct hedged_coded_settings {
        hedge_mailbox_t *loop;
        double accuracy;     /**< budget: hedge_decode_error must not be above it */
        double conv_error;   /**< the boards' kernel error, relative to the output's peak */
        unsigned timeout_ms; /**< a layer that is not in by then is given up */
        unsigned threads;    /**< for encoding and decoding */
} hedged_coded_settings_t;

/** Run a layer on the boards.
 *
 * @param input    in_h x in_w x in_c of the layer. @param output  out_h x out_w x out_c; overwritten.
 * @param began_us When the request began (monotonic), for the report.
 * @param trace    Report every part, too.
 * @param report   Filled in any case; report->boards and report->parts are allocated, the caller frees them.
 * @return 0; 1: too few boards, or too late: compute it locally (report->scheme says "local"); HEDGE_ESHUTDOWN; -ENOMEM. */
int hedged_coded_run(const hedged_coded_settings_t *settings, const hedge_graph_t *graph, hedged_layer_t *layer,
                     const float *input, float *output, int64_t began_us, bool trace, hedge_layer_report_t *report);

#endif
