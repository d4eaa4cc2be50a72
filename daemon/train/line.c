/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/line.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define BOARDS      HEDGE_CODE_MAX_BOARDS
#define PAUSE_MS    1000 /* before a board that something could not be sent to is tried again; doubled every time */
#define PAUSE_TIMES 6

/* What is asked for by messages, and which message says it. PRODUCT is of several. */
enum { JOINED, SHARD_OK, GRADIENT, PRODUCT, ANSWERS };

/* A board's place, as the loop sees it. */
typedef struct seat {
        uint64_t session;          /* that the thread was told of; 0: the board is not here */
        uint64_t hellos;           /* of the board when it was */
        hedged_line_event_t *lost; /* to say so, when it is: that must not fail */
        uint32_t asked[ANSWERS];   /* answers that are still to come, an ERROR may be in place of one */
        uint64_t said;             /* messages, beside the ERRORs that came: each may be answered by one */
        uint64_t step;             /* of the last STEP: the board is sent one at a time */
        bool joined;               /* JOINED came: what comes now was asked for in this session */
        uint64_t shard_bytes;      /* of what is under way */
        uint64_t step_bytes;       /* likewise, with the gradient that is to come */
        uint64_t owes;             /* the training that it may hold data of; 0: none */
        unsigned failures;         /* in a row, to send something */
        int64_t not_before_ms;
} seat_t;

struct hedged_line {
        zsock_t *boards;
        hedged_cluster_t *cluster;
        hedge_mailbox_t *loop, *events;
        int kind;
        uint64_t job; /* 0: not open */
        uint64_t sessions;
        uint64_t gradient_bytes; /* what one may take */
        bool gradient_came;
        seat_t seats[BOARDS];
        atomic_int stopping;
        hedged_line_event_t stop;
        uint64_t heard[BOARDS]; /* the thread's: the session of the last HERE that it has read; 0: LOST came after */
};

/* What the thread says, on its way to the loop. */
typedef struct outgoing {
        hedge_mail_t mail;
        unsigned board;
        uint64_t session;
        hedge_message_t message;
        uint32_t n_frames;
        zmq_msg_t frames[];
} outgoing_t;

static void close_frames(zmq_msg_t *frames, uint32_t n_frames)
{
        for (uint32_t i = 0; i < n_frames; i++)
                zmq_msg_close(&frames[i]);
}

/* ---- the training's thread ---- */

int hedged_line_send(hedged_line_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames,
                     uint32_t n_frames)
{
        outgoing_t *s;

        assert(board < BOARDS);
        if (line->heard[board] == 0) { /* lost: nothing that it is asked for will come */
                close_frames(frames, n_frames);
                return 0;
        }
        s = malloc(sizeof(*s) + n_frames * sizeof(*frames));
        if (!s) {
                close_frames(frames, n_frames);
                return -ENOMEM;
        }
        s->mail.kind = line->kind;
        s->board = board;
        s->session = line->heard[board];
        s->message = *message;
        s->n_frames = n_frames;
        for (uint32_t i = 0; i < n_frames; i++) {
                zmq_msg_init(&s->frames[i]);
                zmq_msg_move(&s->frames[i], &frames[i]);
                zmq_msg_close(&frames[i]);
        }
        hedge_mailbox_put(line->loop, &s->mail);
        return 0;
}

hedged_line_event_t *hedged_line_next(hedged_line_t *line, int timeout_ms)
{
        hedged_line_event_t *event = (hedged_line_event_t *)hedge_mailbox_wait(line->events, timeout_ms);

        if (event && event->mail.kind == HEDGED_LINE_HERE)
                line->heard[event->board] = event->session;
        else if (event && event->mail.kind == HEDGED_LINE_LOST)
                line->heard[event->board] = 0;
        return event;
}

void hedged_line_event_release(hedged_line_event_t **event)
{
        if (!*event)
                return;
        hedge_envelope_release(&(*event)->envelope);
        if ((*event)->mail.kind != HEDGED_LINE_STOP) /* that one is the line's own */
                free(*event);
        *event = NULL;
}

enum hedged_stop hedged_line_stopping(const hedged_line_t *line)
{
        return (enum hedged_stop)atomic_load(&line->stopping);
}

/* ---- events ---- */

