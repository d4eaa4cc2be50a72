/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LIMIT_H
#define HEDGED_LIMIT_H

#include "common/model/graph.h"
#include "daemon/config.h"
#include "daemon/measure/speed.h"

/** What a request takes at least, whatever is planned: its multiply-accumulates at the rates of all that compute together (every board, and with
 * plan.here the coordinator), and before and after that its own input and output over the links, each once, from or to all boards at the
 * same time; or the coordinator alone, where that is less. The tensors between layers are not in it, nor are delays, messages and what is computed twice. */
double hedged_limit_s(const hedged_config_t *config, const hedged_speeds_t *speeds, const hedge_graph_t *graph);

#endif
