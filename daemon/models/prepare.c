/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/prepare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/actors.h"
#include "daemon/models/repository.h"
#include "daemon/plan/planned.h"

enum { LOAD, ENCODE, REPLAN, ASK };

struct hedged_preparer {
        const hedged_config_t *config;
        hedge_kernels_t *kernels;
        hedge_mailbox_t *loop;
        hedged_preparer_kinds_t kinds;
        atomic_bool stopping;
        hedge_actors_t *thread;
};

void hedged_load_destroy(hedged_load_t **load)
{
        if (!*load)
                return;
        for (unsigned i = 0; i < (*load)->n_frames; i++)
                zmq_msg_close(&(*load)->frames[i]);
        hedged_model_set_unref(&(*load)->set);
        free(*load);
        *load = NULL;
}

void hedged_encode_destroy(hedged_encode_t **encode)
{
        if (!*encode)
                return;
        free((*encode)->filters);
        hedged_model_unref(&(*encode)->model);
        free(*encode);
        *encode = NULL;
}

void hedged_replan_destroy(hedged_replan_t **replan)
{
        if (!*replan)
                return;
        hedged_model_unref(&(*replan)->model);
        free(*replan);
        *replan = NULL;
}

static hedge_onnx_limits_t limits_of(const hedged_config_t *config)
{
        hedge_onnx_limits_t limits = hedge_onnx_default_limits;

        limits.max_file_bytes = config->models.file_bytes;
        return limits;
}

/* What is made into a model. */
typedef struct source {
        const char *name;
        const hedged_speeds_t *speeds;
        const void *onnx; /* NULL: it is in the repository */
        size_t onnx_bytes;
        const char *manifest; /* with `onnx`; may be NULL */
        size_t manifest_bytes;
        const hedge_input_shape_t *shapes; /* in place of those of the manifest */
        uint32_t n_shapes;
} source_t;

static int read_manifest(const hedged_config_t *config, const source_t *source, hedge_manifest_t *ret, hedge_why_t *why)
{
        *ret = (hedge_manifest_t){ 0 };
        if (!source->onnx)
                return hedged_repository_manifest(config->models.repository, source->name, ret, why);
        return source->manifest ? hedge_manifest_parse(HEDGE_MANIFEST_FILE, source->manifest, source->manifest_bytes,
                                                       NULL, ret, why)
                                : 0;
}

static int read_graph(const hedged_config_t *config, const source_t *source, const hedge_input_shape_t *shapes,
                      uint32_t n_shapes, hedge_graph_t **ret, hedge_why_t *why)
{
        const hedge_onnx_limits_t limits = limits_of(config);
        const hedge_onnx_options_t options = {
                .limits = &limits, .shapes = shapes, .n_shapes = n_shapes, .take_apart = true
        };

        if (source->onnx)
                return hedge_onnx_import(source->onnx, source->onnx_bytes, &options, ret, why);
        return hedged_repository_graph(config->models.repository, source->name, &options, ret, why);
}

/* The model in shape k of `sets`, which is learnt here.
 * @param first  The same in its first shape, whose weights serve; NULL: this is it. */
static int make_one(const hedged_config_t *config, hedge_kernels_t *kernels, const source_t *source, uint32_t k,
                    hedged_model_t *first, unsigned *sets, hedged_model_t **ret, hedge_why_t *why)
{
        hedge_input_shape_t shapes[HEDGE_INPUT_SHAPES_MAX];
        const hedge_input_shape_t *stated = source->shapes;
        uint32_t n = source->n_shapes;
        hedge_manifest_t manifest;
        hedge_graph_t *graph = NULL;
        int r = read_manifest(config, source, &manifest, why);

        if (r < 0)
                return r;
        if (n == 0) {
                stated = manifest.shapes;
                n = manifest.n_shapes;
        }
        r = hedge_input_shapes_sets(stated, n, why);
        if (r > 0) {
                *sets = (unsigned)r;
                n = hedge_input_shapes_set(stated, n, k, shapes);
                r = read_graph(config, source, shapes, n, &graph, why);
        }
        if (r < 0) {
                hedge_manifest_release(&manifest);
                return r;
        }
        if (first)
                hedge_graph_borrow(graph, first->graph);
        r = hedged_model_new(config, source->speeds, source->name, graph, &manifest, kernels, ret, why);
        if (r == 0 && first)
                (*ret)->constants->lender = hedged_constants_ref(first->constants);
        return r;
}

static bool are_alike(const hedged_model_t *a, const hedged_model_t *b)
{
        for (uint32_t i = 0; i < a->graph->n_inputs; i++)
                if (!hedge_shape_equal(&a->graph->values[a->graph->inputs[i]].shape,
                                       &b->graph->values[b->graph->inputs[i]].shape))
                        return false;
        return true;
}

