/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"

enum { NO_TASK, RUNNING, ENDED };

struct hedged_job {
        uint64_t id;
        const hedged_variant_t *variant;
        hedge_mailbox_t *events, *loop;
        unsigned boards;
        bool closed;        /* the request's thread has closed it */
        bool has_loop;      /* a task was given, so the loop knows it */
        hedge_mail_t close; /* sent once */
        /* The loop's from the first task to CLOSED. */
        struct hedged_job *next;
        bool open;
        hedged_event_t last;     /* CLOSED */
        hedged_event_t shutdown; /* sent at most once */
        unsigned char *task;     /* per board: NO_TASK, RUNNING, ENDED */
        unsigned *parts_left;    /* per board */
        bool *came;              /* per board and part: none counts twice */
        unsigned most_parts;     /* of a board */
        hedged_event_t *lost;    /* per board, each sent at most once: losing a board never needs memory */
};

typedef struct task_mail {
        hedge_mail_t mail;
        hedged_job_t *job;
        unsigned board, n_frames;
        zmq_msg_t frames[];
} task_mail_t;

struct hedged_dispatch {
        void *socket;
        hedged_cluster_t *cluster;
        hedged_job_t *jobs;
        bool stopping;
};

static _Atomic uint64_t last_job;

/* Jobs are numbered from anywhere: what is still on its way from a coordinator before this one is none of ours. */
static void choose_first_job(void)
{
        uint64_t start = 0;

        if (getrandom(&start, sizeof(start), GRND_NONBLOCK) < 0)
                start = (uint64_t)hedge_now_us();
        atomic_store(&last_job, start >> 1);
}

static uint64_t next_job_id(void)
{
        return atomic_fetch_add(&last_job, 1) + 1;
}

int hedged_job_new(const hedged_variant_t *variant, hedge_mailbox_t *loop, hedged_job_t **ret)
{
        hedged_job_t *j = calloc(1, sizeof(*j));
        int r = -ENOMEM;

        if (!j)
                return r;
        j->id = next_job_id();
        j->variant = variant;
        j->loop = loop;
        j->boards = hedge_code_boards(variant->code);
        j->task = calloc(j->boards, sizeof(*j->task));
        j->parts_left = calloc(j->boards, sizeof(*j->parts_left));
        j->lost = calloc(j->boards, sizeof(*j->lost));
        for (unsigned b = 0; b < j->boards; b++)
                if (hedge_code_parts(variant->code, b) > j->most_parts)
                        j->most_parts = hedge_code_parts(variant->code, b);
        j->came = calloc((size_t)j->boards * j->most_parts + 1, sizeof(*j->came));
        if (j->task && j->parts_left && j->lost && j->came)
                r = hedge_mailbox_new(&j->events);
        if (r < 0) {
                hedged_job_destroy(&j);
                return r;
        }
        *ret = j;
        return 0;
}

int hedged_job_give(hedged_job_t *j, unsigned board, zmq_msg_t *frames, unsigned n_frames)
{
        task_mail_t *m = calloc(1, sizeof(*m) + n_frames * sizeof(m->frames[0]));

        if (!m) {
                for (unsigned i = 0; i < n_frames; i++)
                        zmq_msg_close(&frames[i]);
                return -ENOMEM;
        }
        m->mail.kind = HEDGED_MAIL_TASK;
        m->job = j;
        m->board = board;
        m->n_frames = n_frames;
        for (unsigned i = 0; i < n_frames; i++) {
                zmq_msg_init(&m->frames[i]);
                zmq_msg_move(&m->frames[i], &frames[i]);
        }
        j->has_loop = true;
        hedge_mailbox_put(j->loop, &m->mail);
        return 0;
}

hedged_event_t *hedged_job_next(hedged_job_t *j, int timeout_ms)
{
        return (hedged_event_t *)hedge_mailbox_wait(j->events, timeout_ms);
}

