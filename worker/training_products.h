/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_TRAINING_PRODUCTS_H
#define HEDGE_WORKER_TRAINING_PRODUCTS_H

#include "worker/training_thread.h"

/** HOLD, APPLY, UPDATE, FETCH and MULTIPLY in the training's thread: what worker/matrices.h makes of them, at the pace and with the
 * luck of an emulated board.
 *
 * Matrices belong to the connection by which they came: when that is another one, updates may be lost, and they are
 * forgotten. A product of an earlier step than one that is asked for already is not computed, and not answered. */

/** Is it one of these messages? */
bool hedge_training_products_are(hedge_message_type_t type);

/** The step of an APPLY or a MULTIPLY; UINT64_MAX: it has none, and is never stale. */
uint64_t hedge_training_products_step(const hedge_message_t *message);

/** Its training. */
uint64_t hedge_training_products_train(const hedge_message_t *message);

/** In the thread: do one. */
void hedge_training_products_carry_out(hedge_training_thread_t *thread, hedge_training_order_t *order);

/** In the thread: LEAVE. */
void hedge_training_products_leave(hedge_training_thread_t *thread, const hedge_training_order_t *order);

#endif
