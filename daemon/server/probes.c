/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/probes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/infer/layer_run.h"
#include "daemon/measure/probe.h"

#define SILENT_MS  2000  /* for an answer */
#define MOST_MS    10000 /* for one board */
#define STAGGER_MS 60 /* who takes longer has a slow link or computes, and leaves room on ours: the next one begins */
#define MOST       16 /* at a time */
#define HOLD_US    1000000u /* all parts of a task in one message */

typedef struct active {
        hedged_board_t *board; /* NULL: this place is free */
        uint64_t hellos;       /* its, when this began */
        int64_t began_ms;
        int64_t asked_ms; /* the last time */
        hedged_probe_t probe;
} active_t;

struct hedged_probes {
        active_t active[MOST];
        unsigned n_active;
        bool waiting;             /* boards may be waiting for a place */
        int64_t next_ms;          /* when one may begin beside those that are */
        zmq_msg_t filters, input; /* copied for every message; not their bytes */
};

static int make_frame(zmq_msg_t *frame, uint64_t elements, void (*fill)(float *))
{
        float *data = hedge_floats_new(elements);

        if (!data)
                return -ENOMEM;
        fill(data);
        if (hedge_frame_floats(frame, data, elements) == 0)
                return 0;
        free(data);
        return -ENOMEM;
}

int hedged_probes_new(hedged_probes_t **ret)
{
        hedged_probes_t *p = calloc(1, sizeof(*p));
        int r = p ? 0 : -ENOMEM;

        if (r < 0)
                return r;
        zmq_msg_init(&p->filters);
        zmq_msg_init(&p->input);
        r = make_frame(&p->filters, hedge_conv_filter_elements(&hedged_probe_conv), hedged_probe_filters);
        if (r == 0)
                r = make_frame(&p->input, hedge_conv_in_elements(&hedged_probe_conv), hedged_probe_input);
        if (r < 0)
                hedged_probes_destroy(&p);
        else
                *ret = p;
        return r;
}

void hedged_probes_destroy(hedged_probes_t **probes)
{
        if (!*probes)
                return;
        zmq_msg_close(&(*probes)->filters);
        zmq_msg_close(&(*probes)->input);
        free(*probes);
        *probes = NULL;
}

/* ---- which boards ---- */

static active_t *find(hedged_probes_t *p, const hedged_board_t *board)
{
        for (unsigned i = 0; i < MOST; i++)
                if (p->active[i].board == board)
                        return &p->active[i];
        return NULL;
}

bool hedged_probes_ready(void *arg, const hedged_board_t *board)
{
        hedged_server_t *c = arg;

        if (c->config->plan.cut == HEDGED_CUT_SIMPLE || board->measured == board->incarnation ||
            (!find(c->probes, board) && hedged_measure_knows(c->measure, board->name)))
                return true;
        c->probes->waiting = true;
        return false;
}

/* ---- one of them ---- */

static int send_filters(hedged_server_t *c, const hedged_board_t *board)
{
        hedge_message_t message = { .type = HEDGE_MSG_SHARE };
        zmq_msg_t frame;

        message.share.digest = hedged_probe_digest;
        message.share.conv = hedged_probe_conv;
        message.share.ell_b = 1;
        snprintf(message.share.layer, sizeof(message.share.layer), "what measures boards");
        zmq_msg_init(&frame);
        zmq_msg_copy(&frame, &c->probes->filters);
        return hedge_link_send(c->sockets.boards, &board->route, &message, &frame, 1);
}

static int send_task(hedged_server_t *c, const active_t *a)
{
        uint32_t numbers[HEDGED_PROBE_INPUTS]; /* of inputs, and of parts */
        hedge_message_t message = { .type = HEDGE_MSG_TASK };
        zmq_msg_t frames[HEDGED_PROBE_INPUTS];

        for (unsigned i = 0; i < a->probe.inputs; i++) {
                numbers[i] = i;
                zmq_msg_init(&frames[i]);
                zmq_msg_copy(&frames[i], &c->probes->input);
        }
        message.task.run = a->probe.run;
        message.task.digest = hedged_probe_digest;
        message.task.n_inputs = message.task.n_order = a->probe.inputs;
        message.task.inputs = message.task.order = numbers;
        message.task.hold_us = HOLD_US;
        return hedge_link_send(c->sockets.boards, &a->board->route, &message, frames, a->probe.inputs);
}

static void forget(hedged_probes_t *p, active_t *a)
{
        a->board = NULL;
        p->n_active--;
        p->next_ms = 0;
}

/* The board is taken as it is now. What it holds of this it is to forget, if it still can be told. */
static void end(hedged_server_t *c, active_t *a)
{
        hedge_message_t drop = { .type = HEDGE_MSG_DROP, .drop = { .digest = hedged_probe_digest } };
        hedged_board_t *board = a->board;

        forget(c->probes, a);
        board->measured = board->incarnation;
        if (board->state == HEDGED_BOARD_ALIVE)
                hedge_link_send(c->sockets.boards, &board->route, &drop, NULL, 0);
        hedged_cluster_look(c->cluster, board, hedge_now_ms());
}

static void give_up(hedged_server_t *c, active_t *a, const char *why)
{
        hedge_message_t cancel = { .type = HEDGE_MSG_CANCEL, .cancel = { .run = a->probe.run } };

        log_warning("board=%s: not measured: %s, going by what the configuration says of boards", a->board->name, why);
        if (a->probe.run && a->board->state == HEDGED_BOARD_ALIVE)
                hedge_link_send(c->sockets.boards, &a->board->route, &cancel, NULL, 0);
        end(c, a);
}

