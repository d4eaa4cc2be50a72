/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/co3/co3.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/io/replace.h"
#include "common/tensor.h"
#include "daemon/train/co3/crew.h"
#include "daemon/train/co3/downlink.h"
#include "daemon/train/co3/rendezvous.h"
#include "daemon/train/co3/uplink.h"
#include "daemon/train/invitation.h"

#define BOARDS      HEDGE_CODE_MAX_BOARDS
#define MAX_SHARDS  1024u /* that a board may say it holds */
#define PATIENCE    10    /* times as long as others took may a board be silent */
#define PATIENCE_MS 10000
#define JOIN_MS     10000 /* a training does not begin without a board that is there, but does not wait for ever */

/* What came with a gradient that counts. */
typedef struct said {
        double loss;
        uint32_t images;
} said_t;

typedef struct co3 {
        hedged_work_t *work;
        hedged_line_t *line;
        hedged_invitation_t invitation;
        hedged_rendezvous_t rendezvous; /* at the beginning */
        bool met;
        bool kept; /* the shards are those of a run before this one */
        hedged_crew_t *crew;
        hedge_co3_t *co3;
        hedged_downlink_t *downlink;
        hedged_uplink_t *uplink;
        hedge_checkpoint_t at;
        hedged_tally_t tally; /* of the open step */
        said_t said[BOARDS];
        int64_t began_us, answered_us; /* the open step, and by the last answer to it so far */
        bool waiting;
} co3_t;

static int no_memory(hedge_why_t *why)
{
        return hedge_why(why, -ENOMEM, "out of memory");
}

/* ---- getting ready ---- */

static void close_parallel(void **method)
{
        co3_t *p = *method;

        if (!p)
                return;
        hedged_uplink_destroy(&p->uplink);
        hedged_downlink_destroy(&p->downlink);
        hedged_crew_destroy(&p->crew);
        hedge_co3_destroy(&p->co3);
        hedged_invitation_release(&p->invitation);
        hedge_checkpoint_release(&p->at);
        free(p);
        *method = NULL;
}

static char *shards_path(const hedged_work_t *work, char *buf, size_t size)
{
        return hedged_folder_file(work->settings->folder, HEDGED_CO3_SHARDS, buf, size);
}

/* @return the number in the job's folder, 0: there is none. */
static uint32_t read_shards(const hedged_work_t *work)
{
        char path[4096], text[16] = "";
        FILE *file = fopen(shards_path(work, path, sizeof(path)), "re");
        unsigned long shards = 0;
        char *end = text;

        if (!file)
                return 0;
        if (fgets(text, sizeof(text), file))
                shards = strtoul(text, &end, 10);
        fclose(file);
        return *end == '\n' && shards <= MAX_SHARDS && shards <= work->train->count ? (uint32_t)shards : 0;
}

static int write_shards(const hedged_work_t *work, uint32_t shards, hedge_why_t *why)
{
        char path[4096];
        hedge_replace_t file;
        int r = hedge_replace_begin(shards_path(work, path, sizeof(path)), &file, why);

        if (r < 0)
                return r;
        fprintf(file.file, "%u\n", shards);
        return hedge_replace_end(&file, 0, why);
}

/* As many as the job says, as there were before, or as there are boards now. */
static int count_shards(co3_t *p, uint32_t *ret, hedge_why_t *why)
{
        const hedged_work_t *work = p->work;
        uint32_t shards = (uint32_t)work->job->co3.shards;
        int r;

        if (shards == 0) {
                shards = read_shards(work);
                p->kept = shards > 0;
        }
        if (shards == 0) {
                r = hedged_rendezvous(p->line, work->progress, 0, &p->rendezvous);
                if (r < 0)
                        return r;
                p->met = true;
                shards = p->rendezvous.count < work->train->count ? p->rendezvous.count : work->train->count;
                r = write_shards(work, shards, why);
                if (r < 0)
                        return r;
        }
        *ret = shards;
        return 0;
}

static int cut_data(co3_t *p, hedge_why_t *why)
{
        hedged_work_t *work = p->work;
        uint32_t shards, batch;
        int r = count_shards(p, &shards, why);

        if (r == 0)
                r = hedge_job_steps(work->job, work->train->count, shards, &batch, &work->steps, why);
        if (r == 0)
                r = hedge_job_sgd(work->job, work->steps, &work->sgd, why);
        return r < 0 ? r : hedged_invitation_make(work, shards, batch, &p->invitation, why);
}

