/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/prepare.h"

#include <errno.h>
#include <stdlib.h>

#include "common/wire/actors.h"
#include "daemon/models/repository.h"
#include "daemon/plan/planned.h"

enum { LOAD, ENCODE, REPLAN, ASK };

/* The variants of a model to be looked at again. */
typedef struct replan {
        hedge_mail_t mail;
        hedged_model_t *model; /* a reference */
        hedged_speeds_t speeds;
} replan_t;

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
        hedged_model_unref(&(*load)->model);
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

static hedge_onnx_limits_t limits_of(const hedged_config_t *config)
{
        hedge_onnx_limits_t limits = hedge_onnx_default_limits;

        limits.max_file_bytes = config->models.file_bytes;
        return limits;
}

static int prepare_read(const hedged_config_t *config, hedge_kernels_t *kernels, const hedged_speeds_t *speeds,
                        const char *name, hedged_model_t **ret, hedge_why_t *why)
{
        const hedge_onnx_limits_t limits = limits_of(config);
        hedge_graph_t *graph = NULL;
        hedge_manifest_t manifest = { 0 };
        int r;

        if (!hedged_repository_has(config->models.repository, name))
                return hedge_why(why, HEDGE_ENOMODEL, "there is no model '%s' in the repository", name);
        r = hedged_repository_read(config->models.repository, name, &limits, &graph, &manifest, why);
        if (r < 0)
                return r;
        return hedged_model_new(config, speeds, name, graph, &manifest, kernels, ret, why);
}

/* Note what a model was planned for. Where that cannot be written, the next start plans anew. */
static void note_speeds(const hedged_config_t *config, const char *name, const hedged_speeds_t *speeds)
{
        if (config->plan.cut == HEDGED_CUT_MEASURED)
                hedged_planned_save(config->models.repository, name, speeds);
}

int hedged_prepare_stored(const hedged_config_t *config, hedge_kernels_t *kernels, const hedged_speeds_t *speeds,
                          const char *name, hedged_model_t **ret, hedge_why_t *why)
{
        hedged_speeds_t then;
        int r;

        if (hedged_planned_load(config->models.repository, name, (unsigned)config->cluster.slots, &then) == 0)
                return prepare_read(config, kernels, &then, name, ret, why);
        r = prepare_read(config, kernels, speeds, name, ret, why);
        if (r == 0)
                note_speeds(config, name, speeds);
        return r;
}

/* A model that came by LOAD: nothing is stored before all of it has been understood. */
static int prepare_sent(hedged_preparer_t *p, hedged_load_t *l)
{
        const hedge_onnx_limits_t limits = limits_of(p->config);
        const char *text = l->n_frames > 1 ? zmq_msg_data(&l->frames[1]) : NULL;
        size_t text_bytes = l->n_frames > 1 ? zmq_msg_size(&l->frames[1]) : 0;
        void *onnx = zmq_msg_data(&l->frames[0]);
        size_t onnx_bytes = zmq_msg_size(&l->frames[0]);
        hedge_manifest_t manifest = { 0 };
        hedge_graph_t *graph = NULL;
        int r = text ? hedge_manifest_parse(HEDGE_MANIFEST_FILE, text, text_bytes, NULL, &manifest, &l->why) : 0;

        if (r < 0)
                return r;
        r = hedge_onnx_import(onnx, onnx_bytes, &(hedge_onnx_options_t){ .limits = &limits }, &graph, &l->why);
        if (r < 0) {
                hedge_manifest_release(&manifest);
                return r;
        }
        r = hedged_model_new(p->config, &l->speeds, l->name, graph, &manifest, p->kernels, &l->model, &l->why);
        if (r < 0)
                return r;
        return hedged_repository_store(p->config->models.repository, l->name, onnx, onnx_bytes, text, text_bytes,
                                       &l->why);
}

static void do_load(hedged_preparer_t *p, hedged_load_t *l)
{
        l->why.text[0] = '\0';
        if (l->n_frames > 0) {
                l->result = prepare_sent(p, l);
        } else {
                l->result = prepare_read(p->config, p->kernels, &l->speeds, l->name, &l->model, &l->why);
                if (l->result == 0)
                        hedged_repository_set_loaded(p->config->models.repository, l->name, true);
        }
        if (l->result == 0)
                note_speeds(p->config, l->name, &l->speeds);
        if (l->result < 0 && !l->why.text[0])
                hedge_why(&l->why, l->result, "model '%s': %s", l->name, hedge_strerror(l->result));
        if (l->result < 0)
                hedged_model_unref(&l->model);
        l->mail.kind = p->kinds.loaded;
        hedge_mailbox_put(p->loop, &l->mail);
}

static void do_encode(hedged_preparer_t *p, hedged_encode_t *e)
{
        const hedged_layer_t *layer = &e->model->layers[e->layer];
        const hedged_variant_t *v = &layer->variants[e->variant];
        unsigned ell_b = hedge_code_ell_b(v->code, e->board);
        size_t block = hedge_partition_filter_elements(&v->partition);

        e->filters = hedge_floats_new(ell_b * block);
        for (unsigned lb = 0; e->filters && lb < ell_b; lb++)
                hedge_encode_filter(&v->partition, hedge_code_b(v->code, e->board, lb), layer->filter,
                                    e->filters + lb * block);
        e->mail.kind = p->kinds.encoded;
        hedge_mailbox_put(p->loop, &e->mail);
}

static void replan_destroy(replan_t **replan)
{
        hedged_model_unref(&(*replan)->model);
        free(*replan);
        *replan = NULL;
}

static void do_replan(replan_t *replan)
{
        hedged_model_replan(replan->model, &replan->speeds); /* without memory a layer keeps what it had */
        replan_destroy(&replan);
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
        replan_t *replan = (replan_t *)mail;

        switch (mail->kind) {
        case LOAD:
                hedged_load_destroy(&load);
                break;
        case ENCODE:
                hedged_encode_destroy(&encode);
                break;
        case REPLAN:
                replan_destroy(&replan);
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
                do_replan((replan_t *)mail);
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

void hedged_preparer_replan(hedged_preparer_t *p, hedged_model_t *model, const hedged_speeds_t *speeds)
{
        replan_t *replan = calloc(1, sizeof(*replan));

        if (!replan)
                return;
        replan->mail.kind = REPLAN;
        replan->model = hedged_model_ref(model);
        replan->speeds = *speeds;
        hedge_actors_put(p->thread, &replan->mail);
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
