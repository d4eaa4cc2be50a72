/* SPDX-License-Identifier: Apache-2.0 */
#include "common/engine/each.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/batch.h"

static void release(hedge_tensor_t *tensors, uint32_t n)
{
        for (uint32_t i = 0; tensors && i < n; i++)
                hedge_tensor_release(&tensors[i]);
        free(tensors);
}

static int run_one(hedge_engine_t *engine, const hedge_graph_t *g, const hedge_tensor_t *inputs, uint32_t run,
                   uint32_t runs, hedge_tensor_t *one, hedge_tensor_t *joined)
{
        hedge_tensor_t *outputs = calloc(g->n_outputs + 1, sizeof(*outputs));
        int r = outputs ? 0 : -ENOMEM;

        for (uint32_t i = 0; r == 0 && i < g->n_inputs; i++)
                hedge_batch_get(&one[i].shape, g->batch->inputs[i], run, runs, inputs[i].data, one[i].data);
        if (r == 0)
                r = hedge_engine_run(engine, one, NULL, NULL, outputs);
        for (uint32_t i = 0; r == 0 && i < g->n_outputs; i++)
                hedge_batch_put(&outputs[i].shape, g->batch->outputs[i], run, runs, outputs[i].data, joined[i].data);
        release(outputs, g->n_outputs);
        return r;
}

static int count_runs(const hedge_graph_t *g, const hedge_tensor_t *inputs, uint32_t *ret)
{
        hedge_shape_t *shapes = calloc(g->n_inputs + 1, sizeof(*shapes));
        int r = -ENOMEM;

        for (uint32_t i = 0; shapes && i < g->n_inputs; i++)
                shapes[i] = inputs[i].shape;
        if (shapes)
                r = hedge_batch_runs(g, shapes, g->n_inputs, ret, NULL);
        free(shapes);
        return r;
}

/* Room for the input of one run, and for the outputs of all. */
static int open_tensors(const hedge_graph_t *g, uint32_t runs, hedge_tensor_t *one, hedge_tensor_t *joined)
{
        int r = one && joined ? 0 : -ENOMEM;

        for (uint32_t i = 0; r == 0 && i < g->n_inputs; i++)
                r = hedge_tensor_alloc(&one[i], &g->values[g->inputs[i]].shape);
        for (uint32_t i = 0; r == 0 && i < g->n_outputs; i++) {
                const hedge_shape_t shape =
                        hedge_batch_shape(&g->values[g->outputs[i]].shape, g->batch->outputs[i], runs);

                r = hedge_tensor_alloc(&joined[i], &shape);
        }
        return r;
}

static int run_all(hedge_engine_t *engine, const hedge_graph_t *g, const hedge_tensor_t *inputs, uint32_t runs,
                   hedge_tensor_t *ret_outputs)
{
        hedge_tensor_t *one = calloc(g->n_inputs + 1, sizeof(*one));
        hedge_tensor_t *joined = calloc(g->n_outputs + 1, sizeof(*joined));
        int r = open_tensors(g, runs, one, joined);

        for (uint32_t i = 0; r == 0 && i < runs; i++)
                r = run_one(engine, g, inputs, i, runs, one, joined);
        if (r == 0) {
                memcpy(ret_outputs, joined, g->n_outputs * sizeof(*joined));
                memset(joined, 0, g->n_outputs * sizeof(*joined));
        }
        release(one, g->n_inputs);
        release(joined, g->n_outputs);
        return r;
}

int hedge_engine_run_each(hedge_engine_t *engine, const hedge_tensor_t *inputs, hedge_tensor_t *ret_outputs)
{
        const hedge_graph_t *g = hedge_engine_graph(engine);
        uint32_t runs;
        int r = count_runs(g, inputs, &runs);

        if (r < 0)
                return r;
        return runs == 1 ? hedge_engine_run(engine, inputs, NULL, NULL, ret_outputs)
                         : run_all(engine, g, inputs, runs, ret_outputs);
}
