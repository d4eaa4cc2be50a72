/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hedged_registry_put(hedged_registry_t *registry, hedged_model_t *model, hedged_model_t **ret_replaced)
{
        hedged_model_t **grown;

        for (unsigned i = 0; i < registry->count; i++)
                if (!strcmp(registry->models[i]->name, model->name)) {
                        *ret_replaced = registry->models[i];
                        registry->models[i] = model;
                        return 0;
                }
        if (registry->count >= registry->max)
                return HEDGE_ELIMIT;
        grown = realloc(registry->models, (registry->count + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        registry->models = grown;
        registry->models[registry->count++] = model;
        *ret_replaced = NULL;
        return 0;
}

hedged_model_t *hedged_registry_find(const hedged_registry_t *registry, const char *name)
{
        for (unsigned i = 0; i < registry->count; i++)
                if (!strcmp(registry->models[i]->name, name))
                        return registry->models[i];
        return NULL;
}

void hedged_registry_remove(hedged_registry_t *registry, hedged_model_t *model)
{
        for (unsigned i = 0; i < registry->count; i++)
                if (registry->models[i] == model) {
                        registry->models[i] = registry->models[--registry->count];
                        return;
                }
}

void hedged_registry_release(hedged_registry_t *registry)
{
        for (unsigned i = 0; i < registry->count; i++)
                hedged_model_unref(&registry->models[i]);
        free(registry->models);
        memset(registry, 0, sizeof(*registry));
}
