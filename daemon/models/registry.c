/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a board has no part in, it holds no share of. */
static int add_variant(hedged_registry_t *registry, hedged_model_t *model, unsigned layer, unsigned variant)
{
        const hedged_variant_t *v = &model->layers[layer].variants[variant];
        const hedged_share_use_t use = { model, layer, variant };
        int r = 0;

        for (unsigned b = 0; r == 0 && b < model->slots; b++)
                if (hedge_code_parts(v->code, b) > 0)
                        r = hedged_share_index_add(&registry->shares, &v->digests[b], b, &use);
        return r;
}

static int add_shares(hedged_registry_t *registry, hedged_model_t *model)
{
        int r = 0;

        for (unsigned l = 0; l < model->n_layers; l++)
                for (unsigned v = 0; r == 0 && v < model->layers[l].n_variants; v++)
                        r = add_variant(registry, model, l, v);
        if (r < 0)
                hedged_share_index_remove(&registry->shares, model, NULL, NULL);
        return r;
}

/* Where the model goes: in the place of the one of its name, else behind the last. */
static int make_place(hedged_registry_t *registry, const char *name, unsigned *ret)
{
        hedged_model_t **grown;

        for (*ret = 0; *ret < registry->count; ++*ret)
                if (!strcmp(registry->models[*ret]->name, name))
                        return 0;
        if (registry->count >= registry->max)
                return HEDGE_ELIMIT;
        grown = realloc(registry->models, (registry->count + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        registry->models = grown;
        return 0;
}

int hedged_registry_put(hedged_registry_t *registry, hedged_model_t *model, hedged_model_t **ret_replaced)
{
        unsigned place;
        int r = make_place(registry, model->name, &place);

        if (r == 0)
                r = add_shares(registry, model);
        if (r < 0)
                return r;
        *ret_replaced = place < registry->count ? registry->models[place] : NULL;
        registry->models[place] = model;
        registry->count += place == registry->count;
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
        hedged_share_index_release(&registry->shares);
        free(registry->models);
        memset(registry, 0, sizeof(*registry));
}
