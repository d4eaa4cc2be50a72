/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/endpoint.h"
#include "client/local_model.h"
#include "client/model_file.h"
#include "client/show.h"
#include "common/clock.h"
#include "common/engine/each.h"

typedef struct local_values {
        const char *dir, *manifest, *backend;
        uint64_t threads;
        hedgec_option_list_t shapes;
        hedgec_show_options_t show;
} local_values_t;

static const local_values_t presets = { .show = HEDGEC_SHOW_PRESETS };

static const hedgec_option_t options[] = {
        HEDGEC_ROW_TABLE(local_values_t, show, hedgec_show_options),
        HEDGEC_ROW(STRING, "manifest", 'm', local_values_t, manifest, "FILE",
                   "its model.yaml (that beside model.onnx)"),
        HEDGEC_SHAPE_ROW(local_values_t, shapes, "NAME=1x3x320x320 for an input; may be repeated"),
        HEDGEC_ROW(STRING, "dir", 'd', local_values_t, dir, "DIR",
                   "MODEL may be one of the cluster in DIR (HEDGE_DIR)"),
        HEDGEC_ROW_UINT("threads", 0, local_values_t, threads, "T", "compute threads (one per core)", 1, 1024),
        HEDGEC_ROW(STRING, "backend", 0, local_values_t, backend, "NAME", "kernels: onednn, xnnpack or plain"),
        HEDGEC_ROW_END,
};

typedef struct local {
        const char *name;
        char path[PATH_MAX];
        hedge_manifest_t manifest;
        hedgec_shapes_t shapes;
        hedge_kernels_t *kernels;
        hedgec_local_model_t *model;
        hedgec_show_t show;
} local_t;

static int compute(local_t *local, char **operands, const hedgec_request_t *q)
{
        const hedgec_batch_answers_t answers = hedgec_request_answers(q, operands);
        const hedgec_local_shape_t *shape = hedgec_local_model_shape(local->model, q->form);
        const uint32_t n = shape->graph->n_outputs;
        hedge_tensor_t *outputs = calloc(n + 1, sizeof(*outputs));
        hedge_element_t *elements = calloc(n + 1, sizeof(*elements));
        const char **names = calloc(n + 1, sizeof(*names));
        int64_t start_us = hedge_now_us();
        int r = outputs && elements && names ? hedge_engine_run_each(shape->engine, q->tensors, outputs) : -ENOMEM;

        for (uint32_t i = 0; r == 0 && i < n; i++) {
                elements[i] = shape->graph->values[shape->graph->outputs[i]].element;
                names[i] = shape->graph->values[shape->graph->outputs[i]].name;
        }
        if (r == 0)
                hedgec_batch_show(&local->show, &answers,
                                  &(hedgec_answer_t){ .input = operands[q->first],
                                                      .model = local->name,
                                                      .n_outputs = n,
                                                      .outputs = outputs,
                                                      .names = names,
                                                      .elements = elements,
                                                      .latency_ms = (double)(hedge_now_us() - start_us) / 1000 });
        for (uint32_t i = 0; r == 0 && i < n; i++)
                hedge_tensor_release(&outputs[i]);
        free(names);
        free(elements);
        free(outputs);
        return r;
}

static void run_inputs(local_t *local, char **operands, unsigned n, bool as_stored)
{
        hedgec_feed_t feed = { .operands = operands,
                               .n = n,
                               .n_inputs = hedgec_local_model_inputs(local->model),
                               .as_stored = as_stored,
                               .choose = hedgec_local_model_choose,
                               .arg = local->model,
                               .show = &local->show };
        hedgec_request_t q;

        while (hedgec_feed_next(&feed, &q)) {
                if (q.result == 0) {
                        q.result = compute(local, operands, &q);
                        if (q.result < 0)
                                hedge_why(&q.why, q.result, "%s", hedge_strerror(q.result));
                        hedgec_request_release(&q);
                }
                if (q.result < 0)
                        hedgec_show_failure(&local->show, operands[q.first], q.why.text);
        }
        hedgec_feed_release(&feed);
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

static int open_kernels(local_t *local, const local_values_t *v, hedge_why_t *why)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        unsigned threads = v->threads ? (unsigned)v->threads : cores > 0 ? (unsigned)cores : 1;

        return hedge_kernels_open(v->backend, threads, &local->kernels, why);
}

static int read_model(local_t *local, const local_values_t *v, hedgec_labels_t *labels, hedge_why_t *why)
{
        const char *dir = hedgec_target_dir(&(hedgec_target_t){ .dir = v->dir });
        int r = hedgec_model_find(local->name, dir, local->path, sizeof(local->path), why);

        if (!r)
                r = hedgec_model_manifest(local->path, v->manifest, &local->manifest, why);
        if (!r) {
                r = join_labels(&local->manifest, labels);
                if (r < 0)
                        hedge_why(why, r, "%s", hedge_strerror(r));
        }
        if (!r)
                r = open_kernels(local, v, why);
        return r ? r
                 : hedgec_local_model_new(local->path, &local->manifest, &local->shapes, &v->show, local->kernels,
                                          &local->model, why);
}

static void release(local_t *local)
{
        hedgec_local_model_destroy(&local->model);
        hedge_kernels_destroy(&local->kernels);
        hedge_manifest_release(&local->manifest);
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const local_values_t *v = values;
        local_t local = { .name = operands[0] };
        hedgec_labels_t labels = { 0 };
        hedgec_form_t base = { .n_inputs = 0 }; /* how pictures are read, in whatever shape */
        hedge_why_t why = { "" };
        int r = hedgec_shapes_parse(&v->shapes, &local.shapes, &why), status;

        if (r < 0)
                return hedgec_complain_usage("local", "local: %s", why.text);
        r = read_model(&local, v, &labels, &why);
        base.preprocess = local.manifest.preprocess;
        if (!r)
                r = hedgec_show_prepare(&v->show, &base, &why);
        if (!r)
                r = hedgec_show_open(&local.show, &v->show, local.name, &labels, n_operands - 1, &why);
        if (!r)
                r = hedgec_show_find(&local.show, &local.manifest.output, n_operands - 1, &why);
        if (!r) {
                run_inputs(&local, operands + 1, n_operands - 1, base.preprocess.as_stored);
                status = hedgec_show_close(&local.show);
        } else {
                hedgec_show_close(&local.show);
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
                   "file, or the name of a model of the cluster in DIR or of /var/lib/hedge/models.\n"
                   "Extents that the file leaves open are those of --shape or model.yaml, else those\n"
                   "of each input: a tensor's, or the size of a picture that is not resized.",
        .example = "hedge local squeezenet1.1.onnx dog.jpg --preprocess imagenet",
        .options = options,
        .presets = &presets,
        .values_size = sizeof(local_values_t),
        .min_operands = 2,
        .max_operands = 100000,
        .run = run,
};
