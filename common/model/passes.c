/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/passes.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/kernel.h"
#include "common/model/batch_open.h"
#include "common/model/batch_prove.h"
#include "common/model/fold.h"
#include "common/model/scope.h"
#include "common/model/walk.h"

#define WORK_PER_ELEMENT 16 /* constant elements that folding may compute, for each that may exist at once */

typedef struct source {
        hedge_passes_open_t *open;
        void *arg;
        const hedge_onnx_options_t *options;
} source_t;

/* What the file is for two and for three pictures. */
typedef struct rehearsal {
        hedge_skeleton_t *two, *three;
        hedge_why_t why; /* why there is none */
} rehearsal_t;

static int check_opset(hedge_import_t *imp, const Onnx__ModelProto *model)
{
        int64_t version = 0;

        for (size_t i = 0; i < model->n_opset_import; i++) {
                const char *domain = model->opset_import[i]->domain;

                if (!domain || !domain[0] || strcmp(domain, "ai.onnx") == 0)
                        version = model->opset_import[i]->version;
        }
        if (version < 1 || version > INT32_MAX)
                return hedge_why(imp->why, HEDGE_EMALFORMED, "it says opset %lld, which there is not",
                                 (long long)version);
        imp->opset = (uint32_t)version;
        return 0;
}

static int check_model(hedge_import_t *imp, const Onnx__ModelProto *model)
{
        int r;

        if (!model->graph)
                return hedge_why(imp->why, HEDGE_EMALFORMED, "not an ONNX model: it has no graph");
        if (model->has_ir_version && model->ir_version < 3)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "IR version %lld is too old",
                                 (long long)model->ir_version);
        r = check_opset(imp, model);
        if (r < 0)
                return r;
        if (model->graph->n_node > imp->limits->max_nodes)
                return hedge_why(imp->why, HEDGE_ELIMIT, "the model has %zu nodes, at most %u are allowed",
                                 model->graph->n_node, imp->limits->max_nodes);
        if (model->graph->n_sparse_initializer > 0)
                return hedge_why(imp->why, HEDGE_EUNSUPPORTED, "sparse initialisers are not supported");
        if (model->graph->n_output == 0)
                return hedge_why(imp->why, HEDGE_EMALFORMED, "the model has no outputs");
        return 0;
}

static void release(hedge_import_t *imp)
{
        hedge_scope_close(&imp->scope);
        free(imp->relaid);
        if (imp->kernels)
                hedge_kernels_destroy(&imp->kernels);
        hedge_graph_destroy(&imp->graph);
}

/* Import an unpacked file; nothing is folded. */
static int import_proto(hedge_proto_t *proto, const source_t *source, hedge_import_t *imp)
{
        const Onnx__ModelProto *model = hedge_proto_model(proto);
        const hedge_onnx_limits_t *limits = source->options->limits;
        int r;

        imp->limits = limits;
        imp->take_apart = source->options->take_apart;
        imp->proto = proto;
        imp->budget = (hedge_budget_t){ limits->max_tensor_elements, limits->max_constant_bytes,
                                        limits->max_constant_bytes / sizeof(float) * WORK_PER_ELEMENT };
        imp->graph = calloc(1, sizeof(*imp->graph));
        r = imp->graph ? check_model(imp, model) : hedge_why(imp->why, -ENOMEM, "out of memory");
        if (r == 0)
                r = hedge_walk(imp, model->graph, source->options);
        return r;
}

/* The file for some pictures. @return 1: it has no batch that could be of so many. */
static int rehearse(const source_t *source, uint32_t pictures, hedge_skeleton_t **ret, hedge_why_t *why)
{
        hedge_import_t imp = { .why = why, .pictures = pictures };
        hedge_proto_t *proto = NULL;
        int r = source->open(source->arg, &proto, why);

        if (r < 0)
                return r;
        r = import_proto(proto, source, &imp);
        if (r == 0) {
                r = hedge_skeleton_new(imp.graph, pictures, ret);
                imp.graph = NULL;
        }
        release(&imp);
        hedge_proto_destroy(&proto);
        return r;
}

