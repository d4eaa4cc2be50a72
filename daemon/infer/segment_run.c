/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/segment_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cost.h"
#include "daemon/infer/segment_work.h"
#include "daemon/infer/share_out.h"
#include "daemon/infer/windows.h"

#define PATIENCE 4.0 /* a run may take so many times what is predicted, and the settings' timeout more */

/* A piece at a place. */
typedef struct held {
        int64_t us;    /* of work that was counted for it; 0: none is any more */
        unsigned came; /* parts */
} held_t;

typedef struct segment {
        const hedged_coded_settings_t *settings;
        hedged_standing_t *shared;
        const hedged_segment_ask_t *ask;
        hedge_layer_report_t *report;
        hedged_segment_work_t work;
        hedged_layer_run_t *run;
        hedged_share_out_t *share_out;
        hedged_speed_t *speeds;
        unsigned places;         /* boards, and this machine */
        held_t *held;            /* per place and piece */
        int64_t *own_us;         /* per place: the sum of them */
        unsigned waiting, again; /* counted in the occupancy */
        hedged_event_t **events; /* per place and part: what came */
        hedged_event_t **used;   /* per part: the first that did */
        bool here;               /* this machine may be given pieces */
        bool early;              /* pieces can be put to their places before all are there */
        int64_t began_us;
} segment_t;

static double now_s(const segment_t *s, int64_t us)
{
        return (double)(us - s->began_us) / 1e6;
}

static double ms_since(int64_t us)
{
        return (double)(hedge_now_us() - us) / 1000.0;
}

static held_t *held_of(const segment_t *s, unsigned place, unsigned piece)
{
        return &s->held[(size_t)place * s->work.n_pieces + piece];
}

static hedged_event_t **event_of(const segment_t *s, unsigned place, unsigned part)
{
        return &s->events[(size_t)place * s->work.n_parts + part];
}

static bool is_here(const segment_t *s, unsigned place)
{
        return place == s->work.boards;
}

static unsigned occupied(const segment_t *s, unsigned place)
{
        return is_here(s, place) ? HEDGED_HERE : place;
}

/* ---- what there is to do, counted for all to see ---- */

static void take_up(segment_t *s, const hedged_given_t *g)
{
        held_t *h = held_of(s, g->place, g->piece);

        h->us = (int64_t)(g->expected_s * 1e6) + 1;
        s->own_us[g->place] += h->us;
        hedged_occupancy_add(&s->shared->occupancy, occupied(s, g->place), h->us);
}

static void put_down(segment_t *s, unsigned place, unsigned piece)
{
        held_t *h = held_of(s, place, piece);

        s->own_us[place] -= h->us;
        hedged_occupancy_add(&s->shared->occupancy, occupied(s, place), -h->us);
        h->us = 0;
}

static void put_all_down(segment_t *s)
{
        for (unsigned v = 0; v < s->places; v++)
                for (unsigned i = 0; i < s->work.n_pieces; i++)
                        if (held_of(s, v, i)->us)
                                put_down(s, v, i);
        hedged_occupancy_again_over(&s->shared->occupancy, s->again);
        atomic_fetch_sub(&s->shared->occupancy.waiting, s->waiting);
        s->again = s->waiting = 0;
}

static void count_waiting(segment_t *s)
{
        const unsigned waiting = hedged_share_out_waiting(s->share_out);

        atomic_fetch_add(&s->shared->occupancy.waiting, waiting - s->waiting); /* modulo 2^32 */
        s->waiting = waiting;
}

/* ---- giving ---- */

/* The inputs of a piece. @return 0, -EINVAL (not for q16), -ENOMEM; then there are none. */
static int make_frames(const segment_t *s, unsigned piece, hedge_precision_t wire, zmq_msg_t *frames)
{
        const hedged_segment_work_t *w = &s->work;
        const hedge_window_t *needs = w->step->windows ? &w->needs[piece] : NULL;
        const hedge_cost_kind_t before = hedge_cost_enter(HEDGE_COST_CODING);
        unsigned n = 0;
        int r = 0;

        for (; r == 0 && n < w->n_in; n += r == 0)
                r = hedged_window_frame(&s->ask->in[n], needs, hedged_segment_work_wire(w, n, wire), &frames[n]);
        while (r < 0 && n > 0)
                zmq_msg_close(&frames[--n]);
        hedge_cost_enter(before);
        return r;
}

