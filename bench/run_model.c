/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"

/* hedge-run-model [-b BACKEND] [-m METHODS] MODEL.onnx: a model of one input on one thread, run as it is told to on
 * standard input; METHODS is a mask for hedge_kernels_allow. models.py talks to it and to ort.js line by line, so that both take turns.
 *
 *   input FILE    the input's floats, raw
 *   run N         -> processor nanoseconds of N runs together, then nanoseconds of each
 *   heaviest N    -> the same of the heaviest node alone, without processor time (0)
 *   nodes N       -> how many nodes, then for each a line: median nanoseconds over N runs, kind, name
 *   compare FILE  -> the largest difference of the last run's outputs from those in FILE (raw), relative to their peak
 *
 * It begins with its input's extents. */

#define WORD 4096

typedef struct runner {
        hedge_graph_t *graph;
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;
        hedge_tensor_t input;
        hedge_tensor_t *outputs; /* of the last run */
        bool ran;
        int64_t *began; /* per node, in the last timed run */
} runner_t;

static int64_t now_ns(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void forget_outputs(runner_t *r)
{
        for (uint32_t i = 0; r->ran && i < r->graph->n_outputs; i++)
                hedge_tensor_release(&r->outputs[i]);
        r->ran = false;
}

static int open_runner(runner_t *r, const char *backend, unsigned methods, const char *path)
{
        hedge_why_t why = { .text = "" };
        int e = hedge_onnx_load(path, NULL, &r->graph, &why);

        if (e == 0 && r->graph->n_inputs != 1)
                e = HEDGE_EUNSUPPORTED;
        if (e == 0)
                e = hedge_kernels_new(backend, 1, &r->kernels);
        if (e == 0 && methods)
                hedge_kernels_allow(r->kernels, methods);
        if (e == 0)
                e = hedge_engine_new(r->graph, r->kernels, &r->engine);
        if (e == 0) {
                r->outputs = calloc(r->graph->n_outputs, sizeof(*r->outputs));
                r->began = calloc(r->graph->n_nodes + 1, sizeof(*r->began));
                e = r->outputs && r->began ? hedge_tensor_alloc(&r->input, &r->graph->values[r->graph->inputs[0]].shape)
                                           : -ENOMEM;
        }
        if (e < 0)
                fprintf(stderr, "hedge-run-model: %s: %s %s\n", path, hedge_strerror(e), why.text);
        return e;
}

static void close_runner(runner_t *r)
{
        forget_outputs(r);
        free(r->outputs);
        free(r->began);
        hedge_tensor_release(&r->input);
        hedge_engine_destroy(&r->engine);
        hedge_kernels_destroy(&r->kernels);
        hedge_graph_destroy(&r->graph);
}

static int read_floats(const char *path, float *to, size_t n)
{
        FILE *f = fopen(path, "rb");
        size_t got = f ? fread(to, sizeof(*to), n, f) : 0;

        if (f)
                fclose(f);
        return got == n ? 0 : -EIO;
}

/* When a node begins, the one before has ended. */
static int note_time(void *arg, uint32_t node, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        (void)last, (void)in, (void)out;
        ((runner_t *)arg)->began[node] = now_ns(CLOCK_MONOTONIC);
        return 1;
}

static int run_once(runner_t *r, bool timed)
{
        const hedge_engine_hooks_t hooks = { .run = note_time };
        int e;

        forget_outputs(r);
        memset(r->began, 0, (r->graph->n_nodes + 1) * sizeof(*r->began));
        e = hedge_engine_run(r->engine, &r->input, timed ? &hooks : NULL, r, r->outputs);
        r->began[r->graph->n_nodes] = now_ns(CLOCK_MONOTONIC);
        r->ran = e == 0;
        return e;
}

/* A skipped node has not begun: it takes nothing. */
static int64_t node_ns(const runner_t *r, uint32_t node)
{
        uint32_t next = node + 1;

        while (r->began[next] == 0)
                next++;
        return r->began[node] ? r->began[next] - r->began[node] : 0;
}

static uint32_t heaviest_node(const hedge_graph_t *g)
{
        uint32_t most = 0;

        for (uint32_t i = 1; i < g->n_nodes; i++)
                if (hedge_node_macs(g, &g->nodes[i]) > hedge_node_macs(g, &g->nodes[most]))
                        most = i;
        return most;
}

static int say_runs(runner_t *r, size_t n, bool heaviest)
{
        uint32_t node = heaviest_node(r->graph);
        int64_t *wall = calloc(n, sizeof(*wall)), cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
        int e = wall ? 0 : -ENOMEM;

        for (size_t i = 0; e == 0 && i < n; i++) {
                int64_t start = now_ns(CLOCK_MONOTONIC);

                e = run_once(r, heaviest);
                wall[i] = heaviest ? node_ns(r, node) : now_ns(CLOCK_MONOTONIC) - start;
        }
        cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        if (e == 0) {
                printf("%lld", heaviest ? 0LL : (long long)cpu);
                for (size_t i = 0; i < n; i++)
                        printf(" %lld", (long long)wall[i]);
                printf("\n");
        }
        free(wall);
        return e;
}

static int by_value(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

static int say_nodes(runner_t *r, size_t n)
{
        const hedge_graph_t *g = r->graph;
        int64_t *ns = calloc(n * g->n_nodes, sizeof(*ns));
        int e = ns ? 0 : -ENOMEM;

        for (size_t i = 0; e == 0 && i < n; i++) {
                e = run_once(r, true);
                for (uint32_t node = 0; node < g->n_nodes; node++)
                        ns[node * n + i] = node_ns(r, node);
        }
        if (e == 0)
                printf("%u\n", g->n_nodes);
        for (uint32_t node = 0; e == 0 && node < g->n_nodes; node++) {
                qsort(ns + node * n, n, sizeof(*ns), by_value);
                printf("%lld %s %s\n", (long long)ns[node * n + n / 2], hedge_op_title(&g->nodes[node].op),
                       g->nodes[node].name);
        }
        free(ns);
        return e;
}

static int say_error(const runner_t *r, const char *path)
{
        const hedge_graph_t *g = r->graph;
        FILE *f = r->ran ? fopen(path, "rb") : NULL;
        double worst = 0, peak = 0;
        int e = f ? 0 : -EIO;

        for (uint32_t i = 0; e == 0 && i < g->n_outputs; i++) {
                size_t n = hedge_shape_elements(&r->outputs[i].shape);
                float theirs;

                for (size_t j = 0; e == 0 && j < n; j++) {
                        if (fread(&theirs, sizeof(theirs), 1, f) != 1)
                                e = -EIO;
                        worst = fmax(worst, fabs((double)theirs - (double)r->outputs[i].data[j]));
                        peak = fmax(peak, fabs((double)theirs));
                        if (isnan(r->outputs[i].data[j]))
                                worst = INFINITY;
                }
        }
        if (f)
                fclose(f);
        if (e == 0)
                printf("%.3g\n", peak > 0 ? worst / peak : worst);
        return e;
}

static int obey(runner_t *r, const char *verb, const char *object)
{
        unsigned long n = strtoul(object, NULL, 10);

        if (!strcmp(verb, "input")) {
                int e = read_floats(object, r->input.data, hedge_shape_elements(&r->input.shape));

                if (e == 0)
                        printf("ok\n");
                return e;
        }
        if (!strcmp(verb, "compare"))
                return say_error(r, object);
        if (n < 1 || n > 1000000)
                return -EINVAL;
        if (!strcmp(verb, "nodes"))
                return say_nodes(r, n);
        if (!strcmp(verb, "run") || !strcmp(verb, "heaviest"))
                return say_runs(r, n, verb[0] == 'h');
        return -EINVAL;
}

static int serve(const char *backend, unsigned methods, const char *path)
{
        runner_t r = { 0 };
        char verb[16], object[WORD + 1];
        int e = open_runner(&r, backend, methods, path);

        for (uint32_t d = 0; e == 0 && d < r.input.shape.rank; d++)
                printf("%u%c", r.input.shape.dims[d], d + 1 < r.input.shape.rank ? ' ' : '\n');
        fflush(stdout);
        while (e == 0 && scanf("%15s %4096s", verb, object) == 2) {
                e = obey(&r, verb, object);
                fflush(stdout);
                if (e < 0)
                        fprintf(stderr, "hedge-run-model: %s %s: %s\n", verb, object, hedge_strerror(e));
        }
        close_runner(&r);
        return e < 0;
}

int main(int argc, char **argv)
{
        const char *backend = NULL;
        unsigned methods = 0; /* those that hedge would choose from */
        int option;

        while ((option = getopt(argc, argv, "b:m:")) >= 0) {
                if (option == 'b')
                        backend = optarg;
                else if (option == 'm')
                        methods = (unsigned)strtoul(optarg, NULL, 10);
                else
                        break;
        }
        if (option >= 0 || optind + 1 != argc) {
                fprintf(stderr, "usage: hedge-run-model [-b BACKEND] [-m METHODS] MODEL\n");
                return 2;
        }
        return serve(backend, methods, argv[optind]);
}
