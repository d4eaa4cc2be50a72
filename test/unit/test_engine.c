/* SPDX-License-Identifier: Apache-2.0 */
/* Running graphs: shared buffers, several runs at once, layers taken over by the caller. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/engine/schedule.h"
#include "common/model/onnx.h"
#include "make_onnx.h"
#include "random_graph.h"

typedef struct net {
        hedge_graph_t *graph;
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;
} net_t;

static void open_net(net_t *net, make_t *m, const char *backend)
{
        hedge_why_t why = { { 0 } };
        size_t size;
        unsigned char *bytes = make_bytes(m, &size);

        *net = (net_t){ 0 };
        if (hedge_onnx_import(bytes, size, NULL, &net->graph, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(hedge_kernels_new(backend, 1, &net->kernels), 0);
        assert_int_equal(hedge_engine_new(net->graph, net->kernels, &net->engine), 0);
        make_free(m);
}

static void close_net(net_t *net)
{
        hedge_engine_destroy(&net->engine);
        assert_null(net->engine);
        hedge_kernels_destroy(&net->kernels);
        hedge_graph_destroy(&net->graph);
}

static hedge_tensor_t *new_inputs(const net_t *net, make_t *random)
{
        hedge_tensor_t *in = calloc(net->graph->n_inputs + 1, sizeof(*in));

        assert_non_null(in);
        for (uint32_t i = 0; i < net->graph->n_inputs; i++) {
                assert_int_equal(hedge_tensor_alloc(&in[i], &net->graph->values[net->graph->inputs[i]].shape), 0);
                for (size_t k = 0; k < hedge_shape_elements(&in[i].shape); k++)
                        in[i].data[k] = make_random(random);
        }
        return in;
}

static void free_tensors(hedge_tensor_t *t, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                hedge_tensor_release(&t[i]);
        free(t);
}

/* Every node on its own, every value with memory of its own: what hedge_engine_run must answer. */
static hedge_tensor_t *run_plainly(const net_t *net, const hedge_tensor_t *inputs)
{
        const hedge_graph_t *g = net->graph;
        float **data = calloc(g->n_values, sizeof(*data));
        hedge_tensor_t *out = calloc(g->n_outputs, sizeof(*out));
        const float *in[64];

        assert_true(data && out);
        for (uint32_t i = 0; i < g->n_values; i++) {
                size_t n = hedge_shape_elements(&g->values[i].shape);

                data[i] = hedge_floats_new(n);
                assert_non_null(data[i]);
                if (g->values[i].data)
                        memcpy(data[i], g->values[i].data, n * sizeof(float));
        }
        for (uint32_t i = 0; i < g->n_inputs; i++)
                memcpy(data[g->inputs[i]], inputs[i].data, hedge_shape_elements(&inputs[i].shape) * sizeof(float));
        for (uint32_t i = 0; i < g->n_nodes; i++) {
                for (uint32_t j = 0; j < g->nodes[i].n_inputs; j++)
                        in[j] = data[g->nodes[i].inputs[j]];
                assert_int_equal(hedge_engine_run_node(net->engine, i, in, data[g->nodes[i].output]), 0);
        }
        for (uint32_t i = 0; i < g->n_outputs; i++) {
                out[i] = (hedge_tensor_t){ g->values[g->outputs[i]].shape, data[g->outputs[i]] };
                data[g->outputs[i]] = NULL;
        }
        for (uint32_t i = 0; i < g->n_values; i++)
                free(data[i]);
        free(data);
        return out;
}

static void assert_same(const net_t *net, const hedge_tensor_t *a, const hedge_tensor_t *b)
{
        for (uint32_t i = 0; i < net->graph->n_outputs; i++) {
                assert_true(hedge_shape_equal(&a[i].shape, &b[i].shape));
                assert_memory_equal(a[i].data, b[i].data, hedge_shape_elements(&a[i].shape) * sizeof(float));
        }
}

/* Two runs, so that the second works on buffers that the first has left behind. */
static void check_runs(const net_t *net, make_t *random)
{
        for (int k = 0; k < 2; k++) {
                hedge_tensor_t *in = new_inputs(net, random), *want = run_plainly(net, in);
                hedge_tensor_t *out = calloc(net->graph->n_outputs, sizeof(*out));

                assert_non_null(out);
                assert_int_equal(hedge_engine_run(net->engine, in, NULL, NULL, out), 0);
                assert_same(net, out, want);
                free_tensors(in, net->graph->n_inputs);
                free_tensors(out, net->graph->n_outputs);
                free_tensors(want, net->graph->n_outputs);
        }
}

static void test_random_graphs(void **state)
{
        make_t random, m;

        make_init(&random, 13);
        for (int i = 0; i < 300; i++) {
                net_t net;

                make_random_graph(&m, &random);
                open_net(&net, &m, "plain");
                check_runs(&net, &random);
                close_net(&net);
        }
        make_free(&random);
}

/* x -> conv -> relu -> conv -> ... : the convolutions, by number. */
static void make_chain(make_t *m, unsigned convs)
{
        char in[32], out[16], weight[16];

        make_init(m, 13);
        make_input(m, "c0", DIMS(1, 8, 12, 12));
        for (unsigned i = 1; i <= convs; i++) {
                snprintf(weight, sizeof(weight), "w%u", i);
                make_weights(m, weight, DIMS(8, 8, 3, 3));
                snprintf(in, sizeof(in), "c%u w%u", i - 1, i);
                snprintf(out, sizeof(out), "r%u", i);
                make_int_list(m, make_node(m, "Conv", in, out), "pads", DIMS(1, 1, 1, 1));
                snprintf(in, sizeof(in), "r%u", i);
                snprintf(out, sizeof(out), "c%u", i);
                make_node(m, "Sigmoid", in, out);
        }
        make_output(m, out);
}

