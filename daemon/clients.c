/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/repository.h"
#include "daemon/state.h"

#define PER_TURN 16

static void answer_error(void *socket, const hedge_route_t *route, uint64_t id, int code, const char *text)
{
        hedge_message_t message = { .type = HEDGE_MSG_ERROR, .error = { .code = code, .job = id } };

        snprintf(message.error.text, sizeof(message.error.text), "%s", text);
        hedge_link_send(socket, route, &message, NULL, 0); /* a client that has gone gets no answer */
}

static void answer(void *socket, const hedge_route_t *route, uint64_t id, const hedge_message_t *message,
                   zmq_msg_t *frames, uint32_t n_frames)
{
        int r = hedge_link_send(socket, route, message, frames, n_frames);

        if (r < 0 && r != -EHOSTUNREACH) {
                log_warning("request=%" PRIu64 ": cannot send the %s: %s", id, hedge_message_name(message->type),
                            hedge_strerror(r));
                answer_error(socket, route, id, r, "the answer could not be sent");
        }
}

/* ---- INFER ---- */

static int check_inputs(const hedged_model_t *m, const hedge_envelope_t *e, hedge_why_t *why)
{
        const hedge_msg_infer_t *infer = &e->message.infer;
        const hedge_graph_t *g = m->graph;

        if (infer->n_inputs != g->n_inputs || e->n_frames != g->n_inputs)
                return hedge_why(why, HEDGE_ESHAPE, "model '%s' has %u inputs, the request %u", m->name, g->n_inputs,
                                 infer->n_inputs);
        for (uint32_t i = 0; i < g->n_inputs; i++) {
                const hedge_value_t *input = &g->values[g->inputs[i]];
                char given[80], wanted[80];
                int r;

                if (!hedge_shape_equal(&infer->inputs[i], &input->shape))
                        return hedge_why(why, HEDGE_ESHAPE, "input '%.64s' of model '%s' is %s, the request's is %s",
                                         input->name, m->name, hedge_shape_text(&input->shape, wanted, sizeof(wanted)),
                                         hedge_shape_text(&infer->inputs[i], given, sizeof(given)));
                r = hedge_wire_check_tensor(&infer->inputs[i], &e->frames[i], why);
                if (r < 0)
                        return r;
        }
        return 0;
}

static hedged_request_t *make_request(hedged_coordinator_t *c, void *socket, hedge_envelope_t *e, hedged_model_t *m)
{
        hedged_request_t *q = calloc(1, sizeof(*q));

        (void)c;
        if (!q)
                return NULL;
        q->frames = calloc(m->graph->n_inputs + 1, sizeof(*q->frames));
        if (!q->frames) {
                free(q);
                return NULL;
        }
        for (uint32_t i = 0; i < m->graph->n_inputs; i++) {
                zmq_msg_init(&q->frames[i]);
                zmq_msg_move(&q->frames[i], &e->frames[i]);
        }
        q->model = hedged_model_ref(m);
        q->socket = socket;
        q->route = e->route;
        q->id = e->message.infer.id;
        q->received_us = hedge_now_us();
        return q;
}

static void handle_infer(hedged_coordinator_t *c, void *socket, hedge_envelope_t *e)
{
        const hedge_msg_infer_t *infer = &e->message.infer;
        hedged_model_t *m = hedged_registry_find(&c->registry, infer->model);
        hedged_request_t *q = NULL;
        hedge_why_t why;
        int r = 0;

        c->requests++;
        if (c->stopping)
                r = hedge_why(&why, HEDGE_ESHUTDOWN, "the coordinator is stopping");
        else if (!m)
                r = hedge_why(&why, HEDGE_ENOMODEL, "no model '%s' is loaded", infer->model);
        else if (c->in_flight >= c->config->inference.queue + c->config->inference.in_flight)
                r = hedge_why(&why, -EAGAIN, "%u requests are waiting already, try again later", c->in_flight);
        else
                r = check_inputs(m, e, &why);
        if (r == 0 && !(q = make_request(c, socket, e, m)))
                r = hedge_why(&why, -ENOMEM, "out of memory");
        if (r < 0) {
                c->requests_failed++;
                answer_error(socket, &e->route, infer->id, r, why.text);
                return;
        }
        q->next = c->out;
        c->out = q;
        c->in_flight++;
        hedged_runners_submit(c->runners, q);
}