static int make_vectors(co3_t *p, hedge_why_t *why)
{
        const hedge_net_t *net = p->work->net;
        uint32_t *entries = calloc(net->n_segments, sizeof(*entries));
        int r;

        if (!entries)
                return no_memory(why);
        for (uint32_t i = 0; i < net->n_segments; i++)
                entries[i] = (uint32_t)net->segments[i].count;
        r = hedge_co3_new(entries, net->n_segments, &p->co3);
        free(entries);
        if (r == 0)
                r = hedged_uplink_new(p->co3, net, &p->uplink);
        if (r == 0)
                r = hedge_checkpoint_begin(net, p->work->job->seed, &p->at);
        if (r == -ENOMEM)
                return no_memory(why);
        if (r < 0)
                return hedge_why(why, r, "gradients of %zu parameters: %s", net->n_params, hedge_strerror(r));
        return 0;
}

static int open_parallel(hedged_work_t *work, void **ret, hedge_why_t *why)
{
        co3_t *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return no_memory(why);
        p->work = work;
        p->line = work->settings->line;
        r = cut_data(p, why);
        if (r == 0)
                r = make_vectors(p, why);
        if (r < 0) {
                close_parallel((void **)&p);
                return r;
        }
        work->at = &p->at;
        *ret = p;
        return 0;
}

/* ---- to the boards ---- */

static int say_shard(co3_t *p, const hedged_order_t *order)
{
        hedge_message_t message;
        zmq_msg_t frames[2];
        int r = hedged_invitation_shard(&p->invitation, p->work, order->shard, &message, frames);

        return r < 0 ? r : hedged_line_send(p->line, order->board, &message, frames, 2);
}

static int say_step(co3_t *p, const hedged_order_t *order)
{
        hedge_message_t message = { .type = HEDGE_MSG_STEP,
                                    .step = { .job = p->invitation.join.join.job,
                                              .step = order->step,
                                              .digest = p->invitation.digests[order->shard],
                                              .draw = order->draw,
                                              .taken = order->taken } };
        zmq_msg_t frames[HEDGE_STEP_UPDATES];
        int n = hedged_downlink_frames(p->downlink, order->version, p->at.params, frames, &message.step.whole);

        for (int i = 0; i < n; i++)
                p->tally.bytes_down += zmq_msg_size(&frames[i]);
        if (n < 0)
                return n == -EINVAL ? -EDOM : n;
        return hedged_line_send(p->line, order->board, &message, frames, (uint32_t)n);
}

static int follow(co3_t *p, const hedged_order_t *order)
{
        switch (order->kind) {
        case HEDGED_ORDER_JOIN:
                return hedged_line_send(p->line, order->board, &p->invitation.join, NULL, 0);
        case HEDGED_ORDER_SHARD:
                return say_shard(p, order);
        case HEDGED_ORDER_STEP:
                return say_step(p, order);
        case HEDGED_ORDER_NOTE:
                hedged_progress_event(p->work->progress, "%s", order->text);
                break;
        }
        return 0;
}

static void look_who_is_there(co3_t *p)
{
        const unsigned boards = hedged_crew_boards(p->crew);
        const bool waiting = boards + hedged_crew_joining(p->crew) == 0;

        hedged_progress_boards(p->work->progress, boards);
        if (waiting == p->waiting)
                return;
        p->waiting = waiting;
        hedged_progress_waiting(p->work->progress, waiting);
        if (waiting)
                hedged_progress_event(p->work->progress, "waiting for boards");
}

static int follow_orders(co3_t *p, hedge_why_t *why)
{
        hedged_order_t order;
        int r = 0;

        while (r == 0 && hedged_crew_next(p->crew, &order))
                r = follow(p, &order);
        look_who_is_there(p);
        return r < 0 ? hedge_why(why, r, "speaking with the boards: %s", hedge_strerror(r)) : 0;
}

/* ---- from the boards ---- */

static void on_joined(co3_t *p, const hedged_line_event_t *event)
{
        const hedge_msg_joined_t *joined = &event->envelope.message.joined;

        for (uint32_t i = 0; i < joined->n_held; i++)
                hedged_crew_holds(p->crew, event->board, hedged_invitation_find(&p->invitation, &joined->held[i]));
        hedged_crew_joined(p->crew, event->board);
}

static void count_frames(co3_t *p, const hedge_envelope_t *e)
{
        for (uint32_t i = 0; i < e->n_frames; i++)
                p->tally.bytes_up += zmq_msg_size(&e->frames[i]);
        p->tally.gradients++;
        p->tally.gradient_bytes += e->n_frames ? zmq_msg_size(&e->frames[0]) : 0;
        p->tally.entropy += e->message.gradient.entropy;
}

