/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"

enum { NOT_ASKED, ASKED, CLAIMED, CAME }; /* of a part; CLAIMED: it is in the message that is looked at */

/* What one board was asked for. */
typedef struct holder {
        unsigned tasks;      /* sent and not ended */
        unsigned parts_left; /* asked for and not come */
        bool asked, lost;
        hedged_event_t gone; /* LOST, sent at most once: losing a board never needs memory */
        int64_t sent_us;     /* the first task */
        hedged_task_sample_t sample;
} holder_t;

struct hedged_layer_run {
        uint64_t id;
        const hedged_variant_t *variant;
        hedge_mailbox_t *events, *loop;
        unsigned boards;
        bool closed;        /* the request's thread has closed it */
        bool has_loop;      /* a task was given, so the loop knows it */
        bool let_go;        /* CLOSED was read: the loop has forgotten it */
        hedge_mail_t close; /* sent once */
        /* The loop's from the first task to CLOSED. */
        struct hedged_layer_run *next;
        bool open;
        hedged_event_t last;     /* CLOSED */
        hedged_event_t shutdown; /* sent at most once */
        holder_t *holders;       /* per board */
        unsigned char *parts;    /* per board and part: none counts twice, nor before it was asked for */
        unsigned most_parts;     /* of a board */
        uint64_t first_bytes;    /* of all boards' first tasks */
        int64_t began_us;        /* the first of them */
};

typedef struct task_mail {
        hedge_mail_t mail;
        hedged_layer_run_t *run;
        hedged_task_t task;
        hedge_precision_t wire;
        zmq_msg_t frames[];
} task_mail_t;

struct hedged_dispatch {
        hedge_send_t *send;
        zsock_t *socket;
        hedged_cluster_t *cluster;
        hedged_measure_t *measure;
        hedged_layer_run_t *runs;
        bool stopping;
};

static _Atomic uint64_t last_run;

/* Layer runs are numbered from anywhere: what is still on its way from a coordinator before this one is none of ours. */
static void choose_first_run(void)
{
        uint64_t start = 0;

        if (getrandom(&start, sizeof(start), GRND_NONBLOCK) < 0)
                start = (uint64_t)hedge_now_us();
        atomic_store(&last_run, start >> 1);
}

static uint64_t next_run_id(void)
{
        return atomic_fetch_add(&last_run, 1) + 1;
}

int hedged_layer_run_new(const hedged_variant_t *variant, hedge_mailbox_t *loop, hedged_layer_run_t **ret)
{
        hedged_layer_run_t *run = calloc(1, sizeof(*run));
        int r = -ENOMEM;

        if (!run)
                return r;
        run->id = next_run_id();
        run->variant = variant;
        run->loop = loop;
        run->boards = hedge_code_boards(variant->code);
        run->holders = calloc(run->boards, sizeof(*run->holders));
        for (unsigned b = 0; b < run->boards; b++)
                if (hedge_code_parts(variant->code, b) > run->most_parts)
                        run->most_parts = hedge_code_parts(variant->code, b);
        run->parts = calloc((size_t)run->boards * run->most_parts + 1, sizeof(*run->parts));
        if (run->holders && run->parts)
                r = hedge_mailbox_new(&run->events);
        if (r < 0) {
                hedged_layer_run_destroy(&run);
                return r;
        }
        *ret = run;
        return 0;
}

int hedged_layer_run_give(hedged_layer_run_t *run, const hedged_task_t *task, hedge_precision_t wire, zmq_msg_t *frames)
{
        task_mail_t *m = calloc(1, sizeof(*m) + task->n_inputs * sizeof(m->frames[0]));

        if (!m) {
                for (unsigned i = 0; i < task->n_inputs; i++)
                        zmq_msg_close(&frames[i]);
                return -ENOMEM;
        }
        m->mail.kind = HEDGED_MAIL_TASK;
        m->run = run;
        m->task = *task;
        m->wire = wire;
        for (unsigned i = 0; i < task->n_inputs; i++) {
                zmq_msg_init(&m->frames[i]);
                zmq_msg_move(&m->frames[i], &frames[i]);
        }
        run->has_loop = true;
        hedge_mailbox_put(run->loop, &m->mail);
        return 0;
}

hedged_event_t *hedged_layer_run_next(hedged_layer_run_t *run, int timeout_ms)
{
        hedged_event_t *e = (hedged_event_t *)hedge_mailbox_wait(run->events, timeout_ms);

        if (e && e->mail.kind == HEDGED_EVENT_CLOSED)
                run->let_go = true;
        return e;
}

void hedged_event_release(hedged_event_t **event)
{
        if (*event && (*event)->mail.kind == HEDGED_EVENT_PART) {
                zmq_msg_close(&(*event)->frame);
                free(*event);
        }
        *event = NULL; /* all other kinds live in their run */
}

void hedged_layer_run_close(hedged_layer_run_t *run)
{
        if (run->closed)
                return;
        run->closed = true;
        if (!run->has_loop)
                return;
        run->close.kind = HEDGED_MAIL_CLOSE;
        hedge_mailbox_put(run->loop, &run->close);
}

