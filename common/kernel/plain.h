/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_PLAIN_H
#define HEDGE_KERNEL_PLAIN_H

#include "common/kernel/backend.h"

/** The plain reference: every operator of op.h, written to be read. It is the yardstick of the back ends and
 * computes what they have not. Semantics are those of ONNX.
 *
 * A plain function computes kernel->op over inputs of the shapes kernel->in; the output is not empty.
 * @return 0, -ENOMEM (only those that need room). */
typedef int hedge_plain_fn(const hedge_kernel_t *kernel, const float *const *in, float *out);

/* plain_conv.c: sums in double precision. */
hedge_plain_fn hedge_plain_conv, hedge_plain_fully_connected, hedge_plain_matmul;

/* plain_pool.c: a window without any input element gives -INFINITY (max) or 0 (average). */
hedge_plain_fn hedge_plain_max_pool, hedge_plain_max_pool_indices, hedge_plain_average_pool, hedge_plain_global_average,
        hedge_plain_global_max;

/* plain_elementwise.c: the output may be in[0]. */
hedge_plain_fn hedge_plain_binary, hedge_plain_clamp, hedge_plain_leaky_relu, hedge_plain_unary, hedge_plain_to_integer;

/* plain_quantize.c: the output may be in[0]. */
hedge_plain_fn hedge_plain_quantize;

/* plain_along.c: the output of softmax may be in[0]. */
hedge_plain_fn hedge_plain_softmax, hedge_plain_log_softmax, hedge_plain_lrn;

/* plain_reduce.c: sums in double precision. */
hedge_plain_fn hedge_plain_reduce, hedge_plain_normalize;

/* plain_shape.c: move elements. */
hedge_plain_fn hedge_plain_concat, hedge_plain_pad, hedge_plain_transpose, hedge_plain_slice, hedge_plain_reshape,
        hedge_plain_expand, hedge_plain_tile;

/* plain_logic.c */
hedge_plain_fn hedge_plain_logic, hedge_plain_where, hedge_plain_not, hedge_plain_to_bool, hedge_plain_is_nan,
        hedge_plain_is_inf;

/* plain_index.c: HEDGE_ERANGE where an index is outside its axis. */
hedge_plain_fn hedge_plain_gather, hedge_plain_gather_elements, hedge_plain_gather_nd, hedge_plain_scatter_elements,
        hedge_plain_scatter_nd, hedge_plain_one_hot;

/* plain_order.c */
hedge_plain_fn hedge_plain_arg_extreme, hedge_plain_top, hedge_plain_cum_sum, hedge_plain_trilu;

/* plain_nms.c */
hedge_plain_fn hedge_plain_nms, hedge_plain_mark_rows;

/* plain_resize.c */
hedge_plain_fn hedge_plain_resize;

/* plain_grid.c */
hedge_plain_fn hedge_plain_grid_sample;

/** Apply an activation in place. */
void hedge_plain_activate(const hedge_activation_t *activation, float *x, size_t n);

/** Elements between two neighbours along each axis of a dense tensor. */
static inline void hedge_plain_strides(const hedge_shape_t *shape, int64_t *ret_strides)
{
        int64_t stride = 1;

        for (uint32_t d = shape->rank; d-- > 0;) {
                ret_strides[d] = stride;
                stride *= shape->dims[d];
        }
}

/** The same along the axes of `out`, to which a tensor of this shape broadcasts: 0 where it is repeated. */
static inline void hedge_plain_broadcast_strides(const hedge_shape_t *shape, const hedge_shape_t *out,
                                                 int64_t *ret_strides)
{
        int64_t dense[HEDGE_MAX_RANK] = { 0 };
        uint32_t missing = out->rank - shape->rank;

        hedge_plain_strides(shape, dense);
        for (uint32_t d = 0; d < out->rank; d++)
                ret_strides[d] = d < missing || shape->dims[d - missing] == 1 ? 0 : dense[d - missing];
}

/** Advance a position over the first `axes` axes of dims, last axis fastest. @return false after the last one. */
static inline bool hedge_plain_next(uint32_t *at, const uint32_t *dims, uint32_t axes)
{
        while (axes-- > 0) {
                if (++at[axes] < dims[axes])
                        return true;
                at[axes] = 0;
        }
        return false;
}

#endif