static bool may_have_batch(const hedge_proto_t *proto, const hedge_onnx_options_t *options)
{
        const Onnx__ModelProto *model = hedge_proto_model(proto);

        return model->graph && hedge_batch_may_be(model->graph, options->take_apart);
}

static void rehearsal_release(rehearsal_t *rehearsal)
{
        hedge_skeleton_destroy(&rehearsal->two);
        hedge_skeleton_destroy(&rehearsal->three);
}

/* @return 0, also where something is wrong with the file: then there is no skeleton. -ENOMEM. */
static int rehearse_both(const source_t *source, rehearsal_t *ret)
{
        int r = rehearse(source, 2, &ret->two, &ret->why);

        if (r == 0)
                r = rehearse(source, 3, &ret->three, &ret->why);
        return r == -ENOMEM ? r : 0;
}

/* How many pictures may a request to this graph, which is not folded yet, hold?
 * @return 1: it is for one picture of a fixed batch that is not proven to be one: the file is wanted as it is. */
static int find_batch(const hedge_import_t *imp, const rehearsal_t *rehearsal, hedge_batch_t *batch)
{
        hedge_why_t why = rehearsal->why;
        int r = HEDGE_EUNSUPPORTED;

        if (imp->batch == 0)
                return 0;
        if (imp->batch > 1 && imp->pictures == 0)
                return hedge_batch_trace(imp->graph, imp->batch, batch);
        if (rehearsal->three)
                r = hedge_batch_prove(rehearsal->two, rehearsal->three, imp->graph, batch, &why);
        if (r != HEDGE_EUNSUPPORTED)
                return r;
        if (imp->batch > 1)
                return 1;
        snprintf(batch->why, sizeof(batch->why), "%.*s", (int)sizeof(batch->why) - 1, why.text);
        return 0;
}

/* All that makes a graph of what has been imported. */
static int finish(hedge_import_t *imp, const rehearsal_t *rehearsal)
{
        int r = hedge_batch_new(imp->graph->n_inputs, imp->graph->n_outputs, &imp->graph->batch);

        if (r == 0)
                r = find_batch(imp, rehearsal, imp->graph->batch);
        if (r < 0)
                return hedge_why(imp->why, r, "out of memory");
        imp->graph->opset = imp->opset;
        return r == 0 ? hedge_fold(imp->graph, imp->limits, imp->why) : r;
}

/* @param proto  The file, open; taken over. @return as find_batch too. */
static int import_for(hedge_proto_t *proto, const source_t *source, const rehearsal_t *rehearsal, uint32_t pictures,
                      hedge_graph_t **ret, hedge_why_t *why)
{
        hedge_import_t imp = { .why = why, .pictures = pictures };
        int r = import_proto(proto, source, &imp);

        if (r == 0)
                r = finish(&imp, rehearsal);
        if (r == 0) {
                *ret = imp.graph;
                imp.graph = NULL;
        }
        release(&imp);
        hedge_proto_destroy(&proto);
        return r;
}

int hedge_passes_import(hedge_passes_open_t *open, void *arg, const hedge_onnx_options_t *options, hedge_graph_t **ret,
                        hedge_why_t *why)
{
        const source_t source = { open, arg, options };
        rehearsal_t rehearsal = { 0 };
        hedge_proto_t *proto = NULL;
        int r = open(arg, &proto, why);

        if (r == 0 && may_have_batch(proto, options)) {
                hedge_proto_destroy(&proto); /* one file at a time */
                r = rehearse_both(&source, &rehearsal);
                r = r < 0 ? hedge_why(why, r, "out of memory") : open(arg, &proto, why);
        }
        if (r == 0)
                r = import_for(proto, &source, &rehearsal, rehearsal.three ? 1 : 0, ret, why);
        if (r != 0 && rehearsal.three) { /* not for one picture, but perhaps as the file has it */
                r = open(arg, &proto, why);
                if (r == 0)
                        r = import_for(proto, &source, &rehearsal, 0, ret, why);
        }
        rehearsal_release(&rehearsal);
        return r;
}
