/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_REPLICA_H
#define HEDGED_REPLICA_H

#include "common/wire/message.h"

/** What a board holds in a model-parallel training, and computes with it, in the coordinator: for a board that is lost, where
 * nothing else makes up for it. After hedge_blas_open. */
typedef struct hedged_replica hedged_replica_t;

/** @param matrices  Their numbers are below. @return 0, -ENOMEM. */
int hedged_replica_new(unsigned matrices, hedged_replica_t **ret);

/** NULL-safe; nullifies. */
void hedged_replica_destroy(hedged_replica_t **replica);

/** Keep a matrix. @return 0, -ENOMEM. */
int hedged_replica_hold(hedged_replica_t *replica, uint32_t matrix, uint32_t rows, uint32_t cols, const float *floats);

/** One that is held, rows x cols. */
const float *hedged_replica_matrix(const hedged_replica_t *replica, uint32_t matrix);

/** ret (batch x rows) = x (batch x cols) times a matrix that is held, transposed. */
void hedged_replica_apply(const hedged_replica_t *replica, uint32_t matrix, uint32_t batch, const float *x, float *ret);

/** An UPDATE of these targets, which are held and of one term without a shift: its numbers, and both factors. All of it or nothing.
 * @return 0, -ENOMEM. */
int hedged_replica_update(hedged_replica_t *replica, const hedge_msg_update_t *update,
                          const hedge_update_target_t *targets, const float *left, const float *right);

#endif
