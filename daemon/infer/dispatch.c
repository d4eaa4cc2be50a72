/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

enum { NOT_ASKED, ASKED, CLAIMED, CAME }; /* of a part; CLAIMED: it is in the message that is looked at */

typedef struct hedged_asked_task asked_task_t;

struct hedged_dispatch {
        hedge_send_t *send;
        zsock_t *socket;
        hedged_cluster_t *cluster;
        hedged_measure_t *measure;
        hedged_layer_run_t *runs;
        bool stopping;
};

int hedged_dispatch_new(hedge_send_t *send, zsock_t *boards, hedged_cluster_t *cluster, hedged_measure_t *measure,
                        hedged_dispatch_t **ret)
{
        hedged_dispatch_t *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->send = send;
        d->socket = boards;
        d->cluster = cluster;
        d->measure = measure;
        hedged_layer_run_number();
        *ret = d;
        return 0;
}

void hedged_dispatch_destroy(hedged_dispatch_t **dispatch)
{
        free(*dispatch);
        *dispatch = NULL;
}

/* Something that a run is told at once. */
static void post(hedged_layer_run_t *run, hedged_event_t *e, hedged_event_kind_t kind)
{
        e->mail.kind = (int)kind;
        hedged_inbox_put(&run->inbox, &e->mail, &e->mail, 0, true);
}

static void open_run(hedged_dispatch_t *d, hedged_layer_run_t *run)
{
        run->open = true;
        run->next = d->runs;
        d->runs = run;
        if (d->stopping)
                post(run, &run->shutdown, HEDGED_EVENT_SHUTDOWN);
}

/* Nothing more will come from a board. Where it owes parts, it is lost to the run. */
static void lose(hedged_layer_run_t *run, unsigned board)
{
        hedged_holder_t *h = &run->holders[board];

        h->tasks = 0;
        if (!h->asked || h->lost || h->parts_left == 0)
                return;
        h->lost = true;
        h->gone.board = board;
        post(run, &h->gone, HEDGED_EVENT_LOST);
}

static void end_task(hedged_layer_run_t *run, unsigned board)
{
        hedged_holder_t *h = &run->holders[board];

        if (h->tasks > 0 && --h->tasks == 0)
                lose(run, board);
}

static int send_task(hedged_dispatch_t *d, const hedged_layer_run_t *run, hedge_precision_t wire, const asked_task_t *t)
{
        hedged_board_t *b = hedged_cluster_at(d->cluster, t->board);
        const hedged_work_board_t *board = &run->work->board[t->board];
        hedge_message_t message = { .type = HEDGE_MSG_TASK };
        hedge_window_t windows[HEDGED_TASK_INPUTS];
        int r;

        if (!b || !b->usable)
                return -EHOSTUNREACH;
        message.task.run = run->id;
        message.task.digest = *board->digest;
        message.task.first = board->first;
        message.task.last = board->last;
        for (uint32_t i = 0; run->work->windowed && i < t->n_inputs; i++)
                windows[i] = hedged_work_part(run->work, t->inputs[i])->window;
        message.task.n_windows = run->work->windowed ? t->n_inputs : 0;
        message.task.windows = windows;
        message.task.n_inputs = t->n_inputs;
        message.task.inputs = t->inputs;
        message.task.n_order = t->n_order;
        message.task.order = t->order;
        message.task.wire = wire;
        message.task.hold_us = run->work->hold_us;
        r = d->send(d->socket, &b->route, &message, t->frames, t->n_inputs);
        for (uint32_t i = 0; i < t->n_inputs; i++)
                zmq_msg_init(&t->frames[i]); /* they are gone either way */
        return r;
}

static unsigned char *part_state(const hedged_layer_run_t *run, unsigned board, unsigned part)
{
        return &run->parts[(size_t)board * run->work->most_parts + part];
}

/* Has the board something to do for another run? */
static bool is_busy(const hedged_dispatch_t *d, const hedged_layer_run_t *but, unsigned board)
{
        for (const hedged_layer_run_t *run = d->runs; run; run = run->next)
                if (run != but && board < run->work->boards && run->holders[board].tasks > 0)
                        return true;
        return false;
}

static void note_task(const hedged_dispatch_t *d, hedged_layer_run_t *run, const asked_task_t *t)
{
        hedged_holder_t *h = &run->holders[t->board];
        size_t bytes = 0;

        for (unsigned i = 0; i < t->n_inputs; i++)
                bytes += zmq_msg_size(&t->frames[i]);
        if (!h->asked) {
                h->sent_us = hedge_now_us();
                h->sample.up_bytes = bytes;
                run->first_bytes += bytes;
                run->began_us = run->began_us ? run->began_us : h->sent_us;
                h->sample.ahead_us = (uint64_t)(h->sent_us - run->began_us);
                h->sample.queued = is_busy(d, run, t->board);
        }
        h->asked = true;
        h->tasks++;
        h->parts_left += t->n_order;
        for (unsigned i = 0; i < t->n_order; i++) {
                const uint64_t macs = hedged_work_part(run->work, t->order[i])->macs;

                *part_state(run, t->board, t->order[i]) = ASKED;
                h->bytes_asked += hedged_work_bytes(run->work, t->order[i], run->work->wire);
                h->sample.macs_asked += macs;
                h->sample.parts_asked += macs > 0;
        }
        h->parts_asked += t->n_order;
}

