/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_REGISTRY_H
#define HEDGED_REGISTRY_H

#include "daemon/models/model.h"
#include "daemon/models/share_index.h"

/** The models that are served, by name, and their shares. The loop's. */
typedef struct hedged_registry {
        hedged_model_t **models;     /**< one that is served in several shapes is several in a row */
        unsigned count, max;         /**< of models, in each shape */
        uint64_t share_bytes;        /**< most that one model may take on a board; 0: no limit but the board's */
        hedged_share_index_t shares; /**< also of models that were taken out, until hedged_distribute_unloaded */
} hedged_registry_t;

/** Put a model, in all its shapes, and its shares in; takes the references of a set that is not empty over. What has the same name is
 * replaced as a whole (requests that run keep it).
 * @param ret_replaced  What was replaced, with its references; may be empty. @return 0, HEDGE_ELIMIT, -EINVAL, -ENOMEM. */
int hedged_registry_put(hedged_registry_t *registry, const hedged_model_set_t *set, hedged_model_set_t *ret_replaced);

/** Put in what blocks a model has got since it was put in. One that is not here is left alone. @return 0, -ENOMEM. */
int hedged_registry_extend(hedged_registry_t *registry, hedged_model_t *model);

/** The model of a name in the first of its shapes. @return borrowed, or NULL. */
hedged_model_t *hedged_registry_find(const hedged_registry_t *registry, const char *name);

/** The same model in its next shape, or NULL. */
hedged_model_t *hedged_registry_next(const hedged_registry_t *registry, const hedged_model_t *model);

/** The model of a name in the shape that has these inputs, or NULL. */
hedged_model_t *hedged_registry_choose(const hedged_registry_t *registry, const char *name, const hedge_shape_t *inputs,
                                       uint32_t n);

/** Take a model out in all its shapes; the references are the caller's. */
void hedged_registry_remove(hedged_registry_t *registry, const char *name, hedged_model_set_t *ret);

void hedged_registry_release(hedged_registry_t *registry);

#endif
