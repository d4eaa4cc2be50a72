/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_ONEDNN_STATE_H
#define HEDGE_KERNEL_ONEDNN_STATE_H

#include <dnnl.h>
#include <pthread.h>

#include "common/kernel/backend.h"

/** Inside of common/kernel: what all oneDNN kernels of a hedge_kernels_t share, and packing. */

/** The stream of one running call: kept from call to call, shared by all kernels of a back end. */
typedef struct hedge_onednn_context {
        struct hedge_onednn_context *next;
        dnnl_stream_t stream;
} hedge_onednn_context_t;

typedef struct hedge_onednn_state {
        pthread_mutex_t lock;
        dnnl_engine_t engine; /**< made with the first kernel: a board without shares should stay small */
        hedge_onednn_context_t *idle;
} hedge_onednn_state_t;

/** Let what this thread makes or runs next use so many threads. The number belongs to the calling thread, so each caller
 * sets it: the same when a primitive is made and whenever it runs. */
void hedge_onednn_use_threads(unsigned threads);

/** The engine, made when it is first asked for. @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_engine(hedge_onednn_state_t *state, dnnl_engine_t *ret);

/** A context of the caller's own until it is given back. @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_context_take(hedge_onednn_state_t *state, hedge_onednn_context_t **ret);
void hedge_onednn_context_give(hedge_onednn_state_t *state, hedge_onednn_context_t *context);

/** Free the contexts that have been given back. */
void hedge_onednn_contexts_free(hedge_onednn_state_t *state);

/** Bring constant data into the layout that a primitive wants.
 *
 * @param ret_data, ret  Both are the caller's to free, also where this fails; NULL where they are not there.
 * @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_pack(hedge_onednn_state_t *state, dnnl_engine_t engine, const dnnl_memory_desc_t *from,
                      const float *data, const dnnl_memory_desc_t *to, float **ret_data, dnnl_memory_t *ret);

/** Constant data in the layout that a primitive wants, which may be shared by several. */
typedef struct hedge_onednn_packed {
        dnnl_memory_t memory;
        float *data;
        size_t bytes;
} hedge_onednn_packed_t;

/** One that is shared already. @return NULL: none. */
hedge_onednn_packed_t *hedge_onednn_packed_take(hedge_packs_t *packs, const void *name, uint32_t which,
                                                const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to);

/** Pack it, and share it where `packs` is not NULL.
 * @param ret_own  Bytes that are not shared. @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_packed_new(hedge_onednn_state_t *state, dnnl_engine_t engine, hedge_packs_t *packs, const void *name,
                            uint32_t which, const dnnl_memory_desc_t *from, const float *data,
                            const dnnl_memory_desc_t *to, hedge_onednn_packed_t **ret, size_t *ret_own);

/** Give it back to whom it was taken from. NULL-safe; nullifies. */
void hedge_onednn_packed_release(hedge_packs_t *packs, hedge_onednn_packed_t **packed);

/** The attributes of all our primitives: their scratch memory is ours. @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_attributes(dnnl_primitive_attr_t *ret);

/** What oneDNN would compute with: "jit:avx2", "gemm:jit", "ref:any", ... */
const char *hedge_onednn_implementation(dnnl_primitive_desc_t pd);

/** oneDNN's own reference loops are slower than ours. */
bool hedge_onednn_is_reference(dnnl_primitive_desc_t pd);

/** The scratch memory of a primitive. @return its floats, whole cache lines; 0: none, and ret is not written. */
size_t hedge_onednn_scratch(dnnl_primitive_desc_t pd, dnnl_memory_desc_t *ret);

#define HEDGE_ONEDNN_MAX_ARGS 8

/** The memory objects of one execution: first those whose data is another in every call, then those that are kept. Making them takes
 * longer than a small kernel, so whoever executes often keeps its call. */
typedef struct hedge_onednn_call {
        int given, n;
        dnnl_exec_arg_t arg[HEDGE_ONEDNN_MAX_ARGS];
} hedge_onednn_call_t;

/** One more argument (DNNL_ARG_*) whose data comes with each call. @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_call_add(hedge_onednn_call_t *call, dnnl_engine_t engine, int which, const dnnl_memory_desc_t *md);

/** One more argument, borrowed, with its data; after those above. NULL: none. */
void hedge_onednn_call_keep(hedge_onednn_call_t *call, int which, dnnl_memory_t memory);

/** Execute with the data of what was added, in that order, and wait for the end.
 * @param data  Only read where it is an input, but oneDNN's handles know no const.
 * @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_call_run(hedge_onednn_call_t *call, dnnl_primitive_t primitive, const float *const *data,
                          hedge_onednn_context_t *context);

/** NULL-safe. */
void hedge_onednn_call_free(hedge_onednn_call_t *call);

/** hedge_backend_t.spread, by OpenMP's threads. */
void hedge_onednn_spread(hedge_kernel_t *kernel, size_t count, void (*work)(void *arg, size_t i), void *arg);

#endif