static int give_board(segment_t *s, unsigned board, unsigned piece)
{
        const hedged_segment_work_t *w = &s->work;
        hedged_task_t task = {
                .board = board, .n_inputs = w->n_in, .n_order = 1, .inputs = { piece }, .order = { piece }
        };
        const hedged_task_t *tasks = &task;
        zmq_msg_t frames[HEDGED_TASK_INPUTS], *of_task = frames;
        hedge_precision_t wire = w->step->wire;
        int r = make_frames(s, piece, wire, frames);

        if (r == -EINVAL) {
                wire = HEDGE_PRECISION_F32;
                r = make_frames(s, piece, wire, frames);
        }
        if (r < 0)
                return r;
        if (!w->step->windows) {
                task.n_order = w->n_parts;
                for (unsigned i = 0; i < w->n_in; i++)
                        task.inputs[i] = i;
                for (unsigned i = 0; i < w->n_parts; i++)
                        task.order[i] = i;
        }
        return hedged_layer_run_give(s->run, 1, &tasks, wire, &of_task);
}

static int give_here(segment_t *s, unsigned piece)
{
        const hedged_segment_work_t *w = &s->work;
        zmq_msg_t frames[HEDGED_TASK_INPUTS];
        hedge_shape_t shapes[HEDGED_TASK_INPUTS];
        hedged_here_piece_t p = { .model = w->model,
                                  .first = w->step->first,
                                  .last = w->step->last,
                                  .part = piece,
                                  .board = w->boards,
                                  .n_inputs = w->n_in,
                                  .n_outputs = w->step->windows ? 1 : w->n_parts,
                                  .shapes = shapes,
                                  .frames = frames };
        int r = make_frames(s, piece, HEDGE_PRECISION_F32, frames);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < w->n_in; i++)
                shapes[i] = s->ask->in[i].shape;
        if (w->step->windows) {
                p.window = &w->step->windows[piece];
                shapes[0].dims[1] = w->needs[piece].rows;
                shapes[0].dims[2] = w->needs[piece].cols;
        }
        return hedged_here_ask(s->shared->here, s->run, &p);
}

static int give(segment_t *s, const hedged_given_t *g)
{
        const int64_t since_us = hedge_now_us();
        int r;

        take_up(s, g);
        r = is_here(s, g->place) ? give_here(s, g->piece) : give_board(s, g->place, g->piece);
        s->report->encode_ms += ms_since(since_us);
        s->report->parts_asked += s->work.step->windows ? 1 : s->work.n_parts;
        return r;
}

static void look_at_places(segment_t *s)
{
        hedged_place_t *places = hedged_share_out_places(s->share_out);
        const bool here = s->here && !hedged_gate_is_full(s->ask->gate);

        for (unsigned v = 0; v < s->places; v++) {
                places[v].able = is_here(s, v) ? here : s->work.blocks[v] && hedged_block_holds(s->work.blocks[v], v);
                places[v].speed = s->speeds[v];
                places[v].busy_s = hedged_occupancy_others_s(&s->shared->occupancy, occupied(s, v), s->own_us[v]);
        }
}

/* Is there something late that a busy place may be asked for? */
static int give_late(segment_t *s, double now, double *wake)
{
        hedged_given_t g;

        if (!hedged_occupancy_again(&s->shared->occupancy, s->places))
                return 0;
        if (hedged_share_out_next(s->share_out, now, false, true, &g, wake)) {
                s->again++;
                return give(s, &g);
        }
        hedged_occupancy_again_over(&s->shared->occupancy, 1);
        return 0;
}

