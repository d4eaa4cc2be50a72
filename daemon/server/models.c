/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/models.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/model/batch.h"
#include "daemon/models/how.h"
#include "daemon/models/repository.h"
#include "daemon/models/segments.h"
#include "daemon/server/plans.h"
#include "daemon/server/probes.h"

#define TOO_MANY   "as many models as models.max_loaded allows are loaded already; unload one first"
#define MOST_LOADS 16
#define MEASURE_MS 1000 /* a load waits so long for boards that are being measured: their figures are planned with */

struct hedged_models {
        hedged_load_t *waiting[MOST_LOADS];  /* loaded; for the boards, before they are answered */
        unsigned n_waiting;                  /* of those */
        hedged_load_t *prepared[MOST_LOADS]; /* at the preparer: only who asked may be looked at */
        unsigned preparing;                  /* of those */
        hedged_load_t *held[MOST_LOADS];     /* not begun: boards are being measured; oldest first */
        unsigned n_held;                     /* of those */
};

/* @param open  The axes that the file leaves open; may be NULL. @param batch  The axes of the batch. */
static int describe_tensors(const hedge_graph_t *g, const uint32_t *values, const uint32_t *open, const uint32_t *batch,
                            uint32_t n, hedge_model_tensor_t **ret)
{
        hedge_model_tensor_t *t = calloc(n + 1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++) {
                snprintf(t[i].name, sizeof(t[i].name), "%s", g->values[values[i]].name);
                t[i].shape = g->values[values[i]].shape;
                t[i].element = g->values[values[i]].element;
                t[i].open = open ? open[i] : 0;
                t[i].batch_axis = batch[i] == HEDGE_NO_AXIS ? 0 : batch[i] + 1;
        }
        *ret = t;
        return 0;
}

/* Does the board hold all that it is to hold, and anything at all? */
static bool holds_all(const hedged_model_t *m, unsigned board)
{
        unsigned due = m->n_layers;

        for (unsigned l = 0; l < m->n_layers; l++)
                if (!hedged_variant_holds(&m->layers[l].variants[0], board))
                        return false;
        for (unsigned i = 0; i < m->n_blocks; i++) {
                if (!hedged_block_is_chosen(&m->blocks[i], board))
                        continue;
                if (!hedged_block_holds(&m->blocks[i], board))
                        return false;
                due++;
        }
        return due > 0;
}

static unsigned boards_with_all(const hedged_model_t *m)
{
        unsigned n = 0;

        for (unsigned b = 0; b < m->slots; b++)
                n += holds_all(m, b);
        return n;
}

/* What a board keeps, of those that keep most. */
static uint64_t share_bytes(const hedged_model_t *m)
{
        uint64_t most = 0;

        for (unsigned b = 0; b < m->slots; b++) {
                uint64_t bytes = 0;

                for (unsigned l = 0; l < m->n_layers; l++)
                        bytes += hedged_variant_share_bytes(&m->layers[l].variants[0], b);
                for (unsigned i = 0; i < m->n_blocks; i++)
                        bytes += hedged_block_is_chosen(&m->blocks[i], b) ? m->blocks[i].bytes : 0;
                most = bytes > most ? bytes : most;
        }
        return most;
}

/* Ready: every coded layer could be decoded now, or is better not, and some board holds every segment. */
static bool is_ready(hedged_model_t *m)
{
        for (unsigned l = 0; l < m->n_layers; l++)
                if (!hedged_layer_ready(&m->layers[l]))
                        return false;
        return hedged_segments_ready(m);
}

static int describe_model(hedged_model_t *m, hedge_model_status_t *s)
{
        const hedge_graph_t *g = m->graph;
        int r;

        snprintf(s->name, sizeof(s->name), "%s", m->name);
        snprintf(s->state, sizeof(s->state), "%s", is_ready(m) ? "ready" : "waiting");
        s->macs = m->macs;
        s->parameters = m->parameters;
        s->layers = g->n_nodes;
        s->coded_layers = m->n_layers;
        s->ready_boards = boards_with_all(m);
        s->segment_layers = hedged_segments_nodes(m);
        s->share_bytes = share_bytes(m);
        s->preprocess = m->manifest.preprocess;
        s->any_batch = g->batch->any;
        s->batch = g->batch->size;
        s->batch_apart = g->batch->apart;
        snprintf(s->batch_why, sizeof(s->batch_why), "%s", g->batch->why);
        hedged_model_how(m, s->how, sizeof(s->how));
        r = describe_tensors(g, g->inputs, g->open, g->batch->inputs, g->n_inputs, &s->inputs);
        if (r < 0)
                return r;
        s->n_inputs = g->n_inputs;
        r = describe_tensors(g, g->outputs, NULL, g->batch->outputs, g->n_outputs, &s->outputs);
        if (r == 0)
                s->n_outputs = g->n_outputs;
        return r;
}

