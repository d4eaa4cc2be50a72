/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_REPLY_H
#define HEDGED_REPLY_H

#include "common/wire/link.h"

/** Answers to clients and boards. A peer that has gone gets none. */

/** Send a message; where it cannot be sent, an error in its place. Frames as in hedge_link_send. */
void hedged_reply(const hedge_asker_t *to, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames);

/** Send an ERROR, about the asker's id where that is not 0. */
void hedged_refuse(const hedge_asker_t *to, int code, const char *text);

#endif