static void go_on(hedged_server_t *c, active_t *a)
{
        hedged_speed_t speed;

        a->asked_ms = hedge_now_ms();
        if (hedged_probe_next(&a->probe, hedged_layer_run_take_number(), hedge_now_us())) {
                if (send_task(c, a) < 0)
                        give_up(c, a, "it cannot be sent a task");
                return;
        }
        hedged_measure_speed(c->measure, a->board->name, &speed);
        log_notice("board=%s: measured: %.3g multiply-accumulates/s, %.3g bytes/s, %.3g ms", a->board->name,
                   speed.macs_per_s, speed.up_bytes_per_s, speed.delay_s * 1000);
        end(c, a);
}

/* When it is given up. */
static int64_t end_ms(const active_t *a)
{
        return a->asked_ms + SILENT_MS < a->began_ms + MOST_MS ? a->asked_ms + SILENT_MS : a->began_ms + MOST_MS;
}

static void begin(hedged_server_t *c, hedged_board_t *board)
{
        active_t *a = find(c->probes, NULL);

        *a = (active_t){ .board = board, .hellos = board->hellos, .began_ms = hedge_now_ms() };
        a->asked_ms = a->began_ms;
        c->probes->n_active++;
        c->probes->next_ms = a->began_ms + STAGGER_MS;
        if (send_filters(c, board) < 0)
                give_up(c, a, "it cannot be sent filters");
}

/* ---- all of them ---- */

/* Who is lost, or has another connection, is measured anew when it is there again. */
void hedged_probes_changed(hedged_server_t *c, const hedged_board_t *board)
{
        active_t *a = find(c->probes, board);

        if (!a || (board->state == HEDGED_BOARD_ALIVE && board->hellos == a->hellos))
                return;
        c->probes->waiting = true;
        forget(c->probes, a);
}

/* Begin with boards that wait, as far as may be. */
static void begin_some(hedged_server_t *c)
{
        hedged_probes_t *p = c->probes;
        unsigned count;
        hedged_board_t *const *boards = hedged_cluster_boards(c->cluster, &count);

        p->waiting = false;
        for (unsigned i = 0; i < count; i++) {
                if (!boards[i]->unmeasured || find(p, boards[i]))
                        continue;
                if (p->n_active > 0 && (p->n_active == MOST || hedge_now_ms() < p->next_ms)) {
                        p->waiting = true;
                        return;
                }
                begin(c, boards[i]);
        }
}

void hedged_probes_turn(hedged_server_t *c)
{
        hedged_probes_t *p = c->probes;

        for (unsigned i = 0; p->n_active > 0 && i < MOST; i++)
                if (p->active[i].board)
                        hedged_probes_changed(c, p->active[i].board); /* a HELLO need not have changed its state */
        for (unsigned i = 0; p->n_active > 0 && i < MOST; i++)
                if (p->active[i].board && hedge_now_ms() >= end_ms(&p->active[i]))
                        give_up(c, &p->active[i], "it takes too long");
        if (c->stopping)
                p->waiting = false;
        if (p->waiting)
                begin_some(c);
}

int64_t hedged_probes_due_ms(const hedged_probes_t *p)
{
        int64_t due_ms = p->waiting && p->n_active < MOST ? p->next_ms : INT64_MAX;

        for (unsigned i = 0; p->n_active > 0 && i < MOST; i++)
                if (p->active[i].board && end_ms(&p->active[i]) < due_ms)
                        due_ms = end_ms(&p->active[i]);
        return due_ms;
}

bool hedged_probes_busy(const hedged_probes_t *p)
{
        return p->n_active > 0 || p->waiting;
}

/* ---- what boards say ---- */

bool hedged_probes_share_ok(hedged_server_t *c, const hedged_board_t *board, const hedge_digest_t *digest)
{
        active_t *a = find(c->probes, board);

        if (memcmp(digest, &hedged_probe_digest, sizeof(*digest)) != 0)
                return false;
        if (a && a->probe.step == 0)
                go_on(c, a);
        return true;
}

bool hedged_probes_part(hedged_server_t *c, hedged_board_t *board, const hedge_envelope_t *e)
{
        const hedge_msg_part_t *part = &e->message.part;
        const hedged_task_sample_t *sample = NULL;
        active_t *a = find(c->probes, board);
        size_t bytes[HEDGE_PART_FRAMES];
        int r;

        if (!a || !a->probe.run || part->run != a->probe.run)
                return false;
        for (uint32_t i = 0; i < part->n_parts; i++)
                bytes[i] = zmq_msg_size(&e->frames[i]);
        r = hedged_probe_part(&a->probe, part, bytes, hedge_now_us(), &sample);
        if (r < 0) {
                c->malformed++;
                give_up(c, a, "it has sent what it was not asked for");
                return true;
        }
        if (sample)
                hedged_measure_first(c->measure, board->name, sample);
        if (r > 0)
                go_on(c, a);
        else if (part->last)
                give_up(c, a, "it has not done all of a task");
        return true;
}

bool hedged_probes_ended(hedged_server_t *c, hedged_board_t *board, uint64_t run)
{
        active_t *a = find(c->probes, board);

        if (!a || !a->probe.run || run != a->probe.run)
                return false;
        give_up(c, a, "it has not done all of a task");
        return true;
}

bool hedged_probes_error(hedged_server_t *c, hedged_board_t *board, const hedge_msg_error_t *error)
{
        active_t *a = find(c->probes, board);
        const bool about_run = a && a->probe.run && error->about == a->probe.run;
        const bool about_filters = memcmp(&error->digest, &hedged_probe_digest, sizeof(error->digest)) == 0;

        if (!about_run && !about_filters)
                return false;
        if (a)
                give_up(c, a, error->text);
        return true;
}