static hedged_line_event_t *make_word(enum hedged_line_event_kind kind, const hedged_board_t *board, uint64_t session)
{
        hedged_line_event_t *event = calloc(1, sizeof(*event));

        if (!event)
                return NULL;
        event->mail.kind = (int)kind;
        event->board = board->index;
        event->session = session;
        event->received_us = hedge_now_us();
        memcpy(event->name, board->name, sizeof(event->name));
        return event;
}

static void forget_asked(hedged_line_t *line, seat_t *seat)
{
        hedged_board_t *board = hedged_cluster_at(line->cluster, (unsigned)(seat - line->seats));

        memset(seat->asked, 0, sizeof(seat->asked));
        seat->said = 0;
        seat->joined = false;
        seat->shard_bytes = seat->step_bytes = 0;
        if (board)
                hedged_cluster_excuse(line->cluster, board, 0);
}

static void lose(hedged_line_t *line, seat_t *seat)
{
        if (seat->session == 0)
                return;
        seat->session = 0;
        seat->lost->received_us = hedge_now_us();
        hedge_mailbox_put(line->events, &seat->lost->mail);
        seat->lost = NULL;
        forget_asked(line, seat);
}

static int send_leave(hedged_line_t *line, const hedge_route_t *route, uint64_t job)
{
        const hedge_message_t message = { .type = HEDGE_MSG_LEAVE, .leave = { .job = job } };

        return hedge_link_send(line->boards, route, &message, NULL, 0);
}

/* The board was told to JOIN a training that has ended: it would keep its data for ever. Said until it can be sent. */
static void settle(hedged_line_t *line, const hedged_board_t *board, seat_t *seat)
{
        if (!board->usable || seat->owes == 0 || seat->owes == line->job)
                return;
        if (send_leave(line, &board->route, seat->owes) == 0)
                seat->owes = 0;
}

/* Without memory nothing is said: the next look does. */
static void announce(hedged_line_t *line, const hedged_board_t *board, seat_t *seat)
{
        const uint64_t session = line->sessions + 1;
        hedged_line_event_t *here = make_word(HEDGED_LINE_HERE, board, session);
        hedged_line_event_t *lost = make_word(HEDGED_LINE_LOST, board, session);

        if (!here || !lost) {
                free(here);
                free(lost);
                return;
        }
        free(seat->lost);
        seat->lost = lost;
        forget_asked(line, seat);
        line->sessions = session;
        seat->session = session;
        seat->hellos = board->hellos;
        hedge_mailbox_put(line->events, &here->mail);
}

/* Tell the thread if anything is different about this board. One that has just got a number says HELLO again at once. */
static void look(hedged_line_t *line, const hedged_board_t *board)
{
        seat_t *seat;

        if (board->index >= BOARDS)
                return;
        seat = &line->seats[board->index];
        settle(line, board, seat);
        if (line->job == 0)
                return;
        if (!board->usable)
                lose(line, seat);
        else if (!board->promoted && hedge_now_ms() >= seat->not_before_ms &&
                 (seat->session == 0 || seat->hellos != board->hellos))
                announce(line, board, seat);
}

static void look_at_all(hedged_line_t *line)
{
        unsigned count;
        hedged_board_t *const *boards = hedged_cluster_boards(line->cluster, &count);

        for (unsigned i = 0; i < count; i++)
                look(line, boards[i]);
}

static void drop_words(hedged_line_t *line)
{
        hedged_line_event_t *event;

        while ((event = (hedged_line_event_t *)hedge_mailbox_take(line->events)))
                hedged_line_event_release(&event);
}

/* ---- the loop ---- */

int hedged_line_new(zsock_t *boards, hedged_cluster_t *cluster, hedge_mailbox_t *loop, int kind, hedged_line_t **ret)
{
        hedged_line_t *line = calloc(1, sizeof(*line));
        int r;

        if (!line)
                return -ENOMEM;
        r = hedge_mailbox_new(&line->events);
        if (r < 0) {
                free(line);
                return r;
        }
        line->boards = boards;
        line->cluster = cluster;
        line->loop = loop;
        line->kind = kind;
        *ret = line;
        return 0;
}

void hedged_line_destroy(hedged_line_t **line)
{
        if (!*line)
                return;
        drop_words(*line);
        for (unsigned i = 0; i < BOARDS; i++)
                free((*line)->seats[i].lost);
        hedge_mailbox_destroy(&(*line)->events);
        free(*line);
        *line = NULL;
}

