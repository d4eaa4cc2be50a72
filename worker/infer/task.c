/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/infer/parts.h"

#define NO_FRAME UINT32_MAX

/* What the frames of a task hold: all the same, or of a segment each its own. */
typedef struct form {
        const hedgew_share_t *share;
        const hedgew_segment_t *segment; /* NULL: the share is filters */
        hedge_precision_t wire;
} form_t;

static size_t elements_of(const form_t *form, uint32_t frame)
{
        hedge_shape_t shape;

        if (!form->segment)
                return hedge_conv_in_elements(hedgew_filters_conv(form->share));
        shape = hedgew_segment_input(form->segment, hedgew_graph_of(form->share), frame);
        return hedge_shape_elements(&shape);
}

static hedge_precision_t wire_of(const form_t *form, uint32_t frame)
{
        return form->segment ? hedgew_segment_input_wire(form->segment, hedgew_graph_of(form->share), frame, form->wire)
                             : form->wire;
}

static int check_counts(const hedge_msg_task_t *message, uint32_t n_frames, hedge_why_t *why)
{
        if (message->wire >= HEDGE_PRECISIONS)
                return hedge_why(why, HEDGE_EMALFORMED, "there is no precision %u", message->wire);
        if (!n_frames)
                return hedge_why(why, HEDGE_EMALFORMED, "the task has no input");
        if (n_frames > HEDGE_CODE_MAX_PARTS)
                return hedge_why(why, HEDGE_EMALFORMED, "%u inputs are above %u", n_frames, HEDGE_CODE_MAX_PARTS);
        if (!message->n_order || message->n_order > HEDGE_CODE_MAX_PARTS)
                return hedge_why(why, HEDGE_EMALFORMED, "%u parts are not between 1 and %u", message->n_order,
                                 HEDGE_CODE_MAX_PARTS);
        return 0;
}

static int check_frames(const form_t *form, zmq_msg_t *frames, uint32_t n_frames, hedge_why_t *why)
{
        for (uint32_t i = 0; i < n_frames; i++) {
                const hedge_precision_t wire = wire_of(form, i);
                const size_t bytes = hedge_precision_bytes(wire, elements_of(form, i));

                if (zmq_msg_size(&frames[i]) != bytes)
                        return hedge_why(why, HEDGE_EMALFORMED, "frame %u has %zu bytes, not an input's %zu in %s", i,
                                         zmq_msg_size(&frames[i]), bytes, hedge_precision_name(wire));
        }
        return 0;
}

