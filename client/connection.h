/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_CONNECTION_H
#define HEDGEC_CONNECTION_H

#include "client/endpoint.h"
#include "common/wire/link.h"

/** A client's connection to the coordinator: requests out, answers in, matched by id.
 *
 * One DEALER socket with its monitor, so that a coordinator that is not there, refuses our key or dies is noticed at
 * once and not by a time-out. For one thread. */
typedef struct hedgec_connection hedgec_connection_t;

/** Connect and shake hands.
 *
 * @return 0, -ECONNREFUSED (nobody there: "is hedged running?"), HEDGE_EDENIED (our key is not let in, or its key is not
 *         the one we expect), -ETIMEDOUT (no handshake within 5 s), -ENOMEM, -errno. */
int hedgec_connection_open(const hedgec_endpoint_t *endpoint, hedgec_connection_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedgec_connection_close(hedgec_connection_t **connection);

/** A fresh request id; never 0. */
uint64_t hedgec_connection_id(hedgec_connection_t *connection);

/** Send a request.
 *
 * @param frames  n_frames frames; gone after the call, whatever it returns.
 * @return 0, -ETIMEDOUT (the queue stayed full), -ECONNRESET (the coordinator went away), -ENOMEM, -errno. */
int hedgec_connection_send(hedgec_connection_t *connection, const hedge_message_t *message, zmq_msg_t *frames,
                           uint32_t n_frames, hedge_why_t *why);

/** Wait for the next answer, whichever request it belongs to (hedgec_answer_id).
 *
 * @param wait_ms  How long to wait; 0: the endpoint's time-out.
 * @return 0 (ret is to be released with hedge_envelope_release), -ETIMEDOUT, -ECONNRESET, HEDGE_EMALFORMED and the like
 *         (an answer that makes no sense; later ones may). */
int hedgec_connection_receive(hedgec_connection_t *connection, int wait_ms, hedge_envelope_t *ret, hedge_why_t *why);

/** The request that an answer belongs to; 0 for a message that is no answer. */
uint64_t hedgec_answer_id(const hedge_message_t *message);

/** Is the answer of the wanted type? An ERROR becomes its code and its sentence.
 * @return 0, the ERROR's code, HEDGE_EMALFORMED (some other type). */
int hedgec_answer_check(const hedge_message_t *answer, hedge_message_type_t wanted, hedge_why_t *why);

/** Send one request and wait for its answer; answers to other requests are dropped.
 * The message carries the latest id that hedgec_connection_id gave.
 * @param wait_ms  As of hedgec_connection_receive. */
int hedgec_connection_request(hedgec_connection_t *connection, const hedge_message_t *message, zmq_msg_t *frames,
                              uint32_t n_frames, hedge_message_type_t wanted, int wait_ms, hedge_envelope_t *ret,
                              hedge_why_t *why);

#endif
