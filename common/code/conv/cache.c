/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct hedge_cache {
        pthread_mutex_t lock;
        uint64_t clock;
        size_t bytes;
        hedge_solution_t *entries[HEDGE_CACHE_ENTRIES];
};

static size_t solution_bytes(const hedge_solution_t *s)
{
        return sizeof(*s) + s->count * sizeof(*s->ids) + (s->rank + 1) * sizeof(*s->rows) +
               (size_t)s->rank * s->count * (sizeof(double) + sizeof(float));
}

void hedge_solution_free(hedge_solution_t *s)
{
        free(s->ids);
        free(s->rows);
        free(s->f64);
        free(s->f32);
        free(s);
}

hedge_solution_t *hedge_solution_new(unsigned rank, unsigned count)
{
        hedge_solution_t *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        *s = (hedge_solution_t){ .references = 1, .rank = rank, .count = count };
        s->ids = calloc(count, sizeof(*s->ids));
        s->rows = calloc((size_t)rank + 1, sizeof(*s->rows));
        s->f64 = calloc((size_t)rank * count, sizeof(double));
        s->f32 = calloc((size_t)rank * count, sizeof(float));
        if (!s->ids || !s->rows || !s->f64 || !s->f32) {
                hedge_solution_free(s);
                return NULL;
        }
        return s;
}

int hedge_cache_new(hedge_cache_t **ret)
{
        hedge_cache_t *cache = calloc(1, sizeof(*cache));

        if (!cache)
                return -ENOMEM;
        pthread_mutex_init(&cache->lock, NULL);
        *ret = cache;
        return 0;
}

static void drop_reference(hedge_solution_t *s)
{
        if (--s->references == 0)
                hedge_solution_free(s);
}

static void evict(hedge_cache_t *cache, unsigned slot)
{
        cache->bytes -= solution_bytes(cache->entries[slot]);
        drop_reference(cache->entries[slot]);
        cache->entries[slot] = NULL;
}

void hedge_cache_destroy(hedge_cache_t **cache)
{
        hedge_cache_t *c = *cache;

        if (!c)
                return;
        for (unsigned i = 0; i < HEDGE_CACHE_ENTRIES; i++)
                if (c->entries[i])
                        evict(c, i);
        pthread_mutex_destroy(&c->lock);
        free(c);
        *cache = NULL;
}

static hedge_solution_t *find_locked(hedge_cache_t *cache, const uint16_t *ids, unsigned count)
{
        for (unsigned i = 0; i < HEDGE_CACHE_ENTRIES; i++) {
                hedge_solution_t *s = cache->entries[i];

                if (s && s->count == count && memcmp(s->ids, ids, count * sizeof(*ids)) == 0)
                        return s;
        }
        return NULL;
}

hedge_solution_t *hedge_cache_find(hedge_cache_t *cache, const uint16_t *ids, unsigned count)
{
        hedge_solution_t *s;

        pthread_mutex_lock(&cache->lock);
        s = find_locked(cache, ids, count);
        if (s) {
                s->references++;
                s->used = ++cache->clock;
        }
        pthread_mutex_unlock(&cache->lock);
        return s;
}

/* An empty slot, or (always where `want_full`) the one that was not used for longest. */
static unsigned choose_slot(const hedge_cache_t *cache, int want_full)
{
        unsigned best = HEDGE_CACHE_ENTRIES;

        for (unsigned i = 0; i < HEDGE_CACHE_ENTRIES; i++) {
                if (!cache->entries[i]) {
                        if (!want_full)
                                return i;
                        continue;
                }
                if (best == HEDGE_CACHE_ENTRIES || cache->entries[i]->used < cache->entries[best]->used)
                        best = i;
        }
        return best;
}

void hedge_cache_put(hedge_cache_t *cache, hedge_solution_t *solution)
{
        const size_t bytes = solution_bytes(solution);
        unsigned slot;

        if (bytes > HEDGE_CACHE_BYTES)
                return;
        pthread_mutex_lock(&cache->lock);
        if (!find_locked(cache, solution->ids, solution->count)) {
                while (cache->bytes + bytes > HEDGE_CACHE_BYTES)
                        evict(cache, choose_slot(cache, 1));
                slot = choose_slot(cache, 0);
                if (cache->entries[slot])
                        evict(cache, slot);
                solution->references++;
                solution->used = ++cache->clock;
                cache->bytes += bytes;
                cache->entries[slot] = solution;
        }
        pthread_mutex_unlock(&cache->lock);
}

void hedge_cache_release(hedge_cache_t *cache, hedge_solution_t **solution)
{
        if (!*solution)
                return;
        pthread_mutex_lock(&cache->lock);
        drop_reference(*solution);
        pthread_mutex_unlock(&cache->lock);
        *solution = NULL;
}
