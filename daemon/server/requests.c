/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/requests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/model/batch.h"
#include "daemon/server/keys.h"

#define PUBLISH_MS 500 /* speeds that are older are brought up to date with the next request */

struct hedged_requests {
        hedged_runners_t *runners;
        hedged_request_t *out; /* at the runners */
        hedged_request_counts_t counts;
        unsigned limit; /* that the runners have; 0: none yet */
        uint64_t memory_bytes;
        unsigned usable;      /* boards that were, when speeds were told last */
        int64_t published_ms; /* when that was */
};

/* What the answer takes must fit into a message. */
static int check_outputs(const hedged_model_t *m, uint32_t runs, uint64_t max_bytes, hedge_why_t *why)
{
        const hedge_graph_t *g = m->graph;

        for (uint32_t i = 0; runs > 1 && i < g->n_outputs; i++) {
                const hedge_shape_t shape =
                        hedge_batch_shape(&g->values[g->outputs[i]].shape, g->batch->outputs[i], runs);

                if (hedge_shape_elements(&shape) > max_bytes / sizeof(float))
                        return hedge_why(why, HEDGE_ELIMIT,
                                         "model '%s': the output '%.64s' of %u pictures takes more than %llu bytes",
                                         m->name, g->values[g->outputs[i]].name, runs, (unsigned long long)max_bytes);
        }
        return 0;
}

static int check_inputs(const hedged_model_t *m, hedge_envelope_t *e, uint64_t max_bytes, uint32_t *ret_runs,
                        hedge_why_t *why)
{
        const hedge_msg_infer_t *infer = &e->message.infer;
        const hedge_graph_t *g = m->graph;
        hedge_why_t detail = { "" };
        int r;

        if (infer->n_inputs != g->n_inputs || e->n_frames != g->n_inputs)
                return hedge_why(why, HEDGE_ESHAPE, "model '%s' has %u inputs, the request %u", m->name, g->n_inputs,
                                 infer->n_inputs);
        r = hedge_batch_runs(g, infer->inputs, g->n_inputs, ret_runs, &detail);
        if (r < 0)
                return hedge_why(why, r, "model '%s': %s", m->name, detail.text);
        for (uint32_t i = 0; r == 0 && i < g->n_inputs; i++)
                r = hedge_wire_check_tensor(&infer->inputs[i], &e->frames[i], why);
        return r < 0 ? r : check_outputs(m, *ret_runs, max_bytes, why);
}

/* In which of its shapes the model is asked for; where in none, the first, and `why` has the sentence.
 * @return 0, HEDGE_ENOMODEL, HEDGE_ESHAPE. */
static int choose_shape(const hedged_registry_t *registry, const hedge_msg_infer_t *infer, hedged_model_t **ret,
                        hedge_why_t *why)
{
        hedged_model_t *first = hedged_registry_find(registry, infer->model);
        char loaded[300], given[80];
        size_t used = 0;

        *ret = hedged_registry_choose(registry, infer->model, infer->inputs, infer->n_inputs);
        if (*ret)
                return 0;
        if (!first)
                return hedge_why(why, HEDGE_ENOMODEL, "no model '%s' is loaded", infer->model);
        *ret = first;
        if (!hedged_registry_next(registry, first))
                return 0; /* what is wrong with the one that there is, is said better where its inputs are checked */
        for (hedged_model_t *m = first; m && used < sizeof(loaded); m = hedged_registry_next(registry, m)) {
                char one[200];

                used += (size_t)snprintf(loaded + used, sizeof(loaded) - used, "%s%s", m == first ? "" : "; ",
                                         hedged_model_shapes(m, one, sizeof(one)));
        }
        return hedge_why(why, HEDGE_ESHAPE, "model '%s' is loaded for %s; the request's first input is %s",
                         infer->model, loaded, hedge_shape_text(&infer->inputs[0], given, sizeof(given)));
}

/* A key is a client however many connections it has; without one a connection is. */
static void name_client(const hedge_asker_t *asker, const hedge_envelope_t *e, hedged_client_t *ret)
{
        const size_t user = strlen(e->user);

        _Static_assert(sizeof(ret->name) >= 1 + sizeof(asker->socket) + sizeof(asker->route.bytes),
                       "no room for a route");
        _Static_assert(sizeof(ret->name) >= 1 + sizeof(e->user), "no room for a user");
        ret->name[0] = user ? 'k' : 'c';
        if (user) {
                memcpy(ret->name + 1, e->user, user);
                ret->size = 1 + user;
                return;
        }
        memcpy(ret->name + 1, &asker->socket, sizeof(asker->socket));
        memcpy(ret->name + 1 + sizeof(asker->socket), asker->route.bytes, asker->route.size);
        ret->size = 1 + sizeof(asker->socket) + asker->route.size;
}

static hedged_request_t *make_request(const hedge_asker_t *asker, hedge_envelope_t *e, hedged_model_t *m, uint32_t runs)
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
        q->runs = runs;
        q->asker = *asker;
        q->trace = e->message.infer.trace;
        q->received_us = hedge_now_us();
        q->fd = e->fd;
        return q;
}

/* What one run of those models that are loaded takes at most. */
static uint64_t run_bytes(const hedged_registry_t *registry)
{
        uint64_t most = 0;

        for (unsigned i = 0; i < registry->count; i++) {
                const uint64_t bytes = hedge_engine_run_bytes(registry->models[i]->engine);

                most = bytes > most ? bytes : most;
        }
        return most;
}

