/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_TRAINING_PRODUCTS_H
#define HEDGEW_TRAINING_PRODUCTS_H

#include "worker/train/thread.h"

/** HOLD, APPLY, UPDATE, FETCH and MULTIPLY in the training's thread: what worker/train/matrices.h makes of them, at the pace and with the
 * luck of an emulated board.
 *
 * Matrices belong to the connection by which they came: when that is another one, updates may be lost, and they are
 * forgotten. A product of an earlier step than one that is asked for already is not computed, and not answered. */

/** Is it one of these messages? */
bool hedgew_training_products_are(hedge_message_type_t type);

/** The step of an APPLY or a MULTIPLY; UINT64_MAX: it has none, and is never stale. */
uint64_t hedgew_training_products_step(const hedge_message_t *message);

/** Its training. */
uint64_t hedgew_training_products_train(const hedge_message_t *message);

/** In the thread: do one. */
void hedgew_training_products_carry_out(hedgew_training_thread_t *thread, hedgew_training_order_t *order);

/** In the thread: LEAVE. */
void hedgew_training_products_leave(hedgew_training_thread_t *thread, const hedgew_training_order_t *order);

#endif