void hedged_line_open(hedged_line_t *line, uint64_t job)
{
        assert(line->job == 0 && job != 0);
        drop_words(line);
        memset(line->heard, 0, sizeof(line->heard));
        atomic_store(&line->stopping, HEDGED_STOP_NO);
        line->job = job;
        line->gradient_bytes = 0;
        line->gradient_came = false;
        look_at_all(line);
}

void hedged_line_close(hedged_line_t *line, bool keep)
{
        for (unsigned i = 0; i < BOARDS; i++) {
                seat_t *seat = &line->seats[i];

                if (seat->session) {
                        seat->session = 0;
                        forget_asked(line, seat);
                }
                if (keep)
                        seat->owes = 0;
                seat->failures = 0;
                seat->not_before_ms = 0;
        }
        line->job = 0;
        drop_words(line);
        look_at_all(line); /* LEAVE to those who are here */
}

static void destroy_outgoing(outgoing_t *s, bool sent)
{
        if (!sent)
                close_frames(s->frames, s->n_frames);
        free(s);
}

/* What is under way now: the frames, and the answer that will come. */
static void count_bytes(hedged_line_t *line, seat_t *seat, const hedge_message_t *message, uint64_t bytes)
{
        if (message->type == HEDGE_MSG_STEP && message->step.whole && !line->gradient_came)
                line->gradient_bytes = bytes; /* at most about as much */
        if (message->type == HEDGE_MSG_STEP)
                seat->step_bytes = bytes + line->gradient_bytes;
        else
                seat->shard_bytes += bytes;
}

static unsigned answer_to(hedge_message_type_t type)
{
        switch (type) {
        case HEDGE_MSG_JOIN:
                return JOINED;
        case HEDGE_MSG_SHARD:
                return SHARD_OK;
        case HEDGE_MSG_STEP:
                return GRADIENT;
        case HEDGE_MSG_HOLD:
        case HEDGE_MSG_UPDATE:
                return ANSWERS; /* refused at most */
        default:
                return PRODUCT;
        }
}

static void count_asked(hedged_line_t *line, seat_t *seat, hedged_board_t *board, const hedge_message_t *message,
                        uint64_t bytes)
{
        if (message->type == HEDGE_MSG_LEAVE) {
                seat->owes = 0;
                return;
        }
        seat->owes = line->job;
        if (answer_to(message->type) != ANSWERS)
                seat->asked[answer_to(message->type)]++;
        if (message->type == HEDGE_MSG_STEP)
                seat->step = message->step.step;
        seat->said++;
        seat->failures = 0;
        count_bytes(line, seat, message, bytes);
        hedged_cluster_excuse(line->cluster, board, seat->shard_bytes + seat->step_bytes);
}

/* It could not be sent. Where the board itself is there, it is tried again after a while. */
static void fail(hedged_line_t *line, seat_t *seat, hedged_board_t *board, const hedge_message_t *message, int r)
{
        if (r == -EHOSTUNREACH) {
                hedged_cluster_lost(line->cluster, board);
        } else {
                log_warning("board=%s job=%llu: cannot pass the %s on: %s, going on without this board for a while",
                            board->name, (unsigned long long)line->job, hedge_message_name(message->type),
                            hedge_strerror(r));
                seat->not_before_ms = hedge_now_ms() + ((int64_t)PAUSE_MS << seat->failures);
                seat->failures += seat->failures < PAUSE_TIMES;
        }
        lose(line, seat);
}

void hedged_line_mail(hedged_line_t *line, hedge_mail_t *mail)
{
        outgoing_t *s = (outgoing_t *)mail;
        seat_t *seat = &line->seats[s->board];
        hedged_board_t *board = hedged_cluster_at(line->cluster, s->board);
        const bool current = line->job != 0 && s->session == seat->session;
        uint64_t bytes = 0;
        int r;

        if (!current || !board) {
                destroy_outgoing(s, false);
                return;
        }
        for (uint32_t i = 0; i < s->n_frames; i++)
                bytes += zmq_msg_size(&s->frames[i]);
        r = hedge_link_send(line->boards, &board->route, &s->message, s->frames, s->n_frames);
        if (r < 0)
                fail(line, seat, board, &s->message, r);
        else
                count_asked(line, seat, board, &s->message, bytes);
        destroy_outgoing(s, true);
}