void hedged_layer_run_destroy(hedged_layer_run_t **run)
{
        hedged_layer_run_t *gone = *run;

        if (!gone)
                return;
        hedged_layer_run_close(gone);
        while (gone->has_loop && !gone->let_go) {
                hedged_event_t *e = hedged_layer_run_next(gone, -1);

                hedged_event_release(&e);
        }
        hedge_mailbox_destroy(&gone->events);
        free(gone->holders);
        free(gone->parts);
        free(gone);
        *run = NULL;
}

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
        choose_first_run();
        *ret = d;
        return 0;
}

void hedged_dispatch_destroy(hedged_dispatch_t **dispatch)
{
        free(*dispatch);
        *dispatch = NULL;
}

static void post(hedged_layer_run_t *run, hedged_event_t *e, hedged_event_kind_t kind)
{
        e->mail.kind = (int)kind;
        hedge_mailbox_put(run->events, &e->mail);
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
        holder_t *h = &run->holders[board];

        h->tasks = 0;
        if (!h->asked || h->lost || h->parts_left == 0)
                return;
        h->lost = true;
        h->gone.board = board;
        post(run, &h->gone, HEDGED_EVENT_LOST);
}

static void end_task(hedged_layer_run_t *run, unsigned board)
{
        holder_t *h = &run->holders[board];

        if (h->tasks > 0 && --h->tasks == 0)
                lose(run, board);
}

static int send_task(hedged_dispatch_t *d, const hedged_layer_run_t *run, task_mail_t *m)
{
        hedged_board_t *b = hedged_cluster_at(d->cluster, m->task.board);
        hedge_message_t message = { .type = HEDGE_MSG_TASK };

        if (!b || !b->usable) {
                for (unsigned i = 0; i < m->task.n_inputs; i++)
                        zmq_msg_close(&m->frames[i]);
                return -EHOSTUNREACH;
        }
        message.task.run = run->id;
        message.task.digest = run->variant->digests[m->task.board];
        message.task.n_inputs = m->task.n_inputs;
        message.task.inputs = m->task.inputs;
        message.task.n_order = m->task.n_order;
        message.task.order = m->task.order;
        message.task.wire = m->wire;
        return d->send(d->socket, &b->route, &message, m->frames, m->task.n_inputs);
}

static unsigned char *part_state(const hedged_layer_run_t *run, unsigned board, unsigned part)
{
        return &run->parts[(size_t)board * run->most_parts + part];
}

/* Has the board something to do for another run? */
static bool is_busy(const hedged_dispatch_t *d, const hedged_layer_run_t *but, unsigned board)
{
        for (const hedged_layer_run_t *run = d->runs; run; run = run->next)
                if (run != but && board < run->boards && run->holders[board].tasks > 0)
                        return true;
        return false;
}

static void note_task(const hedged_dispatch_t *d, hedged_layer_run_t *run, const task_mail_t *m)
{
        const hedge_partition_t *partition = &run->variant->partition;
        holder_t *h = &run->holders[m->task.board];
        size_t bytes = 0;

        for (unsigned i = 0; i < m->task.n_inputs; i++)
                bytes += zmq_msg_size((zmq_msg_t *)(uintptr_t)&m->frames[i]);
        if (!h->asked) {
                h->sent_us = hedge_now_us();
                h->sample.up_bytes = bytes;
                run->first_bytes += bytes;
                run->began_us = run->began_us ? run->began_us : h->sent_us;
                h->sample.ahead_us = (uint64_t)(h->sent_us - run->began_us);
                h->sample.queued = is_busy(d, run, m->task.board);
        }
        h->asked = true;
        h->tasks++;
        h->parts_left += m->task.n_order;
        for (unsigned i = 0; i < m->task.n_order; i++)
                *part_state(run, m->task.board, m->task.order[i]) = ASKED;
        h->sample.macs_asked += m->task.n_order * hedge_conv_macs(&partition->part);
        h->sample.parts_asked += m->task.n_order;
}

static void handle_task(hedged_dispatch_t *d, task_mail_t *m)
{
        hedged_layer_run_t *run = m->run;
        hedged_board_t *b;
        int r;

        if (!run->open)
                open_run(d, run);
        note_task(d, run, m);
        r = send_task(d, run, m);
        if (r < 0) {
                lose(run, m->task.board);
                b = hedged_cluster_at(d->cluster, m->task.board);
                if (b && r == -EHOSTUNREACH)
                        hedged_cluster_lost(d->cluster, b);
                else if (b)
                        log_warning("board=%s run=%llu: cannot send the task: %s, going on without this board", b->name,
                                    (unsigned long long)run->id, hedge_strerror(r));
        }
        free(m);
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
        holder_t *h = &run->holders[board];

        if (!h->asked || h->lost || !b || b->state != HEDGED_BOARD_ALIVE)
                return;
        h->sample.cancelled = h->parts_left > 0;
        if (h->sample.cancelled && h->sample.parts_done == 0)
                h->sample.elapsed_us = (uint64_t)(hedge_now_us() - h->sent_us);
        h->sample.part_bytes =
                hedge_precision_bytes(run->variant->cut.wire, hedge_partition_part_elements(&run->variant->partition));
        hedged_measure_task(d->measure, b->name, &h->sample);
}