static int send_result(hedged_request_t *q)
{
        const hedge_graph_t *g = q->model->graph;
        hedge_shape_t *shapes = calloc(g->n_outputs + 1, sizeof(*shapes));
        zmq_msg_t *frames = calloc(g->n_outputs + 1, sizeof(*frames));
        hedge_message_t message = { .type = HEDGE_MSG_RESULT };
        uint32_t n = 0;
        int r = shapes && frames ? 0 : -ENOMEM;

        for (; r == 0 && n < g->n_outputs; n += r == 0) {
                shapes[n] = q->outputs[n].shape;
                r = hedge_frame_floats(&frames[n], q->outputs[n].data, hedge_shape_elements(&shapes[n]));
                if (r == 0)
                        q->outputs[n].data = NULL;
        }
        if (r == 0) {
                message.result.id = q->id;
                message.result.latency_ms = (double)(hedge_now_us() - q->received_us) / 1000.0;
                message.result.n_outputs = g->n_outputs;
                message.result.outputs = shapes;
                message.result.n_layers = q->n_reports;
                message.result.layers = q->reports;
                answer(q->socket, &q->route, q->id, &message, frames, n);
        } else {
                while (n > 0)
                        zmq_msg_close(&frames[--n]);
        }
        free(shapes);
        free(frames);
        return r;
}

void hedged_clients_answer(hedged_coordinator_t *c, hedged_request_t *q)
{
        int r = q->result;

        for (hedged_request_t **at = &c->out; *at; at = &(*at)->next)
                if (*at == q) {
                        *at = q->next;
                        break;
                }
        c->in_flight--;
        if (r == 0)
                r = send_result(q);
        if (r < 0) {
                c->requests_failed++;
                log_warning("request=%" PRIu64 " model=%s: failed: %s", q->id, q->model->name, hedge_strerror(r));
                answer_error(q->socket, &q->route, q->id, r, q->result < 0 ? q->why.text : hedge_strerror(r));
        }
        hedged_request_destroy(&q);
}

void hedged_clients_abandon(hedged_coordinator_t *c)
{
        for (const hedged_request_t *q = c->out; q; q = q->next)
                answer_error(q->socket, &q->route, q->id, HEDGE_ESHUTDOWN, "the coordinator is stopping");
}

/* ---- STATUS ---- */

static void describe_board(const hedged_board_t *b, hedge_board_status_t *s)
{
        memcpy(s->name, b->name, sizeof(s->name));
        memcpy(s->backend, b->backend, sizeof(s->backend));
        memcpy(s->version, b->version, sizeof(s->version));
        snprintf(s->state, sizeof(s->state), "%s", hedged_board_state_name(b));
        s->index = b->index;
        s->cores = b->cores;
        s->shares = b->shares;
        s->held_bytes = b->held_bytes;
        s->share_bytes_max = b->share_bytes_max;
        s->parts_done = b->parts_done;
        s->incarnation = b->incarnation;
        s->queued = b->queued;
        s->seen_ms = (uint64_t)(hedge_now_ms() - b->seen_ms);
        s->round_trip_ms = b->round_trip_ms;
        s->comebacks = b->comebacks;
}

