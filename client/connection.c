/* SPDX-License-Identifier: Apache-2.0 */
#include "client/connection.h"

#include <assert.h>
#include <czmq.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/wire/monitor.h"

#define HANDSHAKE_MS 5000
#define LINGER_MS    500

#define MONITOR_EVENTS                                                                        \
        (ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | \
         ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

struct hedgec_connection {
        zsock_t *socket;
        hedge_monitor_t *monitor;
        uint64_t last_id;
        int timeout_ms;
        bool curve;
        bool gone; /* the connection has broken once: nobody waits for it any more */
        char address[HEDGEC_ADDRESS_MAX];
};

static int unreachable(const hedgec_connection_t *c, hedge_why_t *why)
{
        return hedge_why(why, -ECONNREFUSED, "cannot reach the coordinator at %s: is hedged running?", c->address);
}

static int refused(const hedgec_connection_t *c, hedge_why_t *why)
{
        return hedge_why(
                why, HEDGE_EDENIED,
                "the coordinator at %s refuses this key: its folder of client keys wants a copy of our .pub file, "
                "and --server-key must be its own .pub file",
                c->address);
}

/* @return 1 (shaken hands), 0 (go on waiting), or an error. */
static int judge_handshake(const hedgec_connection_t *c, int event, hedge_why_t *why)
{
        switch (event) {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
                return 1;
        case ZMQ_EVENT_CONNECT_RETRIED:
                return unreachable(c, why);
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
                return refused(c, why);
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        case ZMQ_EVENT_DISCONNECTED:
                /* A CURVE server that cannot open our first box hangs up without a word. */
                if (c->curve)
                        return refused(c, why);
                return hedge_why(why, -ECONNRESET, "what listens at %s is no coordinator, or wants a key", c->address);
        default:
                return 0;
        }
}

static int shake_hands(hedgec_connection_t *c, hedge_why_t *why)
{
        int64_t deadline = hedge_now_ms() + HANDSHAKE_MS;
        zmq_pollitem_t item = hedge_socket_poll(hedge_monitor_socket(c->monitor), ZMQ_POLLIN);
        int64_t left;
        int event, r;

        while ((left = deadline - hedge_now_ms()) > 0) {
                if (zmq_poll(&item, 1, (long)left) < 0 && errno != EINTR)
                        return -errno;
                while ((event = hedge_monitor_next(c->monitor, NULL))) {
                        r = judge_handshake(c, event, why);
                        if (r)
                                return r < 0 ? r : 0;
                }
        }
        return hedge_why(why, -ETIMEDOUT, "the coordinator at %s does not answer: no handshake within %d s", c->address,
                         HANDSHAKE_MS / 1000);
}

static int set_up(hedgec_connection_t *c, const hedgec_endpoint_t *endpoint, hedge_why_t *why)
{
        const hedge_socket_options_t options = {
                .limits = &hedge_wire_default_limits,
                .linger_ms = LINGER_MS,
                .immediate = true, /* requests wait for a connection instead of queueing for one that may never come */
                .secret_key = endpoint->curve ? endpoint->keys.secret_key : NULL,
                .public_key = endpoint->keys.public_key,
                .server_key = endpoint->server_key,
        };
        int r = hedge_socket_new(ZMQ_DEALER, &options, &c->socket);

        if (r < 0)
                return hedge_why(why, r, "cannot set up a socket: %s", hedge_strerror(r));
        r = hedge_monitor_new(c->socket, MONITOR_EVENTS, &c->monitor);
        if (r < 0)
                return hedge_why(why, r, "cannot watch a socket: %s", hedge_strerror(r));
        return hedge_socket_connect(c->socket, endpoint->address, why);
}

int hedgec_connection_open(const hedgec_endpoint_t *endpoint, hedgec_connection_t **ret, hedge_why_t *why)
{
        hedgec_connection_t *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        strcpy(c->address, endpoint->address);
        c->timeout_ms = endpoint->timeout_ms;
        c->curve = endpoint->curve;
        r = set_up(c, endpoint, why);
        if (!r)
                r = shake_hands(c, why);
        if (r < 0)
                hedgec_connection_close(&c);
        else
                *ret = c;
        return r;
}

void hedgec_connection_close(hedgec_connection_t **connection)
{
        hedgec_connection_t *c = *connection;

        if (!c)
                return;
        hedge_monitor_destroy(&c->monitor);
        zsock_destroy(&c->socket);
        free(c);
        *connection = NULL;
}

uint64_t hedgec_connection_id(hedgec_connection_t *connection)
{
        return ++connection->last_id;
}

static int went_away(const hedgec_connection_t *c, hedge_why_t *why)
{
        return hedge_why(why, -ECONNRESET, "the coordinator at %s went away before it answered", c->address);
}

/* Wait until the socket is ready for `events`. @return 0, -ETIMEDOUT, -ECONNRESET, -errno. */
static int wait_ready(hedgec_connection_t *c, short events, int64_t deadline, hedge_why_t *why)
{
        zmq_pollitem_t items[] = { hedge_socket_poll(c->socket, events),
                                   hedge_socket_poll(hedge_monitor_socket(c->monitor), ZMQ_POLLIN) };
        int64_t left;
        int event;

        while ((left = deadline - hedge_now_ms()) > 0) {
                if (zmq_poll(items, 2, c->gone ? 0 : (long)left) < 0 && errno != EINTR)
                        return hedge_why(why, -errno, "cannot wait for an answer: %s", zmq_strerror(errno));
                if (items[0].revents & events)
                        return 0; /* first what has arrived, even if nothing more will */
                while (items[1].revents && (event = hedge_monitor_next(c->monitor, NULL)))
                        c->gone |= event == ZMQ_EVENT_DISCONNECTED;
                if (c->gone)
                        return went_away(c, why);
        }
        return hedge_why(why, -ETIMEDOUT, "the coordinator at %s did not answer in time", c->address);
}

static void close_frames(zmq_msg_t *frames, uint32_t n_frames)
{
        for (uint32_t i = 0; i < n_frames; i++)
                zmq_msg_close(&frames[i]);
}

int hedgec_connection_send(hedgec_connection_t *connection, const hedge_message_t *message, zmq_msg_t *frames,
                           uint32_t n_frames, hedge_why_t *why)
{
        int64_t deadline = hedge_now_ms() + connection->timeout_ms;
        int r;

        r = wait_ready(connection, ZMQ_POLLOUT, deadline, why);
        if (r < 0) {
                close_frames(frames, n_frames);
                return r;
        }
        r = hedge_link_send(connection->socket, NULL, message, frames, n_frames);
        if (r < 0)
                return hedge_why(why, r, "cannot send %s to %s: %s", hedge_message_name(message->type),
                                 connection->address, hedge_strerror(r));
        return 0;
}

int hedgec_connection_receive(hedgec_connection_t *connection, int wait_ms, hedge_envelope_t *ret, hedge_why_t *why)
{
        int64_t deadline = hedge_now_ms() + (wait_ms ? wait_ms : connection->timeout_ms);
        hedge_why_t inner = { "" };
        int r;

        do {
                r = wait_ready(connection, ZMQ_POLLIN, deadline, why);
                if (r < 0)
                        return r;
                r = hedge_link_receive(connection->socket, false, &hedge_wire_default_limits, ret, &inner);
        } while (!r);
        if (r < 0)
                return hedge_why(why, r, "the answer of the coordinator at %s makes no sense: %s", connection->address,
                                 inner.text[0] ? inner.text : hedge_strerror(r));
        return 0;
}

uint64_t hedgec_answer_id(const hedge_message_t *message)
{
        switch (message->type) {
        case HEDGE_MSG_RESULT:
                return message->result.id;
        case HEDGE_MSG_STATUS_OK:
                return message->status_ok.id;
        case HEDGE_MSG_MODELS_OK:
                return message->models_ok.id;
        case HEDGE_MSG_LOAD_OK:
        case HEDGE_MSG_UNLOAD_OK:
                return message->done.id;
        case HEDGE_MSG_PLAN_OK:
                return message->plan_ok.id;
        case HEDGE_MSG_TRAIN_OK:
        case HEDGE_MSG_JOBS_OK:
        case HEDGE_MSG_JOB_STOP_OK:
                return message->jobs_ok.id;
        case HEDGE_MSG_JOB_MODEL_OK:
                return message->job_model_ok.id;
        case HEDGE_MSG_MATMUL_OK:
                return message->matmul_ok.id;
        case HEDGE_MSG_ERROR:
                return message->error.about;
        default:
                return 0;
        }
}

int hedgec_answer_check(const hedge_message_t *answer, hedge_message_type_t wanted, hedge_why_t *why)
{
        const hedge_msg_error_t *error = &answer->error;

        if (answer->type == wanted)
                return 0;
        if (answer->type != HEDGE_MSG_ERROR)
                return hedge_why(why, HEDGE_EMALFORMED, "the coordinator answered %s where %s was due",
                                 hedge_message_name(answer->type), hedge_message_name(wanted));
        return hedge_why(why, error->code < 0 ? error->code : HEDGE_EMALFORMED, "%s",
                         error->text[0] ? error->text : hedge_strerror(error->code));
}

/* The answer to request `id`, whatever else comes before it. */
static int receive_answer(hedgec_connection_t *c, uint64_t id, hedge_message_type_t wanted, int64_t deadline,
                          hedge_envelope_t *ret, hedge_why_t *why)
{
        hedge_envelope_t envelope;
        uint64_t answered;
        int r;

        for (;;) {
                int64_t left = deadline - hedge_now_ms();

                r = hedgec_connection_receive(c, left > 1 ? (int)left : 1, &envelope, why);
                if (r < 0)
                        return r;
                answered = hedgec_answer_id(&envelope.message);
                /* An ERROR without an id is about a message that could not be read: with one request out, ours. */
                if (answered == id || (envelope.message.type == HEDGE_MSG_ERROR && !answered))
                        break;
                hedge_envelope_release(&envelope);
        }
        r = hedgec_answer_check(&envelope.message, wanted, why);
        if (r)
                hedge_envelope_release(&envelope);
        else
                *ret = envelope;
        return r;
}

int hedgec_connection_request(hedgec_connection_t *connection, const hedge_message_t *message, zmq_msg_t *frames,
                              uint32_t n_frames, hedge_message_type_t wanted, int wait_ms, hedge_envelope_t *ret,
                              hedge_why_t *why)
{
        int64_t deadline = hedge_now_ms() + (wait_ms ? wait_ms : connection->timeout_ms);
        int r = hedgec_connection_send(connection, message, frames, n_frames, why);

        return r ? r : receive_answer(connection, connection->last_id, wanted, deadline, ret, why);
}
