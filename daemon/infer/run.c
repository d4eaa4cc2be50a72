/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/run.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/cost.h"
#include "common/emulated.h"
#include "common/log.h"
#include "common/model/batch.h"
#include "daemon/infer/segment_run.h"

typedef struct run {
        const hedged_runner_settings_t *settings;
        const atomic_bool *stopping;
        hedged_request_t *request;
        hedged_reports_t reports;
        hedged_kept_chains_t *chains; /* NULL: layer by layer */
        const hedged_chain_t *chain;  /* of those; NULL: layer by layer */
        uint64_t macs;                /* of the node that runs here now; 0: none that is worth looking at */
        int64_t since_us;             /* when it began */
        hedged_visit_t visit;         /* to the gate, while nodes run here */
} run_t;

/* Reports of a run at most, as far as is known before it begins. */
static unsigned reports_of(hedged_model_t *m)
{
        hedged_kept_chains_t *kept = hedged_model_chains(m);
        unsigned most = 0;

        for (unsigned c = 0; kept && c < kept->chains->n; c++)
                most = kept->chains->chains[c].n_steps > most ? kept->chains->chains[c].n_steps : most;
        hedged_kept_chains_unref(&kept);
        return m->n_layers + most;
}

int hedged_run_open(hedged_request_t *q)
{
        const hedge_graph_t *g = q->model->graph;
        const unsigned each = reports_of(q->model), kept = HEDGED_REPORTS_MAX / (each ? each : 1);
        int r = 0;

        q->n_of_runs = kept < 1 ? 1 : kept < q->runs ? kept : q->runs;
        q->of_runs = calloc(q->n_of_runs, sizeof(*q->of_runs));
        q->outputs = calloc(g->n_outputs + 1, sizeof(*q->outputs));
        if (!q->of_runs)
                q->n_of_runs = 0;
        if (!q->of_runs || !q->outputs)
                return -ENOMEM;
        for (uint32_t i = 0; r == 0 && q->runs > 1 && i < g->n_outputs; i++) {
                const hedge_shape_t shape =
                        hedge_batch_shape(&g->values[g->outputs[i]].shape, g->batch->outputs[i], q->runs);

                r = hedge_tensor_alloc(&q->outputs[i], &shape);
        }
        return r;
}

int hedged_run_close(hedged_request_t *q)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < q->n_of_runs; i++)
                if (i == 0 || q->reports.n + q->of_runs[i].n <= HEDGED_REPORTS_MAX)
                        r = hedged_reports_join(&q->reports, &q->of_runs[i]);
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

/* ---- what boards do ---- */

/* The segment that begins at a node, or NULL. */
static const hedged_step_t *segment_at(const run_t *run, uint32_t node)
{
        for (unsigned i = 0; run->chain && i < run->chain->n_steps; i++) {
                const hedged_step_t *step = &run->chain->steps[i];

                if (step->kind == HEDGED_STEP_SEGMENT && step->first == node)
                        return step;
        }
        return NULL;
}

/* hedge_engine_hooks_t */
static uint32_t until(void *arg, uint32_t node)
{
        const hedged_step_t *step = segment_at(arg, node);

        return step ? step->last : node + 1;
}

static int run_segment(run_t *run, const hedged_step_t *step, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        hedged_request_t *q = run->request;
        hedge_layer_report_t *report = hedged_reports_add(&run->reports);
        const hedged_segment_ask_t ask = { .model = q->model,
                                           .step = step,
                                           .in = in,
                                           .out = out,
                                           .gate = run->settings->gate,
                                           .began_us = q->received_us,
                                           .trace = q->trace };
        int r = report ? hedged_segment_run(&run->settings->coded, run->settings->standing, &ask, report) : -ENOMEM;

        if (r == 1)
                log_debug("model=%s layers=%s: computing them node by node", q->model->name, report->name);
        return r;
}

static int run_layer(run_t *run, unsigned layer, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        hedged_request_t *q = run->request;
        hedged_model_t *m = q->model;
        hedge_layer_report_t *report = hedged_reports_add(&run->reports);
        int r = report ? hedged_coded_run(&run->settings->coded, m->graph, &m->layers[layer], in->data, out->data,
                                          q->received_us, q->trace, report)
                       : -ENOMEM;

        if (r == 1)
                log_debug("model=%s layer=%s: computing it here", m->name, report->name);
        return r;
}

/* hedge_engine_hooks_t: segments and coded layers run on the boards. What is not possible there is asked for again, node by node,
 * and then computed here. */
static int take_over(void *arg, uint32_t node, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        run_t *run = arg;
        const hedged_step_t *step = segment_at(run, node);
        const uint32_t layer = run->request->model->layer_of_node[node];
        int r;

        end_local(run);
        hedged_gate_pass(run->settings->gate, &run->visit);
        if (atomic_load(run->stopping))
                return HEDGE_ESHUTDOWN;
        r = atomic_load(&run->request->failure);
        if (r < 0)
                return r;
        r = 1;
        if (step && step->last == last) {
                hedged_gate_leave(run->settings->gate, &run->visit);
                r = run_segment(run, step, in, out);
        }
        if (r == 1 && last > node + 1)
                return r;
        if (r == 1 && layer != HEDGE_NO_NODE && in->data) { /* a constant is no one's image */
                hedged_gate_leave(run->settings->gate, &run->visit);
                r = run_layer(run, layer, in, out);
        }
        return r == 1 ? run_here(run, node) : r;
}

static const hedge_engine_hooks_t hooks = { .until = until, .run = take_over };

/* ---- a run ---- */

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

/* How it runs: by what the clients ask for just now, and by the boards that there are. */
static void choose_chain(run_t *run)
{
        hedged_standing_t *standing = run->settings->standing;
        hedged_model_t *m = run->request->model;
        const unsigned share =
                hedged_standing_share(m->config->plan.objective, hedged_demand_all(run->settings->demand));

        run->chains = hedged_model_chains(m);
        if (run->chains)
                run->chain = hedged_chains_pick(run->chains->chains, hedged_standing_usable(standing), share);
}

/* Of runs that are not kept reports are made in vain. */
int hedged_run(const hedged_runner_settings_t *settings, const atomic_bool *stopping, hedged_request_t *q,
               uint32_t index)
{
        run_t run = { .settings = settings, .stopping = stopping, .request = q };
        int r;

        choose_chain(&run);
        r = run_engine(&run, index);
        if (index < q->n_of_runs)
                q->of_runs[index] = run.reports;
        else
                hedged_reports_release(&run.reports);
        hedged_kept_chains_unref(&run.chains);
        return r;
}
