/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_TASK_H
#define HEDGE_WORKER_TASK_H

#include "common/mailbox.h"
#include "worker/floats.h"
#include "worker/shares.h"

/** A task: coded inputs for a share, and the parts to compute in order. It travels from the I/O loop to the compute thread
 * and back; the comments say who may touch what. */
typedef struct hedge_task {
        hedge_mail_t mail;       /* who has it */
        struct hedge_task *next; /* I/O loop: of all tasks that are here */
        uint64_t job;
        hedge_digest_t digest;
        hedge_share_t *share; /* a reference */
        uint32_t n_inputs, n_order;
        hedge_floats_t *inputs; /* compute thread */
        uint32_t *order;
        uint64_t input_bytes;
        bool cancelled;      /* written by the I/O loop under the executor's lock */
        bool abandoned;      /* I/O loop: the coordinator that sent it is gone, nobody wants to hear of it */
        uint32_t parts_sent; /* I/O loop */
        int code;            /* compute thread: what went wrong, or 0 */
        hedge_why_t why;
} hedge_task_t;

/** Check a TASK against the share it names and make a task of it.
 *
 * @param frames  n_frames coded inputs; taken over on success, untouched on failure.
 * @return 0, HEDGE_ENOSHARE, HEDGE_EMALFORMED (a frame's size, or a part that is none), -ENOMEM. */
int hedge_task_new(hedge_shares_t *shares, const hedge_msg_task_t *message, zmq_msg_t *frames, uint32_t n_frames,
                   hedge_task_t **ret, hedge_why_t *why);

/** Free the coded inputs and give the share back; what is left is what a report needs. */
void hedge_task_strip(hedge_task_t *task);

/** NULL-safe; nullifies. */
void hedge_task_destroy(hedge_task_t **task);

#endif
