/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BINARY_H
#define HEDGE_BINARY_H

#include "common/model/import.h"

#define HEDGE_OPERANDS_MAX 3

/** Element-wise operators of two or three inputs, broadcast in ONNX order whatever the layouts. */
typedef struct hedge_operand {
        hedge_literal_t *literal; /**< or NULL */
        hedge_view_t view;        /**< then this */
} hedge_operand_t;

/** Input i of the current node. */
int hedge_operand(hedge_import_t *imp, uint32_t i, hedge_operand_t *ret);

/** Input i as it meets a tensor of `rank` axes whose axis `first` its own first axis stands under: 1s are put behind
 * its extents. A constant becomes one of its own, which *ret_owned holds, to be destroyed after use. */
int hedge_operand_under(hedge_import_t *imp, uint32_t i, uint32_t rank, uint32_t first, hedge_operand_t *ret,
                        hedge_literal_t **ret_owned);

/** Input 1 of an operator of two tensors as input 0 is to meet it: before opset 7 the attributes `broadcast` and `axis`
 * say how. As hedge_operand_under. */
int hedge_second_operand(hedge_import_t *imp, hedge_operand_t *ret, hedge_literal_t **ret_owned);

/** An operator on n operands, in the layout of the largest one that has all axes. */
int hedge_elementwise(hedge_import_t *imp, const hedge_op_t *op, const hedge_operand_t *operands, uint32_t n,
                      hedge_view_t *ret);

/** a OP b in the layout of the operand with all axes (the larger one). */
int hedge_binary(hedge_import_t *imp, hedge_op_kind_t kind, const hedge_operand_t *a, const hedge_operand_t *b,
                 hedge_view_t *ret);

/** x = x OP number, or number OP x. */
int hedge_binary_number(hedge_import_t *imp, hedge_op_kind_t kind, hedge_view_t *x, float number, bool number_first);

#endif
