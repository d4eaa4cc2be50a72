/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PRODUCT_H
#define HEDGED_PRODUCT_H

#include <limits.h>
#include <zmq.h>

#include "common/code/uep/setup.h"
#include "common/wire/message.h"

/** One product A B for boards to compute in packets (common/code/uep/uep.h), and what they have sent of it so far.
 * Belongs to one thread; who is asked for what is daemon/train/uep/exchange.h's business. */
typedef struct hedged_product hedged_product_t;

#define HEDGED_NOBODY UINT_MAX

/** What became of a packet. */
typedef struct hedged_packet {
        unsigned board; /**< that was asked last, or that sent it; HEDGED_NOBODY */
        int64_t asked_us;
        int64_t received_us; /**< 0: it has not come */
        unsigned determined; /**< sub-products known then */
} hedged_packet_t;

/** Make its classes by the norms of the blocks, its windows and its code.
 *
 * @param a,b      rows x inner and inner x columns; borrowed until it is destroyed.
 * @param boards   That will compute, at least 1. @param arrived  See hedge_uep_setup_resolve.
 * @return 0, as hedge_uep_setup_resolve and hedge_uep_norms (-EINVAL: a block holds NaN or an infinite value), -ENOMEM. */
int hedged_product_new(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape, const float *a, const float *b,
                       unsigned boards, double arrived, hedged_product_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedged_product_destroy(hedged_product_t **product);

/** Bytes of all packets' tasks and results together, for a bound before anything is sent. */
uint64_t hedged_product_bytes(const hedged_product_t *product);

/** The code that was made, its packets and what became of them: hedge_uep_packets(code) of them. */
const hedge_uep_t *hedged_product_code(const hedged_product_t *product);
hedged_packet_t *hedged_product_packets(hedged_product_t *product);

/** The window probabilities of the code: one for each class. */
const double *hedged_product_windows(const hedged_product_t *product);

/** A packet's MULTIPLY: the message, but for its train and step, and its two frames. `number` is the packet's on the wire.
 * @return 0, -ENOMEM. */
int hedged_product_encode(const hedged_product_t *product, unsigned packet, uint32_t number, hedge_message_t *ret,
                          zmq_msg_t frames[2]);

/** A packet's result has come. One that has come before is ignored.
 * @param frame  Of the size that `encode` asked for; borrowed. @return 0, -ENOMEM. */
int hedged_product_take(hedged_product_t *product, unsigned packet, unsigned board, zmq_msg_t *frame,
                        int64_t received_us);

/** Is everything known? */
bool hedged_product_complete(const hedged_product_t *product);

/** Decode what is known; the rest is 0. Once, when no more is taken.
 * @param c  rows x columns; overwritten. @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedged_product_finish(hedged_product_t *product, float *c);

/** Sub-products in all, those known (after hedged_product_finish: those in C), and the normalised error to expect by the norms
 * of the others, 0 .. 1. */
unsigned hedged_product_count(const hedged_product_t *product);
unsigned hedged_product_known(const hedged_product_t *product);
double hedged_product_expected_error(const hedged_product_t *product);

#endif
