/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_PLAN_CHAINS_H
#define HEDGEC_PLAN_CHAINS_H

#include <stdbool.h>

#include "client/json.h"
#include "common/wire/message.h"

/** How `hedge plan` shows the chains by which requests run. */

/** Has a request that is alone any segment? */
bool hedgec_plan_has_segments(const hedge_msg_plan_ok_t *plan);

/** The chain of a request that is alone, or with `all` each chain, step by step; then what requests take by how many are in flight.
 * @return 0, -ENOMEM. */
int hedgec_plan_print_chains(const hedge_msg_plan_ok_t *plan, bool all);

/** A few lines: what it comes to, against the coordinator alone. */
void hedgec_plan_print_chain_totals(const hedge_msg_plan_ok_t *plan);

/** All of it, as "chains". */
void hedgec_plan_add_chains(hedgec_json_t *json, const hedge_msg_plan_ok_t *plan);

#endif
