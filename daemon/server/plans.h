/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PLANS_H
#define HEDGED_PLANS_H

#include "daemon/server/server.h"

/** When layers are planned again, and what clients ask about plans (PLAN). */

/** @return 0, -ENOMEM. */
int hedged_plans_new(hedged_plans_t **ret);

/** Nothing is at the preparer. NULL-safe; nullifies. */
void hedged_plans_destroy(hedged_plans_t **plans);

/** If boards have come, gone or changed their speed, have it looked at again how layers run. */
void hedged_plans_tick(hedged_server_t *server);

/** A model has come back from the preparer, planned again: boards get what is new. Takes it over. */
void hedged_plans_replanned(hedged_server_t *server, hedged_replan_t *replan);

/** Look again at the next tick, whatever boards are doing. @param chains  At chains, too: there is memory again. */
void hedged_plans_look_again(hedged_plans_t *plans, bool chains);

/** PLAN. */
void hedged_plans_ask(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);

/** A plan has come back from the preparer. Takes it over. */
void hedged_plans_answer(hedged_server_t *server, hedged_ask_t *ask);

/** So many are at the preparer. */
unsigned hedged_plans_asked(const hedged_plans_t *plans);

/** Tell the clients of all plans that are pending that there will be none. */
void hedged_plans_abandon(const hedged_plans_t *plans);

#endif
