/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/link.h"

/* The different coded inputs of all tasks. */
typedef struct batch {
        unsigned count;
        const double **a; /* their coefficients */
        float **floats;
        zmq_msg_t *frames; /* the first n_frames are made */
        unsigned n_frames;
} batch_t;

static void batch_release(batch_t *batch)
{
        for (unsigned i = 0; batch->floats && i < batch->count; i++)
                free(batch->floats[i]);
        for (unsigned i = 0; i < batch->n_frames; i++)
                zmq_msg_close(&batch->frames[i]);
        free(batch->a);
        free(batch->floats);
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

static int batch_init(batch_t *batch, const hedged_variant_t *variant, unsigned n_tasks,
                      const hedged_task_t *const *tasks, unsigned *which)
{
        const unsigned most = count_inputs(n_tasks, tasks);

        batch->a = calloc(most, sizeof(*batch->a));
        batch->floats = calloc(most, sizeof(*batch->floats));
        batch->frames = calloc(most, sizeof(*batch->frames));
        if (!batch->a || !batch->floats || !batch->frames)
                return -ENOMEM;
        for (unsigned t = 0; t < n_tasks; t++)
                for (unsigned i = 0; i < tasks[t]->n_inputs; i++)
                        *which++ = find(batch, hedge_code_a(variant->code, tasks[t]->board, tasks[t]->inputs[i]),
                                        hedge_code_k_a(variant->code));
        for (unsigned i = 0; i < batch->count; i++) {
                batch->floats[i] = hedge_floats_new(hedge_partition_input_elements(&variant->partition));
                if (!batch->floats[i])
                        return -ENOMEM;
        }
        return 0;
}

static void free_bytes(void *data, void *hint)
{
        (void)hint;
        free(data);
}

/* @return 0, -EINVAL (not for q16), -ENOMEM. */
static int make_q16(const float *floats, size_t elements, zmq_msg_t *frame)
{
        const size_t size = hedge_q16_bytes(elements);
        void *bytes = malloc(size);
        int r = bytes ? hedge_q16_encode(floats, elements, bytes) : -ENOMEM;

        if (r == 0)
                r = hedge_frame_borrow(frame, bytes, size, free_bytes, NULL);
        if (r < 0)
                free(bytes);
        return r;
}

static int make_frames(batch_t *batch, size_t elements, hedge_precision_t wire)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < batch->count; i++) {
                if (wire == HEDGE_PRECISION_Q16)
                        r = make_q16(batch->floats[i], elements, &batch->frames[i]);
                else
                        r = hedge_frame_floats(&batch->frames[i], batch->floats[i], elements);
                if (r == 0 && wire == HEDGE_PRECISION_F32)
                        batch->floats[i] = NULL; /* the frame's */
                batch->n_frames += r == 0;
        }
        return r;
}

/* q16 where that is asked for and can be. */
static int make_wire(batch_t *batch, size_t elements, hedge_precision_t *wire)
{
        int r = make_frames(batch, elements, *wire);

        if (r != -EINVAL)
                return r;
        while (batch->n_frames > 0)
                zmq_msg_close(&batch->frames[--batch->n_frames]);
        *wire = HEDGE_PRECISION_F32;
        return make_frames(batch, elements, *wire);
}

int hedged_inputs_encode(const hedged_variant_t *variant, const float *input, unsigned n_tasks,
                         const hedged_task_t *const *tasks, zmq_msg_t *const *frames, hedge_precision_t *wire,
                         unsigned threads)
{
        batch_t batch = { 0 };
        unsigned *which = calloc(count_inputs(n_tasks, tasks), sizeof(*which)), *at = which;
        int r = which ? batch_init(&batch, variant, n_tasks, tasks, which) : -ENOMEM;

        if (r == 0) {
                hedge_encode_inputs(&variant->partition, batch.count, batch.a, input, batch.floats, threads);
                r = make_wire(&batch, hedge_partition_input_elements(&variant->partition), wire);
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
