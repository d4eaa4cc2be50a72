/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cost.h"
#include "common/emulated.h"
#include "common/log.h"
#include "common/wire/link.h"
#include "worker/infer/part_segment.h"

/* Of the peak: five times what a decoded layer may be wrong by (plan.accuracy), as errors go on through all the layers behind it. */
#define ROUNDING 5e-3

static void release_bytes(void *data, void *hint)
{
        (void)hint;
        free(data);
}

/* @return 0, -ENOMEM, -EINVAL (q16 cannot hold it). Nothing is kept unless 0 is returned. */
static int pack(hedgew_part_t *part, const float *floats, size_t elements)
{
        const size_t size = hedge_q16_bytes(elements);
        void *bytes = malloc(size);
        int r = bytes ? hedge_q16_encode(floats, elements, bytes) : -ENOMEM;

        if (r == 0)
                r = hedge_frame_borrow(&part->frame, bytes, size, release_bytes, NULL);
        if (r < 0)
                free(bytes);
        else
                part->said.wire = HEDGE_PRECISION_Q16;
        return r;
}

/* @param floats  Taken over in any case. */
static int make_frame(hedgew_part_t *part, hedge_precision_t wire, float *floats, size_t elements)
{
        int r = -EINVAL;

        if (wire == HEDGE_PRECISION_Q16) {
                const int64_t since_ns = hedge_cost_clock();

                r = pack(part, floats, elements);
                hedge_cost_aside(HEDGE_COST_CODING, since_ns);
                if (r != -EINVAL)
                        free(floats);
        }
        if (r == -EINVAL) {
                part->said.wire = HEDGE_PRECISION_F32;
                r = hedge_frame_floats(&part->frame, floats, elements);
                if (r < 0)
                        free(floats);
        }
        return r;
}

/* A part of a task. */
typedef struct made {
        float *floats; /* hedge_floats_new */
        size_t elements;
} made_t;

static unsigned parts_of_input(const hedgew_task_t *task, uint32_t input)
{
        unsigned n = 0;

        for (uint32_t i = 0; i < task->n_order; i++)
                n += task->order[i].input == input;
        return n;
}

/* What the parts of an input have in common is done once, with the first of them. */
static int begin_input(hedgew_task_t *task, const hedgew_task_part_t *which)
{
        if (task->begun && task->begun_input == which->input)
                return 0;
        hedge_kernel_input_destroy(&task->begun);
        if (parts_of_input(task, which->input) < 2)
                return 0;
        task->begun_input = which->input;
        return hedge_kernel_input_new(hedgew_filters_kernel(task->share, which->block), task->inputs[which->input].data,
                                      &task->begun);
}

static int run_kernel(hedgew_task_t *task, const hedgew_task_part_t *which, made_t *made)
{
        hedge_kernel_t *kernel = hedgew_filters_kernel(task->share, which->block);
        const float *const in[] = { task->inputs[which->input].data, NULL };
        int r = begin_input(task, which);

        if (r < 0)
                return r;
        made->elements = hedge_conv_out_elements(hedgew_filters_conv(task->share));
        made->floats = hedge_floats_new(made->elements);
        if (!made->floats)
                return -ENOMEM;
        return task->begun ? hedge_kernel_run_input(kernel, task->begun, made->floats)
                           : hedge_kernel_run(kernel, in, made->floats);
}

/* @return 0, 1 (nobody wants it any more), HEDGE_EKERNEL, -ENOMEM. What was made is the caller's in any case. */
static int run(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means, made_t *made)
{
        hedge_tensor_t tensor = { 0 };
        int r;

        if (!task->segment)
                return run_kernel(task, which, made);
        r = hedgew_part_run_segment(task, which, means, &tensor);
        made->floats = tensor.data;
        made->elements = tensor.data ? hedge_shape_elements(&tensor.shape) : 0;
        return r;
}

/* Of the task's input: by the number that the test bed gave it, or by its floats. */
static hedge_digest_t input_of(hedgew_task_t *task, uint32_t which)
{
        const hedgew_floats_t *input = &task->inputs[which];

        if (task->fate.input)
                return hedgew_stored_number(task->fate.input);
        if (task->digested_input != which + 1) {
                task->digested = hedgew_stored_digest(input->data, input->elements);
                task->digested_input = which + 1;
        }
        return task->digested;
}