/* @param wake  Lowered to when it should be looked at again. */
static int give_all(segment_t *s, double *wake)
{
        const double now = now_s(s, hedge_now_us());
        const bool crowded = atomic_load(&s->shared->occupancy.waiting) > s->waiting;
        hedged_given_t g;
        int r = 0;

        look_at_places(s);
        while (r == 0 && hedged_share_out_next(s->share_out, now, crowded, false, &g, wake))
                r = give(s, &g);
        if (r == 0 && s->shared->hedge)
                r = give_late(s, now, wake);
        count_waiting(s);
        return r;
}

/* ---- taking ---- */

/* Put part of what came to where it belongs. */
static void place_part(segment_t *s, const hedged_event_t *e)
{
        const bool windows = s->work.step->windows != NULL;
        hedge_tensor_t *out = &s->ask->out[windows ? 0 : e->part];
        const int64_t since_us = hedge_now_us();
        const hedge_cost_kind_t before = hedge_cost_enter(HEDGE_COST_CODING);
        const size_t row = hedged_work_part(s->run->work, e->part)->row;
        zmq_msg_t *frame = (zmq_msg_t *)(uintptr_t)&e->frame;

        if (!windows && row > 0) /* of one that is marked there may be fewer */
                out->shape.dims[0] = (uint32_t)(zmq_msg_size(frame) / sizeof(float) / row);
        hedged_window_place(zmq_msg_data(frame), e->wire, windows ? &s->work.step->windows[e->part] : NULL, out);
        hedge_cost_enter(before);
        s->report->decode_ms += ms_since(since_us);
}

static void learn(segment_t *s, unsigned place, unsigned piece)
{
        const hedged_step_t *step = s->work.step;

        if (!is_here(s, place))
                hedged_lateness_took(s->shared->lateness, s->work.model, step->first, step->last, s->work.n_pieces,
                                     hedged_share_out_took(s->share_out, place, piece));
}

/* All parts of a piece are there from a place. */
static void take_piece(segment_t *s, unsigned place, unsigned piece, int64_t received_us)
{
        const bool windows = s->work.step->windows != NULL;
        const unsigned begin = windows ? piece : 0, end = windows ? piece + 1 : s->work.n_parts;

        put_down(s, place, piece);
        if (!hedged_share_out_came(s->share_out, place, piece, now_s(s, received_us)))
                return;
        learn(s, place, piece);
        for (unsigned part = begin; part < end; part++) {
                s->used[part] = *event_of(s, place, part);
                if (s->early)
                        place_part(s, s->used[part]);
        }
}

static void take_part(segment_t *s, hedged_event_t *e)
{
        const bool windows = s->work.step->windows != NULL;
        const unsigned piece = windows ? e->part : 0;
        held_t *h = held_of(s, e->board, piece);

        *event_of(s, e->board, e->part) = e;
        s->report->parts_received++;
        if (++h->came == (windows ? 1 : s->work.n_parts))
                take_piece(s, e->board, piece, e->received_us);
}

static void take_loss(segment_t *s, unsigned place)
{
        for (unsigned i = 0; i < s->work.n_pieces; i++)
                if (held_of(s, place, i)->us)
                        put_down(s, place, i);
        hedged_share_out_lost(s->share_out, place);
        s->report->lost += !is_here(s, place);
}

/* @return 0, HEDGE_ESHUTDOWN. */
static int take_all(segment_t *s)
{
        hedged_event_t *e;

        while (hedged_share_out_missing(s->share_out) > 0 && (e = hedged_layer_run_next(s->run)))
                switch ((hedged_event_kind_t)e->mail.kind) {
                case HEDGED_EVENT_PART:
                        take_part(s, e);
                        break;
                case HEDGED_EVENT_LOST:
                        take_loss(s, e->board);
                        break;
                case HEDGED_EVENT_SHUTDOWN:
                        return HEDGE_ESHUTDOWN;
                }
        return 0;
}

static int gather(segment_t *s)
{
        const int64_t deadline_us = s->began_us + s->settings->timeout_ms * (int64_t)1000 +
                                    (int64_t)(PATIENCE * 1e6 * s->work.step->predicted_s);

        for (;;) {
                double wake = now_s(s, deadline_us);
                int r = take_all(s);

                if (r != 0 || hedged_share_out_missing(s->share_out) == 0)
                        return r;
                r = give_all(s, &wake);
                if (r < 0)
                        return r;
                if (hedge_now_us() >= deadline_us || !hedged_share_out_possible(s->share_out))
                        return 1;
                hedged_layer_run_wait(s->run, 1, s->began_us + (int64_t)(wake * 1e6) + 1);
        }
}

