/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_EXPLAIN_CHAINS_H
#define HEDGED_EXPLAIN_CHAINS_H

#include "common/wire/message.h"
#include "daemon/models/model.h"

/** Fill in the part of a PLAN_OK that is about chains: them, what they take, what they are compared with, and on each board the memory for
 * the blocks that they need.
 * @param nodes  What each node takes by itself.
 * @param ret_chains  What was planned, to be destroyed by the caller.
 * @return 0, -ENOMEM. */
int hedged_explain_chains(const hedged_config_t *config, const hedged_model_t *model, const hedged_speeds_t *speeds,
                          unsigned objective, const hedged_node_cost_t *nodes, hedge_msg_plan_ok_t *answer,
                          hedged_chains_t **ret_chains);

void hedged_explain_release_chains(hedge_msg_plan_ok_t *answer);

#endif