static hedgew_stored_key_t key_of(hedgew_task_t *task, const hedgew_task_part_t *which)
{
        const hedgew_segment_t *segment = task->segment;
        hedgew_stored_key_t key = { .share = *hedgew_share_digest(task->share), .part = which->number };

        key.input = input_of(task, which->input);
        if (!segment) {
                key.method = hedge_kernel_method(hedgew_filters_kernel(task->share, which->block));
                return key;
        }
        key.first = segment->first;
        key.last = segment->last;
        key.method = segment->tight;
        if (segment->n_windows) { /* wherever it is in this task */
                key.window = segment->windows[which->input];
                key.part = 0;
        }
        return key;
}

static int copy(const float *found, size_t elements, made_t *made)
{
        made->elements = elements;
        made->floats = hedge_floats_new(elements);
        if (!made->floats)
                return -ENOMEM;
        memcpy(made->floats, found, elements * sizeof(*found));
        return 0;
}

static bool is_same(const hedgew_task_t *task, const float *found, size_t elements, const made_t *made,
                    hedgew_stored_parts_t *stored)
{
        return elements == made->elements &&
               hedgew_stored_parts_check(stored, found, made->floats, elements, task->fate.input ? ROUNDING : 0);
}

/* From the store, or computed and put there. */
static int recall(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means, made_t *made)
{
        const hedgew_stored_key_t key = key_of(task, which);
        size_t elements = 0;
        const float *found = hedgew_stored_parts_find(means->stored, &key, &elements);
        int r;

        if (found && !task->fate.verify)
                return copy(found, elements, made);
        r = run(task, which, means, made);
        if (r != 0)
                return r;
        if (!found)
                hedgew_stored_parts_put(means->stored, &key, made->floats, made->elements, task->fate.store_bytes);
        else if (!is_same(task, found, elements, made, means->stored))
                log_warning("run=%llu: part %u is not what the store has, answering with what was computed",
                            (unsigned long long)task->run, which->number);
        return 0;
}

/* Make the inputs readable that the part needs: of a segment in one piece all. A graph's engine copies them itself where its
 * back end reads behind them. */
static int open_inputs(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means)
{
        const int64_t since_ns = hedge_cost_clock();
        int r = 0;

        if (!task->segment)
                r = hedgew_floats_open(&task->inputs[which->input], hedge_kernels_slack(means->kernels));
        else if (task->segment->n_windows)
                r = hedgew_floats_open(&task->inputs[which->input], 0);
        else
                for (uint32_t i = 0; i < task->n_inputs && r == 0; i++)
                        r = hedgew_floats_open(&task->inputs[i], 0);
        hedge_cost_aside(HEDGE_COST_CODING, since_ns);
        return r;
}

static int make_floats(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means,
                       made_t *made)
{
        int r = open_inputs(task, which, means);

        if (r < 0)
                return r;
        if (task->fate.macs_per_s > 0)
                hedge_emulated_rated(true);
        if (means->stored && task->fate.store_bytes)
                r = recall(task, which, means, made);
        else
                r = run(task, which, means, made);
        task->computed += r == 0;
        if (task->fate.macs_per_s > 0)
                hedge_emulated_rated(false);
        return r;
}

static hedge_precision_t wire_of(const hedgew_task_t *task, const hedgew_task_part_t *which)
{
        return task->segment ? hedgew_segment_output_wire(task->segment, hedgew_graph_of(task->share), which->block,
                                                          task->wire)
                             : task->wire;
}

int hedgew_part_compute(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means,
                        hedgew_part_t *ret)
{
        hedgew_part_t part = { .said = { .part = which->number } };
        made_t made = { NULL, 0 };
        int r = 0;

        if (task->segment)
                r = hedgew_part_begin_segment(task, which, means, &part.macs);
        else
                part.macs = hedge_conv_macs(hedgew_filters_conv(task->share));
        if (r == 0)
                r = make_floats(task, which, means, &made);
        if (r != 0) {
                free(made.floats);
                return r;
        }
        part.packing_us = task->segment ? task->segment->packing_us : 0;
        r = make_frame(&part, wire_of(task, which), made.floats, made.elements);
        if (r == 0)
                *ret = part;
        return r;
}
