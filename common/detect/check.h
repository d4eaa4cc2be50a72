/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DETECT_CHECK_H
#define HEDGE_DETECT_CHECK_H

#include "common/detect/detect.h"
#include "common/model/graph.h"

/** Does a graph have the outputs that its model.yaml speaks of? Known before anything is computed.
 * @param nhwc  Its input has the channels at the end. @param n_labels  That it has.
 * @return 0, HEDGE_ESHAPE (also: the input is no picture), HEDGE_ECONFIG, HEDGE_ELIMIT, -ENOMEM; `why` is a sentence. */
int hedge_detect_check_graph(const hedge_output_t *what, const hedge_graph_t *graph, bool nhwc, uint32_t n_labels,
                             hedge_why_t *why);

#endif