static void handle_task(hedged_dispatch_t *d, hedged_layer_run_t *run, hedge_precision_t wire, const asked_task_t *t)
{
        hedged_board_t *b;
        int r = send_task(d, run, wire, t);

        if (r == 0)
                return;
        lose(run, t->board);
        b = hedged_cluster_at(d->cluster, t->board);
        if (b && r == -EHOSTUNREACH)
                hedged_cluster_lost(d->cluster, b);
        else if (b)
                log_warning("board=%s run=%llu: cannot send the task: %s, going on without this board", b->name,
                            (unsigned long long)run->id, hedge_strerror(r));
}

static void handle_tasks(hedged_dispatch_t *d, hedged_asked_t *asked)
{
        hedged_layer_run_t *run = asked->run;

        if (!run->open)
                open_run(d, run);
        hedged_layer_run_asked(run, asked);
        for (unsigned t = 0; t < asked->n_tasks; t++) {
                note_task(d, run, &asked->tasks[t]);
                handle_task(d, run, asked->wire, &asked->tasks[t]);
        }
}

static void cancel_task(hedged_dispatch_t *d, const hedged_layer_run_t *run, unsigned board)
{
        hedged_board_t *b = hedged_cluster_at(d->cluster, board);
        hedge_message_t message = { .type = HEDGE_MSG_CANCEL, .cancel = { .run = run->id } };

        if (b && b->state == HEDGED_BOARD_ALIVE)
                d->send(d->socket, &b->route, &message, NULL, 0); /* a lost CANCEL costs work, nothing else */
}

/* What the run says about a board's speed. */
static void measure_board(hedged_dispatch_t *d, hedged_layer_run_t *run, unsigned board)
{
        const hedged_board_t *b = hedged_cluster_at(d->cluster, board);
        hedged_holder_t *h = &run->holders[board];

        if (!h->asked || h->lost || !b || b->state != HEDGED_BOARD_ALIVE)
                return;
        h->sample.cancelled = h->parts_left > 0;
        if (h->sample.cancelled && h->sample.parts_done == 0)
                h->sample.elapsed_us = (uint64_t)(hedge_now_us() - h->sent_us);
        h->sample.part_bytes =
                h->sample.first_parts ? h->first_bytes / h->sample.first_parts : h->bytes_asked / h->parts_asked;
        hedged_measure_task(d->measure, b->name, &h->sample);
}

static void handle_close(hedged_dispatch_t *d, hedged_layer_run_t *run)
{
        for (hedged_layer_run_t **at = &d->runs; *at; at = &(*at)->next)
                if (*at == run) {
                        *at = run->next;
                        break;
                }
        for (unsigned board = 0; board < run->work->boards; board++) {
                measure_board(d, run, board);
                if (run->holders[board].tasks > 0 && run->holders[board].parts_left > 0)
                        cancel_task(d, run, board);
        }
        hedged_layer_run_unref(run);
}

void hedged_dispatch_mail(hedged_dispatch_t *d, hedge_mail_t *mail)
{
        if (mail->kind == HEDGED_MAIL_TASKS)
                handle_tasks(d, (hedged_asked_t *)mail);
        else
                handle_close(d, (hedged_layer_run_t *)(void *)((char *)mail - offsetof(hedged_layer_run_t, close)));
}

static hedged_layer_run_t *find_run(hedged_dispatch_t *d, uint64_t id)
{
        hedged_layer_run_t *run = d->runs;

        while (run && run->id != id)
                run = run->next;
        return run;
}

/* Is this a part that was asked for, and a frame of its size? */
static int check_part(const hedged_layer_run_t *run, unsigned board, const hedge_part_t *part, zmq_msg_t *frame,
                      hedge_why_t *why)
{
        if (part->part >= run->work->most_parts || *part_state(run, board, part->part) == NOT_ASKED)
                return hedge_why(why, HEDGE_EMALFORMED, "part %u was not asked for", part->part);
        if (*part_state(run, board, part->part) != ASKED)
                return hedge_why(why, HEDGE_EMALFORMED, "part %u comes twice", part->part);
        if (!hedged_work_takes(run->work, part->part, part->wire, zmq_msg_size(frame)))
                return hedge_why(why, HEDGE_EMALFORMED, "part %u has %zu bytes in precision %u", part->part,
                                 zmq_msg_size(frame), part->wire);
        return 0;
}

