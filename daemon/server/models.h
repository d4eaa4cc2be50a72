/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_MODELS_H
#define HEDGED_MODELS_H

#include "daemon/server/server.h"

/** What clients ask about models (MODELS, LOAD, UNLOAD), and putting them into service. */

/** @return 0, -ENOMEM. */
int hedged_models_new(hedged_models_t **ret);

/** Nothing is at the preparer. NULL-safe; nullifies. */
void hedged_models_destroy(hedged_models_t **models);

/** MODELS, LOAD and UNLOAD. */
void hedged_models_list(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);
void hedged_models_load(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);
void hedged_models_unload(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);

/** A load has come back from the preparer. Takes it over. */
void hedged_models_loaded(hedged_server_t *server, hedged_load_t *load);

/** Begin with loads that were held back until boards are measured. Answer the loads whose boards have what they need, or whose time is over. */
void hedged_models_settle(hedged_server_t *server);

/** When the next load's time is over; INT64_MAX: none waits. */
int64_t hedged_models_due_ms(const hedged_models_t *models);

/** Tell the clients of all loads that are pending how they ended: not, or without waiting for the boards. */
void hedged_models_abandon(hedged_server_t *server);

/** No load is at the preparer, none waits for boards to be measured or to get their shares. */
bool hedged_models_are_idle(const hedged_models_t *models);

/** So many are at the preparer. */
unsigned hedged_models_preparing(const hedged_models_t *models);

/** Put a model, in all its shapes, into service: registry and distribution. Takes the references over.
 * @return 0, HEDGE_ELIMIT, -ENOMEM. */
int hedged_models_serve(hedged_server_t *server, const hedged_model_set_t *set);

#endif
