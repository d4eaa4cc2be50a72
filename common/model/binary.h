/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BINARY_H
#define HEDGE_BINARY_H

#include "common/model/import.h"

/** Element-wise operators of two inputs, broadcast in ONNX order whatever the layouts. */
typedef struct hedge_operand {
        hedge_literal_t *literal; /**< or NULL */
        hedge_view_t view;        /**< then this */
} hedge_operand_t;

/** Input i of the current node. */
int hedge_operand(hedge_import_t *imp, uint32_t i, hedge_operand_t *ret);

/** a OP b in the layout of the operand with all axes (the larger one). */
int hedge_binary(hedge_import_t *imp, hedge_op_kind_t kind, const hedge_operand_t *a, const hedge_operand_t *b,
                 hedge_view_t *ret);

#endif