static int on_gradient(co3_t *p, hedged_line_event_t *event)
{
        const hedge_msg_gradient_t *g = &event->envelope.message.gradient;
        const hedged_answer_t answer = hedged_crew_answered(p->crew, event->board, g->step);
        hedge_why_t why = { "" };

        if (answer == HEDGED_ANSWER_STRAY)
                return 0;
        count_frames(p, &event->envelope);
        if (!isfinite(g->loss))
                return -EDOM;
        if (answer == HEDGED_ANSWER_LATE) {
                p->tally.late++;
                return 0;
        }
        if (hedged_uplink_put(p->uplink, event->board, event->envelope.frames, event->envelope.n_frames, g->images > 0,
                              &why) < 0)
                hedged_crew_spoilt(p->crew, event->board, why.text);
        else
                p->said[event->board] = (said_t){ g->loss, g->images };
        p->answered_us = hedge_now_us();
        return 0;
}

static int on_error(co3_t *p, const hedged_line_event_t *event)
{
        const hedge_msg_error_t *error = &event->envelope.message.error;
        const uint32_t shard = hedged_invitation_find(&p->invitation, &error->digest);

        if (error->code == -EDOM)
                return -EDOM;
        hedged_crew_error(p->crew, event->board, shard, error->code == HEDGE_ENOSHARE, error->text);
        return 0;
}

static int on_message(co3_t *p, hedged_line_event_t *event)
{
        const hedge_message_t *message = &event->envelope.message;

        switch (message->type) {
        case HEDGE_MSG_JOINED:
                on_joined(p, event);
                return 0;
        case HEDGE_MSG_SHARD_OK:
                hedged_crew_holds(p->crew, event->board,
                                  hedged_invitation_find(&p->invitation, &message->shard.digest));
                return 0;
        case HEDGE_MSG_GRADIENT:
                return on_gradient(p, event);
        case HEDGE_MSG_ERROR:
                return on_error(p, event);
        default:
                return 0;
        }
}

static int on_event(co3_t *p, hedged_line_event_t *event)
{
        int r = 0;

        if (event->mail.kind == HEDGED_LINE_HERE)
                r = hedged_crew_here(p->crew, event->board, event->name);
        else if (event->mail.kind == HEDGED_LINE_LOST)
                hedged_crew_lost(p->crew, event->board);
        else if (event->mail.kind == HEDGED_LINE_MESSAGE)
                r = on_message(p, event);
        return r == HEDGE_ELIMIT ? 0 : r; /* a number that no board has */
}

/* Wait for the next event and take it in. @return 1: one came, 0: the time is over. */
static int listen(co3_t *p, int timeout_ms, hedge_why_t *why)
{
        hedged_line_event_t *event;
        int r;

        if (hedged_line_stopping(p->line) != HEDGED_STOP_NO)
                return HEDGE_ESHUTDOWN;
        event = hedged_line_next(p->line, timeout_ms);
        if (!event)
                return 0;
        r = on_event(p, event);
        hedged_line_event_release(&event);
        return r < 0 ? hedge_why(why, r, "%s", hedge_strerror(r)) : 1;
}

/* ---- the beginning ---- */

static int begin_crew(co3_t *p, hedge_why_t *why)
{
        int r = hedged_crew_new(p->invitation.shards, p->work->job->co3.quorum, p->at.step, &p->crew);

        for (unsigned b = 0; r == 0 && b < BOARDS; b++)
                if (p->rendezvous.here[b])
                        r = hedged_crew_here(p->crew, b, p->rendezvous.names[b]);
        if (r == 0)
                r = hedged_downlink_new(p->co3, (hedge_co3_format_t)p->work->job->co3.downlink,
                                        p->work->job->co3.compress, p->at.step, &p->downlink);
        return r < 0 ? no_memory(why) : 0;
}

/* Until all who are there have joined, but for one that does not answer for long. */
static int await_joined(co3_t *p, hedge_why_t *why)
{
        int r = follow_orders(p, why);

        while (r >= 0 && (hedged_crew_joining(p->crew) || hedged_crew_boards(p->crew) == 0)) {
                r = listen(p, hedged_crew_boards(p->crew) ? JOIN_MS : -1, why);
                if (r == 0)
                        return 0;
                if (r > 0)
                        r = follow_orders(p, why);
        }
        return r;
}