static void forget_description(hedge_model_status_t *s)
{
        free(s->inputs);
        free(s->outputs);
}

static int labels_frame(const hedge_manifest_t *manifest, zmq_msg_t *frame)
{
        size_t size = 0, at = 0;

        for (uint32_t i = 0; i < manifest->n_labels; i++)
                size += strlen(manifest->labels[i]) + 1;
        if (zmq_msg_init_size(frame, size) < 0)
                return -ENOMEM;
        for (uint32_t i = 0; i < manifest->n_labels; i++) {
                size_t n = strlen(manifest->labels[i]);

                memcpy((char *)zmq_msg_data(frame) + at, manifest->labels[i], n);
                at += n;
                ((char *)zmq_msg_data(frame))[at++] = '\n';
        }
        return 0;
}

/* The labels, and what model.yaml says besides. */
static int describe_in_frames(const hedge_manifest_t *manifest, zmq_msg_t frames[2], uint32_t *ret_n)
{
        char *text = NULL;
        size_t size = 0;
        int r = labels_frame(manifest, &frames[0]);

        if (r < 0)
                return r;
        *ret_n = 1;
        if (!manifest->preprocess.given)
                return 0;
        r = hedge_manifest_write_settings(manifest, &text, &size);
        if (r == 0 && zmq_msg_init_size(&frames[1], size) < 0)
                r = -ENOMEM;
        if (r == 0) {
                memcpy(zmq_msg_data(&frames[1]), text, size);
                *ret_n = 2;
        } else {
                zmq_msg_close(&frames[0]);
        }
        free(text);
        return r;
}

void hedged_models_list(hedged_server_t *c, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        const hedge_msg_models_t *asked = &e->message.models;
        hedged_model_t *one = *asked->name ? hedged_registry_find(&c->registry, asked->name) : NULL;
        hedge_message_t message = { .type = HEDGE_MSG_MODELS_OK };
        hedge_msg_models_ok_t *ok = &message.models_ok;
        zmq_msg_t frames[2];
        uint32_t n_frames = 0;
        int r = 0;

        if (*asked->name && !one) {
                char text[HEDGE_TEXT_MAX];

                snprintf(text, sizeof(text), "no model '%s' is loaded", asked->name);
                hedged_refuse(asker, HEDGE_ENOMODEL, text);
                return;
        }
        ok->id = asked->id;
        ok->models = calloc(c->registry.count + 1, sizeof(*ok->models));
        if (!ok->models)
                r = -ENOMEM;
        for (unsigned i = 0; r == 0 && i < c->registry.count; i++)
                if (!one || !strcmp(c->registry.models[i]->name, one->name))
                        r = describe_model(c->registry.models[i], &ok->models[ok->n_models++]);
        if (r == 0 && one)
                r = describe_in_frames(&one->manifest, frames, &n_frames);
        if (r == 0)
                hedged_reply(asker, &message, frames, n_frames);
        else
                hedged_refuse(asker, r, hedge_strerror(r));
        for (uint32_t i = 0; i < ok->n_models; i++)
                forget_description(&ok->models[i]);
        free(ok->models);
}

static void answer_done(const hedge_asker_t *asker, hedge_message_type_t type, hedged_model_t *m, const char *state)
{
        hedge_message_t message = { .type = type };
        int r = describe_model(m, &message.done.model);

        message.done.id = asker->id;
        if (state)
                snprintf(message.done.model.state, sizeof(message.done.model.state), "%s", state);
        if (r == 0)
                hedged_reply(asker, &message, NULL, 0);
        else
                hedged_refuse(asker, r, hedge_strerror(r));
        forget_description(&message.done.model);
}

static unsigned loads_pending(const hedged_models_t *models)
{
        return models->preparing + models->n_waiting + models->n_held;
}

static void prepare(hedged_server_t *c, hedged_load_t *l)
{
        hedged_measure_snapshot(c->measure, c->cluster, &l->speeds);
        hedged_distribute_room(c->distributor, l->name, &l->speeds);
        c->models->prepared[c->models->preparing++] = l;
        hedged_preparer_load(c->preparer, l);
}