void hedged_event_release(hedged_event_t **event)
{
        if (*event && (*event)->mail.kind == HEDGED_EVENT_PART) {
                zmq_msg_close(&(*event)->frame);
                free(*event);
        }
        *event = NULL; /* all other kinds live in their job */
}

void hedged_job_close(hedged_job_t *j)
{
        if (j->closed)
                return;
        j->closed = true;
        if (!j->has_loop)
                return;
        j->close.kind = HEDGED_MAIL_CLOSE;
        hedge_mailbox_put(j->loop, &j->close);
}

static void wait_for_closed(hedged_job_t *j)
{
        for (;;) {
                hedged_event_t *e = hedged_job_next(j, -1);
                bool closed = e->mail.kind == HEDGED_EVENT_CLOSED;

                hedged_event_release(&e);
                if (closed)
                        return;
        }
}

void hedged_job_destroy(hedged_job_t **job)
{
        hedged_job_t *j = *job;

        if (!j)
                return;
        hedged_job_close(j);
        if (j->has_loop)
                wait_for_closed(j);
        hedge_mailbox_destroy(&j->events);
        free(j->task);
        free(j->parts_left);
        free(j->lost);
        free(j->came);
        free(j);
        *job = NULL;
}

int hedged_dispatch_new(void *boards, hedged_cluster_t *cluster, hedged_dispatch_t **ret)
{
        hedged_dispatch_t *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->socket = boards;
        d->cluster = cluster;
        choose_first_job();
        *ret = d;
        return 0;
}

void hedged_dispatch_destroy(hedged_dispatch_t **dispatch)
{
        free(*dispatch);
        *dispatch = NULL;
}

static void post(hedged_job_t *j, hedged_event_t *e, hedged_event_kind_t kind)
{
        e->mail.kind = (int)kind;
        hedge_mailbox_put(j->events, &e->mail);
}

static void open_job(hedged_dispatch_t *d, hedged_job_t *j)
{
        j->open = true;
        j->next = d->jobs;
        d->jobs = j;
        if (d->stopping)
                post(j, &j->shutdown, HEDGED_EVENT_SHUTDOWN);
}

/* A board's task has ended; where parts are missing, it is lost. */
static void end_task(hedged_job_t *j, unsigned board)
{
        if (j->task[board] != RUNNING)
                return;
        j->task[board] = ENDED;
        if (j->parts_left[board] == 0)
                return;
        j->lost[board].board = board;
        post(j, &j->lost[board], HEDGED_EVENT_LOST);
}

static int send_task(hedged_dispatch_t *d, hedged_job_t *j, task_mail_t *m)
{
        hedged_board_t *b = hedged_cluster_at(d->cluster, m->board);
        unsigned parts = hedge_code_parts(j->variant->code, m->board);
        uint32_t order[HEDGE_CODE_MAX_PARTS];
        hedge_message_t message = { .type = HEDGE_MSG_TASK };

        if (!b || !b->usable) {
                for (unsigned i = 0; i < m->n_frames; i++)
                        zmq_msg_close(&m->frames[i]);
                return -EHOSTUNREACH;
        }
        for (unsigned i = 0; i < parts; i++)
                order[i] = i;
        message.task.job = j->id;
        message.task.digest = j->variant->digests[m->board];
        message.task.n_order = parts;
        message.task.order = order;
        return hedge_link_send(d->socket, &b->route, &message, m->frames, m->n_frames);
}

static void handle_task(hedged_dispatch_t *d, task_mail_t *m)
{
        hedged_job_t *j = m->job;
        hedged_board_t *b;
        int r;

        if (!j->open)
                open_job(d, j);
        j->task[m->board] = RUNNING;
        j->parts_left[m->board] = hedge_code_parts(j->variant->code, m->board);
        r = send_task(d, j, m);
        if (r < 0) {
                end_task(j, m->board);
                b = hedged_cluster_at(d->cluster, m->board);
                if (b && r == -EHOSTUNREACH)
                        hedged_cluster_lost(d->cluster, b);
                else if (b)
                        log_warning("board=%s job=%llu: cannot send the task: %s, going on without this board", b->name,
                                    (unsigned long long)j->id, hedge_strerror(r));
        }
        free(m);
}

