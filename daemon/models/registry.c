/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a board has no part in, it holds no share of. */
static int add_variant(hedged_registry_t *registry, hedged_model_t *model, unsigned layer, unsigned variant)
{
        const hedged_variant_t *v = &model->layers[layer].variants[variant];
        const hedged_share_use_t use = {
                .model = model, .kind = HEDGED_SHARE_CODED, .layer = layer, .variant = variant
        };
        int r = 0;

        for (unsigned b = 0; r == 0 && b < model->slots; b++)
                if (hedge_code_parts(v->code, b) > 0)
                        r = hedged_share_index_add(&registry->shares, &v->digests[b], b, &use);
        return r;
}

/* Any board may hold a block: which do is chosen later. */
static int add_block(hedged_registry_t *registry, hedged_model_t *model, unsigned block)
{
        const hedged_share_use_t use = { .model = model, .kind = HEDGED_SHARE_BLOCK, .block = block };
        int r = 0;

        for (unsigned b = 0; r == 0 && b < model->slots; b++)
                r = hedged_share_index_add(&registry->shares, &model->blocks[block].digests[b], b, &use);
        return r;
}

/* Those that are not in yet. What was added of one that fails stays: it is added no second time (n_indexed), and is not chosen. */
static int add_blocks(hedged_registry_t *registry, hedged_model_t *model)
{
        const unsigned n = atomic_load(&model->n_blocks);
        int r = 0;

        while (r == 0 && model->n_indexed < n)
                r = add_block(registry, model, model->n_indexed++);
        return r;
}

static int add_shares(hedged_registry_t *registry, hedged_model_t *model)
{
        int r = 0;

        for (unsigned l = 0; l < model->n_layers; l++)
                for (unsigned v = 0; r == 0 && v < model->layers[l].n_variants; v++)
                        r = add_variant(registry, model, l, v);
        if (r == 0)
                r = add_blocks(registry, model);
        if (r < 0) {
                hedged_share_index_remove(&registry->shares, model, NULL, NULL);
                model->n_indexed = 0;
        }
        return r;
}

/* The models of a name are one behind the other. @return how many; 0: `first` is behind the last of all. */
static unsigned find_all(const hedged_registry_t *registry, const char *name, unsigned *first)
{
        unsigned n = 0;

        for (*first = 0; *first < registry->count && strcmp(registry->models[*first]->name, name) != 0;)
                ++*first;
        while (*first + n < registry->count && !strcmp(registry->models[*first + n]->name, name))
                n++;
        return n;
}

static int add_all_shares(hedged_registry_t *registry, const hedged_model_set_t *set)
{
        int r = 0;

        for (unsigned i = 0; i < set->count; i++) {
                r = add_shares(registry, set->models[i]);
                while (r < 0 && i > 0)
                        hedged_share_index_remove(&registry->shares, set->models[--i], NULL, NULL);
                if (r < 0)
                        break;
        }
        return r;
}

/* memcpy of none may not have NULL, which an empty registry has. */
static void copy(hedged_model_t **to, hedged_model_t *const *from, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                to[i] = from[i];
}

/* Where `old` models begin with `first`, have those of the set instead. */
static void replace(hedged_registry_t *registry, unsigned first, unsigned old, const hedged_model_set_t *set,
                    hedged_model_t **room)
{
        const unsigned rest = registry->count - first - old;

        copy(room, registry->models, first);
        copy(room + first, set->models, set->count);
        for (unsigned i = 0; i < rest; i++)
                room[first + set->count + i] = registry->models[first + old + i];
        free(registry->models);
        registry->models = room;
        registry->count = first + set->count + rest;
}

int hedged_registry_put(hedged_registry_t *registry, const hedged_model_set_t *set, hedged_model_set_t *ret_replaced)
{
        unsigned first, old = find_all(registry, set->models[0]->name, &first);
        hedged_model_t **room;
        int r;

        if (registry->count - old + set->count > registry->max)
                return HEDGE_ELIMIT;
        room = calloc(registry->count - old + set->count, sizeof(hedged_model_t *));
        if (!room)
                return -ENOMEM;
        r = add_all_shares(registry, set);
        if (r < 0) {
                free(room);
                return r;
        }
        ret_replaced->count = old;
        for (unsigned i = 0; i < old; i++)
                ret_replaced->models[i] = registry->models[first + i];
        replace(registry, first, old, set, room);
        return 0;
}

int hedged_registry_extend(hedged_registry_t *registry, hedged_model_t *model)
{
        for (unsigned i = 0; i < registry->count; i++)
                if (registry->models[i] == model)
                        return add_blocks(registry, model);
        return 0;
}

hedged_model_t *hedged_registry_find(const hedged_registry_t *registry, const char *name)
{
        unsigned first;

        return find_all(registry, name, &first) > 0 ? registry->models[first] : NULL;
}

hedged_model_t *hedged_registry_next(const hedged_registry_t *registry, const hedged_model_t *model)
{
        unsigned first, n = find_all(registry, model->name, &first);

        for (unsigned i = first; i + 1 < first + n; i++)
                if (registry->models[i] == model)
                        return registry->models[i + 1];
        return NULL;
}

hedged_model_t *hedged_registry_choose(const hedged_registry_t *registry, const char *name, const hedge_shape_t *inputs,
                                       uint32_t n)
{
        unsigned first, count = find_all(registry, name, &first);

        for (unsigned i = first; i < first + count; i++)
                if (hedged_model_takes(registry->models[i], inputs, n))
                        return registry->models[i];
        return NULL;
}

void hedged_registry_remove(hedged_registry_t *registry, const char *name, hedged_model_set_t *ret)
{
        unsigned first;

        ret->count = find_all(registry, name, &first);
        if (ret->count == 0)
                return;
        copy(ret->models, registry->models + first, ret->count);
        registry->count -= ret->count;
        copy(registry->models + first, registry->models + first + ret->count, registry->count - first);
}

void hedged_registry_release(hedged_registry_t *registry)
{
        for (unsigned i = 0; i < registry->count; i++)
                hedged_model_unref(&registry->models[i]);
        hedged_share_index_release(&registry->shares);
        free(registry->models);
        memset(registry, 0, sizeof(*registry));
}