static void handle_status(hedged_coordinator_t *c, void *socket, hedge_envelope_t *e)
{
        static const char *const securities[] = { "curve", "network", "insecure-loopback" };
        hedge_message_t message = { .type = HEDGE_MSG_STATUS_OK };
        hedge_msg_status_ok_t *s = &message.status_ok;
        hedged_board_t *const *boards = hedged_cluster_boards(c->cluster, &s->n_boards);

        s->boards = calloc(s->n_boards + 1, sizeof(*s->boards));
        if (!s->boards) {
                answer_error(socket, &e->route, e->message.status.id, -ENOMEM, "out of memory");
                return;
        }
        for (uint32_t i = 0; i < s->n_boards; i++)
                describe_board(boards[i], &s->boards[i]);
        s->id = e->message.status.id;
        snprintf(s->version, sizeof(s->version), "%s", HEDGE_VERSION);
        snprintf(s->security, sizeof(s->security), "%s", securities[c->config->security]);
        snprintf(s->backend, sizeof(s->backend), "%s", hedge_kernels_name(c->kernels));
        s->uptime_ms = (uint64_t)(hedge_now_ms() - c->started_ms);
        s->requests = c->requests;
        s->requests_failed = c->requests_failed;
        s->in_flight = c->in_flight;
        s->malformed = c->malformed;
        s->late_parts = c->late_parts;
        s->refused = c->auth ? hedge_auth_refused(c->auth) : 0;
        s->slots = hedged_cluster_slots(c->cluster);
        answer(socket, &e->route, s->id, &message, NULL, 0);
        free(s->boards);
}

/* ---- MODELS, LOAD, UNLOAD ---- */

static int describe_tensors(const hedge_graph_t *g, const uint32_t *values, uint32_t n, hedge_model_tensor_t **ret)
{
        hedge_model_tensor_t *t = calloc(n + 1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++) {
                snprintf(t[i].name, sizeof(t[i].name), "%s", g->values[values[i]].name);
                t[i].shape = g->values[values[i]].shape;
        }
        *ret = t;
        return 0;
}

static unsigned boards_with_all(const hedged_model_t *m)
{
        unsigned n = 0;

        for (unsigned b = 0; b < m->slots; b++) {
                unsigned l = 0;

                while (l < m->n_layers && hedged_variant_holds(&m->layers[l].variants[0], b))
                        l++;
                n += m->n_layers > 0 && l == m->n_layers;
        }
        return n;
}

/* Ready: every coded layer could be decoded now. */
static const char *model_state(const hedged_model_t *m)
{
        for (unsigned l = 0; l < m->n_layers; l++)
                if (!hedged_layer_variant(&m->layers[l]))
                        return "waiting";
        return "ready";
}

