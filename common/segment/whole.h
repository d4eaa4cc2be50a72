/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WHOLE_H
#define HEDGE_WHOLE_H

#include <stdbool.h>

#include "common/model/graph.h"

/** Which values hold numbers that must stay as they are: indices, truth values, what a model says are integers. Rounded, an index is
 * that of something else, equals are none, and an operator that takes whole numbers alone refuses them.
 *
 * That a value is whole is known from what computes it, so it is asked of a model's graph and not of a piece of it. The codes of quantised
 * models are not counted: who reads them rounds.
 * @param ret_whole  Room for n_values. */
void hedge_whole_find(const hedge_graph_t *graph, bool *ret_whole);

#endif
