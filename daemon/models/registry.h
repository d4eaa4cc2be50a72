/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_REGISTRY_H
#define HEDGED_REGISTRY_H

#include "daemon/models/model.h"
#include "daemon/models/share_index.h"

/** The models that are served, by name, and their shares. The loop's. */
typedef struct hedged_registry {
        hedged_model_t **models;
        unsigned count, max;
        hedged_share_index_t shares; /**< also of models that were taken out, until hedged_distribute_unloaded */
} hedged_registry_t;

/** Put a model and its shares in; takes the caller's reference over. One of the same name is replaced (requests that run keep it).
 * @param ret_replaced  The replaced model with its reference, or NULL. @return 0, HEDGE_ELIMIT, -ENOMEM. */
int hedged_registry_put(hedged_registry_t *registry, hedged_model_t *model, hedged_model_t **ret_replaced);

/** @return borrowed, or NULL. */
hedged_model_t *hedged_registry_find(const hedged_registry_t *registry, const char *name);

/** Take a model out; the reference is the caller's. */
void hedged_registry_remove(hedged_registry_t *registry, hedged_model_t *model);

void hedged_registry_release(hedged_registry_t *registry);

#endif
