/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IMPORT_LINEAR_H
#define HEDGE_IMPORT_LINEAR_H

#include "common/model/import.h"

/** a times a constant matrix, or, where `weights` is NULL, times b, as MatMul means it.
 * @param exact  They are whole numbers (hedge_op_t). @return 0, or a refusal. */
int hedge_matmul(hedge_import_t *imp, hedge_view_t *a, hedge_literal_t *weights, hedge_view_t *b, bool exact,
                 hedge_view_t *ret);

#endif
