/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_INVITATION_H
#define HEDGED_INVITATION_H

#include "daemon/train/method.h"

/** What boards are told of a data-parallel training before its first step: JOIN, and the shards of the data. */
typedef struct hedged_invitation {
        uint32_t shards, batch; /**< batch: images of a board's mini-batch */
        hedge_message_t join;
        hedge_digest_t *digests; /**< of the shards */
} hedged_invitation_t;

/** @param work  As a method has it in `open`. @return 0, -ENOMEM, -EINVAL; release it in any case. */
int hedged_invitation_make(const hedged_work_t *work, uint32_t shards, uint32_t batch, hedged_invitation_t *ret,
                           hedge_why_t *why);

/** Free and clear; nothing that was said with it may be on its way any more. */
void hedged_invitation_release(hedged_invitation_t *invitation);

/** The shard of this name; UINT32_MAX: none. */
uint32_t hedged_invitation_find(const hedged_invitation_t *invitation, const hedge_digest_t *digest);

/** The SHARD message and its two frames, which are the caller's. @return 0, -ENOMEM. */
int hedged_invitation_shard(const hedged_invitation_t *invitation, const hedged_work_t *work, uint32_t shard,
                            hedge_message_t *ret, zmq_msg_t ret_frames[2]);

#endif
