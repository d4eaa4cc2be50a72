/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/link.h"

/* The different coded inputs of all tasks. */
typedef struct batch {
        unsigned count;
        const double **a;  /* their coefficients */
        void **bytes;      /* what they are, until a frame has it */
        zmq_msg_t *frames; /* the first n_frames are made */
        unsigned n_frames;
} batch_t;

static void batch_release(batch_t *batch)
{
        for (unsigned i = 0; batch->bytes && i < batch->count; i++)
                free(batch->bytes[i]);
        for (unsigned i = 0; i < batch->n_frames; i++)
                zmq_msg_close(&batch->frames[i]);
        free(batch->a);
        free(batch->bytes);
        free(batch->frames);
}

/* The number of this coded input among those of the batch, as a new one where it is not there yet. */
static unsigned find(batch_t *batch, const double *a, unsigned k_a)
{
        for (unsigned i = 0; i < batch->count; i++)
                if (!memcmp(batch->a[i], a, k_a * sizeof(*a)))
                        return i;
        batch->a[batch->count] = a;
        return batch->count++;
}

static unsigned count_inputs(unsigned n_tasks, const hedged_task_t *const *tasks)
{
        unsigned n = 0;

        for (unsigned t = 0; t < n_tasks; t++)
                n += tasks[t]->n_inputs;
        return n;
}

/* @param which  For every input of every task, one after the other: its number in the batch. */
static int batch_init(batch_t *batch, const hedge_code_t *code, unsigned n_tasks, const hedged_task_t *const *tasks,
                      unsigned *which)
{
        const unsigned most = count_inputs(n_tasks, tasks);

        batch->a = calloc(most, sizeof(*batch->a));
        batch->bytes = calloc(most, sizeof(*batch->bytes));
        batch->frames = calloc(most, sizeof(*batch->frames));
        if (!batch->a || !batch->bytes || !batch->frames)
                return -ENOMEM;
        for (unsigned t = 0; t < n_tasks; t++)
                for (unsigned i = 0; i < tasks[t]->n_inputs; i++)
                        *which++ = find(batch, hedge_code_a(code, tasks[t]->board, tasks[t]->inputs[i]),
                                        hedge_code_k_a(code));
        return 0;
}

static void free_bytes(void *data, void *hint)
{
        (void)hint;
        free(data);
}

static int make_frames(batch_t *batch, size_t size)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < batch->count; i++) {
                r = hedge_frame_borrow(&batch->frames[i], batch->bytes[i], size, free_bytes, NULL);
                if (r == 0) {
                        batch->bytes[i] = NULL; /* the frame's */
                        batch->n_frames++;
                }
        }
        return r;
}

/* @return 0, -EINVAL (the input is not for q16), -ENOMEM. */
static int encode(batch_t *batch, const hedge_partition_t *partition, const float *input, hedge_precision_t wire,
                  unsigned threads)
{
        const size_t elements = hedge_partition_input_elements(partition);
        int r = 0;

        for (unsigned i = 0; i < batch->count; i++) {
                free(batch->bytes[i]);
                batch->bytes[i] = wire == HEDGE_PRECISION_Q16 ? malloc(hedge_q16_bytes(elements))
                                                              : (void *)hedge_floats_new(elements);
                if (!batch->bytes[i])
                        return -ENOMEM;
        }
        if (wire == HEDGE_PRECISION_Q16)
                r = hedge_encode_inputs_q16(partition, batch->count, batch->a, input, batch->bytes, threads);
        else
                hedge_encode_inputs(partition, batch->count, batch->a, input, (float *const *)batch->bytes, threads);
        return r < 0 ? r : make_frames(batch, hedge_precision_bytes(wire, elements));
}

int hedged_inputs_encode(const hedged_variant_t *variant, const float *input, unsigned n_tasks,
                         const hedged_task_t *const *tasks, zmq_msg_t *const *frames, hedge_precision_t *wire,
                         unsigned threads)
{
        batch_t batch = { 0 };
        unsigned *which = calloc(count_inputs(n_tasks, tasks), sizeof(*which)), *at = which;
        int r = which ? batch_init(&batch, variant->code, n_tasks, tasks, which) : -ENOMEM;

        if (r == 0)
                r = encode(&batch, &variant->partition, input, *wire, threads);
        if (r == -EINVAL) {
                *wire = HEDGE_PRECISION_F32;
                r = encode(&batch, &variant->partition, input, *wire, threads);
        }
        for (unsigned t = 0; r == 0 && t < n_tasks; t++)
                for (unsigned i = 0; i < tasks[t]->n_inputs; i++) {
                        zmq_msg_init(&frames[t][i]);
                        zmq_msg_copy(&frames[t][i], &batch.frames[*at++]); /* shared, not copied */
                }
        batch_release(&batch);
        free(which);
        return r;
}
