/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/part_segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define UNWANTED (-ECANCELED) /* how a run ends that nobody wants any more */

int hedgew_part_begin_segment(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means,
                              uint64_t *ret_macs)
{
        hedgew_segment_t *s = task->segment;
        const hedge_window_t *window = s->n_windows ? &s->windows[which->input] : NULL;
        int r = 0;

        *ret_macs = 0;
        s->packing_us = 0;
        if (s->ran) /* in one piece: the engine may be gone, and nobody needs it */
                return 0;
        r = hedgew_graph_engine(task->share, means->kernels, s->first, s->last, window, &s->engine, &task->why);
        if (r < 0)
                return r;
        s->tight = s->engine->tight;
        *ret_macs = window || !s->paid ? s->engine->macs : 0;
        s->paid = true;
        return 0;
}

typedef struct looking {
        const hedgew_task_t *task;
        const hedgew_part_means_t *means;
} looking_t;

/* Between nodes: a whole network may take seconds. */
static int look(void *arg, uint32_t first, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        const looking_t *looking = arg;

        return looking->means->wanted(looking->means->arg, looking->task) ? 1 : UNWANTED;
}

/* What is prepared once must not count as the time of a part: the coordinator would take the board to be slow. */
static int prepare(hedgew_task_t *task, const hedgew_part_means_t *means)
{
        const hedgew_engine_t *e = task->segment->engine;
        const int64_t since_us = hedge_now_us();
        int r = 0;

        for (uint32_t i = 0; i < e->graph->n_nodes && r == 0; i++)
                r = means->wanted(means->arg, task) ? hedge_engine_prepare(e->engine, i) : UNWANTED;
        task->segment->packing_us = hedge_now_us() - since_us;
        return r;
}

/* @param frame  The first; the engine has as many inputs as there are frames from there on, or one.
 * @param outputs  As many as the engine has. */
static int run_engine(hedgew_task_t *task, uint32_t frame, const hedgew_part_means_t *means, hedge_tensor_t *outputs)
{
        const hedge_graph_t *graph = task->segment->engine->graph;
        hedge_tensor_t *inputs = calloc(graph->n_inputs + (size_t)1, sizeof(*inputs));
        const hedge_engine_hooks_t hooks = { .run = look };
        looking_t looking = { task, means };
        int r;

        if (!inputs)
                return -ENOMEM;
        for (uint32_t i = 0; i < graph->n_inputs; i++) {
                const hedgew_floats_t *floats = &task->inputs[frame + i];

                inputs[i].shape = graph->values[graph->inputs[i]].shape;
                inputs[i].data = (float *)(uintptr_t)floats->data; /* which is only read */
                if (hedge_shape_elements(&inputs[i].shape) != floats->elements) {
                        free(inputs);
                        return HEDGE_ESHAPE;
                }
        }
        r = prepare(task, means);
        if (r == 0)
                r = hedge_engine_run(task->segment->engine->engine, inputs, &hooks, &looking, outputs);
        free(inputs);
        hedgew_graph_used(task->share, means->kernels);
        return r == UNWANTED ? 1 : r;
}

int hedgew_part_run_segment(hedgew_task_t *task, const hedgew_task_part_t *which, const hedgew_part_means_t *means,
                            hedge_tensor_t *ret)
{
        hedgew_segment_t *s = task->segment;
        int r = 0;

        if (s->n_windows)
                return run_engine(task, which->input, means, ret);
        if (!s->ran)
                r = run_engine(task, 0, means, s->outputs);
        if (r != 0)
                return r;
        s->ran = true;
        *ret = s->outputs[which->block];
        memset(&s->outputs[which->block], 0, sizeof(*s->outputs));
        return 0;
}
