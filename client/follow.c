/* SPDX-License-Identifier: Apache-2.0 */
#include "client/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "client/progress.h"
#include "client/requests.h"
#include "client/say.h"
#include "client/training.h"
#include "common/clock.h"

#define ASK_MS   200
#define RETRY_MS 500

typedef struct watch {
        const hedgec_follow_t *follow;
        hedgec_connection_t **connection;
        hedgec_endpoint_t endpoint;
        hedgec_training_shown_t shown;
        hedgec_progress_t progress;
} watch_t;

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal)
{
        (void)signal;
        interrupted = 1;
}

static int stopped(const watch_t *w, hedge_why_t *why)
{
        return interrupted ? hedge_why(why, -EINTR, "job %" PRIu64 " is not followed any more", w->follow->job) : 0;
}

static int ask(watch_t *w, uint64_t *id, hedge_why_t *why)
{
        hedge_message_t message = { .type = HEDGE_MSG_JOBS };

        *id = hedgec_connection_id(*w->connection);
        message.jobs = (hedge_msg_jobs_t){ *id, w->follow->job, w->shown.epochs, w->shown.events };
        return hedgec_connection_send(*w->connection, &message, NULL, 0, why);
}

/* The answer to request `id`. Waits in slices, so that Ctrl-C does not wait for a coordinator that hangs. */
static int hear(watch_t *w, uint64_t id, hedge_envelope_t *ret, hedge_why_t *why)
{
        int64_t deadline = hedge_now_ms() + w->endpoint.timeout_ms;
        hedge_envelope_t answer;
        int r;

        for (;;) {
                r = stopped(w, why);
                if (!r)
                        r = hedgec_connection_receive(*w->connection, ASK_MS, &answer, why);
                if (r == -ETIMEDOUT && hedge_now_ms() < deadline)
                        continue;
                if (r < 0)
                        return r;
                if (hedgec_answer_id(&answer.message) == id)
                        break;
                hedge_envelope_release(&answer);
        }
        r = hedgec_answer_check(&answer.message, HEDGE_MSG_JOBS_OK, why);
        if (!r)
                r = hedgec_answer_one_job(&answer.message, why);
        if (r < 0)
                hedge_envelope_release(&answer);
        else
                *ret = answer;
        return r;
}

/* Show what is new. @return 1: there is more at once, 0, < 0. */
static int show(watch_t *w, const hedge_job_status_t *status, hedge_why_t *why)
{
        bool news = status->n_epochs_done || status->n_events;
        char bar[80];

        if (news) {
                hedgec_progress_clear(&w->progress);
                if (hedgec_training_show(status, w->follow->json, &w->shown, stdout) < 0)
                        return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
                hedgec_flush();
        }
        if (!hedgec_training_ended(status) && hedgec_progress_due(&w->progress))
                hedgec_progress_show(&w->progress, hedgec_training_bar(status, bar, sizeof(bar)));
        return status->n_epochs_done == HEDGE_JOB_LIST || status->n_events == HEDGE_JOB_LIST;
}

/* One round. @return 1: it has ended, 0: go on, < 0. */
static int look(watch_t *w, hedge_job_status_t *ret, hedge_why_t *why)
{
        hedge_envelope_t answer;
        uint64_t id;
        int more, r;

        do {
                r = ask(w, &id, why);
                if (!r)
                        r = hear(w, id, &answer, why);
                if (r < 0)
                        return r;
                *ret = answer.message.jobs_ok.jobs[0];
                more = show(w, ret, why);
                ret->epochs_done = NULL;
                ret->events = NULL;
                ret->n_epochs_done = ret->n_events = 0;
                hedge_envelope_release(&answer);
        } while (more > 0);
        return more < 0 ? more : hedgec_training_ended(ret);
}

static bool is_away(int r)
{
        return r == -ECONNRESET || r == -ETIMEDOUT || r == HEDGE_ESHUTDOWN;
}

