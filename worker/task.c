/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int check_inputs(const hedge_conv_t *conv, zmq_msg_t *frames, uint32_t n_frames, hedge_why_t *why)
{
        const uint64_t bytes = hedge_conv_in_elements(conv) * sizeof(float);

        if (!n_frames)
                return hedge_why(why, HEDGE_EMALFORMED, "the task has no coded input");
        for (uint32_t i = 0; i < n_frames; i++)
                if (zmq_msg_size(&frames[i]) != bytes)
                        return hedge_why(why, HEDGE_EMALFORMED, "coded input %u has %zu bytes, not %llu", i,
                                         zmq_msg_size(&frames[i]), (unsigned long long)bytes);
        return 0;
}

static int check_order(const hedge_msg_task_t *message, uint64_t n_parts, hedge_why_t *why)
{
        if (!message->n_order || message->n_order > n_parts)
                return hedge_why(why, HEDGE_EMALFORMED, "%u parts are ordered, of %llu that there are",
                                 message->n_order, (unsigned long long)n_parts);
        for (uint32_t i = 0; i < message->n_order; i++)
                if (message->order[i] >= n_parts)
                        return hedge_why(why, HEDGE_EMALFORMED, "part %u is ordered, of %llu that there are",
                                         message->order[i], (unsigned long long)n_parts);
        return 0;
}

static hedge_task_t *allocate(const hedge_msg_task_t *message, uint32_t n_inputs)
{
        hedge_task_t *task = calloc(1, sizeof(*task));

        if (!task)
                return NULL;
        task->inputs = calloc(n_inputs, sizeof(*task->inputs));
        task->order = calloc(message->n_order, sizeof(*task->order));
        if (!task->inputs || !task->order) {
                hedge_task_destroy(&task);
                return NULL;
        }
        task->job = message->job;
        task->digest = message->digest;
        task->n_order = message->n_order;
        memcpy(task->order, message->order, message->n_order * sizeof(*task->order));
        return task;
}

int hedge_task_new(hedge_shares_t *shares, const hedge_msg_task_t *message, zmq_msg_t *frames, uint32_t n_frames,
                   hedge_task_t **ret, hedge_why_t *why)
{
        hedge_share_t *share = hedge_shares_find(shares, &message->digest);
        hedge_task_t *task = NULL;
        int r;

        if (!share)
                return hedge_why(why, HEDGE_ENOSHARE, "this board does not hold the task's share");
        r = check_inputs(hedge_share_conv(share), frames, n_frames, why);
        if (r == 0)
                r = check_order(message, (uint64_t)n_frames * hedge_share_blocks(share), why);
        if (r < 0)
                goto out;
        task = allocate(message, n_frames);
        if (!task) {
                r = hedge_why(why, -ENOMEM, "no memory for a task");
                goto out;
        }
        for (; task->n_inputs < n_frames; task->n_inputs++) {
                task->input_bytes += zmq_msg_size(&frames[task->n_inputs]);
                hedge_floats_take(&task->inputs[task->n_inputs], &frames[task->n_inputs]);
        }
        task->share = share;
        share = NULL;
        *ret = task;
out:
        hedge_share_unref(&share);
        return r;
}

void hedge_task_strip(hedge_task_t *task)
{
        for (uint32_t i = 0; i < task->n_inputs; i++)
                hedge_floats_release(&task->inputs[i]);
        task->n_inputs = 0;
        hedge_share_unref(&task->share);
}

void hedge_task_destroy(hedge_task_t **task)
{
        if (!*task)
                return;
        hedge_task_strip(*task);
        free((*task)->inputs);
        free((*task)->order);
        free(*task);
        *task = NULL;
}
