/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ENGINE_H
#define HEDGE_ENGINE_H

#include "common/kernel/kernel.h"
#include "common/model/graph.h"

/** Running a graph: every node on this machine, or, where the caller takes it over, elsewhere. */
typedef struct hedge_engine hedge_engine_t;

/** Prepare a graph's kernels. Both arguments are borrowed and must outlive the engine.
 * Kernels are prepared when first used, so that a layer that always runs elsewhere costs no memory here.
 * @return 0, -ENOMEM. */
int hedge_engine_new(const hedge_graph_t *graph, hedge_kernels_t *kernels, hedge_engine_t **ret);
void hedge_engine_destroy(hedge_engine_t **engine);
const hedge_graph_t *hedge_engine_graph(const hedge_engine_t *engine);

/** Kernels that are prepared from now on take at most `bytes_max` together with those that are there, where they have a choice: filters
 * are transformed for a faster method only while that fits. Without it there is no limit. */
void hedge_engine_limit(hedge_engine_t *engine, uint64_t bytes_max);

/** Memory that it holds now: kernels, and the buffers kept for the next runs. */
uint64_t hedge_engine_bytes(hedge_engine_t *engine);

/** Memory that one run takes besides the kernels, with its outputs. */
uint64_t hedge_engine_run_bytes(const hedge_engine_t *engine);

/** Free the buffers that runs have left for the next ones. */
void hedge_engine_trim(hedge_engine_t *engine);

/** Called for every node before it would run here; for convolutions `in` is the image, `out` is allocated.
 * Called on the thread that runs the graph.
 * @return 0: done, out is filled; 1: run it here; < 0: fail the whole run with this code. */
typedef int hedge_engine_offload_t(void *arg, uint32_t node, const hedge_tensor_t *in, hedge_tensor_t *out);

/** Compute one node's output on this machine (what an offload falls back to, and what tests compare with).
 * @param in  One per input of the node; the data of constants is taken from the graph. */
int hedge_engine_run_node(hedge_engine_t *engine, uint32_t node, const float *const *in, float *out);

/** Run the graph once. May be called from several threads at once.
 *
 * @param inputs   graph->n_inputs tensors of exactly the inputs' shapes. Borrowed.
 * @param offload  May be NULL.
 * @param ret_outputs  graph->n_outputs tensors, allocated here; release each with hedge_tensor_release. Written on success. Of those
 *                     that are `marked`, the first extent is how many rows there are, which may be none.
 * @return 0, HEDGE_ESHAPE, HEDGE_EKERNEL, -ENOMEM, or what offload failed with. */
int hedge_engine_run(hedge_engine_t *engine, const hedge_tensor_t *inputs, hedge_engine_offload_t *offload, void *arg,
                     hedge_tensor_t *ret_outputs);

#endif
