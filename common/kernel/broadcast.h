/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BROADCAST_H
#define HEDGE_BROADCAST_H

#include "common/kernel/plain.h"

#define HEDGE_BROADCAST_MAX 3 /**< operands */

/** How the operands of an element-wise operator lie under its output: their strides along the output's axes, 0 where an
 * operand is repeated. Neighbouring axes along which all operands go on in the same way are one, so that rows are as
 * long as they can be. */
typedef struct hedge_broadcast {
        uint32_t axes; /**< at least 1 */
        uint32_t dims[HEDGE_MAX_RANK];
        int64_t strides[HEDGE_BROADCAST_MAX][HEDGE_MAX_RANK];
} hedge_broadcast_t;

/** The kernel's inputs, at most HEDGE_BROADCAST_MAX, which broadcast to its output. */
hedge_broadcast_t hedge_broadcast_plan(const hedge_kernel_t *kernel);

/** One row: n elements; an operand's step is 0 where it stays the same along the row, else 1. */
typedef void hedge_broadcast_row_fn(const hedge_op_t *op, const float *const *in, const int *step, float *out,
                                    size_t n);

/** Call `row` for every row of the output. */
void hedge_broadcast_run(const hedge_kernel_t *kernel, const float *const *in, float *out, hedge_broadcast_row_fn *row);

#endif
