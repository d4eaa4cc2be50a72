/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_MICROSOFT_H
#define HEDGE_MICROSOFT_H

#include "common/model/operators.h"

/** Operators of the domain com.microsoft, which files that ONNX Runtime quantised have beside ONNX's own. */

#define HEDGE_MICROSOFT_DOMAIN "com.microsoft"

/** All rows, sorted by name, and their number. Their opsets are those of ONNX beside which they stand. */
const hedge_operator_t *hedge_microsoft_operators(size_t *ret_n);

const hedge_operator_t *hedge_microsoft_find(const char *name);

/** import_qmatmul.c */
hedge_operator_fn_t hedge_import_qgemm;

#endif
