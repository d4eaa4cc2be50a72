/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_DOWNLINK_H
#define HEDGED_DOWNLINK_H

#include <zmq.h>

#include "common/co3/co3.h"
#include "common/wire/message.h"

/** The way of the parameters to the boards: each step's update encoded once, and the last HEDGE_STEP_UPDATES of them kept
 * for boards that missed some. What the encoding leaves out of an update goes into the next ones, and what boards add to
 * their parameters is added here, so that all hold the same numbers, bit for bit. */
typedef struct hedged_downlink hedged_downlink_t;

/** @param co3  Borrowed. @param step  Steps that are done. @return 0, -ENOMEM. */
int hedged_downlink_new(hedge_co3_t *co3, hedge_co3_format_t format, bool compress, uint64_t step,
                        hedged_downlink_t **ret);

/** NULL-safe; nullifies. */
void hedged_downlink_destroy(hedged_downlink_t **downlink);

/** Encode the next step's update and add to the parameters what it decodes to.
 * @return 0, -EINVAL (an entry is no finite number), -ENOMEM; the parameters are as they were then. */
int hedged_downlink_add(hedged_downlink_t *downlink, const float *update, float *params, hedge_why_t *why);

/** The frames that bring a board up to date that has the updates of `version` steps.
 * @param version  Above the steps that are done: it has none.
 * @param params  What hedged_downlink_add has made.
 * @param ret_frames  HEDGE_STEP_UPDATES; the caller's. They share their bytes.
 * @param ret_whole   The one frame is the parameters themselves.
 * @return how many, -ENOMEM, -EINVAL (a parameter is no finite number). */
int hedged_downlink_frames(hedged_downlink_t *downlink, uint64_t version, const float *params, zmq_msg_t *ret_frames,
                           bool *ret_whole);

#endif
