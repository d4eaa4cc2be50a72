/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/engines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/pack.h"
#include "common/segment/segment.h"

static bool is_of(const hedgew_engine_t *e, uint32_t first, uint32_t last, bool windowed)
{
        return e->first == first && e->last == last && e->windowed == windowed;
}

static bool knows_window(const hedgew_engine_t *e, const hedge_window_t *window)
{
        const uint32_t n = e->n_windows < HEDGEW_ENGINE_WINDOWS ? e->n_windows : HEDGEW_ENGINE_WINDOWS;

        for (uint32_t i = 0; i < n; i++)
                if (hedge_window_equal(&e->windows[i], window))
                        return true;
        return false;
}

static void add_window(hedgew_engine_t *e, const hedge_window_t *window)
{
        if (window)
                e->windows[e->n_windows++ % HEDGEW_ENGINE_WINDOWS] = *window;
}

static hedgew_engine_t *move_to_front(hedgew_engines_t *engines, hedgew_engine_t *e)
{
        hedgew_engine_t **link = &engines->recent;

        while (*link != e)
                link = &(*link)->next;
        *link = e->next;
        e->next = engines->recent;
        engines->recent = e;
        return e;
}

static hedgew_engine_t *find_known(const hedgew_engines_t *engines, uint32_t first, uint32_t last,
                                   const hedge_window_t *window)
{
        hedgew_engine_t *e = engines->recent;

        while (e && !(is_of(e, first, last, window != NULL) && (!window || knows_window(e, window))))
                e = e->next;
        return e;
}

static hedgew_engine_t *find_same(const hedgew_engines_t *engines, const hedgew_engine_t *fresh)
{
        hedgew_engine_t *e = engines->recent;

        while (e && !(is_of(e, fresh->first, fresh->last, true) && e->program_bytes == fresh->program_bytes &&
                      !memcmp(e->program, fresh->program, fresh->program_bytes)))
                e = e->next;
        return e;
}

/* Without kernels. */
static int make(const hedge_graph_t *block, uint32_t first, uint32_t last, const hedge_window_t *window,
                hedgew_engine_t **ret)
{
        hedgew_engine_t *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
        e->first = first;
        e->last = last;
        e->windowed = window != NULL;
        r = hedge_segment_graph(block, first, last, window, &e->graph);
        if (r == 0 && window)
                r = hedge_graph_pack(e->graph, &e->program, &e->program_bytes);
        if (r < 0) {
                hedgew_engine_destroy(&e);
                return r;
        }
        e->macs = hedge_graph_macs(e->graph);
        *ret = e;
        return 0;
}

int hedgew_engines_find(hedgew_engines_t *engines, const hedge_graph_t *block, uint32_t first, uint32_t last,
                        const hedge_window_t *window, hedgew_engine_t **ret)
{
        hedgew_engine_t *known = find_known(engines, first, last, window), *fresh = NULL;
        int r = 0;

        if (!known)
                r = make(block, first, last, window, &fresh);
        if (r < 0)
                return r;
        if (fresh && window) {
                known = find_same(engines, fresh);
                add_window(known ? known : fresh, window);
        }
        if (known)
                hedgew_engine_destroy(&fresh);
        *ret = known ? move_to_front(engines, known) : fresh;
        return known ? 0 : 1;
}

void hedgew_engines_add(hedgew_engines_t *engines, hedgew_engine_t *engine)
{
        engine->next = engines->recent;
        engines->recent = engine;
        engines->bytes += engine->bytes;
}

void hedgew_engine_destroy(hedgew_engine_t **engine)
{
        hedgew_engine_t *e = *engine;

        if (!e)
                return;
        hedge_engine_destroy(&e->engine);
        hedge_graph_destroy(&e->graph);
        free(e->program);
        free(e);
        *engine = NULL;
}

void hedgew_engines_drop(hedgew_engines_t *engines)
{
        hedgew_engine_t **link = &engines->recent;

        while ((*link)->next)
                link = &(*link)->next;
        engines->bytes -= (*link)->bytes;
        hedgew_engine_destroy(link);
}

void hedgew_engines_clear(hedgew_engines_t *engines)
{
        while (engines->recent)
                hedgew_engines_drop(engines);
}

void hedgew_engines_trim(hedgew_engines_t *engines)
{
        for (hedgew_engine_t *e = engines->recent; e; e = e->next)
                hedge_engine_trim(e->engine);
        hedgew_engines_count(engines);
}

static uint64_t bytes_of(const hedgew_engine_t *e)
{
        return hedge_engine_bytes(e->engine) + sizeof(*e) + e->program_bytes +
               e->graph->n_values * (uint64_t)sizeof(e->graph->values[0]) +
               e->graph->n_nodes * (uint64_t)sizeof(e->graph->nodes[0]);
}

void hedgew_engines_count(hedgew_engines_t *engines)
{
        engines->bytes = 0;
        for (hedgew_engine_t *e = engines->recent; e; e = e->next) {
                e->bytes = bytes_of(e);
                engines->bytes += e->bytes;
        }
}
