/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_ENGINES_H
#define HEDGEW_ENGINES_H

#include "common/engine/engine.h"
#include "common/types/window.h"

/** The engines of a block: for each segment that is asked for, or a window of it, a graph with its kernels prepared.
 *
 * Windows whose graphs are the same (the strips inside a picture, which touch the same borders) have one engine together. They are
 * kept in the order in which they were last used. All of it belongs to the compute thread. */

#define HEDGEW_ENGINE_WINDOWS 32u /**< that an engine knows without a comparison of graphs */

typedef struct hedgew_engine {
        struct hedgew_engine *next; /**< used less recently */
        uint32_t first, last;
        hedge_graph_t *graph;   /**< of the window; its constants are the block's */
        hedge_engine_t *engine; /**< of that graph */
        void *program;          /**< that graph, packed: what is compared */
        size_t program_bytes;
        uint64_t macs;
        uint64_t bytes; /**< counted: see hedgew_engines_count */
        bool tight;     /**< made to take as little as it can */
        bool windowed;
        uint32_t n_windows; /**< so many were added; the last of them are there */
        hedge_window_t windows[HEDGEW_ENGINE_WINDOWS];
} hedgew_engine_t;

typedef struct hedgew_engines {
        hedgew_engine_t *recent;
        uint64_t bytes; /**< of all */
} hedgew_engines_t;

/** One that fits the window (NULL: none, in one piece), moved to the front, or a fresh one (`engine` is NULL), which is the
 * caller's: to be added, or destroyed.
 * @return 0, 1 (a fresh one), HEDGE_EUNSUPPORTED, -EINVAL, -ENOMEM. */
int hedgew_engines_find(hedgew_engines_t *engines, const hedge_graph_t *block, uint32_t first, uint32_t last,
                        const hedge_window_t *window, hedgew_engine_t **ret);

/** Takes it over. */
void hedgew_engines_add(hedgew_engines_t *engines, hedgew_engine_t *engine);

/** There is one: destroy that which was not used for longest. */
void hedgew_engines_drop(hedgew_engines_t *engines);
void hedgew_engines_clear(hedgew_engines_t *engines);

/** Free the buffers of all of them, but not the kernels. */
void hedgew_engines_trim(hedgew_engines_t *engines);

/** Ask all what they take now: kernels, buffers, their graphs. */
void hedgew_engines_count(hedgew_engines_t *engines);

/** One that was not added. NULL-safe; nullifies. */
void hedgew_engine_destroy(hedgew_engine_t **engine);

#endif