/* Begin with loads that were held back, in their order, when all boards are measured, or have had the time for it. */
static void prepare_held(hedged_server_t *c)
{
        hedged_models_t *m = c->models;
        unsigned n = 0;

        while (n < m->n_held && (!hedged_probes_busy(c->probes) || hedge_now_ms() >= m->held[n]->answer_by_ms))
                prepare(c, m->held[n++]);
        m->n_held -= n;
        memmove(m->held, m->held + n, m->n_held * sizeof(m->held[0]));
}

void hedged_models_load(hedged_server_t *c, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        const hedge_msg_load_t *load = &e->message.load;
        hedged_load_t *l;

        for (uint32_t i = 0; i < load->n_shapes; i++)
                if (!hedge_input_shape_ok(&load->shapes[i])) {
                        hedged_refuse(asker, -EINVAL,
                                      "a stated shape has a name that is not printable, or an extent of 0");
                        return;
                }
        if (!hedge_name_ok(load->name)) {
                hedged_refuse(asker, -EINVAL,
                              "a model's name has letters, digits, '.', '_' and '-', at most 63, and begins with "
                              "a letter or digit");
                return;
        }
        if (!hedged_registry_find(&c->registry, load->name) && c->registry.count >= c->registry.max) {
                hedged_refuse(asker, HEDGE_ELIMIT, TOO_MANY);
                return;
        }
        if (c->stopping || loads_pending(c->models) >= MOST_LOADS) {
                hedged_refuse(asker, c->stopping ? HEDGE_ESHUTDOWN : -EAGAIN,
                              c->stopping ? HEDGED_STOPPING : "too many models are being loaded already");
                return;
        }
        l = calloc(1, sizeof(*l));
        if (!l) {
                hedged_refuse(asker, -ENOMEM, "out of memory");
                return;
        }
        l->asker = *asker;
        l->wait_ms = load->wait_ms;
        snprintf(l->name, sizeof(l->name), "%s", load->name);
        l->n_shapes = load->n_shapes; /* at most HEDGE_INPUT_SHAPES_MAX: the schema's bound */
        if (l->n_shapes)
                memcpy(l->shapes, load->shapes, l->n_shapes * sizeof(l->shapes[0]));
        for (; l->n_frames < e->n_frames && l->n_frames < 2; l->n_frames++) {
                zmq_msg_init(&l->frames[l->n_frames]);
                zmq_msg_move(&l->frames[l->n_frames], &e->frames[l->n_frames]);
        }
        l->answer_by_ms = hedge_now_ms() + MEASURE_MS;
        c->models->held[c->models->n_held++] = l;
        prepare_held(c);
}

int hedged_models_serve(hedged_server_t *c, const hedged_model_set_t *set)
{
        hedged_model_set_t replaced;
        int r = hedged_registry_put(&c->registry, set, &replaced);
        char shapes[200];

        if (r < 0)
                return r;
        for (unsigned i = 0; i < set->count; i++)
                log_notice("model=%s: loaded, %u of %u nodes are coded, inputs=%s", set->models[i]->name,
                           set->models[i]->n_layers, set->models[i]->graph->n_nodes,
                           hedged_model_shapes(set->models[i], shapes, sizeof(shapes)));
        hedged_plans_look_again(c->plans, replaced.count > 0); /* with the boards that are here */
        if (c->distributor) {
                hedged_distribute_loaded(c->distributor);
                for (unsigned i = 0; i < replaced.count; i++)
                        hedged_distribute_unloaded(c->distributor, replaced.models[i]);
        }
        hedged_model_set_unref(&replaced);
        return 0;
}

void hedged_models_loaded(hedged_server_t *c, hedged_load_t *l)
{
        for (unsigned i = 0; i < c->models->preparing; i++)
                if (c->models->prepared[i] == l) {
                        c->models->prepared[i] = c->models->prepared[--c->models->preparing];
                        break;
                }
        if (l->result == 0) {
                hedged_model_set_t served = l->set;

                for (unsigned i = 0; i < served.count; i++)
                        hedged_model_ref(served.models[i]);
                l->result = hedged_models_serve(c, &served);
                if (l->result < 0) {
                        hedged_model_set_unref(&served);
                        hedge_why(&l->why, l->result, "%s", l->result == HEDGE_ELIMIT ? TOO_MANY : "out of memory");
                }
                /* as the next start will have it; an UNLOAD may have come between */
                hedged_repository_set_loaded(c->config->models.repository, l->name, l->result == 0);
        }
        if (l->result < 0) {
                log_warning("model=%s: not loaded: %s", l->name, l->why.text);
                hedged_refuse(&l->asker, l->result, l->why.text);
                hedged_load_destroy(&l);
                return;
        }
        l->answer_by_ms = hedge_now_ms() + l->wait_ms;
        c->models->waiting[c->models->n_waiting++] = l; /* there is room: loads_pending() is bounded */
        hedged_models_settle(c);
}