/* The k-th shape beside those before it: another one, of the same file. */
static int compare(const hedged_model_set_t *set, unsigned k, hedge_why_t *why)
{
        const hedged_model_t *m = set->models[k];
        char shapes[200];

        for (unsigned i = 0; i < k; i++) {
                if (memcmp(set->models[i]->graph->digest, m->graph->digest, sizeof(m->graph->digest)) != 0)
                        return hedge_why(why, -EAGAIN, "the model's file changed while it was read");
                if (are_alike(set->models[i], m))
                        return hedge_why(why, HEDGE_ESHAPE, "the shapes %s are stated twice",
                                         hedged_model_shapes(m, shapes, sizeof(shapes)));
        }
        return 0;
}

/* In all its shapes, or not at all. */
static int make_all(const hedged_config_t *config, hedge_kernels_t *kernels, const source_t *source,
                    hedged_model_set_t *ret, hedge_why_t *why)
{
        hedged_model_set_t set = { .count = 0 };
        unsigned sets = 1;
        int r = 0;

        for (unsigned k = 0; r == 0 && k < sets; k++) {
                r = make_one(config, kernels, source, k, k ? set.models[0] : NULL, &sets, &set.models[k], why);
                set.count += r == 0;
                if (r == 0)
                        r = compare(&set, k, why);
        }
        if (r < 0)
                hedged_model_set_unref(&set);
        else
                *ret = set;
        return r;
}

static int prepare_read(const hedged_config_t *config, hedge_kernels_t *kernels, const source_t *source,
                        hedged_model_set_t *ret, hedge_why_t *why)
{
        if (!hedged_repository_has(config->models.repository, source->name))
                return hedge_why(why, HEDGE_ENOMODEL, "there is no model '%s' in the repository", source->name);
        return make_all(config, kernels, source, ret, why);
}

/* Note what a model was planned for. Where that cannot be written, the next start plans anew. */
static void note_speeds(const hedged_config_t *config, const char *name, const hedged_speeds_t *speeds)
{
        if (config->plan.cut == HEDGED_CUT_MEASURED)
                hedged_planned_save(config->models.repository, name, speeds);
}

int hedged_prepare_stored(const hedged_config_t *config, hedge_kernels_t *kernels, const hedged_speeds_t *speeds,
                          const char *name, hedged_model_set_t *ret, hedge_why_t *why)
{
        source_t source = { .name = name, .speeds = speeds };
        hedged_speeds_t then;
        int r;

        if (hedged_planned_load(config->models.repository, name, (unsigned)config->cluster.slots, &then) == 0) {
                source.speeds = &then;
                return prepare_read(config, kernels, &source, ret, why);
        }
        r = prepare_read(config, kernels, &source, ret, why);
        if (r == 0)
                note_speeds(config, name, speeds);
        return r;
}

/* A model that came by LOAD: nothing is stored before all of it has been understood. */
static int prepare_sent(hedged_preparer_t *p, hedged_load_t *l, source_t *source)
{
        int r;

        source->onnx = zmq_msg_data(&l->frames[0]);
        source->onnx_bytes = zmq_msg_size(&l->frames[0]);
        if (l->n_frames > 1) {
                source->manifest = zmq_msg_data(&l->frames[1]);
                source->manifest_bytes = zmq_msg_size(&l->frames[1]);
        }
        r = make_all(p->config, p->kernels, source, &l->set, &l->why);
        if (r < 0)
                return r;
        return hedged_repository_store(p->config->models.repository, l->name,
                                       &(hedged_stored_t){ .onnx = source->onnx,
                                                           .onnx_bytes = source->onnx_bytes,
                                                           .manifest = source->manifest,
                                                           .manifest_bytes = source->manifest_bytes,
                                                           .shapes = l->shapes,
                                                           .n_shapes = l->n_shapes },
                                       &l->why);
}

static int prepare_again(hedged_preparer_t *p, hedged_load_t *l, const source_t *source)
{
        const char *repository = p->config->models.repository;
        int r = prepare_read(p->config, p->kernels, source, &l->set, &l->why);

        if (r == 0 && l->n_shapes)
                r = hedged_repository_set_shapes(repository, l->name, l->shapes, l->n_shapes, &l->why);
        if (r == 0)
                hedged_repository_set_loaded(repository, l->name, true);
        return r;
}

static void do_load(hedged_preparer_t *p, hedged_load_t *l)
{
        source_t source = { .name = l->name, .speeds = &l->speeds, .shapes = l->shapes, .n_shapes = l->n_shapes };

        l->why.text[0] = '\0';
        l->result = l->n_frames > 0 ? prepare_sent(p, l, &source) : prepare_again(p, l, &source);
        if (l->result == 0)
                note_speeds(p->config, l->name, &l->speeds);
        if (l->result < 0 && !l->why.text[0])
                hedge_why(&l->why, l->result, "model '%s': %s", l->name, hedge_strerror(l->result));
        if (l->result < 0)
                hedged_model_set_unref(&l->set);
        l->mail.kind = p->kinds.loaded;
        hedge_mailbox_put(p->loop, &l->mail);
}

