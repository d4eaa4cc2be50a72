/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_TASK_H
#define HEDGEW_TASK_H

#include "common/mailbox.h"
#include "worker/emulate/emulate.h"
#include "worker/floats.h"
#include "worker/infer/segment.h"
#include "worker/infer/share_filters.h"
#include "worker/infer/share_graph.h"

/** A part that a task asks for. */
typedef struct hedgew_task_part {
        uint32_t number; /**< as PART names it: la * ell_b + lb; of a segment the window, or the output */
        uint32_t input;  /**< which of the task's frames; of a segment in one piece 0 */
        uint32_t block;  /**< lb; of a segment in one piece the output */
} hedgew_task_part_t;

/** A task: inputs for a share, and the parts to compute in order. It travels from the I/O loop to the compute thread
 * and back; the comments say who may touch what. A run may have several. */
typedef struct hedgew_task {
        hedge_mail_t mail;        /* who has it */
        struct hedgew_task *next; /* I/O loop: of all tasks that are here */
        uint64_t run;
        hedge_digest_t digest;
        hedgew_share_t *share; /* a reference */
        uint32_t n_inputs, n_order;
        hedgew_segment_t *segment; /* of a block; NULL: the share is filters. Its results are the compute thread's */
        hedgew_floats_t *inputs;   /* compute thread */
        hedgew_task_part_t *order;
        hedge_kernel_input_t *begun; /* compute thread: an input of several parts, NULL: none yet */
        uint32_t begun_input;        /* which */
        hedge_digest_t digested;     /* compute thread: of the input before the one with this number */
        uint32_t digested_input;     /* its number + 1; 0: none yet */
        hedge_precision_t wire;      /* of the inputs, and of the parts that are asked for */
        uint32_t hold_us;            /* a finished part may wait so long for later ones */
        struct hedgew_parts *parts;  /* compute thread: those that wait; when the task comes back: its last */
        uint64_t input_bytes; /* of the frames as they came; of the one task that runs they are decoded besides */
        hedgew_fate_t fate;
        struct hedgew_task *later; /* compute thread: of those that have not arrived yet */
        int64_t clock_us; /* compute thread, until it comes back: its board's time: when the last part was finished */
        bool cancelled;   /* written by the I/O loop under the executor's lock */
        bool abandoned;   /* I/O loop: the coordinator that sent it is gone, nobody wants to hear of it */
        uint32_t parts_sent;  /* I/O loop */
        uint32_t computed;    /* compute thread: parts so far; likewise the next */
        uint64_t computed_us; /* what they took of the processor */
        int code;             /* compute thread: what went wrong, or 0 */
        hedge_why_t why;
} hedgew_task_t;

/** Check a TASK against the share it names and make a task of it.
 *
 * @param frames  n_frames inputs; taken over on success, untouched on failure.
 * @return 0, HEDGE_ENOSHARE, HEDGE_EMALFORMED (a frame's size; a list of inputs that is not the frames'; a part that is none,
 *         comes twice, or wants an input that is not here; nodes or windows that the share has not), -ENOMEM. */
int hedgew_task_new(hedgew_shares_t *shares, const hedge_msg_task_t *message, zmq_msg_t *frames, uint32_t n_frames,
                    hedgew_task_t **ret, hedge_why_t *why);

/** Free the inputs and give the share back; what is left is what a report needs, its last parts too. */
void hedgew_task_strip(hedgew_task_t *task);

/** NULL-safe; nullifies. */
void hedgew_task_destroy(hedgew_task_t **task);

#endif
