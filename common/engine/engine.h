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

/** Kernels that are prepared from now on take at most `bytes_max` together with those that are there and with all that they share, where
 * they have a choice: filters are transformed for a faster method only while that fits. Without it there is no limit. */
void hedge_engine_limit(hedge_engine_t *engine, uint64_t bytes_max);

/** Kernels that are prepared from now on share what they pack with those of other engines that were told the same: of pieces of one
 * graph, which have its constants. `packs` is borrowed; it outlives the engine, and the constants outlive what is in it. */
void hedge_engine_share(hedge_engine_t *engine, hedge_packs_t *packs);

/** Memory that it holds now: kernels without what they share, and the buffers kept for the next runs. */
uint64_t hedge_engine_bytes(hedge_engine_t *engine);

/** Memory that one run takes besides the kernels, with its outputs. */
uint64_t hedge_engine_run_bytes(const hedge_engine_t *engine);

/** Free the buffers that runs have left for the next ones. */
void hedge_engine_trim(hedge_engine_t *engine);

/** How the caller of a run computes nodes elsewhere, in runs of as many as it likes. Called on the thread that runs the graph. */
typedef struct hedge_engine_hooks {
        /** Before `node`: where does the run of nodes end that begins with it? node + 1: it is on its own; more: all the nodes up
         * to there, exclusive, are taken over in one. NULL: each is on its own. */
        uint32_t (*until)(void *arg, uint32_t node);

        /** Compute nodes first .. last - 1, or leave them to the engine. Not asked for a node on its own that there is nothing to do
         * for: a reshape that lies where its input does.
         *
         * @param in   What hedge_segment_values (common/segment/segment.h) says goes in, in its order. It stays as it is until `run`
         *             returns, but that of a single element-wise node may lie where `out` does. Nothing goes into what only reads constants: of
         *             a single node in[0] is empty then, its data NULL.
         * @param out  What goes out, allocated, to be written all over. Of one that is `marked` fewer rows may be given, by its first
         *             extent. What was written does not matter unless 0 is returned.
         * @return 0: done; nothing between `in` and `out` is ever computed; 1: compute it here (several nodes: asking again for each
         *         on its own); < 0: fail the whole run with this code. */
        int (*run)(void *arg, uint32_t first, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out);
} hedge_engine_hooks_t;

/** Prepare a node's kernel before it is first used, where it has one. Does nothing the second time.
 * @return 0, HEDGE_ESHAPE, HEDGE_EKERNEL, -ENOMEM. */
int hedge_engine_prepare(hedge_engine_t *engine, uint32_t node);

/** Compute one node's output on this machine (what tests compare with).
 * @param in  One per input of the node; the data of constants is taken from the graph. */
int hedge_engine_run_node(hedge_engine_t *engine, uint32_t node, const float *const *in, float *out);

/** Run the graph once. May be called from several threads at once.
 *
 * @param inputs   graph->n_inputs tensors of exactly the inputs' shapes. Borrowed.
 * @param hooks    May be NULL.
 * @param ret_outputs  graph->n_outputs tensors, allocated here; release each with hedge_tensor_release. Written on success. Of those
 *                     that are `marked`, the first extent is how many rows there are, which may be none.
 * @return 0, HEDGE_ESHAPE, HEDGE_EKERNEL, -ENOMEM, or what a hook failed with. */
int hedge_engine_run(hedge_engine_t *engine, const hedge_tensor_t *inputs, const hedge_engine_hooks_t *hooks, void *arg,
                     hedge_tensor_t *ret_outputs);

#endif
