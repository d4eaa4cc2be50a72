/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/session/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/log.h"
#include "worker/session/messages.h"

#define HEARTBEATS_SILENT    10
#define HEARTBEATS_APART     5
#define SILENCES_TO_REOPEN   3
#define DEFAULT_HEARTBEAT_MS 1000 /* before the first WELCOME */
#define MESSAGES_AT_ONCE     32
#define REPORTS_AT_ONCE      16
#define ANSWERS_MAX          64 /* may wait for room; then nothing more is received */

int hedgew_session_new(const hedgew_session_settings_t *settings, hedgew_session_t **ret)
{
        hedgew_session_t *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->settings = *settings;
        s->answers_tail = &s->answers;
        s->heartbeat_ms = DEFAULT_HEARTBEAT_MS;
        s->backoff_ms = settings->reconnect_min_ms;
        s->heard_ms = s->settings.now_ms();
        while (!s->incarnation)
                if (getrandom(&s->incarnation, sizeof(s->incarnation), 0) < 0 && errno != EINTR) {
                        free(s);
                        return -errno;
                }
        *ret = s;
        return 0;
}

static void forget_answers(hedgew_session_t *s)
{
        hedgew_answer_t *answer;

        while ((answer = s->answers)) {
                s->answers = answer->next;
                free(answer);
        }
        s->answers_tail = &s->answers;
        s->n_answers = 0;
}

void hedgew_session_destroy(hedgew_session_t **session)
{
        if (!*session)
                return;
        forget_answers(*session);
        free(*session);
        *session = NULL;
}

/* An idle cluster's PINGs are four heartbeats apart: what is shorter than five says nothing. */
static int64_t silence_ms(const hedgew_session_t *s)
{
        const int64_t least_ms = HEARTBEATS_APART * (int64_t)s->heartbeat_ms;

        if (!s->settings.silence_ms)
                return HEARTBEATS_SILENT * (int64_t)s->heartbeat_ms;
        return s->settings.silence_ms > least_ms ? s->settings.silence_ms : least_ms;
}

/* Between half of the back-off and all of it, so that a cluster's boards do not come all at once. */
static int64_t jitter(int64_t ms)
{
        uint32_t random = 0;

        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
                return ms;
        return ms / 2 + (int64_t)(random % (uint32_t)(ms / 2 + 1));
}

/* ---- sending ---- */

/* Send now. @return whether it is off our hands; else the socket is full, or not connected. */
static bool push(hedgew_session_t *s, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames)
{
        int r = hedge_link_send(hedgew_uplink_socket(s->settings.uplink), NULL, message, frames, n_frames);

        s->wants_room = r == -EAGAIN;
        if (r < 0 && r != -EAGAIN)
                log_error("board=%s: sending %s: %s, ignoring: it is lost", s->settings.board,
                          hedge_message_name(message->type), hedge_strerror(r));
        return r != -EAGAIN;
}

void hedgew_session_say(hedgew_session_t *s, const hedge_message_t *message)
{
        hedgew_answer_t *answer;

        if (!s->answers && push(s, message, NULL, 0))
                return;
        answer = calloc(1, sizeof(*answer));
        if (!answer) {
                log_error("board=%s: no memory for an answer, ignoring: it is lost", s->settings.board);
                return;
        }
        answer->message = *message;
        *s->answers_tail = answer;
        s->answers_tail = &answer->next;
        s->n_answers++;
}

static void send_answers(hedgew_session_t *s)
{
        hedgew_answer_t *answer;

        while ((answer = s->answers) && push(s, &answer->message, NULL, 0)) {
                s->answers = answer->next;
                if (!s->answers)
                        s->answers_tail = &s->answers;
                s->n_answers--;
                free(answer);
        }
}

static void send_pong(hedgew_session_t *s)
{
        hedge_message_t message = { .type = HEDGE_MSG_PONG };
        hedge_msg_pong_t *pong = &message.pong;
        const hedgew_shares_figures_t figures = hedgew_shares_figures(s->settings.shares);
        hedgew_training_status_t training;
        hedgew_executor_status_t status;

        hedgew_executor_status(s->settings.executor, &status);
        hedgew_training_status(s->settings.training, &training);
        pong->incarnation = s->incarnation;
        pong->sequence = s->ping_sequence;
        pong->queued = status.tasks + training.queued;
        pong->shares = figures.held;
        pong->held_bytes = figures.bytes + training.bytes;
        pong->parts_done = status.parts_done;
        hedge_cost_read(&pong->cost);
        s->pong_due = !push(s, &message, NULL, 0);
}

