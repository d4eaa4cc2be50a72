/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/session/messages.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"

void hedgew_session_complain(hedgew_session_t *s, int code, const hedge_why_t *why, uint64_t job,
                             const hedge_digest_t *digest)
{
        hedge_message_t message = { .type = HEDGE_MSG_ERROR };

        log_warning("board=%s job=%llu: %s: %s, answering with an error", s->settings.board, (unsigned long long)job,
                    hedge_strerror(code), why->text);
        message.error.code = code;
        message.error.about = job;
        snprintf(message.error.text, sizeof(message.error.text), "%s", why->text);
        if (digest)
                message.error.digest = *digest;
        hedgew_session_say(s, &message);
}

static void on_welcome(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        hedgew_session_serve(s, &envelope->message.welcome);
}

/* What became of a share that came. @param code  0: it will be reported; 1: it is held already; < 0. */
static void answer_share(hedgew_session_t *s, const hedge_digest_t *digest, int code, const hedge_why_t *why)
{
        hedge_message_t ok = { .type = HEDGE_MSG_SHARE_OK };

        if (code < 0) {
                hedgew_session_complain(s, code, why, 0, digest);
        } else if (code == 1) {
                ok.share_ok.digest = *digest;
                ok.share_ok.held_bytes = hedgew_shares_figures(s->settings.shares).bytes;
                hedgew_session_say(s, &ok);
        }
}

static const char *fate_of(int code)
{
        return code < 0 ? "refused" : code == 1 ? "held already" : "taken";
}

static void on_share(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        const hedge_msg_share_t *share = &envelope->message.share;
        hedge_why_t why = { .text = "" };
        char text[9];
        int r;

        r = hedgew_executor_share(s->settings.executor, share, &envelope->frames[0], &why);
        log_debug("board=%s share=%s: %s, %u filter blocks: %s", s->settings.board,
                  hedge_digest_text(&share->digest, text), share->layer, share->ell_b, fate_of(r));
        answer_share(s, &share->digest, r, &why);
}

static void say_constants(hedgew_session_t *s, const hedge_digest_t *digest, uint64_t bytes)
{
        hedgew_session_say(s, &(hedge_message_t){ .type = HEDGE_MSG_CONSTANTS_OK,
                                                  .constants_ok = { .digest = *digest, .bytes = bytes } });
}

static void on_graph(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        const hedge_msg_graph_t *graph = &envelope->message.graph;
        hedge_why_t why = { .text = "" };
        char text[9];
        int r;

        r = hedgew_executor_graph(s->settings.executor, graph, &envelope->frames[0], &why);
        log_debug("board=%s share=%s: %s, a graph of %zu bytes: %s", s->settings.board,
                  hedge_digest_text(&graph->digest, text), graph->layer, zmq_msg_size(&envelope->frames[0]),
                  fate_of(r));
        if (r == 0)
                say_constants(s, &graph->digest, 0);
        else
                answer_share(s, &graph->digest, r, &why);
}

static void on_constants(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        const hedge_msg_constants_t *constants = &envelope->message.constants;
        hedge_why_t why = { .text = "" };
        uint64_t bytes = 0;
        int r = hedgew_executor_constants(s->settings.executor, constants, &envelope->frames[0], &bytes, &why);

        if (r < 0)
                hedgew_session_complain(s, r, &why, 0, &constants->digest);
        else
                say_constants(s, &constants->digest, bytes);
}

static void on_task(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        const hedge_msg_task_t *task = &envelope->message.task;
        hedge_why_t why = { .text = "" };
        int r = hedgew_executor_task(s->settings.executor, task, envelope->frames, envelope->n_frames, &why);

        if (r < 0)
                hedgew_session_complain(s, r, &why, task->run, &task->digest);
}

static void on_cancel(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        const uint64_t job = envelope->message.cancel.run;

        if (hedgew_executor_cancel(s->settings.executor, job) < 0)
                log_debug("board=%s job=%llu: cancelled, but finished already", s->settings.board,
                          (unsigned long long)job);
}

static void on_drop(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        char text[9];

        if (hedgew_executor_drop(s->settings.executor, &envelope->message.drop.digest) < 0)
                log_debug("board=%s share=%s: to be dropped, but not held", s->settings.board,
                          hedge_digest_text(&envelope->message.drop.digest, text));
}

static void on_training(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        hedgew_training_message(s->settings.training, envelope);
}

static void on_ping(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        const hedge_msg_ping_t *ping = &envelope->message.ping;

        if (!s->coordinator || ping->coordinator != s->coordinator) {
                hedgew_session_seek(s, "the coordinator is another one");
                hedgew_session_hello_at(s, s->settings.now_ms());
                return;
        }
        if (!s->connected)
                return;    /* a last one through the connection that is gone */
        s->serving = true; /* it was only silent */
        s->hello_due = false;
        s->ping_sequence = ping->sequence;
        s->pong_due = true;
}

/* About a job, a share or a training it needs no answer. About none it is about us: it does not know this board (any more), or does
 * not want it. HELLO, with its back-off, is the answer to both. */
static void on_error(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        const hedge_msg_error_t *error = &envelope->message.error;
        const hedge_digest_t none = { { 0 } };

        log_warning("board=%s job=%llu: the coordinator says: %s (%s)", s->settings.board,
                    (unsigned long long)error->about, error->text, hedge_strerror(error->code));
        if (error->about || error->job || memcmp(&error->digest, &none, sizeof(none)) || !s->serving)
                return;
        hedgew_session_seek(s, "it does not know this board");
        hedgew_session_hello_at(s, s->settings.now_ms());
}

static void on_bye(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        hedgew_session_seek(s, "the coordinator is leaving");
        hedgew_session_forget_tasks(s);
        hedgew_session_hello_at(s, s->settings.now_ms() + s->settings.reconnect_min_ms);
}

void hedgew_session_message(hedgew_session_t *s, hedge_envelope_t *envelope)
{
        static void (*const handlers[HEDGE_MSG_TYPES])(hedgew_session_t *, hedge_envelope_t *) = {
                [HEDGE_MSG_WELCOME] = on_welcome,     [HEDGE_MSG_SHARE] = on_share,
                [HEDGE_MSG_TASK] = on_task,           [HEDGE_MSG_CANCEL] = on_cancel,
                [HEDGE_MSG_DROP] = on_drop,           [HEDGE_MSG_PING] = on_ping,
                [HEDGE_MSG_ERROR] = on_error,         [HEDGE_MSG_BYE] = on_bye,
                [HEDGE_MSG_JOIN] = on_training,       [HEDGE_MSG_SHARD] = on_training,
                [HEDGE_MSG_STEP] = on_training,       [HEDGE_MSG_LEAVE] = on_training,
                [HEDGE_MSG_HOLD] = on_training,       [HEDGE_MSG_APPLY] = on_training,
                [HEDGE_MSG_UPDATE] = on_training,     [HEDGE_MSG_FETCH] = on_training,
                [HEDGE_MSG_MULTIPLY] = on_training,   [HEDGE_MSG_GRAPH] = on_graph,
                [HEDGE_MSG_CONSTANTS] = on_constants,
        };
        const hedge_message_type_t type = envelope->message.type;
        hedge_why_t why;

        if (handlers[type]) {
                handlers[type](s, envelope);
        } else {
                hedge_why(&why, HEDGE_EUNSUPPORTED, "a board has nothing to do with %s", hedge_message_name(type));
                hedgew_session_complain(s, HEDGE_EUNSUPPORTED, &why, 0, NULL);
        }
}
