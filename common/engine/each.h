/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_EACH_H
#define HEDGE_EACH_H

#include "common/engine/engine.h"

/** Run the graph for each of several pictures, one after the other.
 *
 * @param inputs  graph->n_inputs tensors, of as many pictures as hedge_batch_runs takes. Borrowed.
 * @param ret_outputs  As of hedge_engine_run, of all pictures.
 * @return as hedge_engine_run and hedge_batch_runs. */
int hedge_engine_run_each(hedge_engine_t *engine, const hedge_tensor_t *inputs, hedge_tensor_t *ret_outputs);

#endif