static int describe_model(const hedged_model_t *m, hedge_model_status_t *s)
{
        const hedge_graph_t *g = m->graph;
        int r;

        snprintf(s->name, sizeof(s->name), "%s", m->name);
        snprintf(s->state, sizeof(s->state), "%s", model_state(m));
        s->macs = m->macs;
        s->parameters = m->parameters;
        s->layers = g->n_nodes;
        s->coded_layers = m->n_layers;
        s->ready_boards = boards_with_all(m);
        for (unsigned l = 0; l < m->n_layers; l++)
                s->share_bytes += hedged_variant_share_bytes(&m->layers[l].variants[0], 0);
        s->preprocess = m->manifest.preprocess;
        r = describe_tensors(g, g->inputs, g->n_inputs, &s->inputs);
        if (r < 0)
                return r;
        s->n_inputs = g->n_inputs;
        r = describe_tensors(g, g->outputs, g->n_outputs, &s->outputs);
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

static void handle_models(hedged_coordinator_t *c, void *socket, hedge_envelope_t *e)
{
        const hedge_msg_models_t *asked = &e->message.models;
        hedged_model_t *one = *asked->name ? hedged_registry_find(&c->registry, asked->name) : NULL;
        hedge_message_t message = { .type = HEDGE_MSG_MODELS_OK };
        hedge_msg_models_ok_t *ok = &message.models_ok;
        zmq_msg_t frame;
        int r = 0;

        if (*asked->name && !one) {
                char text[HEDGE_TEXT_MAX];

                snprintf(text, sizeof(text), "no model '%s' is loaded", asked->name);
                answer_error(socket, &e->route, asked->id, HEDGE_ENOMODEL, text);
                return;
        }
        ok->id = asked->id;
        ok->models = calloc(c->registry.count + 1, sizeof(*ok->models));
        if (!ok->models)
                r = -ENOMEM;
        for (unsigned i = 0; r == 0 && i < c->registry.count; i++)
                if (!one || c->registry.models[i] == one)
                        r = describe_model(c->registry.models[i], &ok->models[ok->n_models++]);
        if (r == 0 && one)
                r = labels_frame(&one->manifest, &frame);
        if (r == 0)
                answer(socket, &e->route, asked->id, &message, one ? &frame : NULL, one ? 1 : 0);
        else
                answer_error(socket, &e->route, asked->id, r, hedge_strerror(r));
        for (uint32_t i = 0; i < ok->n_models; i++)
                forget_description(&ok->models[i]);
        free(ok->models);
}

static void answer_done(void *socket, const hedge_route_t *route, uint64_t id, hedge_message_type_t type,
                        const hedged_model_t *m, const char *state)
{
        hedge_message_t message = { .type = type };
        int r = describe_model(m, &message.done.model);

        message.done.id = id;
        if (state)
                snprintf(message.done.model.state, sizeof(message.done.model.state), "%s", state);
        if (r == 0)
                answer(socket, route, id, &message, NULL, 0);
        else
                answer_error(socket, route, id, r, hedge_strerror(r));
        forget_description(&message.done.model);
}

static void handle_load(hedged_coordinator_t *c, void *socket, hedge_envelope_t *e)
{
        const hedge_msg_load_t *load = &e->message.load;
        hedged_load_t *l;

        if (!hedged_model_name_ok(load->name)) {
                answer_error(socket, &e->route, load->id, -EINVAL,
                             "a model's name has letters, digits, '.', '_' and '-', at most 63, and no leading dot");
                return;
        }
        if (c->stopping || c->preparing + c->n_loads >= HEDGED_MAX_PENDING_LOADS) {
                answer_error(socket, &e->route, load->id, c->stopping ? HEDGE_ESHUTDOWN : -EAGAIN,
                             c->stopping ? "the coordinator is stopping" : "too many models are being loaded already");
                return;
        }
        l = calloc(1, sizeof(*l));
        if (!l) {
                answer_error(socket, &e->route, load->id, -ENOMEM, "out of memory");
                return;
        }
        l->socket = socket;
        l->route = e->route;
        l->id = load->id;
        l->wait_ms = load->wait_ms;
        snprintf(l->name, sizeof(l->name), "%s", load->name);
        for (; l->n_frames < e->n_frames && l->n_frames < 2; l->n_frames++) {
                zmq_msg_init(&l->frames[l->n_frames]);
                zmq_msg_move(&l->frames[l->n_frames], &e->frames[l->n_frames]);
        }
        c->preparing++;
        hedged_preparer_load(c->preparer, l);
}

int hedged_clients_serve(hedged_coordinator_t *c, hedged_model_t *model)
{
        hedged_model_t *replaced;
        int r = hedged_registry_put(&c->registry, model, &replaced);

        if (r < 0)
                return r;
        log_notice("model=%s: loaded, %u of %u nodes are coded", model->name, model->n_layers, model->graph->n_nodes);
        if (c->distributor) {
                hedged_distribute_loaded(c->distributor, model, replaced);
                if (replaced)
                        hedged_distribute_unloaded(c->distributor, replaced);
        }
        hedged_model_unref(&replaced);
        return 0;
}

void hedged_clients_loaded(hedged_coordinator_t *c, hedged_load_t *l)
{
        c->preparing--;
        if (l->result == 0) {
                hedged_model_t *served = hedged_model_ref(l->model);

                l->result = hedged_clients_serve(c, served);
                if (l->result < 0) {
                        hedged_model_unref(&served);
                        hedge_why(&l->why, l->result, "%u models are loaded already, which is models.max_loaded",
                                  c->registry.count);
                }
        }
        if (l->result < 0) {
                log_warning("model=%s: not loaded: %s", l->name, l->why.text);
                answer_error(l->socket, &l->route, l->id, l->result, l->why.text);
                hedged_load_destroy(&l);
                return;
        }
        l->answer_by_ms = hedge_now_ms() + l->wait_ms;
        c->loads[c->n_loads++] = l; /* there is room: preparing + n_loads is bounded */
        hedged_clients_settle(c);
}

void hedged_clients_settle(hedged_coordinator_t *c)
{
        for (unsigned i = 0; i < c->n_loads;) {
                hedged_load_t *l = c->loads[i];

                if (hedge_now_ms() < l->answer_by_ms && !hedged_distribute_settled(c->distributor, l->model)) {
                        i++;
                        continue;
                }
                answer_done(l->socket, &l->route, l->id, HEDGE_MSG_LOAD_OK, l->model, NULL);
                hedged_load_destroy(&l);
                c->loads[i] = c->loads[--c->n_loads];
        }
}

static void handle_unload(hedged_coordinator_t *c, void *socket, hedge_envelope_t *e)
{
        const hedge_msg_unload_t *unload = &e->message.unload;
        hedged_model_t *m = hedged_registry_find(&c->registry, unload->name);
        int r;

        if (!m) {
                char text[HEDGE_TEXT_MAX];

                snprintf(text, sizeof(text), "no model '%s' is loaded", unload->name);
                answer_error(socket, &e->route, unload->id, HEDGE_ENOMODEL, text);
                return;
        }
        r = hedged_repository_set_loaded(c->config->models.repository, m->name, false);
        if (r < 0)
                log_warning("model=%s: cannot note in the repository that it is unloaded: %s, it will be back after a "
                            "restart",
                            m->name, hedge_strerror(r));
        hedged_registry_remove(&c->registry, m);
        hedged_distribute_unloaded(c->distributor, m);
        log_notice("model=%s: unloaded", m->name);
        answer_done(socket, &e->route, unload->id, HEDGE_MSG_UNLOAD_OK, m, "unloaded");
        hedged_model_unref(&m);
}

static void handle(hedged_coordinator_t *c, void *socket, hedge_envelope_t *e)
{
        char text[HEDGE_TEXT_MAX];

        switch (e->message.type) {
        case HEDGE_MSG_INFER:
                handle_infer(c, socket, e);
                break;
        case HEDGE_MSG_STATUS:
                handle_status(c, socket, e);
                break;
        case HEDGE_MSG_MODELS:
                handle_models(c, socket, e);
                break;
        case HEDGE_MSG_LOAD:
                handle_load(c, socket, e);
                break;
        case HEDGE_MSG_UNLOAD:
                handle_unload(c, socket, e);
                break;
        case HEDGE_MSG_BYE:
        case HEDGE_MSG_ERROR:
                break;
        default:
                c->malformed++;
                snprintf(text, sizeof(text), "clients do not send %s", hedge_message_name(e->message.type));
                answer_error(socket, &e->route, 0, HEDGE_EUNSUPPORTED, text);
        }
}

void hedged_clients_receive(hedged_coordinator_t *c, void *socket)
{
        for (unsigned i = 0; i < PER_TURN; i++) {
                hedge_envelope_t e;
                hedge_why_t why = { "" };
                int r = hedge_link_receive(socket, true, &c->limits, &e, &why);

                if (r == 0 || r == -EAGAIN)
                        return;
                if (r > 0) {
                        handle(c, socket, &e);
                        hedge_envelope_release(&e);
                        continue;
                }
                c->malformed++;
                log_warning("dropping a client's message: %s", why.text[0] ? why.text : hedge_strerror(r));
                if (e.route.size)
                        answer_error(socket, &e.route, 0, r, why.text);
        }
}
