/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/run.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/cost.h"
#include "common/emulated.h"
#include "common/log.h"
#include "common/model/batch.h"

typedef struct run {
        const hedged_runner_settings_t *settings;
        const atomic_bool *stopping;
        hedged_request_t *request;
        hedge_layer_report_t *reports; /* the model's layers' */
        uint64_t macs;                 /* of the node that runs here now; 0: none that is worth looking at */
        int64_t since_us;              /* when it began */
        hedged_visit_t visit;          /* to the gate, while nodes run here */
} run_t;

void hedged_run_reports_release(hedge_layer_report_t *reports, unsigned n)
{
        for (unsigned i = 0; reports && i < n; i++) {
                free(reports[i].boards);
                free(reports[i].parts);
        }
        free(reports);
}

int hedged_run_open(hedged_request_t *q)
{
        const hedged_model_t *m = q->model;
        const hedge_graph_t *g = m->graph;
        const uint32_t kept = m->n_layers ? HEDGED_REPORTS_MAX / m->n_layers : 0;
        int r = 0;

        q->n_reports = m->n_layers * (kept < 1 ? 1 : kept < q->runs ? kept : q->runs);
        q->reports = calloc((size_t)q->n_reports + 1, sizeof(*q->reports));
        q->outputs = calloc(g->n_outputs + 1, sizeof(*q->outputs));
        if (!q->reports || !q->outputs)
                return -ENOMEM;
        for (uint32_t i = 0; r == 0 && q->runs > 1 && i < g->n_outputs; i++) {
                const hedge_shape_t shape =
                        hedge_batch_shape(&g->values[g->outputs[i]].shape, g->batch->outputs[i], q->runs);

                r = hedge_tensor_alloc(&q->outputs[i], &shape);
        }
        return r;
}

/* Pretend that this machine is slower than it is: the test bed's coordinator is a board, too. */
static void linger(const run_t *run)
{
        const int64_t until_us = hedge_emulated_share(run->since_us, (double)run->macs, run->settings->macs_per_s);

        hedge_emulated_rated(false);
        while (!atomic_load(run->stopping) && hedge_emulated_wait(until_us))
                ;
}

/* The node that ran here, if any, is done: what did it take? */
static void end_local(run_t *run)
{
        if (!run->macs)
                return;
        if (run->settings->macs_per_s > 0)
                linger(run);
        hedged_measure_local(run->settings->measure, run->macs, (uint64_t)(hedge_now_us() - run->since_us));
        run->macs = 0;
}

static int run_here(run_t *run, uint32_t node)
{
        const hedge_graph_t *g = run->request->model->graph;

        hedged_gate_enter(run->settings->gate, &run->visit);
        run->macs = hedge_node_macs(g, &g->nodes[node]);
        run->since_us = hedge_now_us();
        if (run->settings->macs_per_s > 0)
                hedge_emulated_rated(run->macs > 0);
        return 1;
}

/* Coded layers run on the boards. */
static int take_over(void *arg, uint32_t node, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        run_t *run = arg;
        hedged_request_t *q = run->request;
        hedged_model_t *m = q->model;
        hedge_layer_report_t *report;
        int r;

        end_local(run);
        hedged_gate_pass(run->settings->gate, &run->visit);
        if (atomic_load(run->stopping))
                return HEDGE_ESHUTDOWN;
        r = atomic_load(&q->failure);
        if (r < 0)
                return r;
        if (m->layer_of_node[node] == HEDGE_NO_NODE || !in->data) /* a constant is no one's image */
                return run_here(run, node);
        hedged_gate_leave(run->settings->gate, &run->visit);
        report = &run->reports[m->layer_of_node[node]];
        r = hedged_coded_run(&run->settings->coded, m->graph, &m->layers[m->layer_of_node[node]], in->data, out->data,
                             q->received_us, q->trace, report);
        if (r != 1)
                return r;
        log_debug("model=%s layer=%s: computing it here", m->name, report->name);
        return run_here(run, node);
}

static const hedge_engine_hooks_t hooks = { .run = take_over };

/* Frames as received are neither aligned nor followed by slack. */
static int copy_inputs(const hedged_request_t *q, uint32_t run, hedge_tensor_t *inputs)
{
        const hedge_graph_t *g = q->model->graph;

        for (uint32_t i = 0; i < g->n_inputs; i++) {
                const hedge_shape_t *one = &g->values[g->inputs[i]].shape;
                int r = hedge_tensor_alloc(&inputs[i], one);

                if (r < 0)
                        return r;
                hedge_batch_get(one, q->runs > 1 ? g->batch->inputs[i] : HEDGE_NO_AXIS, run, q->runs,
                                zmq_msg_data(&q->frames[i]), inputs[i].data);
        }
        return 0;
}

/* Put the outputs of one run, which are gone afterwards, to those of the others. */
static void join_outputs(hedged_request_t *q, uint32_t run, hedge_tensor_t *outputs)
{
        const hedge_graph_t *g = q->model->graph;

        for (uint32_t i = 0; i < g->n_outputs; i++)
                if (q->runs == 1) {
                        q->outputs[i] = outputs[i];
                } else {
                        hedge_batch_put(&outputs[i].shape, g->batch->outputs[i], run, q->runs, outputs[i].data,
                                        q->outputs[i].data);
                        hedge_tensor_release(&outputs[i]);
                }
}

static int run_engine(run_t *run, uint32_t index)
{
        hedged_request_t *q = run->request;
        const hedged_model_t *m = q->model;
        hedge_tensor_t *inputs = calloc(m->graph->n_inputs + 1, sizeof(*inputs));
        hedge_tensor_t *outputs = calloc(m->graph->n_outputs + 1, sizeof(*outputs));
        int r = inputs && outputs ? copy_inputs(q, index, inputs) : -ENOMEM;

        if (r == 0) {
                const hedge_cost_kind_t before = hedge_cost_enter(HEDGE_COST_KERNEL);

                r = hedge_engine_run(m->engine, inputs, &hooks, run, outputs);
                hedge_cost_enter(before);
        }
        end_local(run);
        hedged_gate_leave(run->settings->gate, &run->visit);
        if (r == 0)
                join_outputs(q, index, outputs);
        for (uint32_t i = 0; inputs && i < m->graph->n_inputs; i++)
                hedge_tensor_release(&inputs[i]);
        free(inputs);
        free(outputs);
        return r;
}

/* Those runs whose reports are not kept have some of their own. */
int hedged_run(const hedged_runner_settings_t *settings, const atomic_bool *stopping, hedged_request_t *q,
               uint32_t index)
{
        const unsigned n = q->model->n_layers;
        const bool kept = (uint64_t)n * (index + 1) <= q->n_reports;
        run_t run = { .settings = settings, .stopping = stopping, .request = q };
        int r;

        run.reports = kept ? q->reports + (size_t)n * index : calloc(n + 1, sizeof(*run.reports));
        r = run.reports ? run_engine(&run, index) : -ENOMEM;
        if (!kept)
                hedged_run_reports_release(run.reports, n);
        return r;
}
