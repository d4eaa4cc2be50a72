/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_UPLINK_H
#define HEDGED_UPLINK_H

#include <zmq.h>

#include "common/co3/co3.h"
#include "common/train/net.h"
#include "common/wire/message.h"

/** The gradients of a step on their way into one sum: kept as they came, and added in the order of the boards' numbers, so
 * that the same gradients give the same sum whoever was first. */
typedef struct hedged_uplink hedged_uplink_t;

/** @param co3, net  Borrowed. @return 0, -ENOMEM. */
int hedged_uplink_new(hedge_co3_t *co3, const hedge_net_t *net, hedged_uplink_t **ret);

/** NULL-safe; nullifies. */
void hedged_uplink_destroy(hedged_uplink_t **uplink);

/** A step begins. */
void hedged_uplink_begin(hedged_uplink_t *uplink);

/** Keep a board's answer: a gradient message, and the batch's statistics where the network has such and `images` is not 0.
 * @param board  Below HEDGE_CODE_MAX_BOARDS; one that has none yet in this step.
 * @param frames  Taken over (moved) on success.
 * @return 0, HEDGE_EMALFORMED (number or size of frames, numbers that are none). */
int hedged_uplink_put(hedged_uplink_t *uplink, unsigned board, zmq_msg_t *frames, uint32_t n_frames, bool images,
                      hedge_why_t *why);

/** Add the lowest-numbered answer that is kept if its board is below `end`.
 * @param ret_board  Whose it was. @return 1, 0: there is none; what hedge_co3_decode says: nothing of it was added. */
int hedged_uplink_add(hedged_uplink_t *uplink, unsigned end, unsigned *ret_board, hedge_why_t *why);

/** The mean of all that were added; at least one.
 * @param ret_statistics  NULL: no board had any. Both are the uplink's, until the next step; the first may be written to. */
void hedged_uplink_mean(hedged_uplink_t *uplink, float **ret_gradient, const float **ret_statistics);

#endif
