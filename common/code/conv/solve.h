/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SOLVE_H
#define HEDGE_SOLVE_H

#include "common/code/conv/decode.h"
#include "common/code/conv/passes.h"

/** Inside of common/code: from a set of parts to its decode matrix, with LAPACK. */

/** Solve for `count` parts, ids ascending, whose columns have full rank.
 *
 * Sets OpenBLAS to one thread, for the whole process: the matrices are tiny and its threads would only spin.
 * @return 0, HEDGE_EUNDECODABLE, HEDGE_EKERNEL, -ENOMEM. */
int hedge_solve(const hedge_code_t *code, const uint16_t *ids, unsigned count, hedge_solution_t **ret);

/** The 2-norm condition number of these parts' columns; INFINITY where they are dependent.
 * @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_solve_condition(const hedge_code_t *code, const uint16_t *ids, unsigned count, double *ret);

/** hedge_decoder_apply on float or double, as the passes say. */
void hedge_decoder_apply_with(const hedge_decoder_t *decoder, const hedge_passes_t *passes,
                              const hedge_partition_t *partition, const void *const *parts, const void *bias,
                              const hedge_activation_t *activation, void *output, unsigned threads);

#endif