static void handle_close(hedged_dispatch_t *d, hedged_layer_run_t *run)
{
        for (hedged_layer_run_t **at = &d->runs; *at; at = &(*at)->next)
                if (*at == run) {
                        *at = run->next;
                        break;
                }
        for (unsigned board = 0; board < run->boards; board++) {
                measure_board(d, run, board);
                if (run->holders[board].tasks > 0 && run->holders[board].parts_left > 0)
                        cancel_task(d, run, board);
        }
        post(run, &run->last, HEDGED_EVENT_CLOSED); /* the run may be gone from here on */
}

void hedged_dispatch_mail(hedged_dispatch_t *d, hedge_mail_t *mail)
{
        if (mail->kind == HEDGED_MAIL_TASK)
                handle_task(d, (task_mail_t *)mail);
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
        const size_t elements = hedge_partition_part_elements(&run->variant->partition);
        size_t bytes;

        if (part->part >= hedge_code_parts(run->variant->code, board) ||
            *part_state(run, board, part->part) == NOT_ASKED)
                return hedge_why(why, HEDGE_EMALFORMED, "part %u was not asked for", part->part);
        if (*part_state(run, board, part->part) != ASKED)
                return hedge_why(why, HEDGE_EMALFORMED, "part %u comes twice", part->part);
        if (part->wire != HEDGE_PRECISION_F32 && part->wire != run->variant->cut.wire)
                return hedge_why(why, HEDGE_EMALFORMED, "part %u is in precision %u", part->part, part->wire);
        bytes = hedge_precision_bytes((hedge_precision_t)part->wire, elements);
        if (zmq_msg_size(frame) != bytes)
                return hedge_why(why, HEDGE_EMALFORMED, "part %u has %zu bytes, not %zu", part->part,
                                 zmq_msg_size(frame), bytes);
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

static void note_part(hedged_layer_run_t *run, const hedged_event_t *e, bool first)
{
        holder_t *h = &run->holders[e->board];
        hedged_task_sample_t *sample = &h->sample;

        *part_state(run, e->board, e->part) = CAME;
        h->parts_left--;
        sample->elapsed_us = (uint64_t)(e->received_us - h->sent_us);
        sample->parts_done++;
        if (first) {
                sample->first_us = sample->elapsed_us;
                sample->ahead_bytes = run->first_bytes - sample->up_bytes; /* they shared the coordinator's link */
                sample->first_parts++;
                sample->first_compute_us += e->compute_us;
        }
        sample->compute_us += e->compute_us;
        sample->macs_done += hedge_conv_macs(&run->variant->partition.part);
}

static void fill_event(hedged_event_t *e, unsigned board, const hedge_part_t *part, int64_t now_us, zmq_msg_t *frame)
{
        e->board = board;
        e->part = part->part;
        e->compute_us = part->compute_us;
        e->wire = (hedge_precision_t)part->wire;
        e->received_us = now_us;
        zmq_msg_init(&e->frame);
        zmq_msg_move(&e->frame, frame);
}

/* They are claimed. Without memory for one, the board is lost to the run: what it owes is asked of others. */
static int take_parts(hedged_layer_run_t *run, unsigned board, hedge_envelope_t *envelope)
{
        const hedge_msg_part_t *message = &envelope->message.part;
        const bool first = run->holders[board].sample.parts_done == 0;
        const int64_t now_us = hedge_now_us();
        int r = 0;

        for (uint32_t i = 0; i < message->n_parts; i++) {
                hedged_event_t *e = r == 0 ? calloc(1, sizeof(*e)) : NULL;

                if (!e) {
                        *part_state(run, board, message->parts[i].part) = ASKED;
                        r = -ENOMEM;
                        continue;
                }
                fill_event(e, board, &message->parts[i], now_us, &envelope->frames[i]);
                note_part(run, e, first);
                post(run, e, HEDGED_EVENT_PART);
        }
        if (r < 0)
                lose(run, board);
        return r;
}

int hedged_dispatch_part(hedged_dispatch_t *d, const hedged_board_t *board, hedge_envelope_t *envelope,
                         hedge_why_t *why)
{
        const hedge_msg_part_t *message = &envelope->message.part;
        hedged_layer_run_t *run = find_run(d, message->run);
        int r;

        if (!run || board->index >= run->boards)
                return -ENOENT;
        r = run->holders[board->index].parts_left == 0 ? -ENOENT : claim_parts(run, board->index, envelope, why);
        if (r == 0)
                r = take_parts(run, board->index, envelope);
        if (message->last)
                end_task(run, board->index);
        return r;
}

void hedged_dispatch_ended(hedged_dispatch_t *d, const hedged_board_t *board, uint64_t id)
{
        hedged_layer_run_t *run = find_run(d, id);

        if (run && board->index < run->boards)
                end_task(run, board->index);
}

void hedged_dispatch_board_lost(hedged_dispatch_t *d, const hedged_board_t *board)
{
        for (hedged_layer_run_t *run = d->runs; run; run = run->next)
                if (board->index < run->boards)
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