/* Is there a board that may not be given work yet, or for the moment, but may be soon? */
static bool boards_to_come(const hedged_cluster_t *cluster)
{
        unsigned count;
        hedged_board_t *const *boards = hedged_cluster_boards(cluster, &count);

        for (unsigned i = 0; i < count; i++)
                if (boards[i]->index != HEDGED_NO_INDEX && boards[i]->state != HEDGED_BOARD_GONE && !boards[i]->usable)
                        return true;
        return false;
}

/* All is sent to who may be given work; and that is enough for the model to run on boards, or nobody else is to come. */
static bool is_settled(const hedged_server_t *c, const hedged_load_t *l)
{
        const bool all_here = !boards_to_come(c->cluster);

        for (unsigned i = 0; i < l->set.count; i++)
                if (!hedged_distribute_settled(c->distributor, l->set.models[i]) ||
                    (!all_here && !is_ready(l->set.models[i])))
                        return false;
        return true;
}

void hedged_models_settle(hedged_server_t *c)
{
        if (c->models->n_held > 0 && !c->stopping)
                prepare_held(c);
        for (unsigned i = 0; i < c->models->n_waiting;) {
                hedged_load_t *l = c->models->waiting[i];

                if (hedge_now_ms() < l->answer_by_ms && !is_settled(c, l)) {
                        i++;
                        continue;
                }
                answer_done(&l->asker, HEDGE_MSG_LOAD_OK, l->set.models[0], NULL);
                hedged_load_destroy(&l);
                c->models->waiting[i] = c->models->waiting[--c->models->n_waiting];
        }
}

void hedged_models_abandon(hedged_server_t *c)
{
        for (unsigned i = 0; i < c->models->preparing; i++)
                hedged_refuse(&c->models->prepared[i]->asker, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
        while (c->models->n_held > 0) {
                hedged_load_t *l = c->models->held[--c->models->n_held];

                hedged_refuse(&l->asker, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
                hedged_load_destroy(&l);
        }
        while (c->models->n_waiting > 0) {
                hedged_load_t *l = c->models->waiting[--c->models->n_waiting];

                answer_done(&l->asker, HEDGE_MSG_LOAD_OK, l->set.models[0], NULL);
                hedged_load_destroy(&l);
        }
}

void hedged_models_unload(hedged_server_t *c, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        const hedge_msg_unload_t *unload = &e->message.unload;
        hedged_model_t *m = hedged_registry_find(&c->registry, unload->name);
        hedged_model_set_t set;
        int r;

        if (!m) {
                char text[HEDGE_TEXT_MAX];

                snprintf(text, sizeof(text), "no model '%s' is loaded", unload->name);
                hedged_refuse(asker, HEDGE_ENOMODEL, text);
                return;
        }
        r = hedged_repository_set_loaded(c->config->models.repository, m->name, false);
        if (r < 0)
                log_warning("model=%s: cannot note in the repository that it is unloaded: %s, it will be back after a "
                            "restart",
                            m->name, hedge_strerror(r));
        hedged_registry_remove(&c->registry, unload->name, &set);
        for (unsigned i = 0; i < set.count; i++)
                hedged_distribute_unloaded(c->distributor, set.models[i]);
        hedged_plans_look_again(c->plans, true);
        log_notice("model=%s: unloaded", unload->name);
        answer_done(asker, HEDGE_MSG_UNLOAD_OK, set.models[0], "unloaded");
        hedged_model_set_unref(&set);
}

bool hedged_models_are_idle(const hedged_models_t *models)
{
        return loads_pending(models) == 0;
}

unsigned hedged_models_preparing(const hedged_models_t *models)
{
        return models->preparing;
}

int64_t hedged_models_due_ms(const hedged_models_t *models)
{
        int64_t due_ms = models->n_held > 0 ? models->held[0]->answer_by_ms : INT64_MAX;

        for (unsigned i = 0; i < models->n_waiting; i++)
                due_ms = models->waiting[i]->answer_by_ms < due_ms ? models->waiting[i]->answer_by_ms : due_ms;
        return due_ms;
}

int hedged_models_new(hedged_models_t **ret)
{
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

void hedged_models_destroy(hedged_models_t **models)
{
        for (unsigned i = 0; *models && i < (*models)->n_waiting; i++)
                hedged_load_destroy(&(*models)->waiting[i]);
        for (unsigned i = 0; *models && i < (*models)->n_held; i++)
                hedged_load_destroy(&(*models)->held[i]);
        free(*models);
        *models = NULL;
}