/* Wait for a coordinator that went away. Everything it may say while it starts is no reason to give up. */
static int await(watch_t *w, hedge_why_t *why)
{
        int away_ms = w->follow->away_ms ? w->follow->away_ms : HEDGEC_FOLLOW_AWAY_MS;
        int64_t deadline = hedge_now_ms() + away_ms;
        int r;

        hedgec_progress_clear(&w->progress);
        hedgec_complain("the coordinator at %s went away; trying to reach it again for %d s", w->endpoint.address,
                        away_ms / 1000);
        hedgec_connection_close(w->connection);
        do {
                poll(NULL, 0, RETRY_MS);
                r = stopped(w, why);
                if (r < 0)
                        return r;
                r = hedgec_connection_open(&w->endpoint, w->connection, why);
                if (!r) {
                        hedgec_complain("the coordinator is back");
                        return 0;
                }
        } while (hedge_now_ms() < deadline);
        return hedge_why(why, -ECONNRESET,
                         "the coordinator did not come back; job %" PRIu64 " goes on when it is started again, and "
                         "'hedge jobs %" PRIu64 " --follow' follows it",
                         w->follow->job, w->follow->job);
}

static int watch(watch_t *w, hedge_job_status_t *ret, hedge_why_t *why)
{
        int r;

        for (;;) {
                r = look(w, ret, why);
                if (is_away(r))
                        r = await(w, why);
                else if (!r)
                        poll(NULL, 0, ASK_MS);
                if (!r)
                        r = stopped(w, why);
                if (r)
                        return r > 0 ? 0 : r;
        }
}

int hedgec_follow(const hedgec_follow_t *follow, hedgec_connection_t **connection, hedge_job_status_t *ret,
                  hedge_why_t *why)
{
        const struct sigaction catch = { .sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND };
        watch_t w = { .follow = follow, .connection = connection };
        struct sigaction before;
        int r = hedgec_endpoint_resolve(follow->target, &w.endpoint, why);

        if (r < 0)
                return r;
        hedgec_progress_start(&w.progress, "", "", 0);
        interrupted = 0;
        sigaction(SIGINT, &catch, &before);
        r = watch(&w, ret, why);
        sigaction(SIGINT, &before, NULL);
        hedgec_progress_clear(&w.progress);
        hedge_keys_wipe(&w.endpoint.keys);
        return r;
}

/* With JSON on standard output, what is for people goes beside it. */
static void say_files(const hedgec_follow_t *follow, const hedgec_job_model_t *model)
{
        FILE *out = follow->json ? stderr : stdout;

        fprintf(out, "Wrote %s and %s: '%s' puts it on the cluster.\n", model->onnx, model->manifest, model->load);
}

static int report(const hedgec_follow_t *follow, const hedge_job_status_t *end, hedge_why_t *why)
{
        char text[HEDGE_TEXT_MAX + 64];

        if (follow->json && hedgec_training_end_json(end, stdout) < 0)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        hedgec_training_end_text(end, text, sizeof(text));
        if (strcmp(end->state, "done"))
                hedgec_complain("job %" PRIu64 " %s%s", end->job, strcmp(end->state, "stopped") ? "" : "was ", text);
        else if (!follow->json)
                puts(text);
        return 0;
}

int hedgec_follow_to_end(const hedgec_follow_t *follow, hedgec_connection_t **connection,
                         const hedgec_job_model_t *model)
{
        hedge_job_status_t end;
        hedge_why_t why = { "" };
        int r = hedgec_follow(follow, connection, &end, &why);

        if (r == -EINTR) {
                hedgec_complain("job %" PRIu64 " goes on; 'hedge jobs %" PRIu64 "' shows it, 'hedge jobs stop %" PRIu64
                                "' ends it",
                                follow->job, follow->job, follow->job);
                return HEDGEC_EXIT_INTERRUPTED;
        }
        if (!r)
                r = report(follow, &end, &why);
        if (!r && model && strcmp(end.state, "failed")) {
                r = hedgec_job_model_fetch(*connection, follow->job, model, &why);
                if (!r)
                        say_files(follow, model);
        }
        if (r < 0)
                return hedgec_complain("%s", why.text[0] ? why.text : hedge_strerror(r));
        return strcmp(end.state, "done") ? EXIT_FAILURE : EXIT_SUCCESS;
}
