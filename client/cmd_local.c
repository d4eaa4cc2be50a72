/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/endpoint.h"
#include "client/model_file.h"
#include "client/show.h"
#include "common/clock.h"
#include "common/engine/engine.h"
#include "common/model/onnx.h"

typedef struct local_values {
        const char *dir, *manifest, *backend;
        uint64_t threads;
        hedgec_show_options_t show;
} local_values_t;

static const local_values_t presets = { .show = HEDGEC_SHOW_PRESETS };

static const hedgec_option_t options[] = {
        HEDGEC_ROW_TABLE(local_values_t, show, hedgec_show_options),
        HEDGEC_ROW(STRING, "manifest", 'm', local_values_t, manifest, "FILE",
                   "its model.yaml (that beside model.onnx)"),
        HEDGEC_ROW(STRING, "dir", 'd', local_values_t, dir, "DIR",
                   "MODEL may be one of the cluster in DIR (HEDGE_DIR)"),
        HEDGEC_ROW_UINT("threads", 0, local_values_t, threads, "T", "compute threads (one per core)", 1, 1024),
        HEDGEC_ROW(STRING, "backend", 0, local_values_t, backend, "NAME", "kernels: onednn, xnnpack or plain"),
        HEDGEC_ROW_END,
};

typedef struct local {
        const char *model;
        hedge_graph_t *graph;
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;
        hedgec_form_t form;
        hedgec_show_t show;
        hedge_tensor_t *inputs, *outputs;
} local_t;

static int compute(local_t *local, const char *operand)
{
        int64_t start = hedge_now_us();
        int r = hedge_engine_run(local->engine, local->inputs, NULL, NULL, local->outputs);

        if (r < 0)
                return r;
        hedgec_show_answer(&local->show, &(hedgec_answer_t){ .input = operand,
                                                             .model = local->model,
                                                             .n_outputs = local->graph->n_outputs,
                                                             .outputs = local->outputs,
                                                             .latency_ms = (double)(hedge_now_us() - start) / 1000 });
        for (uint32_t i = 0; i < local->graph->n_outputs; i++)
                hedge_tensor_release(&local->outputs[i]);
        return 0;
}

static void run_input(local_t *local, const char *operand)
{
        hedge_why_t why = { "" };
        int r = hedgec_input_read(&local->form, operand, local->inputs, &why);

        if (r < 0) {
                hedgec_show_failure(&local->show, operand, why.text);
                return;
        }
        r = compute(local, operand);
        for (uint32_t i = 0; i < local->form.n_inputs; i++)
                hedge_tensor_release(&local->inputs[i]);
        if (r < 0)
                hedgec_show_failure(&local->show, operand, hedge_strerror(r));
}

static int make_form(local_t *local, const hedge_manifest_t *manifest)
{
        const hedge_graph_t *graph = local->graph;
        hedge_shape_t *shapes = calloc(graph->n_inputs + 1, sizeof(*shapes));
        int r;

        for (uint32_t i = 0; shapes && i < graph->n_inputs; i++)
                shapes[i] = graph->values[graph->inputs[i]].shape;
        r = shapes ? hedgec_form_init(&local->form, shapes, graph->n_inputs) : -ENOMEM;
        free(shapes);
        if (!r)
                local->form.preprocess = manifest->preprocess;
        local->inputs = calloc(graph->n_inputs + 1, sizeof(*local->inputs));
        local->outputs = calloc(graph->n_outputs + 1, sizeof(*local->outputs));
        return r || !local->inputs || !local->outputs ? -ENOMEM : 0;
}

static int join_labels(const hedge_manifest_t *manifest, hedgec_labels_t *ret)
{
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        int r;

        if (!out)
                return -ENOMEM;
        for (uint32_t i = 0; i < manifest->n_labels; i++)
                fprintf(out, "%s\n", manifest->labels[i]);
        r = fclose(out) ? -ENOMEM : hedgec_labels_parse(text, size, ret);
        free(text);
        return r;
}

static int read_model(local_t *local, const local_values_t *v, hedgec_labels_t *labels, hedge_why_t *why)
{
        const char *dir = hedgec_target_dir(&(hedgec_target_t){ .dir = v->dir });
        hedge_manifest_t manifest = { .n_labels = 0 };
        char path[PATH_MAX];
        int r = hedgec_model_find(local->model, dir, path, sizeof(path), why);

        if (!r)
                r = hedge_onnx_load(path, NULL, &local->graph, why);
        if (!r)
                r = hedgec_model_manifest(path, v->manifest, &manifest, why);
        if (r < 0)
                return r;
        if (local->graph->n_inputs)
                hedge_manifest_resolve(&manifest, &local->graph->values[local->graph->inputs[0]].shape);
        r = make_form(local, &manifest);
        if (!r)
                r = join_labels(&manifest, labels);
        hedge_manifest_release(&manifest);
        return r < 0 ? hedge_why(why, r, "%s", hedge_strerror(r)) : 0;
}

static int make_engine(local_t *local, const local_values_t *v, hedge_why_t *why)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        unsigned threads = v->threads ? (unsigned)v->threads : cores > 0 ? (unsigned)cores : 1;
        int r = hedge_kernels_open(v->backend, threads, &local->kernels, why);

        if (r < 0)
                return r;
        r = hedge_engine_new(local->graph, local->kernels, &local->engine);
        return r < 0 ? hedge_why(why, r, "%s: %s", local->model, hedge_strerror(r)) : 0;
}

static void release(local_t *local)
{
        hedge_engine_destroy(&local->engine);
        hedge_kernels_destroy(&local->kernels);
        hedge_graph_destroy(&local->graph);
        hedgec_form_release(&local->form);
        free(local->inputs);
        free(local->outputs);
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const local_values_t *v = values;
        local_t local = { .model = operands[0] };
        hedgec_labels_t labels = { 0 };
        hedge_why_t why = { "" };
        int r = read_model(&local, v, &labels, &why), status;

        if (!r)
                r = make_engine(&local, v, &why);
        if (!r)
                r = hedgec_show_prepare(&v->show, &local.form, &why);
        if (!r)
                r = hedgec_show_open(&local.show, &v->show, local.model, &labels, n_operands - 1, &why);
        if (!r) {
                for (unsigned i = 1; i < n_operands; i++)
                        run_input(&local, operands[i]);
                status = hedgec_show_close(&local.show);
        } else {
                status = hedgec_complain("%s", why.text);
        }
        hedgec_labels_release(&labels);
        release(&local);
        return status;
}

const hedgec_command_t hedgec_command_local = {
        .name = "local",
        .operands = "MODEL INPUT...",
        .summary = "run inputs through a model in this process alone",
        .details = "The same as 'infer', but computed here, without a cluster. MODEL is an ONNX\n"
                   "file, or the name of a model of the cluster in DIR or of /var/lib/hedge/models.",
        .example = "hedge local squeezenet1.1.onnx dog.jpg --preprocess imagenet",
        .options = options,
        .presets = &presets,
        .values_size = sizeof(local_values_t),
        .min_operands = 2,
        .max_operands = 100000,
        .run = run,
};
