/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PASSES_H
#define HEDGE_PASSES_H

#include "common/code/conv/partition.h"
#include "common/code/conv/solution.h"
#include "common/code/precision.h"

/** Inside of common/code: the two loops over tensor data, for float and double, compiled once per instruction set.
 *
 * passes.inc is the code; the product runs it on float, the study of a code's accuracy also on double. */

typedef struct hedge_join {
        const hedge_partition_t *partition;
        const hedge_solution_t *solution;
        const void *const *parts; /**< in the order of the solution's columns */
        size_t base;              /**< the element of a part at which `parts` point */
        const void *bias;         /**< or NULL */
        hedge_activation_t activation;
        void *output;
} hedge_join_t;

typedef struct hedge_passes {
        size_t size; /**< of an element: 4 or 8 */

        /** out[o][x] = sum_i c[o * ins + i] * in[i][x] for `length` elements. Outputs overlap nothing. */
        void (*blend)(unsigned outs, unsigned ins, const void *c, const void *const *in, void *const *out,
                      size_t length);

        /** Decode elements [begin, end) of every part into the layer's output: crop, bias, activation. */
        void (*join)(const hedge_join_t *join, size_t begin, size_t end);

        /** The last step of it for one block k: its elements [e, e + n), which are `source`, to their place. */
        void (*place)(const hedge_join_t *join, unsigned k, size_t e, size_t n, const void *source);
} hedge_passes_t;

/** The fastest that this processor runs. */
const hedge_passes_t *hedge_passes_f32(void);
const hedge_passes_t *hedge_passes_f64(void);

/** One encode of `count` coded inputs or filter blocks: a[o] holds the coefficients of out[o]. */
void hedge_encode_inputs_with(const hedge_passes_t *passes, const hedge_partition_t *partition, unsigned count,
                              const double *const *a, const void *input, void *const *out, unsigned threads);
void hedge_encode_filters_with(const hedge_passes_t *passes, const hedge_partition_t *partition, unsigned count,
                               const double *const *b, const void *filter, void *const *out);

/** A join over the whole output. */
void hedge_join_run(const hedge_passes_t *passes, const hedge_join_t *join, unsigned threads);

/** The same for parts of which some are q16 blocks: precisions[p] says how part p is written. Floats only. */
void hedge_join_run_wire(const hedge_join_t *join, const hedge_precision_t *precisions, unsigned threads);

#endif