/* Which of the answers is it, and of which training? */
static unsigned read_answer(const hedge_message_t *message, uint64_t *ret_train)
{
        switch (message->type) {
        case HEDGE_MSG_JOINED:
                *ret_train = message->joined.job;
                return JOINED;
        case HEDGE_MSG_SHARD_OK:
                *ret_train = message->shard.job;
                return SHARD_OK;
        case HEDGE_MSG_GRADIENT:
                *ret_train = message->gradient.job;
                return GRADIENT;
        case HEDGE_MSG_PRODUCT:
                *ret_train = message->product.job;
                return PRODUCT;
        default: /* ERROR */
                *ret_train = message->error.job;
                return ANSWERS;
        }
}

static uint64_t frame_bytes(const hedge_envelope_t *e)
{
        uint64_t bytes = 0;

        for (uint32_t i = 0; i < e->n_frames; i++)
                bytes += zmq_msg_size(&e->frames[i]);
        return bytes;
}

static void note_gradient(hedged_line_t *line, seat_t *seat, uint64_t bytes)
{
        if (!line->gradient_came || bytes > line->gradient_bytes)
                line->gradient_bytes = bytes;
        line->gradient_came = true;
        seat->step_bytes = 0;
}

/* What an ERROR is in place of is not known: what was asked for may still come, but is not waited for. */
static void note_error(seat_t *seat)
{
        seat->said--;
        seat->step_bytes = 0;
        if (seat->asked[SHARD_OK] > 0)
                seat->shard_bytes = 0;
}

static void note_answer(hedged_line_t *line, seat_t *seat, unsigned answer, const hedge_envelope_t *e)
{
        if (answer == JOINED)
                seat->joined = true;
        if (answer == GRADIENT)
                note_gradient(line, seat, frame_bytes(e));
        if (answer == PRODUCT)
                seat->shard_bytes -= seat->shard_bytes / seat->asked[PRODUCT]; /* about what it was asked for with */
        seat->asked[answer]--;
        if (seat->asked[SHARD_OK] == 0 && seat->asked[PRODUCT] == 0)
                seat->shard_bytes = 0;
}

/* To the thread. A board whose event is lost for want of memory has to begin again. */
static void pass_on(hedged_line_t *line, seat_t *seat, hedged_board_t *board, hedge_envelope_t *e)
{
        hedged_line_event_t *event = make_word(HEDGED_LINE_MESSAGE, board, seat->session);

        if (!event) {
                fail(line, seat, board, &e->message, -ENOMEM);
                return;
        }
        event->envelope = *e;
        memset(&e->message, 0, sizeof(e->message));
        e->frames = NULL;
        e->n_frames = 0;
        hedge_mailbox_put(line->events, &event->mail);
}

int hedged_line_received(hedged_line_t *line, hedged_board_t *board, hedge_envelope_t *e)
{
        uint64_t job;
        const unsigned answer = read_answer(&e->message, &job);
        seat_t *seat;

        if (job != line->job || job == 0) {
                send_leave(line, &board->route, job); /* if that is lost: again when it says something more */
                return -ENOENT;
        }
        if (board->index >= BOARDS || line->seats[board->index].session == 0)
                return 0; /* lost: what it was asked for does not come any more */
        seat = &line->seats[board->index];
        if (!seat->joined && (answer == SHARD_OK || answer == GRADIENT))
                return 0; /* of its session before */
        if (answer == GRADIENT && e->message.gradient.step != seat->step)
                return HEDGE_EMALFORMED;
        if (answer == ANSWERS ? seat->said == 0 : seat->asked[answer] == 0)
                return HEDGE_EMALFORMED;
        if (answer == ANSWERS)
                note_error(seat);
        else
                note_answer(line, seat, answer, e);
        hedged_cluster_excuse(line->cluster, board, seat->shard_bytes + seat->step_bytes);
        pass_on(line, seat, board, e);
        return 0;
}

void hedged_line_changed(hedged_line_t *line, const hedged_board_t *board)
{
        look(line, board);
}

void hedged_line_tick(hedged_line_t *line)
{
        look_at_all(line);
}

void hedged_line_stop(hedged_line_t *line, enum hedged_stop why)
{
        int no = HEDGED_STOP_NO;

        if (line->job == 0 || !atomic_compare_exchange_strong(&line->stopping, &no, (int)why))
                return; /* the first reason holds, and there is one such event */
        line->stop.mail.kind = HEDGED_LINE_STOP;
        hedge_mailbox_put(line->events, &line->stop.mail);
}