static void test_chain_needs_two_buffers(void **state)
{
        hedge_schedule_t schedule;
        make_t m, random;
        net_t net;

        make_init(&random, 13);
        make_chain(&m, 10);
        open_net(&net, &m, NULL);
        assert_int_equal(hedge_schedule_make(net.graph, &schedule), 0);
        assert_int_equal(schedule.n_buffers, 2);
        hedge_schedule_release(&schedule);
        check_runs(&net, &random);
        close_net(&net);
        make_free(&random);
}

#define THREADS 6
#define RUNS    8

typedef struct job {
        const net_t *net;
        hedge_tensor_t *in, *want;
        int wrong;
} job_t;

static void *run_job(void *arg)
{
        job_t *job = arg;

        for (int i = 0; i < RUNS; i++) {
                hedge_tensor_t out;

                if (hedge_engine_run(job->net->engine, job->in, NULL, NULL, &out) < 0) {
                        job->wrong++;
                        continue;
                }
                job->wrong += memcmp(out.data, job->want->data, hedge_shape_elements(&out.shape) * sizeof(float)) != 0;
                hedge_tensor_release(&out);
        }
        return NULL;
}

/* All begin on an engine that has prepared nothing yet. */
static void test_several_runs_at_once(void **state)
{
        pthread_t threads[THREADS];
        job_t jobs[THREADS];
        make_t m, random;
        net_t net, other;

        make_init(&random, 13);
        make_chain(&m, 4);
        open_net(&other, &m, "plain");
        make_chain(&m, 4);
        open_net(&net, &m, "plain");
        for (int i = 0; i < THREADS; i++) {
                jobs[i] = (job_t){ &net, new_inputs(&net, &random), NULL, 0 };
                jobs[i].want = run_plainly(&other, jobs[i].in);
        }
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run_job, &jobs[i]), 0);
        for (int i = 0; i < THREADS; i++) {
                pthread_join(threads[i], NULL);
                assert_int_equal(jobs[i].wrong, 0);
                free_tensors(jobs[i].in, 1);
                free_tensors(jobs[i].want, 1);
        }
        close_net(&net);
        close_net(&other);
        make_free(&random);
}

/* What the caller of a run is asked, and what it does about convolutions. */
typedef struct taken {
        const net_t *net;
        unsigned asked, convs;
        int answer;
} taken_t;

static int take_convs(void *arg, uint32_t node, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        taken_t *taken = arg;
        const hedge_graph_t *g = taken->net->graph;
        const hedge_node_t *n = &g->nodes[node];
        const float *inputs[3] = { in->data };

        taken->asked++;
        assert_int_equal(last, node + 1);
        assert_true(hedge_shape_equal(&in->shape, &g->values[n->inputs[0]].shape));
        assert_true(hedge_shape_equal(&out->shape, &g->values[n->output].shape));
        if (n->op.kind != HEDGE_OP_CONV)
                return 1;
        taken->convs++;
        if (taken->answer != 0)
                return taken->answer;
        return hedge_engine_run_node(taken->net->engine, node, inputs, out->data);
}

static const hedge_engine_hooks_t convs = { .run = take_convs };

static void test_single_nodes(void **state)
{
        make_t m, random;
        net_t net;
        hedge_tensor_t *in, *want, out;
        taken_t taken;

        make_init(&random, 13);
        make_chain(&m, 3);
        open_net(&net, &m, NULL);
        in = new_inputs(&net, &random);
        want = run_plainly(&net, in);
        taken = (taken_t){ .net = &net };
        assert_int_equal(hedge_engine_run(net.engine, in, &convs, &taken, &out), 0);
        assert_int_equal(taken.convs, 3);
        assert_true(taken.asked > 3);
        assert_same(&net, &out, want);
        hedge_tensor_release(&out);
        taken = (taken_t){ .net = &net, .answer = HEDGE_ENOBOARDS };
        assert_int_equal(hedge_engine_run(net.engine, in, &convs, &taken, &out), HEDGE_ENOBOARDS);
        assert_int_equal(taken.convs, 1);
        taken = (taken_t){ .net = &net, .answer = 1 };
        assert_int_equal(hedge_engine_run(net.engine, in, &convs, &taken, &out), 0);
        assert_same(&net, &out, want);
        hedge_tensor_release(&out);
        free_tensors(in, 1);
        free_tensors(want, 1);
        close_net(&net);
        make_free(&random);
}

static void test_wrong_input_shape(void **state)
{
        hedge_tensor_t in = { { 4, { 1, 8, 12, 11 } }, NULL }, out = { { 0 }, NULL };
        make_t m;
        net_t net;

        make_chain(&m, 1);
        open_net(&net, &m, NULL);
        assert_int_equal(hedge_tensor_alloc(&in, &in.shape), 0);
        assert_int_equal(hedge_engine_run(net.engine, &in, NULL, NULL, &out), HEDGE_ESHAPE);
        assert_null(out.data);
        hedge_tensor_release(&in);
        close_net(&net);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_graphs),        cmocka_unit_test(test_chain_needs_two_buffers),
                cmocka_unit_test(test_several_runs_at_once), cmocka_unit_test(test_single_nodes),
                cmocka_unit_test(test_wrong_input_shape),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