/* What the task asks for is of this kind of share. @param ret  NULL where it is filters. */
static int read_segment(const hedgew_share_t *share, const hedge_msg_task_t *message, uint32_t n_frames,
                        hedgew_segment_t **ret, hedge_why_t *why)
{
        *ret = NULL;
        if (hedgew_share_kind(share) == &hedgew_graph_kind)
                return hedgew_segment_new(hedgew_graph_of(share), message, n_frames, ret, why);
        if (message->first || message->last || message->n_windows)
                return hedge_why(why, HEDGE_EMALFORMED, "nodes are asked for of a share of filters, which has none");
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

/* Where a part with a number comes from. @return 0, HEDGE_EMALFORMED. */
static int place_part(const form_t *form, uint32_t number, const uint32_t frame_of[HEDGE_CODE_MAX_PARTS],
                      hedgew_task_part_t *ret, hedge_why_t *why)
{
        const uint32_t blocks = form->segment ? 1 : hedgew_filters_blocks(form->share);

        if (form->segment && number >= hedgew_segment_parts(form->segment))
                return hedge_why(why, HEDGE_EMALFORMED, "output %u is asked for of %u", number,
                                 hedgew_segment_parts(form->segment));
        if (form->segment && !form->segment->n_windows) {
                *ret = (hedgew_task_part_t){ number, 0, number };
                return 0;
        }
        if (frame_of[number / blocks] == NO_FRAME)
                return hedge_why(why, HEDGE_EMALFORMED, "part %u is asked for, but not its input %u of %u parts each",
                                 number, number / blocks, blocks);
        *ret = (hedgew_task_part_t){ number, frame_of[number / blocks], number % blocks };
        return 0;
}

/* @param order  n_order of them, written. */
static int place_parts(const hedge_msg_task_t *message, const form_t *form,
                       const uint32_t frame_of[HEDGE_CODE_MAX_PARTS], hedgew_task_part_t *order, hedge_why_t *why)
{
        bool seen[HEDGE_CODE_MAX_PARTS] = { false };
        int r = 0;

        for (uint32_t i = 0; i < message->n_order && r == 0; i++) {
                const uint32_t number = message->order[i];

                if (number >= HEDGE_CODE_MAX_PARTS)
                        return hedge_why(why, HEDGE_EMALFORMED, "part %u is above %u", number,
                                         HEDGE_CODE_MAX_PARTS - 1);
                if (seen[number])
                        return hedge_why(why, HEDGE_EMALFORMED, "part %u is asked for twice", number);
                seen[number] = true;
                r = place_part(form, number, frame_of, &order[i], why);
        }
        return r;
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

static void take_inputs(hedgew_task_t *task, const form_t *form, zmq_msg_t *frames, uint32_t n_frames)
{
        for (uint32_t i = 0; i < n_frames; i++) {
                task->input_bytes += zmq_msg_size(&frames[i]);
                hedgew_floats_take(&task->inputs[i], &frames[i], wire_of(form, i), elements_of(form, i));
        }
        task->n_inputs = n_frames;
}

/* In one piece, frames are the inputs in order, however they are numbered. */
static int check_order(const form_t *form, const uint32_t frame_of[HEDGE_CODE_MAX_PARTS], uint32_t n_frames,
                       hedge_why_t *why)
{
        for (uint32_t i = 0; form->segment && !form->segment->n_windows && i < n_frames; i++)
                if (frame_of[i] != i)
                        return hedge_why(why, HEDGE_EMALFORMED, "frame %u is not input %u of the segment", i, i);
        return 0;
}

/* Everything but taking the frames. @param ret  Half built where it fails. */
static int build(const form_t *form, const hedge_msg_task_t *message, zmq_msg_t *frames, uint32_t n_frames,
                 hedgew_task_t **ret, hedge_why_t *why)
{
        uint32_t frame_of[HEDGE_CODE_MAX_PARTS];
        int r = check_frames(form, frames, n_frames, why);

        if (r == 0)
                r = place_inputs(message, n_frames, frame_of, why);
        if (r == 0)
                r = check_order(form, frame_of, n_frames, why);
        if (r < 0)
                return r;
        *ret = allocate(message, n_frames);
        if (!*ret)
                return hedge_why(why, -ENOMEM, "no memory for a task");
        return place_parts(message, form, frame_of, (*ret)->order, why);
}

int hedgew_task_new(hedgew_shares_t *shares, const hedge_msg_task_t *message, zmq_msg_t *frames, uint32_t n_frames,
                    hedgew_task_t **ret, hedge_why_t *why)
{
        hedgew_share_t *share = hedgew_shares_find(shares, &message->digest);
        hedgew_segment_t *segment = NULL;
        hedgew_task_t *task = NULL;
        form_t form = { share, NULL, message->wire };
        int r;

        if (!share)
                return hedge_why(why, HEDGE_ENOSHARE, "this board does not hold the task's share");
        r = check_counts(message, n_frames, why);
        if (r == 0)
                r = read_segment(share, message, n_frames, &segment, why);
        form.segment = segment;
        if (r == 0)
                r = build(&form, message, frames, n_frames, &task, why);
        if (r == 0) {
                take_inputs(task, &form, frames, n_frames);
                task->segment = segment;
                task->share = share;
                *ret = task;
                return 0;
        }
        hedgew_task_destroy(&task);
        hedgew_segment_destroy(&segment);
        hedgew_share_unref(&share);
        return r;
}

void hedgew_task_strip(hedgew_task_t *task)
{
        hedge_kernel_input_destroy(&task->begun);
        for (uint32_t i = 0; i < task->n_inputs; i++)
                hedgew_floats_release(&task->inputs[i]);
        task->n_inputs = 0;
        hedgew_segment_destroy(&task->segment);
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