static void send_hello(hedgew_session_t *s)
{
        hedge_message_t message = { .type = HEDGE_MSG_HELLO };
        hedge_msg_hello_t *hello = &message.hello;
        int n = hedgew_shares_list(s->settings.shares, &hello->held);

        if (n < 0)
                return; /* another time: the back-off runs */
        snprintf(hello->board, sizeof(hello->board), "%s", s->settings.board);
        snprintf(hello->backend, sizeof(hello->backend), "%s", s->settings.backend);
        snprintf(hello->version, sizeof(hello->version), "%s", HEDGE_VERSION);
        hello->incarnation = s->incarnation;
        hello->cores = s->settings.cores;
        hello->share_bytes_max = s->settings.share_bytes_max;
        hello->n_held = (uint32_t)n;
        if (push(s, &message, NULL, 0)) {
                log_debug("board=%s: said HELLO to %s", s->settings.board, s->settings.endpoint);
                s->hello_due = false;
                s->greeted = true;
                s->hello_said_ms = s->settings.now_ms();
                hedgew_executor_forget_filling(s->settings.executor); /* the coordinator begins anew */
        }
        free(hello->held);
}

/* @return whether there was one that could be sent; likewise the next. */
static bool send_part(hedgew_session_t *s)
{
        hedgew_report_t *report = hedgew_executor_report(s->settings.executor);

        if (!report || !push(s, &report->message, report->frames, report->n_frames))
                return false;
        hedgew_executor_reported(s->settings.executor);
        return true;
}

static bool send_training(hedgew_session_t *s)
{
        hedgew_training_report_t *report = hedgew_training_report(s->settings.training);

        if (!report || !push(s, &report->message, report->frames, report->n_frames))
                return false;
        hedgew_training_reported(s->settings.training);
        return true;
}

/* The executor and the training take turns, so that neither keeps the other waiting for long. Whose report found no room is the next,
 * or where there is room for one at a time it would always be the other's. */
static void send_reports(hedgew_session_t *s)
{
        bool (*const senders[])(hedgew_session_t *) = { send_part, send_training };

        for (int i = 0, idle = 0; i < REPORTS_AT_ONCE && idle < 2 && !s->wants_room; i++) {
                idle = senders[s->turn](s) ? 0 : idle + 1;
                if (!s->wants_room)
                        s->turn = !s->turn;
        }
}

void hedgew_session_send(hedgew_session_t *s)
{
        s->wants_room = false;
        if (s->failure)
                return;
        if (s->hello_due)
                send_hello(s);
        if (s->pong_due && !s->wants_room)
                send_pong(s);
        if (!s->wants_room)
                send_answers(s);
        if (s->serving && !s->wants_room)
                send_reports(s);
}

bool hedgew_session_wants_room(const hedgew_session_t *s)
{
        return s->wants_room;
}

bool hedgew_session_wants_reports(const hedgew_session_t *s)
{
        return s->serving && !s->wants_room;
}

bool hedgew_session_wants_messages(const hedgew_session_t *s)
{
        hedgew_training_status_t training;

        hedgew_training_status(s->settings.training, &training);
        return s->n_answers < ANSWERS_MAX && !training.full;
}

void hedgew_session_bye(hedgew_session_t *s, const char *reason)
{
        hedge_message_t message = { .type = HEDGE_MSG_BYE };

        snprintf(message.bye.reason, sizeof(message.bye.reason), "%s", reason);
        if (s->serving)
                push(s, &message, NULL, 0);
}

/* ---- the state ---- */

void hedgew_session_seek(hedgew_session_t *s, const char *reason)
{
        char text[512];

        if (s->serving) {
                log_warning("board=%s: %s: %s, saying HELLO again", s->settings.board, s->settings.endpoint, reason);
                snprintf(text, sizeof(text), "connecting to %s", s->settings.endpoint);
                s->settings.status(text);
        }
        s->serving = false;
}

void hedgew_session_hello_at(hedgew_session_t *s, int64_t when_ms)
{
        int64_t earliest_ms = s->hello_said_ms + s->settings.reconnect_min_ms;

        s->hello_ms = when_ms > earliest_ms ? when_ms : earliest_ms;
}

void hedgew_session_serve(hedgew_session_t *s, const hedge_msg_welcome_t *welcome)
{
        char text[512];

        if (s->coordinator && s->coordinator != welcome->coordinator) {
                log_notice("board=%s: the coordinator was started anew, forgetting the tasks of the one before",
                           s->settings.board);
                hedgew_session_forget_tasks(s);
        }
        s->coordinator = welcome->coordinator;
        s->heartbeat_ms = welcome->heartbeat_ms < 10       ? 10
                          : welcome->heartbeat_ms > 600000 ? 600000
                                                           : welcome->heartbeat_ms;
        s->backoff_ms = s->settings.reconnect_min_ms;
        s->hello_due = false;
        if (welcome->index == UINT32_MAX)
                snprintf(text, sizeof(text), "connected to %s as a spare", s->settings.endpoint);
        else
                snprintf(text, sizeof(text), "connected to %s as board %u", s->settings.endpoint, welcome->index);
        if (!s->serving)
                log_notice("board=%s: %s", s->settings.board, text);
        s->settings.status(text);
        s->serving = true;
}

void hedgew_session_forget_tasks(hedgew_session_t *s)
{
        hedgew_executor_abandon(s->settings.executor);
        hedgew_executor_forget_filling(s->settings.executor);
        hedgew_executor_report(s->settings.executor); /* lets go of the parts that were waiting */
        hedgew_training_forget(s->settings.training);
}

