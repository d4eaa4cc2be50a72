/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_MATRICES_H
#define HEDGEW_MATRICES_H

#include <zmq.h>

#include "common/wire/message.h"

/** The coded matrices that a board holds for a training: HOLD, APPLY, UPDATE, FETCH, and MULTIPLY, which needs none. Pure
 * computing, on one thread; worker/train/training.h is what surrounds it.
 *
 * Matrices, and factors that are kept for an UPDATE, go by number. What a message that fails was to change is not held any more:
 * a matrix that missed an update would be another code word, and a factor another step's. So a product that comes is never one of
 * numbers that the coordinator does not think are here.
 *
 * Messages are as hedge_message_unpack lets them through; that frames have the sizes they say, and that numbers go together,
 * is checked here. Memory is counted before it is taken. */
typedef struct hedgew_matrices hedgew_matrices_t;

#define HEDGEW_MATRICES_MAX  1024 /**< matrices held at most */
#define HEDGEW_MATRICES_KEPT 64   /**< factors kept at most */

/** @param bytes_max  Of matrices, kept factors and scratch memory together; a product may take as much again.
 * @return 0, HEDGE_EUNSUPPORTED (no OpenBLAS here), -ENOMEM, with a sentence. */
int hedgew_matrices_new(uint64_t bytes_max, hedgew_matrices_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedgew_matrices_destroy(hedgew_matrices_t **matrices);

/** The training that matrices are held of; 0: none are. */
uint64_t hedgew_matrices_train(const hedgew_matrices_t *matrices);

/** Memory that all of it takes. */
uint64_t hedgew_matrices_bytes(const hedgew_matrices_t *matrices);

/** Forget all of it. Scratch memory goes too. */
void hedgew_matrices_leave(hedgew_matrices_t *matrices);

/** HOLD: keep a matrix. Of another training than the one before: that one's are forgotten first.
 * @return 0, HEDGE_EMALFORMED (the frame's size), HEDGE_ELIMIT, -ENOMEM, with a sentence. */
int hedgew_matrices_hold(hedgew_matrices_t *matrices, const hedge_msg_hold_t *hold, zmq_msg_t *frame, hedge_why_t *why);

/** What is answered with a PRODUCT. */
typedef struct hedgew_matrices_product {
        zmq_msg_t frame; /**< owned */
        uint64_t macs;   /**< multiply-accumulates that were computed */
} hedgew_matrices_product_t;

/** APPLY. @param frame  X; taken over if it is kept.
 * @param ret  NULL: no product is wanted, X is only kept.
 * @return 0, -ENOENT (another training, no such matrix), HEDGE_EMALFORMED, HEDGE_ELIMIT, -ENOMEM, with a sentence. */
int hedgew_matrices_apply(hedgew_matrices_t *matrices, const hedge_msg_apply_t *apply, zmq_msg_t *frame,
                          hedgew_matrices_product_t *ret, hedge_why_t *why);

/** UPDATE: all of its targets or none. Encoded in double and rounded once, multiplied in float.
 * @param ret_macs  What was computed.
 * @return 0, -ENOENT (also: a factor is not kept), HEDGE_EMALFORMED, HEDGE_ELIMIT, -ENOMEM, with a sentence. */
int hedgew_matrices_update(hedgew_matrices_t *matrices, const hedge_msg_update_t *update, zmq_msg_t *frames,
                           uint32_t n_frames, uint64_t *ret_macs, hedge_why_t *why);

/** FETCH. @return 0, -ENOENT, -ENOMEM, with a sentence. */
int hedgew_matrices_fetch(const hedgew_matrices_t *matrices, const hedge_msg_hold_t *fetch,
                          hedgew_matrices_product_t *ret, hedge_why_t *why);

/** MULTIPLY. Whatever is held stays as it is.
 * @return 0, HEDGE_EMALFORMED, HEDGE_ELIMIT, -ENOMEM, with a sentence. */
int hedgew_matrices_multiply(const hedgew_matrices_t *matrices, const hedge_msg_multiply_t *multiply,
                             zmq_msg_t frames[2], hedgew_matrices_product_t *ret, hedge_why_t *why);

/** A HOLD, APPLY or UPDATE was not carried out: what it was to change is not held any more. */
void hedgew_matrices_miss(hedgew_matrices_t *matrices, const hedge_message_t *message);

#endif
