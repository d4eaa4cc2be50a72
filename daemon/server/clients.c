/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/server/state.h"

#define PER_TURN 16

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

static hedged_request_t *make_request(zsock_t *socket, hedge_envelope_t *e, hedged_model_t *m)
{
        hedged_request_t *q = calloc(1, sizeof(*q));

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
        q->trace = e->message.infer.trace;
        q->received_us = hedge_now_us();
        return q;
}

static void handle_infer(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e)
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
        if (r == 0 && !(q = make_request(socket, e, m)))
                r = hedge_why(&why, -ENOMEM, "out of memory");
        if (r < 0) {
                c->requests_failed++;
                hedged_reply_error(socket, &e->route, infer->id, r, why.text);
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
                hedged_reply(q->socket, &q->route, q->id, &message, frames, n);
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
                hedged_reply_error(q->socket, &q->route, q->id, r, q->result < 0 ? q->why.text : hedge_strerror(r));
        }
        hedged_request_destroy(&q);
}

void hedged_clients_abandon(hedged_coordinator_t *c)
{
        for (const hedged_request_t *q = c->out; q; q = q->next)
                hedged_reply_error(q->socket, &q->route, q->id, HEDGE_ESHUTDOWN, "the coordinator is stopping");
}

static void describe_speed(const hedged_speed_t *speed, hedge_board_status_t *s)
{
        s->measured = speed->tasks;
        s->macs_per_s = speed->macs_per_s;
        s->spread = speed->spread;
        s->up_bytes_per_s = speed->up_bytes_per_s;
        s->down_bytes_per_s = speed->down_bytes_per_s;
        s->delay_ms = speed->delay_s * 1000;
}

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

static void handle_status(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e)
{
        static const char *const securities[] = { "curve", "network", "insecure-loopback" };
        hedge_message_t message = { .type = HEDGE_MSG_STATUS_OK };
        hedge_msg_status_ok_t *s = &message.status_ok;
        hedged_board_t *const *boards = hedged_cluster_boards(c->cluster, &s->n_boards);

        s->boards = calloc(s->n_boards + 1, sizeof(*s->boards));
        if (!s->boards || hedged_keys_describe(c, s) < 0) {
                free(s->boards);
                hedged_reply_error(socket, &e->route, e->message.status.id, -ENOMEM, "out of memory");
                return;
        }
        for (uint32_t i = 0; i < s->n_boards; i++) {
                hedged_speed_t speed;

                hedged_measure_speed(c->measure, boards[i]->name, &speed);
                describe_board(boards[i], &s->boards[i]);
                describe_speed(&speed, &s->boards[i]);
        }
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
        s->slots = hedged_cluster_slots(c->cluster);
        hedged_reply(socket, &e->route, s->id, &message, NULL, 0);
        free(s->boards);
        free(s->keys);
}

static void handle(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e)
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
                hedged_models_list(c, socket, e);
                break;
        case HEDGE_MSG_LOAD:
                hedged_models_load(c, socket, e);
                break;
        case HEDGE_MSG_UNLOAD:
                hedged_models_unload(c, socket, e);
                break;
        case HEDGE_MSG_PLAN:
                hedged_planning_ask(c, socket, e);
                break;
        case HEDGE_MSG_TRAIN:
                hedged_training_train(c, socket, e);
                break;
        case HEDGE_MSG_JOBS:
                hedged_training_jobs(c, socket, e);
                break;
        case HEDGE_MSG_JOB_STOP:
                hedged_training_job_stop(c, socket, e);
                break;
        case HEDGE_MSG_JOB_MODEL:
                hedged_training_job_model(c, socket, e);
                break;
        case HEDGE_MSG_MATMUL:
                hedged_products_matmul(c, socket, e);
                break;
        case HEDGE_MSG_BYE:
        case HEDGE_MSG_ERROR:
                break;
        default:
                c->malformed++;
                snprintf(text, sizeof(text), "clients do not send %s", hedge_message_name(e->message.type));
                hedged_reply_error(socket, &e->route, 0, HEDGE_EUNSUPPORTED, text);
        }
}

void hedged_clients_receive(hedged_coordinator_t *c, zsock_t *socket)
{
        for (unsigned i = 0; i < PER_TURN; i++) {
                hedge_envelope_t e;
                hedge_why_t why = { "" };
                int r = hedge_link_receive(socket, true, &c->limits, &e, &why);

                if (r == 0 || r == -EAGAIN)
                        return;
                if (!hedged_keys_admit(c, socket, &e)) {
                        hedge_envelope_release(&e);
                        continue;
                }
                if (r > 0) {
                        handle(c, socket, &e);
                        hedge_envelope_release(&e);
                        continue;
                }
                c->malformed++;
                log_warning("dropping a client's message: %s", why.text[0] ? why.text : hedge_strerror(r));
                if (e.route.size)
                        hedged_reply_error(socket, &e.route, e.about, r, why.text);
        }
}
