/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cost.h"
#include "common/emulated.h"
#include "common/log.h"
#include "common/wire/link.h"

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

static int run_kernel(hedgew_task_t *task, const hedgew_task_part_t *which, float *out)
{
        hedge_kernel_t *kernel = hedgew_filters_kernel(task->share, which->block);
        const float *const in[] = { task->inputs[which->input].data, NULL };
        int r = begin_input(task, which);

        if (r < 0)
                return r;
        return task->begun ? hedge_kernel_run_input(kernel, task->begun, out) : hedge_kernel_run(kernel, in, out);
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
        return (hedgew_stored_key_t){ .share = *hedgew_share_digest(task->share),
                                      .input = input_of(task, which->input),
                                      .part = which->number,
                                      .method = hedge_kernel_method(hedgew_filters_kernel(task->share, which->block)) };
}

/* From the store, or computed and put there. */
static int recall(hedgew_task_t *task, const hedgew_task_part_t *which, hedgew_stored_parts_t *stored, float *out,
                  size_t elements)
{
        const hedgew_stored_key_t key = key_of(task, which);
        const float *found = hedgew_stored_parts_find(stored, &key, elements);
        int r;

        if (found && !task->fate.verify) {
                memcpy(out, found, elements * sizeof(*out));
                return 0;
        }
        r = run_kernel(task, which, out);
        if (r < 0)
                return r;
        if (!found)
                hedgew_stored_parts_put(stored, &key, out, elements, task->fate.store_bytes);
        else if (!hedgew_stored_parts_check(stored, found, out, elements, task->fate.input ? ROUNDING : 0))
                log_warning("run=%llu: part %u is not what the store has, answering with what was computed",
                            (unsigned long long)task->run, which->number);
        return 0;
}

static int make_floats(hedgew_task_t *task, const hedgew_task_part_t *which, size_t slack,
                       hedgew_stored_parts_t *stored, float *out, size_t elements)
{
        const int64_t since_ns = hedge_cost_clock();
        int r = hedgew_floats_open(&task->inputs[which->input], slack);

        hedge_cost_aside(HEDGE_COST_CODING, since_ns);
        if (r < 0)
                return r;
        if (task->fate.macs_per_s > 0)
                hedge_emulated_rated(true);
        if (stored && task->fate.store_bytes)
                r = recall(task, which, stored, out, elements);
        else
                r = run_kernel(task, which, out);
        task->computed += r == 0;
        if (task->fate.macs_per_s > 0)
                hedge_emulated_rated(false);
        return r;
}

int hedgew_part_compute(hedgew_task_t *task, const hedgew_task_part_t *which, size_t slack,
                        hedgew_stored_parts_t *stored, hedgew_part_t *ret)
{
        const size_t elements = hedge_conv_out_elements(hedgew_filters_conv(task->share));
        float *floats = hedge_floats_new(elements);
        hedgew_part_t part = { .said = { .part = which->number } };
        int r = floats ? make_floats(task, which, slack, stored, floats, elements) : -ENOMEM;

        if (r < 0) {
                free(floats);
                return r;
        }
        r = make_frame(&part, task->wire, floats, elements);
        if (r == 0)
                *ret = part;
        return r;
}