static void do_encode(hedged_preparer_t *p, hedged_encode_t *e)
{
        const hedged_layer_t *layer = &e->model->layers[e->layer];
        const hedged_variant_t *v = &layer->variants[e->variant];
        unsigned ell_b = hedge_code_ell_b(v->code, e->board);
        size_t block = hedge_partition_filter_elements(&v->partition);
        const float *filter;
        float *room = NULL;

        if (hedge_value_floats(layer->filter, &filter, &room) == 0)
                e->filters = hedge_floats_new(ell_b * block);
        for (unsigned lb = 0; e->filters && lb < ell_b; lb++)
                hedge_encode_filter(&v->partition, hedge_code_b(v->code, e->board, lb), filter,
                                    e->filters + lb * block);
        free(room);
        e->mail.kind = p->kinds.encoded;
        hedge_mailbox_put(p->loop, &e->mail);
}

static void do_replan(hedged_preparer_t *p, hedged_replan_t *replan)
{
        /* without memory a layer keeps what it had */
        hedged_model_replan(replan->model, &replan->speeds, replan->segments);
        replan->mail.kind = p->kinds.replanned;
        hedge_mailbox_put(p->loop, &replan->mail);
}

static void do_ask(hedged_preparer_t *p, hedged_ask_t *ask)
{
        ask->result = hedged_explain(p->config, ask, hedge_kernels_conv_error(p->kernels), &ask->why);
        ask->mail.kind = p->kinds.planned;
        hedge_mailbox_put(p->loop, &ask->mail);
}

static void drop(hedge_mail_t *mail)
{
        hedged_load_t *load = (hedged_load_t *)mail;
        hedged_encode_t *encode = (hedged_encode_t *)mail;
        hedged_ask_t *ask = (hedged_ask_t *)mail;
        hedged_replan_t *replan = (hedged_replan_t *)mail;

        switch (mail->kind) {
        case LOAD:
                hedged_load_destroy(&load);
                break;
        case ENCODE:
                hedged_encode_destroy(&encode);
                break;
        case REPLAN:
                hedged_replan_destroy(&replan);
                break;
        case ASK:
                hedged_ask_destroy(&ask);
        }
}

static void work(void *arg, hedge_mail_t *mail)
{
        hedged_preparer_t *p = arg;

        if (atomic_load(&p->stopping)) {
                drop(mail);
                return;
        }
        switch (mail->kind) {
        case LOAD:
                do_load(p, (hedged_load_t *)mail);
                break;
        case ENCODE:
                do_encode(p, (hedged_encode_t *)mail);
                break;
        case REPLAN:
                do_replan(p, (hedged_replan_t *)mail);
                break;
        case ASK:
                do_ask(p, (hedged_ask_t *)mail);
        }
}

int hedged_preparer_new(const hedged_config_t *config, hedge_kernels_t *kernels, hedge_mailbox_t *loop,
                        const hedged_preparer_kinds_t *kinds, hedged_preparer_t **ret)
{
        hedged_preparer_t *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->config = config;
        p->kernels = kernels;
        p->loop = loop;
        p->kinds = *kinds;
        r = hedge_actors_new(1, work, p, &p->thread);
        if (r < 0)
                free(p);
        else
                *ret = p;
        return r;
}

void hedged_preparer_load(hedged_preparer_t *p, hedged_load_t *load)
{
        load->mail.kind = LOAD;
        hedge_actors_put(p->thread, &load->mail);
}

void hedged_preparer_encode(hedged_preparer_t *p, hedged_encode_t *encode)
{
        encode->mail.kind = ENCODE;
        hedge_actors_put(p->thread, &encode->mail);
}

int hedged_preparer_replan(hedged_preparer_t *p, hedged_model_t *model, const hedged_speeds_t *speeds, bool segments)
{
        hedged_replan_t *replan = calloc(1, sizeof(*replan));

        if (!replan)
                return -ENOMEM;
        replan->mail.kind = REPLAN;
        replan->model = hedged_model_ref(model);
        replan->speeds = *speeds;
        replan->segments = segments;
        hedge_actors_put(p->thread, &replan->mail);
        return 0;
}

void hedged_preparer_ask(hedged_preparer_t *p, hedged_ask_t *ask)
{
        ask->mail.kind = ASK;
        hedge_actors_put(p->thread, &ask->mail);
}

void hedged_preparer_destroy(hedged_preparer_t **preparer)
{
        hedged_preparer_t *p = *preparer;

        if (!p)
                return;
        atomic_store(&p->stopping, true);
        hedge_actors_destroy(&p->thread);
        free(p);
        *preparer = NULL;
}
