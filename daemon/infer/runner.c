/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/emulated.h"
#include "common/log.h"
#include "common/wire/actors.h"

struct hedged_runners {
        hedged_runner_settings_t settings;
        hedge_actors_t *threads;
        atomic_bool stopping;
};

typedef struct run {
        hedged_runners_t *runners;
        hedged_request_t *request;
        uint64_t macs;    /* of the node that runs here now; 0: none that is worth looking at */
        int64_t since_us; /* when it began */
} run_t;

void hedged_request_destroy(hedged_request_t **request)
{
        hedged_request_t *q = *request;

        if (!q)
                return;
        for (uint32_t i = 0; q->frames && i < q->model->graph->n_inputs; i++)
                zmq_msg_close(&q->frames[i]);
        for (uint32_t i = 0; q->outputs && i < q->model->graph->n_outputs; i++)
                hedge_tensor_release(&q->outputs[i]);
        for (unsigned i = 0; i < q->n_reports; i++) {
                free(q->reports[i].boards);
                free(q->reports[i].parts);
        }
        free(q->frames);
        free(q->outputs);
        free(q->reports);
        hedged_model_unref(&q->model);
        free(q);
        *request = NULL;
}

/* Pretend that this machine is slower than it is: the test bed's coordinator is a board, too. */
static void linger(const run_t *run)
{
        const int64_t until_us =
                hedge_emulated_until(run->since_us, (double)run->macs, run->runners->settings.macs_per_s);

        while (!atomic_load(&run->runners->stopping) && hedge_emulated_wait(until_us))
                ;
}

/* The node that ran here, if any, is done: what did it take? */
static void end_local(run_t *run)
{
        if (!run->macs)
                return;
        if (run->runners->settings.macs_per_s > 0)
                linger(run);
        hedged_measure_local(run->runners->settings.measure, run->macs, (uint64_t)(hedge_now_us() - run->since_us));
        run->macs = 0;
}

static int run_here(run_t *run, uint32_t node)
{
        const hedge_graph_t *g = run->request->model->graph;

        run->macs = hedge_node_macs(g, &g->nodes[node]);
        run->since_us = hedge_now_us();
        return 1;
}

/* hedge_engine_offload_t: coded layers run on the boards. */
static int offload(void *arg, uint32_t node, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        run_t *run = arg;
        hedged_request_t *q = run->request;
        hedged_model_t *m = q->model;
        hedge_layer_report_t *report;
        int r;

        end_local(run);
        if (atomic_load(&run->runners->stopping))
                return HEDGE_ESHUTDOWN;
        if (m->layer_of_node[node] == HEDGE_NO_NODE)
                return run_here(run, node);
        report = &q->reports[q->n_reports++];
        r = hedged_coded_run(&run->runners->settings.coded, m->graph, &m->layers[m->layer_of_node[node]], in->data,
                             out->data, q->received_us, q->trace, report);
        if (r != 1)
                return r;
        log_debug("model=%s layer=%s: computing it here", m->name, report->name);
        return run_here(run, node);
}

/* Frames as received are neither aligned nor followed by slack. */
static int copy_inputs(const hedged_request_t *q, hedge_tensor_t *inputs)
{
        const hedge_graph_t *g = q->model->graph;

        for (uint32_t i = 0; i < g->n_inputs; i++) {
                int r = hedge_tensor_alloc(&inputs[i], &g->values[g->inputs[i]].shape);

                if (r < 0)
                        return r;
                memcpy(inputs[i].data, zmq_msg_data(&q->frames[i]), zmq_msg_size(&q->frames[i]));
        }
        return 0;
}

static int run_request(hedged_runners_t *runners, hedged_request_t *q)
{
        const hedged_model_t *m = q->model;
        run_t run = { .runners = runners, .request = q };
        hedge_tensor_t *inputs = calloc(m->graph->n_inputs + 1, sizeof(*inputs));
        int r = -ENOMEM;

        q->outputs = calloc(m->graph->n_outputs + 1, sizeof(*q->outputs));
        q->reports = calloc(m->n_layers + 1, sizeof(*q->reports));
        if (!inputs || !q->outputs || !q->reports)
                goto out;
        r = copy_inputs(q, inputs);
        if (r == 0)
                r = hedge_engine_run(m->engine, inputs, offload, &run, q->outputs);
        end_local(&run);
out:
        for (uint32_t i = 0; inputs && i < m->graph->n_inputs; i++)
                hedge_tensor_release(&inputs[i]);
        free(inputs);
        return r;
}

static void work(void *arg, hedge_mail_t *mail)
{
        hedged_runners_t *runners = arg;
        hedged_request_t *q = (hedged_request_t *)mail;

        q->result = atomic_load(&runners->stopping) ? HEDGE_ESHUTDOWN : run_request(runners, q);
        if (q->result < 0)
                hedge_why(&q->why, q->result, "model '%s': %s", q->model->name, hedge_strerror(q->result));
        q->mail.kind = runners->settings.answer_kind;
        hedge_mailbox_put(runners->settings.coded.loop, &q->mail);
}

int hedged_runners_new(const hedged_runner_settings_t *settings, hedged_runners_t **ret)
{
        hedged_runners_t *runners = calloc(1, sizeof(*runners));
        int r;

        if (!runners)
                return -ENOMEM;
        runners->settings = *settings;
        r = hedge_actors_new(settings->count, work, runners, &runners->threads);
        if (r < 0)
                free(runners);
        else
                *ret = runners;
        return r;
}

void hedged_runners_submit(hedged_runners_t *runners, hedged_request_t *request)
{
        request->mail.kind = 0;
        hedge_actors_put(runners->threads, &request->mail);
}

void hedged_runners_stop(hedged_runners_t *runners)
{
        atomic_store(&runners->stopping, true);
}

void hedged_runners_destroy(hedged_runners_t **runners)
{
        if (!*runners)
                return;
        hedge_actors_destroy(&(*runners)->threads);
        free(*runners);
        *runners = NULL;
}
