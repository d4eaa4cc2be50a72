/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ENGINE_STATE_H
#define HEDGE_ENGINE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/engine/engine.h"
#include "common/engine/schedule.h"

/** Inside of common/engine: what an engine is made of. */

/** The memory of one run, allocated as it is first used. */
typedef struct hedge_engine_context {
        struct hedge_engine_context *next;
        float **inputs;  /**< copies with the back end's slack; NULL where none is wanted */
        float **buffers; /**< those of the schedule */
        float **spares;  /**< of the same sizes: where a run of nodes writes what it may not write over its inputs */
} hedge_engine_context_t;

typedef struct hedge_engine_slot {
        pthread_mutex_t lock; /**< while the kernel is prepared */
        hedge_kernel_t *_Atomic kernel;
} hedge_engine_slot_t;

struct hedge_engine {
        const hedge_graph_t *graph;
        hedge_kernels_t *kernels;
        hedge_schedule_t schedule;
        hedge_engine_slot_t *slots;       /**< one per node */
        pthread_mutex_t lock;             /**< of everything below */
        hedge_engine_context_t *contexts; /**< free ones */
        unsigned n_contexts;
        uint64_t kernel_bytes, kernel_bytes_max;
        hedge_packs_t *packs; /**< NULL: nothing is shared */
};

/** One run: where its values are. */
typedef struct hedge_engine_pass {
        hedge_engine_t *engine;
        const hedge_tensor_t *inputs;
        hedge_tensor_t *outputs;
        hedge_engine_context_t *context;
        const hedge_engine_hooks_t *hooks; /**< NULL: everything is computed here */
        void *arg;
        const float **in;      /**< room for the inputs of any node */
        hedge_tensor_t *given; /**< the same as tensors */
} hedge_engine_pass_t;

/** Memory for a run: that of an earlier one, or new. @return NULL: there is none. */
hedge_engine_context_t *hedge_engine_open_context(hedge_engine_t *engine);
void hedge_engine_close_context(hedge_engine_t *engine, hedge_engine_context_t *context);

/** Where a value lies in this run. */
float *hedge_engine_data(const hedge_engine_pass_t *pass, uint32_t value);

/** See to the buffer that it lies in, if any. @return 0, -ENOMEM. */
int hedge_engine_want(const hedge_engine_pass_t *pass, uint32_t value);

/** Let the caller take several nodes over. @return 0: done; 1: they are to be computed one by one; -ENOMEM, or what it failed with. */
int hedge_engine_take(const hedge_engine_pass_t *pass, uint32_t first, uint32_t last);

/** Mark the rows that a caller did not give, by the first extent of `tensor`, as not there. Only of a marked value. */
void hedge_engine_mark_missing(const hedge_value_t *value, const hedge_tensor_t *tensor);

#endif
