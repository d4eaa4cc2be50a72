/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_STAND_IN_H
#define HEDGED_STAND_IN_H

#include "common/wire/message.h"

/** What a board holds in a model-parallel training, and computes with it, in the coordinator: for a board that is lost, where
 * nothing else makes up for it. After hedge_blas_open. */
typedef struct hedged_stand_in hedged_stand_in_t;

/** @param matrices  Their numbers are below. @return 0, -ENOMEM. */
int hedged_stand_in_new(unsigned matrices, hedged_stand_in_t **ret);

/** NULL-safe; nullifies. */
void hedged_stand_in_destroy(hedged_stand_in_t **stand_in);

/** Keep a matrix. @return 0, -ENOMEM. */
int hedged_stand_in_hold(hedged_stand_in_t *stand_in, uint32_t matrix, uint32_t rows, uint32_t cols,
                         const float *floats);

/** One that is held, rows x cols. */
const float *hedged_stand_in_matrix(const hedged_stand_in_t *stand_in, uint32_t matrix);

/** ret (batch x rows) = x (batch x cols) times a matrix that is held, transposed. */
void hedged_stand_in_apply(const hedged_stand_in_t *stand_in, uint32_t matrix, uint32_t batch, const float *x,
                           float *ret);

/** An UPDATE of these targets, which are held and of one term without a shift: its numbers, and both factors. All of it or nothing.
 * @return 0, -ENOMEM. */
int hedged_stand_in_update(hedged_stand_in_t *stand_in, const hedge_msg_update_t *update,
                           const hedge_update_target_t *targets, const float *left, const float *right);

#endif
