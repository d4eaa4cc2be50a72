/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_ENGINES_H
#define HEDGED_ENGINES_H

#include "common/types/window.h"
#include "daemon/models/model.h"

/** Engines of runs of nodes and of windows of them, kept for the next time within a bound of memory; those that were not used for
 * longest go first. One thread uses them. They do not keep a model, only its graph, and that no longer than until somebody tidies up. */
typedef struct hedged_engines hedged_engines_t;

/** @param kernels    Borrowed. @param bytes_max  That may be kept.
 * @return 0, -ENOMEM. */
int hedged_engines_new(hedge_kernels_t *kernels, uint64_t bytes_max, hedged_engines_t **ret);

/** NULL-safe; nullifies. */
void hedged_engines_destroy(hedged_engines_t **engines);

/** The engine for a run of nodes of a model, made where there is none.
 * @param window  Of its output; NULL: all of it.
 * @param ret     There until hedged_engines_done, which is to be called before the next is asked for; the caller holds the model until then.
 * @param ret_new Was it made now? Its kernels are made when it runs first.
 * @return 0, -ENOMEM, what hedge_segment_graph says. */
int hedged_engines_get(hedged_engines_t *engines, hedged_model_t *model, uint32_t first, uint32_t last,
                       const hedge_window_t *window, hedge_engine_t **ret, bool *ret_new);

/** It is not used any more for now: what is kept is brought within the bound. */
void hedged_engines_done(hedged_engines_t *engines);

/** Free those of models that are gone. Any thread. */
void hedged_engines_tidy(hedged_engines_t *engines);

/** Memory of those that are kept, and how many they are. */
uint64_t hedged_engines_bytes(hedged_engines_t *engines, unsigned *ret_count);

#endif
