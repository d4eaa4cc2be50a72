/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/infer/parts.h"

#define NO_FRAME UINT32_MAX

static int check_frames(const hedge_msg_task_t *message, const hedge_conv_t *conv, zmq_msg_t *frames, uint32_t n_frames,
                        hedge_why_t *why)
{
        const size_t elements = hedge_conv_in_elements(conv);
        size_t bytes;

        if (message->wire >= HEDGE_PRECISIONS)
                return hedge_why(why, HEDGE_EMALFORMED, "there is no precision %u", message->wire);
        if (!n_frames)
                return hedge_why(why, HEDGE_EMALFORMED, "the task has no coded input");
        if (n_frames > HEDGE_CODE_MAX_PARTS)
                return hedge_why(why, HEDGE_EMALFORMED, "%u coded inputs are above %u", n_frames, HEDGE_CODE_MAX_PARTS);
        bytes = hedge_precision_bytes(message->wire, elements);
        for (uint32_t i = 0; i < n_frames; i++)
                if (zmq_msg_size(&frames[i]) != bytes)
                        return hedge_why(why, HEDGE_EMALFORMED, "frame %u has %zu bytes, not a coded input's %zu in %s",
                                         i, zmq_msg_size(&frames[i]), bytes, hedge_precision_name(message->wire));
        return 0;
}

/* Which frame holds which coded input. @param frame_of  By the input's number. */
static int place_inputs(const hedge_msg_task_t *message, uint32_t n_frames, uint32_t frame_of[HEDGE_CODE_MAX_PARTS],
                        hedge_why_t *why)
{
        if (message->n_inputs && message->n_inputs != n_frames)
                return hedge_why(why, HEDGE_EMALFORMED, "%u inputs are numbered, but %u came", message->n_inputs,
                                 n_frames);
        for (uint32_t i = 0; i < HEDGE_CODE_MAX_PARTS; i++)
                frame_of[i] = NO_FRAME;
        for (uint32_t i = 0; i < n_frames; i++) {
                const uint32_t number = message->n_inputs ? message->inputs[i] : i;

                if (number >= HEDGE_CODE_MAX_PARTS)
                        return hedge_why(why, HEDGE_EMALFORMED, "coded input %u is above %u", number,
                                         HEDGE_CODE_MAX_PARTS - 1);
                if (frame_of[number] != NO_FRAME)
                        return hedge_why(why, HEDGE_EMALFORMED, "coded input %u came twice", number);
                frame_of[number] = i;
        }
        return 0;
}

/* @param order  n_order of them, written. */
static int place_parts(const hedge_msg_task_t *message, uint32_t blocks, const uint32_t frame_of[HEDGE_CODE_MAX_PARTS],
                       hedgew_task_part_t *order, hedge_why_t *why)
{
        bool seen[HEDGE_CODE_MAX_PARTS] = { false };

        for (uint32_t i = 0; i < message->n_order; i++) {
                const uint32_t number = message->order[i];

                if (number >= HEDGE_CODE_MAX_PARTS)
                        return hedge_why(why, HEDGE_EMALFORMED, "part %u is above %u", number,
                                         HEDGE_CODE_MAX_PARTS - 1);
                if (frame_of[number / blocks] == NO_FRAME)
                        return hedge_why(why, HEDGE_EMALFORMED,
                                         "part %u is asked for, but not its coded input %u of %u filter blocks each",
                                         number, number / blocks, blocks);
                if (seen[number])
                        return hedge_why(why, HEDGE_EMALFORMED, "part %u is asked for twice", number);
                seen[number] = true;
                order[i] = (hedgew_task_part_t){ number, frame_of[number / blocks], number % blocks };
        }
        return 0;
}

static int check_count(const hedge_msg_task_t *message, hedge_why_t *why)
{
        if (!message->n_order || message->n_order > HEDGE_CODE_MAX_PARTS)
                return hedge_why(why, HEDGE_EMALFORMED, "%u parts are not between 1 and %u", message->n_order,
                                 HEDGE_CODE_MAX_PARTS);
        return 0;
}

static hedgew_task_t *allocate(const hedge_msg_task_t *message, uint32_t n_frames)
{
        hedgew_task_t *task = calloc(1, sizeof(*task));

        if (!task)
                return NULL;
        task->inputs = calloc(n_frames, sizeof(*task->inputs));
        task->order = calloc(message->n_order, sizeof(*task->order));
        if (!task->inputs || !task->order) {
                hedgew_task_destroy(&task);
                return NULL;
        }
        task->run = message->run;
        task->digest = message->digest;
        task->n_order = message->n_order;
        task->wire = message->wire;
        task->hold_us = message->hold_us;
        return task;
}

static void take_inputs(hedgew_task_t *task, zmq_msg_t *frames, uint32_t n_frames, size_t elements)
{
        for (; task->n_inputs < n_frames; task->n_inputs++) {
                task->input_bytes += zmq_msg_size(&frames[task->n_inputs]);
                hedgew_floats_take(&task->inputs[task->n_inputs], &frames[task->n_inputs], task->wire, elements);
        }
}

int hedgew_task_new(hedgew_shares_t *shares, const hedge_msg_task_t *message, zmq_msg_t *frames, uint32_t n_frames,
                    hedgew_task_t **ret, hedge_why_t *why)
{
        hedgew_share_t *share = hedgew_shares_find(shares, &message->digest);
        uint32_t frame_of[HEDGE_CODE_MAX_PARTS];
        hedgew_task_t *task = NULL;
        int r;

        if (!share)
                return hedge_why(why, HEDGE_ENOSHARE, "this board does not hold the task's share");
        r = check_frames(message, hedgew_filters_conv(share), frames, n_frames, why);
        if (r == 0)
                r = place_inputs(message, n_frames, frame_of, why);
        if (r == 0)
                r = check_count(message, why);
        if (r < 0)
                goto out;
        task = allocate(message, n_frames);
        if (!task) {
                r = hedge_why(why, -ENOMEM, "no memory for a task");
                goto out;
        }
        r = place_parts(message, hedgew_filters_blocks(share), frame_of, task->order, why);
        if (r < 0)
                goto out;
        take_inputs(task, frames, n_frames, hedge_conv_in_elements(hedgew_filters_conv(share)));
        task->share = share;
        share = NULL;
        *ret = task;
        task = NULL;
out:
        hedgew_task_destroy(&task);
        hedgew_share_unref(&share);
        return r;
}

void hedgew_task_strip(hedgew_task_t *task)
{
        hedge_kernel_input_destroy(&task->begun);
        for (uint32_t i = 0; i < task->n_inputs; i++)
                hedgew_floats_release(&task->inputs[i]);
        task->n_inputs = 0;
        hedgew_share_unref(&task->share);
}

void hedgew_task_destroy(hedgew_task_t **task)
{
        if (!*task)
                return;
        hedgew_task_strip(*task);
        hedgew_parts_destroy(&(*task)->parts);
        free((*task)->inputs);
        free((*task)->order);
        free(*task);
        *task = NULL;
}