/* All of a message's parts, or none. */
static int claim_parts(const hedged_layer_run_t *run, unsigned board, hedge_envelope_t *envelope, hedge_why_t *why)
{
        const hedge_msg_part_t *message = &envelope->message.part;
        uint32_t n = 0;
        int r = 0;

        for (; n < message->n_parts && r == 0; n += r == 0) {
                r = check_part(run, board, &message->parts[n], &envelope->frames[n], why);
                if (r == 0)
                        *part_state(run, board, message->parts[n].part) = CLAIMED;
        }
        while (r < 0 && n > 0)
                *part_state(run, board, message->parts[--n].part) = ASKED;
        return r;
}

static void note_part(hedged_layer_run_t *run, hedged_event_t *e, bool first)
{
        hedged_holder_t *h = &run->holders[e->board];
        hedged_task_sample_t *sample = &h->sample;
        const uint64_t macs = hedged_work_part(run->work, e->part)->macs;

        *part_state(run, e->board, e->part) = CAME;
        h->parts_left--;
        sample->elapsed_us = (uint64_t)(e->received_us - h->sent_us);
        sample->parts_done += macs > 0;
        if (first) {
                sample->first_us = sample->elapsed_us;
                sample->ahead_bytes = run->first_bytes - sample->up_bytes; /* they shared the coordinator's link */
                sample->first_parts++;
                h->first_bytes += zmq_msg_size(&e->frame);
                sample->first_compute_us += e->compute_us;
        }
        sample->compute_us += e->compute_us;
        sample->macs_done += macs;
}

/* How far so many parts of a board that have just come may bring the run. */
static unsigned worth(hedged_layer_run_t *run, unsigned board, unsigned parts)
{
        hedged_holder_t *h = &run->holders[board];
        unsigned n = h->uncounted + parts;

        h->uncounted = run->work->whole_boards && h->parts_left > 0 ? n : 0;
        return n - h->uncounted;
}

/* Has a board done all that it was asked for, and could it be asked for more? */
static bool wants_work(const hedged_layer_run_t *run, unsigned board)
{
        const hedged_holder_t *h = &run->holders[board];

        return h->parts_left == 0 && h->parts_asked < run->work->board[board].parts;
}

static void fill_event(hedged_event_t *e, unsigned board, const hedge_part_t *part, int64_t now_us, zmq_msg_t *frame)
{
        e->mail.kind = HEDGED_EVENT_PART;
        e->board = board;
        e->part = part->part;
        e->compute_us = part->compute_us;
        e->wire = (hedge_precision_t)part->wire;
        e->received_us = now_us;
        zmq_msg_move(&e->frame, frame);
}

/* They are claimed, and at least one. */
static void take_parts(hedged_layer_run_t *run, unsigned board, hedge_envelope_t *envelope)
{
        const hedge_msg_part_t *message = &envelope->message.part;
        const bool first = run->holders[board].sample.first_parts == 0;
        const int64_t now_us = hedge_now_us();
        hedge_mail_t *mail = NULL, **at = &mail, *last = NULL;

        for (uint32_t i = 0; i < message->n_parts; i++) {
                hedged_event_t *e = hedged_layer_run_event(run);

                fill_event(e, board, &message->parts[i], now_us, &envelope->frames[i]);
                note_part(run, e, first);
                *at = last = &e->mail;
                at = &last->next;
        }
        hedged_inbox_put(&run->inbox, mail, last, worth(run, board, message->n_parts), wants_work(run, board));
}

int hedged_dispatch_part(hedged_dispatch_t *d, const hedged_board_t *board, hedge_envelope_t *envelope,
                         hedge_why_t *why)
{
        const hedge_msg_part_t *message = &envelope->message.part;
        hedged_layer_run_t *run = find_run(d, message->run);
        int r;

        if (!run || board->index >= run->work->boards)
                return -ENOENT;
        r = run->holders[board->index].parts_left == 0 ? -ENOENT : claim_parts(run, board->index, envelope, why);
        if (r == 0)
                take_parts(run, board->index, envelope);
        if (message->last)
                end_task(run, board->index);
        return r;
}

void hedged_dispatch_ended(hedged_dispatch_t *d, const hedged_board_t *board, uint64_t id)
{
        hedged_layer_run_t *run = find_run(d, id);

        if (run && board->index < run->work->boards)
                end_task(run, board->index);
}

void hedged_dispatch_board_lost(hedged_dispatch_t *d, const hedged_board_t *board)
{
        for (hedged_layer_run_t *run = d->runs; run; run = run->next)
                if (board->index < run->work->boards)
                        lose(run, board->index);
}

void hedged_dispatch_shutdown(hedged_dispatch_t *d)
{
        if (d->stopping)
                return;
        d->stopping = true;
        for (hedged_layer_run_t *run = d->runs; run; run = run->next)
                post(run, &run->shutdown, HEDGED_EVENT_SHUTDOWN);
}
