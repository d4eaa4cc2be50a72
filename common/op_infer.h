/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_OP_INFER_H
#define HEDGE_OP_INFER_H

#include "common/op.h"

/** Behind hedge_op_infer: one family of operators each. The number of inputs, their sizes and the activation are checked already;
 * the output's size will be. */
typedef int hedge_op_infer_fn(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                              hedge_why_t *why);

/** An index is a float32: extents that indices count are at most this. */
#define HEDGE_MAX_INDEXED (1u << 24) /* HEDGE_EXACT + 1 */

/* op_index.c: indices and what they pick. */
hedge_op_infer_fn hedge_op_infer_arg, hedge_op_infer_top, hedge_op_infer_gather, hedge_op_infer_gather_elements,
        hedge_op_infer_gather_nd, hedge_op_infer_scatter_elements, hedge_op_infer_scatter_nd, hedge_op_infer_one_hot,
        hedge_op_infer_cum_sum, hedge_op_infer_trilu, hedge_op_infer_tile, hedge_op_infer_nms, hedge_op_infer_mark_rows;

/* op_grid.c */
hedge_op_infer_fn hedge_op_infer_grid_sample;

#endif