/* ---- beginning and end ---- */

/* Do the tensors that come out lie apart from those that go in? */
static bool lies_apart(const segment_t *s)
{
        for (unsigned o = 0; o < s->work.n_out; o++)
                for (unsigned i = 0; i < s->work.n_in; i++) {
                        const float *in = s->ask->in[i].data, *out = s->ask->out[o].data;

                        if (in < out + hedge_shape_elements(&s->ask->out[o].shape) &&
                            out < in + hedge_shape_elements(&s->ask->in[i].shape))
                                return false;
                }
        return true;
}

/* Where nothing is hedged whole requests go by turns, as a round-robin would send them. */
static unsigned first_place(segment_t *s)
{
        unsigned n = 0, turn;

        if (s->shared->hedge || s->work.n_pieces > 1)
                return s->places;
        for (unsigned b = 0; b < s->work.boards; b++)
                n += s->work.blocks[b] != NULL;
        turn = atomic_fetch_add(&s->shared->occupancy.turn, 1) % n;
        for (unsigned b = 0; b < s->work.boards; b++)
                if (s->work.blocks[b] && turn-- == 0)
                        return b;
        return s->places;
}

static int begin_share_out(segment_t *s)
{
        const hedged_step_t *step = s->work.step;
        hedged_share_out_settings_t set = { .n_places = s->places,
                                            .n_pieces = s->work.n_pieces,
                                            .here = true,
                                            .pieces = s->work.pieces,
                                            .copies = step->copies > 0 ? step->copies : 1,
                                            .hedge = s->shared->hedge,
                                            .race = s->work.n_pieces > 1,
                                            .first = first_place(s) };

        s->speeds = calloc(s->places, sizeof(*s->speeds));
        if (!s->speeds)
                return -ENOMEM;
        set.link_bytes_per_s = hedged_standing_speeds(s->shared, s->work.boards, s->speeds);
        if (!(set.link_bytes_per_s > 0))
                return 1; /* nobody has said yet how fast anything is */
        set.lateness =
                hedged_lateness_of(s->shared->lateness, s->work.model, step->first, step->last, s->work.n_pieces);
        return hedged_share_out_new(&set, &s->share_out);
}

static int begin(segment_t *s)
{
        hedged_run_work_t *work;
        int r = hedged_segment_work_init(&s->work, s->ask->model, s->ask->step);

        s->places = s->work.boards + 1;
        if (r != 0)
                return r;
        s->held = calloc((size_t)s->places * s->work.n_pieces, sizeof(*s->held));
        s->own_us = calloc(s->places, sizeof(*s->own_us));
        s->events = calloc((size_t)s->places * s->work.n_parts, sizeof(hedged_event_t *));
        s->used = calloc(s->work.n_parts, sizeof(hedged_event_t *));
        if (!s->held || !s->own_us || !s->events || !s->used)
                return -ENOMEM;
        s->here = s->shared->here &&
                  hedged_here_has_room(s->shared->here, s->ask->model->graph, s->ask->step->first, s->ask->step->last);
        s->early = lies_apart(s);
        r = begin_share_out(s);
        if (r != 0)
                return r;
        work = s->work.work;
        s->work.work = NULL;
        return hedged_layer_run_new(work, s->settings->loop, &s->run);
}

static void release(segment_t *s)
{
        hedged_layer_run_destroy(&s->run); /* with all events */
        hedged_share_out_destroy(&s->share_out);
        hedged_segment_work_release(&s->work);
        free(s->speeds);
        free(s->held);
        free(s->own_us);
        free(s->events);
        free(s->used);
}

/* ---- the report ---- */

