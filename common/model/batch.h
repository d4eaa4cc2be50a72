/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BATCH_H
#define HEDGE_BATCH_H

#include "common/model/graph.h"

/** Several pictures in one request: how many a model takes, and which part of a tensor is whose.
 *
 * A graph is prepared for the pictures of one run: one, where the file leaves the batch open. Where it is proven that the file
 * treats its batch as one (common/model/batch_prove.h), a request of any number of pictures is as many runs. */

#define HEDGE_NO_AXIS   UINT32_MAX
#define HEDGE_BATCH_MAX 4096u /**< pictures of a request */
#define HEDGE_BATCH_WHY 256

struct hedge_batch {
        bool any;      /**< a request may hold any number of pictures */
        uint32_t size; /**< pictures of one run; 1 where there may be any number */
        bool apart;    /**< whose is what is known of every output */
        uint32_t n_inputs, n_outputs;
        uint32_t *inputs;  /**< which axis of each input is the batch; HEDGE_NO_AXIS: all pictures share the input */
        uint32_t *outputs; /**< the same of each output; HEDGE_NO_AXIS: it is not told apart by pictures */
        char why[HEDGE_BATCH_WHY]; /**< why there may not be any number, where the file leaves it open; else empty */
};

/** Nothing known: one picture, no axis. @return 0, -ENOMEM. */
int hedge_batch_new(uint32_t n_inputs, uint32_t n_outputs, hedge_batch_t **ret);
int hedge_batch_copy(const hedge_batch_t *batch, hedge_batch_t **ret);
void hedge_batch_destroy(hedge_batch_t **batch);

/** How many runs of the graph do inputs of these shapes want? Each input is that of the graph, or, where the graph takes any
 * number of pictures, as many times as long along its batch.
 * @param n       Must be the graph's number of inputs.
 * @param ret     1 .. HEDGE_BATCH_MAX; outputs of so many runs have shapes that may be allocated.
 * @return 0, HEDGE_ESHAPE, HEDGE_ELIMIT, with a sentence that names the input. */
int hedge_batch_runs(const hedge_graph_t *graph, const hedge_shape_t *inputs, uint32_t n, uint32_t *ret,
                     hedge_why_t *why);

/** The shape of an input or output of one run when there are `runs`. */
hedge_shape_t hedge_batch_shape(const hedge_shape_t *one, uint32_t axis, uint32_t runs);

/** Copy one run's tensor to its place in the joined one. Without an axis the first run's is that of all.
 * @param one     Shape of one run's. */
void hedge_batch_put(const hedge_shape_t *one, uint32_t axis, uint32_t run, uint32_t runs, const float *from,
                     float *joined);

/** The other way round; without an axis every run gets all. `joined` may begin at any byte. */
void hedge_batch_get(const hedge_shape_t *one, uint32_t axis, uint32_t run, uint32_t runs, const void *joined,
                     float *to);

/** For people: "any", "4", "1 (node 'x' (Softmax) mixes pictures)". @return buf. */
char *hedge_batch_text(const hedge_batch_t *batch, char *buf, size_t size);

#endif
