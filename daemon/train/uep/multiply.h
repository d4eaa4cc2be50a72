/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_MULTIPLY_H
#define HEDGED_MULTIPLY_H

#include "daemon/train/line.h"
#include "daemon/train/uep/chance.h"

/** A client's MATMUL: one product on the boards, by a thread of its own. */
typedef struct hedged_multiply hedged_multiply_t;

typedef struct hedged_multiply_settings {
        hedged_line_t *line; /**< open; borrowed */
        uint64_t job;        /**< what it was opened for */
        hedge_mailbox_t
                *loop; /**< where the product comes back to, as mail of kind done_kind, when it is done; borrowed */
        int done_kind;
        uint64_t packet_bytes;         /**< of all packets' factors and results together at most */
        const hedged_speeds_t *speeds; /**< what the boards were measured to be; only looked at in the call */
        hedged_chance_t chance;        /**< where they were not measured: what was learnt from products before */
} hedged_multiply_settings_t;

/** Could it be done, if enough boards are here? Looks at numbers and names, not at what the matrices hold.
 * @param frame_bytes  The product's at most. @return 0, -EINVAL, HEDGE_ESHAPE, HEDGE_ELIMIT, HEDGE_EMALFORMED. */
int hedged_multiply_check(const hedge_msg_matmul_t *asked, const zmq_msg_t frames[2], uint64_t frame_bytes,
                          hedge_why_t *why);

/** Start. Takes the two frames over, but on failure.
 * @param asked  A checked one. @return 0, -ENOMEM, -errno. */
int hedged_multiply_start(const hedged_multiply_settings_t *settings, const hedge_msg_matmul_t *asked,
                          zmq_msg_t frames[2], hedged_multiply_t **ret);

/** Join its thread, which is done or will soon be (hedged_line_stop), and free. NULL-safe; nullifies. */
void hedged_multiply_destroy(hedged_multiply_t **matmul);

/** When it is done: `chance` of the settings, with what was learnt from this product. */
hedged_chance_t hedged_multiply_chance(const hedged_multiply_t *matmul);

/** What came of it, when it is done.
 * @param ret    Its list is borrowed until it is destroyed. @param frame  The product.
 * @return 0, HEDGE_ENOBOARDS, HEDGE_ESHUTDOWN, -EINVAL (not a finite number in it), ..., with a sentence. */
int hedged_multiply_result(hedged_multiply_t *matmul, hedge_msg_matmul_ok_t *ret, zmq_msg_t *frame, hedge_why_t *why);

#endif