static void cancel_task(hedged_dispatch_t *d, const hedged_job_t *j, unsigned board)
{
        hedged_board_t *b = hedged_cluster_at(d->cluster, board);
        hedge_message_t message = { .type = HEDGE_MSG_CANCEL, .cancel = { .job = j->id } };

        if (b && b->state == HEDGED_BOARD_ALIVE)
                hedge_link_send(d->socket, &b->route, &message, NULL, 0); /* a lost CANCEL costs work, nothing else */
}

static void handle_close(hedged_dispatch_t *d, hedged_job_t *j)
{
        for (hedged_job_t **at = &d->jobs; *at; at = &(*at)->next)
                if (*at == j) {
                        *at = j->next;
                        break;
                }
        for (unsigned board = 0; board < j->boards; board++)
                if (j->task[board] == RUNNING && j->parts_left[board] > 0)
                        cancel_task(d, j, board);
        post(j, &j->last, HEDGED_EVENT_CLOSED); /* the job may be gone from here on */
}

void hedged_dispatch_mail(hedged_dispatch_t *d, hedge_mail_t *mail)
{
        if (mail->kind == HEDGED_MAIL_TASK)
                handle_task(d, (task_mail_t *)mail);
        else
                handle_close(d, (hedged_job_t *)(void *)((char *)mail - offsetof(hedged_job_t, close)));
}

static hedged_job_t *find_job(hedged_dispatch_t *d, uint64_t id)
{
        hedged_job_t *j = d->jobs;

        while (j && j->id != id)
                j = j->next;
        return j;
}

int hedged_dispatch_part(hedged_dispatch_t *d, const hedged_board_t *board, hedge_envelope_t *envelope)
{
        const hedge_msg_part_t *part = &envelope->message.part;
        hedged_job_t *j = find_job(d, part->job);
        hedged_event_t *e;
        bool *came;

        if (!j || board->index >= j->boards || j->task[board->index] == NO_TASK || j->parts_left[board->index] == 0)
                return -ENOENT;
        if (part->part >= hedge_code_parts(j->variant->code, board->index) ||
            zmq_msg_size(&envelope->frames[0]) != hedge_partition_part_elements(&j->variant->partition) * sizeof(float))
                return HEDGE_EMALFORMED;
        came = &j->came[board->index * j->most_parts + part->part];
        if (*came)
                return HEDGE_EMALFORMED;
        e = calloc(1, sizeof(*e));
        if (!e) {
                end_task(j, board->index);
                return -ENOMEM;
        }
        e->board = board->index;
        e->part = part->part;
        e->compute_us = part->compute_us;
        zmq_msg_init(&e->frame);
        zmq_msg_move(&e->frame, &envelope->frames[0]);
        *came = true;
        j->parts_left[board->index]--;
        post(j, e, HEDGED_EVENT_PART);
        return 0;
}

void hedged_dispatch_ended(hedged_dispatch_t *d, const hedged_board_t *board, uint64_t job)
{
        hedged_job_t *j = find_job(d, job);

        if (j && board->index < j->boards)
                end_task(j, board->index);
}

void hedged_dispatch_board_lost(hedged_dispatch_t *d, const hedged_board_t *board)
{
        for (hedged_job_t *j = d->jobs; j; j = j->next)
                if (board->index < j->boards)
                        end_task(j, board->index);
}

void hedged_dispatch_shutdown(hedged_dispatch_t *d)
{
        if (d->stopping)
                return;
        d->stopping = true;
        for (hedged_job_t *j = d->jobs; j; j = j->next)
                post(j, &j->shutdown, HEDGED_EVENT_SHUTDOWN);
}