static int await_loaded(co3_t *p, hedge_why_t *why)
{
        int r = follow_orders(p, why);

        while (r >= 0 && (hedged_crew_loading(p->crew) || hedged_crew_boards(p->crew) == 0)) {
                r = listen(p, -1, why);
                if (r > 0)
                        r = follow_orders(p, why);
        }
        return r;
}

static int start_parallel(void *method, hedge_why_t *why)
{
        co3_t *p = method;
        const bool again = p->kept || p->at.step > 0;
        int r = 0;

        if (!p->met)
                r = hedged_rendezvous(p->line, p->work->progress, again ? p->invitation.shards : 0, &p->rendezvous);
        if (r == 0)
                r = begin_crew(p, why);
        if (r == 0)
                r = await_joined(p, why);
        if (r < 0)
                return r;
        hedged_crew_start(p->crew);
        hedged_progress_event(p->work->progress, "beginning with %u boards, with the data in %u shards",
                              hedged_crew_boards(p->crew), p->invitation.shards);
        return await_loaded(p, why);
}

/* ---- a step ---- */

/* Add what is next in the order of boards: all, or as long as nobody before it is awaited.
 * @return 1: what came from a board was no gradient after all. */
static int add_answers(co3_t *p, bool all, hedge_why_t *why)
{
        unsigned end = 0, board;
        hedge_why_t bad = { "" };
        int r, spoilt = 0;

        while (end < BOARDS && (all || !hedged_crew_awaits(p->crew, end)))
                end++;
        while ((r = hedged_uplink_add(p->uplink, end, &board, &bad)) != 0) {
                if (r == -ENOMEM)
                        return no_memory(why);
                if (r < 0) {
                        hedged_crew_spoilt(p->crew, board, bad.text);
                        spoilt = 1;
                        continue;
                }
                p->tally.counted++;
                p->tally.images += p->said[board].images;
                p->tally.loss += p->said[board].loss * p->said[board].images;
        }
        return spoilt;
}

/* @return ms that are left for boards that have not answered; -1: as long as it takes. */
static int patience_ms(const co3_t *p)
{
        const unsigned set_ms = p->work->settings->patience_ms;
        const int64_t least_us = 1000 * (int64_t)(set_ms ? set_ms : PATIENCE_MS);
        int64_t us = PATIENCE * (p->answered_us - p->began_us);

        if (hedged_crew_answers(p->crew) == 0)
                return -1;
        us = p->answered_us + (us > least_us ? us : least_us) - hedge_now_us();
        return us <= 0 ? 0 : us < INT64_C(1000000000) ? (int)(us / 1000) + 1 : 1000000;
}

/* Until the sum is there. Beyond the quorum, what has come already counts as well. */
static int gather(co3_t *p, hedge_why_t *why)
{
        bool enough = false;
        int r;

        while ((r = follow_orders(p, why)) == 0) {
                enough = enough || hedged_crew_enough(p->crew);
                r = enough ? 0 : add_answers(p, false, why);
                if (r == 0)
                        r = listen(p, enough ? 0 : patience_ms(p), why);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                if (!enough)
                        hedged_crew_give_up(p->crew);
                r = add_answers(p, true, why);
                if (r < 0 || hedged_crew_answers(p->crew) > 0)
                        return r < 0 ? r : 0;
                enough = false;
        }
        return r;
}

static int update(co3_t *p, hedge_why_t *why)
{
        const hedged_work_t *w = p->work;
        const float *statistics;
        float *gradient;
        int r;

        hedged_uplink_mean(p->uplink, &gradient, &statistics);
        if (statistics)
                hedge_net_blend_state(w->net, HEDGE_STATE_RATE, statistics, p->at.state);
        hedge_sgd_update(&w->sgd, w->net, p->at.step, p->at.params, gradient, p->at.momentum, gradient);
        r = hedged_downlink_add(p->downlink, gradient, p->at.params, why);
        if (r < 0)
                return r == -EINVAL ? -EDOM : r;
        p->at.step++;
        hedged_crew_end(p->crew);
        return 0;
}

static int step_parallel(void *method, hedged_tally_t *tally, hedge_why_t *why)
{
        co3_t *p = method;
        int r;

        hedged_uplink_begin(p->uplink);
        hedged_crew_begin(p->crew);
        p->began_us = hedge_now_us();
        r = gather(p, why);
        if (r == 0)
                r = update(p, why);
        if (r < 0)
                return r;
        *tally = p->tally;
        p->tally = (hedged_tally_t){ 0 };
        return 0;
}

const hedged_method_t hedged_method_co3 = { open_parallel, start_parallel, step_parallel, close_parallel, NULL };