static void report_step(const segment_t *s, hedge_layer_report_t *report)
{
        const hedged_step_t *step = s->ask->step;

        hedged_segment_work_name(&s->work, report->name, sizeof(report->name));
        snprintf(report->scheme, sizeof(report->scheme), "%s", hedged_segment_way(step, s->ask->model->graph));
        snprintf(report->wire, sizeof(report->wire), "%s", hedge_precision_name(step->wire));
        report->k_a = step->windows ? step->n_windows : 1;
        report->k_b = report->delta = 1;
        report->parts_needed = s->work.n_parts;
        report->predicted_ms = step->predicted_s * 1000;
}

static void report_boards(const segment_t *s, hedge_layer_report_t *report)
{
        report->boards = calloc(s->places, sizeof(*report->boards));
        for (unsigned b = 0; report->boards && b < s->work.boards; b++)
                for (unsigned i = 0; i < s->work.n_parts; i++)
                        if (s->used[i] && s->used[i]->board == b) {
                                report->boards[report->n_boards++] = b;
                                break;
                        }
        for (unsigned i = 0; i < s->work.n_parts; i++)
                report->parts_used += s->used[i] != NULL;
}

static int report_parts(const segment_t *s, hedge_layer_report_t *report)
{
        const bool windows = s->work.step->windows != NULL;
        unsigned most = 0;

        for (unsigned b = 0; b < s->work.boards; b++)
                for (unsigned i = 0; i < s->work.n_pieces; i++)
                        most += hedged_share_out_given(s->share_out, b, i) >= 0 ? (windows ? 1 : s->work.n_parts) : 0;
        report->parts = calloc(most + 1, sizeof(*report->parts));
        if (!report->parts)
                return -ENOMEM;
        for (unsigned b = 0; b < s->work.boards; b++)
                for (unsigned i = 0; i < s->work.n_parts; i++) {
                        const double given = hedged_share_out_given(s->share_out, b, windows ? i : 0);
                        const hedged_event_t *e = *event_of(s, b, i);

                        if (given < 0)
                                continue;
                        report->parts[report->n_parts++] = (hedge_part_report_t){
                                .board = b,
                                .part = i,
                                .sent_ms = (double)(s->began_us - s->ask->began_us) / 1000.0 + given * 1000,
                                .received_ms = e ? (double)(e->received_us - s->ask->began_us) / 1000.0 : 0,
                                .compute_us = e ? e->compute_us : 0,
                                .used = e && s->used[i] == e
                        };
                }
        return 0;
}

static bool is_quiet(const segment_t *s)
{
        for (unsigned b = 0; b < s->work.boards; b++)
                if (hedged_share_out_under_way(s->share_out, b) > 0)
                        return false;
        return true;
}

static int run_stages(segment_t *s)
{
        int r = gather(s);

        hedged_layer_run_close(s->run, is_quiet(s)); /* what runs is cancelled at once */
        put_all_down(s);
        s->report->wait_ms = ms_since(s->began_us) - s->report->encode_ms - s->report->decode_ms;
        for (unsigned i = 0; r == 0 && !s->early && i < s->work.n_parts; i++)
                place_part(s, s->used[i]);
        report_boards(s, s->report);
        hedge_cost_parts(s->report->parts_asked,
                         r == 0 ? s->report->parts_asked - s->report->parts_used : s->report->parts_asked, 0);
        return r;
}

int hedged_segment_run(const hedged_coded_settings_t *settings, hedged_standing_t *standing,
                       const hedged_segment_ask_t *ask, hedge_layer_report_t *report)
{
        const hedge_cost_kind_t before = hedge_cost_enter(HEDGE_COST_MESSAGES);
        segment_t s = { .settings = settings, .shared = standing, .ask = ask, .report = report };
        int r;

        memset(report, 0, sizeof(*report));
        report->start_ms = ms_since(ask->began_us);
        s.began_us = hedge_now_us();
        r = begin(&s);
        report_step(&s, report);
        if (r == 0) {
                r = run_stages(&s);
                if (r >= 0 && ask->trace && report_parts(&s, report) < 0)
                        r = -ENOMEM;
        }
        release(&s);
        if (r == 1)
                snprintf(report->scheme, sizeof(report->scheme), "local");
        report->end_ms = ms_since(ask->began_us);
        hedge_cost_enter(before);
        return r;
}
