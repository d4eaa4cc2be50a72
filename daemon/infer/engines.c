/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/engines.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/segment/segment.h"

typedef struct kept {
        struct kept *next;
        hedged_constants_t *constants; /* a reference: of the model */
        uint32_t first, last;
        hedge_window_t window; /* zeros: all */
        hedge_graph_t *graph;
        hedge_engine_t *engine;
        uint64_t bytes;
        bool gone; /* nobody has its graph but who is kept here */
} kept_t;

struct hedged_engines {
        hedge_kernels_t *kernels;
        uint64_t bytes_max;
        pthread_mutex_t lock; /* of the list: any thread may tidy up */
        kept_t *first;        /* the last used one first */
};

int hedged_engines_new(hedge_kernels_t *kernels, uint64_t bytes_max, hedged_engines_t **ret)
{
        hedged_engines_t *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
        e->kernels = kernels;
        e->bytes_max = bytes_max;
        pthread_mutex_init(&e->lock, NULL);
        *ret = e;
        return 0;
}

static void kept_destroy(kept_t *k)
{
        hedge_engine_destroy(&k->engine);
        hedge_graph_destroy(&k->graph);
        hedged_constants_unref(&k->constants);
        free(k);
}

static void mark_gone(hedged_engines_t *e)
{
        for (kept_t *k = e->first; k; k = k->next) {
                unsigned own = 0;

                for (const kept_t *other = e->first; other; other = other->next)
                        own += other->constants == k->constants;
                k->gone = atomic_load(&k->constants->references) == own;
        }
}

/* Take out of the list what is behind the bound, or what is of models that are gone. */
static kept_t *take_out(hedged_engines_t *e, uint64_t bytes_max, bool gone)
{
        kept_t *out = NULL, **at = &e->first;
        uint64_t bytes = 0;

        while (*at) {
                kept_t *k = *at;

                bytes += k->bytes;
                if (gone ? !k->gone : bytes <= bytes_max) {
                        at = &k->next;
                        continue;
                }
                bytes -= k->bytes;
                *at = k->next;
                k->next = out;
                out = k;
        }
        return out;
}

static void destroy_all(kept_t *list)
{
        while (list) {
                kept_t *k = list;

                list = k->next;
                kept_destroy(k);
        }
}

void hedged_engines_tidy(hedged_engines_t *e)
{
        kept_t *out;

        pthread_mutex_lock(&e->lock);
        mark_gone(e);
        out = take_out(e, UINT64_MAX, true);
        pthread_mutex_unlock(&e->lock);
        destroy_all(out);
}

void hedged_engines_destroy(hedged_engines_t **engines)
{
        hedged_engines_t *e = *engines;

        if (!e)
                return;
        destroy_all(e->first);
        pthread_mutex_destroy(&e->lock);
        free(e);
        *engines = NULL;
}

static bool is_of(const kept_t *k, const hedged_model_t *model, uint32_t first, uint32_t last, const hedge_window_t *w)
{
        return k->constants == model->constants && k->first == first && k->last == last &&
               hedge_window_equal(&k->window, w);
}

static kept_t *find(hedged_engines_t *e, const hedged_model_t *model, uint32_t first, uint32_t last,
                    const hedge_window_t *w)
{
        for (kept_t **at = &e->first; *at; at = &(*at)->next) {
                kept_t *k = *at;

                if (!is_of(k, model, first, last, w))
                        continue;
                *at = k->next;
                k->next = e->first;
                e->first = k;
                return k;
        }
        return NULL;
}

static int make(const hedged_engines_t *e, hedged_model_t *model, uint32_t first, uint32_t last,
                const hedge_window_t *window, kept_t **ret)
{
        kept_t *k = calloc(1, sizeof(*k));
        int r = k ? 0 : -ENOMEM;

        if (r == 0)
                r = hedge_segment_graph(model->graph, first, last, window, &k->graph);
        if (r == 0)
                r = hedge_engine_new(k->graph, e->kernels, &k->engine);
        if (r < 0) {
                if (k)
                        kept_destroy(k);
                return r;
        }
        hedge_engine_limit(k->engine, e->bytes_max);
        k->constants = hedged_constants_ref(model->constants);
        k->first = first;
        k->last = last;
        k->window = window ? *window : (hedge_window_t){ 0 };
        *ret = k;
        return 0;
}

int hedged_engines_get(hedged_engines_t *e, hedged_model_t *model, uint32_t first, uint32_t last,
                       const hedge_window_t *window, hedge_engine_t **ret, bool *ret_new)
{
        const hedge_window_t all = { 0 };
        kept_t *k;
        int r;

        pthread_mutex_lock(&e->lock);
        k = find(e, model, first, last, window ? window : &all);
        pthread_mutex_unlock(&e->lock);
        *ret_new = !k;
        if (!k) {
                r = make(e, model, first, last, window, &k);
                if (r < 0)
                        return r;
                pthread_mutex_lock(&e->lock);
                k->next = e->first;
                e->first = k;
                pthread_mutex_unlock(&e->lock);
        }
        *ret = k->engine;
        return 0;
}

/* What it takes is known when it has run. */
void hedged_engines_done(hedged_engines_t *e)
{
        kept_t *out;

        pthread_mutex_lock(&e->lock);
        if (e->first)
                e->first->bytes = hedge_engine_bytes(e->first->engine);
        out = take_out(e, e->bytes_max, false);
        pthread_mutex_unlock(&e->lock);
        destroy_all(out);
}

uint64_t hedged_engines_bytes(hedged_engines_t *e, unsigned *ret_count)
{
        uint64_t bytes = 0;

        *ret_count = 0;
        pthread_mutex_lock(&e->lock);
        for (const kept_t *k = e->first; k; k = k->next) {
                bytes += k->bytes;
                (*ret_count)++;
        }
        pthread_mutex_unlock(&e->lock);
        return bytes;
}
