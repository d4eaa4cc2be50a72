/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_MATRICES_FACTOR_H
#define HEDGEW_MATRICES_FACTOR_H

#include "common/err.h"
#include "common/types/update.h"

/** The coded factor of an UPDATE's target: block columns of a factor, moved to the right, weighted and added up. Only
 * matrices.c uses it. */

/** Do the terms fit the factor's columns and the matrix's rows? Blocks that lie wholly behind the factor's last column are zeros.
 * @param cols  Of the factor. @param rows  Of the matrix.
 * @return 0, HEDGE_EMALFORMED with a sentence. */
int hedgew_factor_check(const hedge_update_target_t *target, uint32_t cols, uint32_t rows, hedge_why_t *why);

/** Compute it, times `scale`. Added up in double and rounded once.
 * @param target  Checked. @param factor  batch x cols. @param out  batch x rows, overwritten. */
void hedgew_factor_encode(const hedge_update_target_t *target, double scale, uint32_t batch, const float *factor,
                          uint32_t cols, uint32_t rows, float *out);

#endif
