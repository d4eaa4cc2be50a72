/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_OPERATORS_H
#define HEDGE_OPERATORS_H

#include <stdio.h>

#include "common/model/import.h"

/** The newest opset of ONNX whose changes to each operator of the table have been looked at. */
#define HEDGE_NEWEST_OPSET 23

/** The ONNX operators that hedge takes, one row each. A model may be of any opset: every operator is judged alone. */
typedef int hedge_operator_fn_t(hedge_import_t *imp);

typedef struct hedge_operator {
        const char *name;
        uint32_t since;              /**< first opset of ONNX that has it, or that hedge takes */
        uint32_t until;              /**< last opset for which what it means is known, and handled */
        uint32_t min_in, max_in;     /**< inputs */
        hedge_operator_fn_t *import; /**< adds it to the graph; NULL: only among constants */
        hedge_operator_fn_t *eval;   /**< computes it when every input is constant; NULL: not then either */
        bool integers; /**< right for computed integers and booleans too: moves them, or computes them as their type would */
        const char *note; /**< what is not taken, for the documentation; may be NULL */
} hedge_operator_t;

/** All rows, sorted by name, and their number. */
const hedge_operator_t *hedge_operators(size_t *ret_n);

const hedge_operator_t *hedge_operator_find(const char *name);

/** Does an attribute say nothing that changes the answer, so that it need not be looked at? */
bool hedge_operator_may_ignore(const hedge_operator_t *op, const char *attribute);

/** Write docs/operators.md. */
void hedge_operators_document(FILE *to);

/** Handlers, by family: import_conv.c ... */
hedge_operator_fn_t hedge_import_conv, hedge_import_max_pool, hedge_import_average_pool, hedge_import_global_pool,
        hedge_import_lrn, hedge_import_batch_norm, hedge_import_resize, hedge_import_upsample;
hedge_operator_fn_t hedge_import_conv_transpose, hedge_import_depth_to_space, hedge_import_space_to_depth,
        hedge_import_grid_sample, hedge_import_affine_grid, hedge_import_max_unpool;
hedge_operator_fn_t hedge_import_gemm, hedge_import_matmul;
hedge_operator_fn_t hedge_import_binary, hedge_import_sum, hedge_import_min_max, hedge_import_prelu, hedge_import_clip,
        hedge_import_unary, hedge_import_relu, hedge_import_leaky_relu, hedge_import_pow, hedge_import_softmax,
        hedge_import_reduce, hedge_import_neg, hedge_import_reciprocal;
hedge_operator_fn_t hedge_import_reshape, hedge_import_flatten, hedge_import_squeeze, hedge_import_unsqueeze,
        hedge_import_identity, hedge_import_dropout, hedge_import_shape, hedge_import_size, hedge_import_cast;
hedge_operator_fn_t hedge_import_transpose, hedge_import_concat, hedge_import_slice, hedge_import_split,
        hedge_import_pad, hedge_import_gather, hedge_import_expand;
hedge_operator_fn_t hedge_import_if;
hedge_operator_fn_t hedge_import_compare, hedge_import_test, hedge_import_where, hedge_import_mod,
        hedge_import_bit_shift;
hedge_operator_fn_t hedge_import_arg_extreme, hedge_import_top_k, hedge_import_cum_sum, hedge_import_trilu;
hedge_operator_fn_t hedge_import_gather_elements, hedge_import_gather_nd, hedge_import_scatter_elements,
        hedge_import_scatter_nd, hedge_import_one_hot, hedge_import_tile, hedge_import_compress,
        hedge_import_non_max_suppression;
hedge_operator_fn_t hedge_import_quantize_linear, hedge_import_dequantize_linear, hedge_import_dynamic_quantize_linear,
        hedge_eval_quantize_linear, hedge_eval_dequantize_linear;
hedge_operator_fn_t hedge_import_qlinear_conv, hedge_import_qlinear_matmul, hedge_import_conv_integer,
        hedge_import_matmul_integer;
/** Gather by indices that are computed, or too many for a slice each. */
int hedge_import_gather_computed(hedge_import_t *imp, uint32_t axis);
/** eval_pick.c */
hedge_operator_fn_t hedge_eval_non_zero, hedge_eval_unique;
/** eval_logic.c */
hedge_operator_fn_t hedge_eval_compare, hedge_eval_where, hedge_eval_remainder;
/** import_norm.c, import_reduce.c */
hedge_operator_fn_t hedge_eval_reduce, hedge_import_instance_norm, hedge_import_layer_norm, hedge_import_group_norm,
        hedge_import_lp_norm, hedge_import_mean_variance_norm, hedge_import_lp_pool, hedge_import_global_lp_pool;
/** eval.c */
hedge_operator_fn_t hedge_eval_binary, hedge_eval_unary, hedge_eval_constant, hedge_eval_constant_of_shape,
        hedge_eval_concat, hedge_eval_gather, hedge_eval_range;

#endif