/* A new socket, which tries to connect every so often. */
static void reopen(hedgew_session_t *s, unsigned reconnect_ms)
{
        int r = hedgew_uplink_reopen(s->settings.uplink, reconnect_ms);

        if (r < 0)
                s->failure = r;
        s->opened_ms = s->settings.now_ms();
        s->connected = false;
        s->greeted = false;
}

/* What was on its way is lost, and the coordinator gives up what a board had when its connection closes. */
static void on_closed(hedgew_session_t *s)
{
        hedgew_session_seek(s, "the connection was closed");
        hedgew_session_forget_tasks(s);
        forget_answers(s);
        s->connected = false;
        s->greeted = false;
        s->pong_due = false;
        s->hello_due = false;
}

/* libzmq's own back-off begins anew after every handshake, so it would knock ten times a second. */
static void on_refused(hedgew_session_t *s)
{
        if (s->refused)
                return; /* said already */
        log_warning("board=%s: %s: the handshake failed, trying on: is the coordinator's key the right one, and this "
                    "board's on its list?",
                    s->settings.board, s->settings.endpoint);
        s->refused = true;
        reopen(s, s->settings.reconnect_max_ms);
}

void hedgew_session_reconnect(hedgew_session_t *s)
{
        on_closed(s);
        s->refused = false;
        reopen(s, s->settings.reconnect_min_ms);
}

static void on_connected(hedgew_session_t *s)
{
        s->connected = true;
        s->backoff_ms = s->settings.reconnect_min_ms;
        if (s->greeted)
                return; /* a HELLO that waited for room was faster than this event */
        hedgew_session_seek(s, "the connection is a new one");
        hedgew_session_hello_at(s, s->settings.now_ms());
}

static void on_event(hedgew_session_t *s, hedgew_uplink_event_t event)
{
        const bool was_connected = s->connected;

        if (event == HEDGEW_UPLINK_CONNECTED)
                on_connected(s);
        else if (event == HEDGEW_UPLINK_REFUSED)
                on_refused(s);
        else
                on_closed(s);
        if (event == HEDGEW_UPLINK_CLOSED && was_connected && s->refused) {
                s->refused = false; /* let in at last; from now on as fast as at the start */
                reopen(s, s->settings.reconnect_min_ms);
        }
}

void hedgew_session_events(hedgew_session_t *s)
{
        hedgew_uplink_event_t event;

        while (!s->failure && (event = hedgew_uplink_next(s->settings.uplink)) != HEDGEW_UPLINK_NOTHING)
                on_event(s, event);
}

void hedgew_session_receive(hedgew_session_t *s)
{
        const hedge_wire_limits_t *limits = hedgew_uplink_limits(s->settings.uplink);
        hedge_envelope_t envelope;
        hedge_why_t why;
        int r;

        for (int i = 0; i < MESSAGES_AT_ONCE && !s->failure && hedgew_session_wants_messages(s); i++) {
                r = hedge_link_receive(hedgew_uplink_socket(s->settings.uplink), false, limits, &envelope, &why);
                if (r == 0)
                        break;
                if (r < 0 && r > HEDGE_EUNDECODABLE) { /* an errno: not the peer's doing */
                        log_error("board=%s: %s, ignoring", s->settings.board, why.text);
                        break;
                }
                s->heard_ms = s->settings.now_ms();
                if (r < 0) {
                        hedgew_session_complain(s, r, &why, envelope.about, NULL);
                        continue;
                }
                hedgew_session_message(s, &envelope);
                hedge_envelope_release(&envelope);
        }
}

/* The socket may be wedged in a way that it does not see itself. */
static void start_over(hedgew_session_t *s)
{
        log_info("board=%s: %s: nothing heard for long, connecting anew", s->settings.board, s->settings.endpoint);
        on_closed(s);
        reopen(s, s->refused ? s->settings.reconnect_max_ms : s->settings.reconnect_min_ms);
}

static void say_hello_again(hedgew_session_t *s, int64_t now_ms)
{
        s->hello_due = true;
        s->hello_ms = now_ms + jitter(s->backoff_ms);
        s->backoff_ms *= 2;
        if (s->backoff_ms > s->settings.reconnect_max_ms)
                s->backoff_ms = s->settings.reconnect_max_ms;
}

int hedgew_session_tick(hedgew_session_t *s, int64_t *ret_wait_ms)
{
        const int64_t now_ms = s->settings.now_ms(), patience_ms = silence_ms(s);
        const int64_t last_ms = s->heard_ms > s->opened_ms ? s->heard_ms : s->opened_ms;
        int64_t next_ms = last_ms + patience_ms;

        if (s->serving && now_ms >= next_ms) {
                hedgew_session_seek(s, "nothing heard from the coordinator");
                hedgew_session_hello_at(s, now_ms);
        }
        if (!s->serving) {
                if (now_ms >= last_ms + SILENCES_TO_REOPEN * patience_ms)
                        start_over(s);
                if (now_ms >= s->hello_ms)
                        say_hello_again(s, now_ms);
                next_ms = s->hello_ms;
        }
        *ret_wait_ms = next_ms > now_ms ? next_ms - now_ms : 0;
        return s->failure;
}