/* Those who run segments know who is how fast; at once where boards have come or gone. */
static void publish(hedged_server_t *s)
{
        const unsigned usable = hedged_cluster_usable(s->cluster);
        const int64_t now_ms = hedge_now_ms();
        hedged_speeds_t speeds;

        if (usable == s->requests->usable && now_ms - s->requests->published_ms < PUBLISH_MS)
                return;
        hedged_measure_snapshot(s->measure, s->cluster, &speeds);
        if (hedged_standing_publish(s->standing, &speeds) < 0)
                return; /* they go by what they were told last */
        s->requests->usable = usable;
        s->requests->published_ms = now_ms;
}

void hedged_requests_adjust(hedged_server_t *s)
{
        unsigned limit = (unsigned)s->config->inference.in_flight;

        publish(s);
        if (!limit)
                limit = hedged_in_flight_auto(hedged_cluster_usable(s->cluster), s->requests->memory_bytes,
                                              run_bytes(&s->registry));
        if (limit == s->requests->limit)
                return;
        s->requests->limit = limit;
        log_debug("%u requests are worked on at a time", limit);
        hedged_runners_limit(s->requests->runners, limit);
}

void hedged_requests_infer(hedged_server_t *s, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        const hedge_msg_infer_t *infer = &e->message.infer;
        hedged_requests_t *requests = s->requests;
        hedged_model_t *m = NULL;
        hedged_request_t *q = NULL;
        hedged_client_t client;
        hedge_why_t why;
        uint32_t runs = 1;
        int r = 0;

        requests->counts.all++;
        hedged_requests_adjust(s);
        hedged_keys_monitor(s); /* the end of a connection whose descriptor this one has got is known from now on */
        if (s->stopping)
                r = hedge_why(&why, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
        else
                r = choose_shape(&s->registry, infer, &m, &why);
        if (r == 0)
                r = check_inputs(m, e, s->limits.max_frame_bytes, &runs, &why);
        if (r == 0 && !(q = make_request(asker, e, m, runs)))
                r = hedge_why(&why, -ENOMEM, "out of memory");
        if (r == 0) {
                name_client(asker, e, &client);
                r = hedged_runners_submit(requests->runners, q, &client, &why);
        }
        if (r < 0) {
                requests->counts.failed++;
                hedged_refuse(asker, r, why.text);
                hedged_request_destroy(&q);
                return;
        }
        q->next = requests->out;
        requests->out = q;
        requests->counts.in_flight++;
}

void hedged_requests_disconnected(hedged_requests_t *requests, int fd)
{
        for (hedged_request_t *q = requests->out; q; q = q->next)
                if (fd >= 0 && q->fd == fd) {
                        q->fd = -1;
                        hedged_runners_cancel(requests->runners, q, -ECANCELED);
                }
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
                message.result.id = q->asker.id;
                message.result.latency_ms = (double)(hedge_now_us() - q->received_us) / 1000.0;
                message.result.n_outputs = g->n_outputs;
                message.result.outputs = shapes;
                message.result.n_layers = q->reports.n;
                message.result.layers = q->reports.list;
                hedged_reply(&q->asker, &message, frames, n);
        } else {
                while (n > 0)
                        zmq_msg_close(&frames[--n]);
        }
        free(shapes);
        free(frames);
        return r;
}

void hedged_requests_answer(hedged_requests_t *requests, hedged_request_t *q)
{
        int r = q->result;

        for (hedged_request_t **at = &requests->out; *at; at = &(*at)->next)
                if (*at == q) {
                        *at = q->next;
                        break;
                }
        requests->counts.in_flight--;
        if (r == 0)
                r = send_result(q);
        if (r == -ECANCELED) {
                requests->counts.failed++;
                log_notice("request=%" PRIu64 " model=%s: dropped: its client has gone", q->asker.id, q->model->name);
        } else if (r < 0) {
                requests->counts.failed++;
                log_warning("request=%" PRIu64 " model=%s: failed: %s", q->asker.id, q->model->name, hedge_strerror(r));
                hedged_refuse(&q->asker, r, q->result < 0 ? q->why.text : hedge_strerror(r));
        }
        hedged_request_destroy(&q);
}

const hedged_request_counts_t *hedged_requests_counts(const hedged_requests_t *requests)
{
        return &requests->counts;
}

void hedged_requests_stop(hedged_requests_t *requests)
{
        hedged_runners_stop(requests->runners);
}

void hedged_requests_abandon(const hedged_requests_t *requests)
{
        for (const hedged_request_t *q = requests->out; q; q = q->next)
                hedged_refuse(&q->asker, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
}

int hedged_requests_new(const hedged_runner_settings_t *settings, hedged_requests_t **ret)
{
        hedged_requests_t *requests = calloc(1, sizeof(*requests));
        int r = requests ? hedged_runners_new(settings, &requests->runners) : -ENOMEM;

        if (r < 0) {
                free(requests);
                return r;
        }
        requests->memory_bytes = hedged_in_flight_memory();
        *ret = requests;
        return 0;
}

void hedged_requests_destroy(hedged_requests_t **requests)
{
        if (!*requests)
                return;
        hedged_runners_destroy(&(*requests)->runners);
        free(*requests);
        *requests = NULL;
}
