/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cost.h"
#include "daemon/infer/coded_work.h"
#include "daemon/infer/inputs.h"
#include "daemon/plan/pieces.h"

int hedged_gather_init(hedged_gather_t *g, const hedged_coded_settings_t *settings, const hedged_variant_t *variant,
                       const float *input)
{
        hedged_run_work_t *work;
        unsigned total = 0;
        int r;

        *g = (hedged_gather_t){
                .settings = settings, .variant = variant, .input = input, .boards = hedge_code_boards(variant->code)
        };
        for (unsigned b = 0; b < g->boards; b++)
                total += hedge_code_parts(variant->code, b);
        g->taken = calloc(total, sizeof(*g->taken));
        g->held = calloc(total, sizeof(*g->held));
        g->received = calloc(g->boards, sizeof(*g->received));
        if (!g->taken || !g->held || !g->received)
                return -ENOMEM;
        r = hedge_decoder_new(variant->code, &g->decoder);
        if (r == 0)
                r = hedged_assign_new(variant->code, variant->cut.hold_us, &g->assign);
        if (r == 0)
                r = hedged_coded_work(variant, &work);
        return r < 0 ? r : hedged_layer_run_new(work, settings->loop, &g->run);
}

void hedged_gather_release(hedged_gather_t *g)
{
        hedged_layer_run_destroy(&g->run); /* with all events */
        hedge_decoder_destroy(&g->decoder);
        hedged_assign_destroy(&g->assign);
        free(g->taken);
        free(g->held);
        free(g->received);
}

static int solve(hedged_gather_t *g)
{
        const hedge_cost_kind_t before = hedge_cost_enter(HEDGE_COST_SOLVING);
        int r = hedge_decoder_solve(g->decoder, &g->condition);

        hedge_cost_enter(before);
        return r;
}

/* Solve what has come, unless that was done. */
static int try_solve(hedged_gather_t *g)
{
        int r;

        if (!hedge_decoder_ready(g->decoder) || g->n_taken == g->n_tried)
                return 0;
        g->n_tried = g->n_taken;
        r = solve(g);
        if (r == HEDGE_EUNDECODABLE)
                return 0;
        if (r < 0)
                return r;
        g->gain = hedge_decoder_gain(g->decoder);
        g->solved = hedge_decode_error(g->gain, g->settings->conv_error, g->variant->cut.wire) <= g->settings->accuracy;
        return 0;
}

static int take_part(hedged_gather_t *g, hedged_event_t *e)
{
        const int64_t since_ns = hedge_cost_clock();
        int r = hedge_decoder_add(g->decoder, e->board, e->part);

        hedge_cost_aside(HEDGE_COST_SOLVING, since_ns);
        if (r < 0)
                return r == -EALREADY ? 0 : r;
        g->taken[g->n_taken++] = e;
        g->received[e->board]++;
        hedged_assign_came(g->assign, e->board, e->part, e->received_us);
        return 0;
}

/* Parts of unfinished boards wait; a finished board's are taken together. */
static int take_whole(hedged_gather_t *g, hedged_event_t *e)
{
        const unsigned board = e->board;
        unsigned kept = 0;
        int r = 0;

        hedged_assign_came(g->assign, board, e->part, e->received_us);
        g->held[g->n_held++] = e;
        if (!hedged_assign_is_done(g->assign, board))
                return 0;
        for (unsigned i = 0; i < g->n_held; i++) {
                if (g->held[i]->board == board && r == 0)
                        r = take_part(g, g->held[i]);
                else
                        g->held[kept++] = g->held[i];
        }
        g->n_held = kept;
        return r;
}

static bool possible(const hedged_gather_t *g)
{
        return hedge_decoder_possible(g->decoder, hedged_assign_alive(g->assign));
}

/* @return 0, 1 (give up: this can no longer be decoded), < 0. */
static int take_event(hedged_gather_t *g, hedged_event_t *e)
{
        switch ((hedged_event_kind_t)e->mail.kind) {
        case HEDGED_EVENT_PART:
                return g->variant->cut.whole_boards ? take_whole(g, e) : take_part(g, e);
        case HEDGED_EVENT_LOST:
                hedged_assign_lost(g->assign, e->board);
                g->lost++;
                return possible(g) ? 0 : 1;
        case HEDGED_EVENT_SHUTDOWN:
                break;
        }
        return HEDGE_ESHUTDOWN;
}

/* What is there. As soon as the rank is full it is solved; where that is not accurate enough, with everything else that has come,
 * once for all.
 * @return as take_event. */
static int take_all(hedged_gather_t *g)
{
        hedged_event_t *e;

        while (!g->solved && (e = hedged_layer_run_next(g->run))) {
                int r = take_event(g, e);

                if (r == 0 && g->n_tried == 0)
                        r = try_solve(g);
                if (r != 0)
                        return r;
        }
        return g->solved ? 0 : try_solve(g);
}

/* Encode the inputs of tasks and hand them out. */
static int give(hedged_gather_t *g, unsigned n, const hedged_task_t *const *tasks)
{
        const int64_t begin_us = hedge_now_us();
        zmq_msg_t *frames = NULL, **of_task = calloc(n, sizeof(*of_task));
        hedge_precision_t wire = g->variant->cut.wire;
        hedge_cost_kind_t before;
        unsigned total = 0;
        int r = -ENOMEM;

        for (unsigned t = 0; t < n; t++)
                total += tasks[t]->n_inputs;
        frames = calloc(total, sizeof(*frames));
        if (frames && of_task) {
                total = 0;
                for (unsigned t = 0; t < n; t++) {
                        of_task[t] = &frames[total];
                        total += tasks[t]->n_inputs;
                }
                before = hedge_cost_enter(HEDGE_COST_CODING);
                r = hedged_inputs_encode(g->variant, g->input, n, tasks, of_task, &wire, g->settings->threads);
                hedge_cost_enter(before);
        }
        g->encode_ms += (double)(hedge_now_us() - begin_us) / 1000.0;
        if (r == 0)
                r = hedged_layer_run_give(g->run, n, tasks, wire, of_task);
        for (unsigned t = 0; r == 0 && t < n; t++)
                g->asked += tasks[t]->n_order;
        free(frames);
        free(of_task);
        return r;
}

/* The first tasks of all boards, in pieces: every board's first, then every board's second, ... */
typedef struct opening {
        hedged_task_t *tasks; /* one per board that has something */
        uint16_t (*pieces)[HEDGE_CODE_MAX_PARTS];
        unsigned *n_pieces;
        hedged_task_t *parts;
        const hedged_task_t **given;
        unsigned n_tasks, n_given;
} opening_t;

static void opening_release(opening_t *o)
{
        free(o->tasks);
        free(o->pieces);
        free(o->n_pieces);
        free(o->parts);
        free(o->given);
}

static int opening_cut(const hedged_gather_t *g, opening_t *o, unsigned total)
{
        o->parts = malloc(total * sizeof(*o->parts) + 1);
        o->given = malloc(total * sizeof(*o->given) + 1);
        if (!o->parts || !o->given)
                return -ENOMEM;
        for (unsigned piece = 0; o->n_given < total; piece++)
                for (unsigned t = 0; t < o->n_tasks; t++) {
                        if (piece >= o->n_pieces[t])
                                continue;
                        hedged_assign_piece(&o->tasks[t], o->pieces[t], piece,
                                            hedge_code_ell_b(g->variant->code, o->tasks[t].board),
                                            &o->parts[o->n_given]);
                        o->given[o->n_given] = &o->parts[o->n_given];
                        o->n_given++;
                }
        return 0;
}

static int opening_init(hedged_gather_t *g, opening_t *o)
{
        const int64_t now_us = hedge_now_us();
        unsigned total = 0;

        o->tasks = malloc(g->boards * sizeof(*o->tasks)); /* large, and filled but little */
        o->pieces = malloc(g->boards * sizeof(*o->pieces));
        o->n_pieces = calloc(g->boards, sizeof(*o->n_pieces));
        if (!o->tasks || !o->pieces || !o->n_pieces)
                return -ENOMEM;
        for (unsigned b = 0; b < g->boards; b++) {
                hedged_task_t *task = &o->tasks[o->n_tasks];

                if (!hedged_variant_holds(g->variant, b) || hedge_code_parts(g->variant->code, b) == 0 ||
                    !hedged_assign_first(g->assign, b, now_us, task))
                        continue;
                o->n_pieces[o->n_tasks] = hedged_pieces(task->order, task->n_order,
                                                        hedge_code_ell_b(g->variant->code, b), o->pieces[o->n_tasks]);
                total += o->n_pieces[o->n_tasks++];
        }
        return opening_cut(g, o, total);
}

int hedged_gather_start(hedged_gather_t *g)
{
        opening_t o = { 0 };
        int r = opening_init(g, &o);

        if (r == 0 && !possible(g))
                r = 1;
        if (r == 0)
                r = give(g, o.n_given, o.given);
        opening_release(&o);
        return r;
}

/* Give boards that have run out of work what is left.
 * @param wake_us  Lowered to the time when it should be looked at again. */
static int give_more(hedged_gather_t *g, int64_t *wake_us)
{
        const int64_t now_us = hedge_now_us();
        hedged_task_t task;
        int r = 0;

        for (unsigned b = 0; r == 0 && b < g->boards; b++)
                if (hedged_assign_more(g->assign, b, now_us, &task, wake_us)) {
                        const hedged_task_t *one = &task;

                        r = give(g, 1, &one);
                }
        return r;
}

/* So many more parts at least have to come before there is anything to decide. */
static unsigned parts_missing(const hedged_gather_t *g)
{
        const unsigned outstanding = hedged_assign_outstanding(g->assign), more = hedge_decoder_missing(g->decoder);
        const unsigned missing = more > 0 ? more : 1;

        return missing < outstanding ? missing : outstanding;
}

int hedged_gather_wait(hedged_gather_t *g)
{
        const int64_t deadline_us = hedge_now_us() + g->settings->timeout_ms * (int64_t)1000;

        for (;;) {
                const int64_t now_us = hedge_now_us(); /* what comes from here on is looked at in the next turn */
                int64_t wake_us = deadline_us;
                int r = take_all(g);

                if (r != 0 || g->solved)
                        return r;
                r = give_more(g, &wake_us);
                if (r < 0)
                        return r;
                if (now_us >= deadline_us || hedged_assign_outstanding(g->assign) == 0)
                        return 1;
                hedged_layer_run_wait(g->run, parts_missing(g), wake_us);
                g->waits++;
        }
}

static double ms_between(int64_t from_us, int64_t to_us)
{
        return to_us > from_us ? (double)(to_us - from_us) / 1000.0 : 0;
}

static void note_received(hedge_layer_report_t *report, const hedged_event_t *e, int64_t began_us, bool used)
{
        for (uint32_t i = 0; i < report->n_parts; i++) {
                hedge_part_report_t *p = &report->parts[i];

                if (p->board != e->board || p->part != e->part)
                        continue;
                p->received_ms = ms_between(began_us, e->received_us);
                p->compute_us = e->compute_us;
                p->used = used;
                return;
        }
}

int hedged_gather_trace(hedged_gather_t *g, int64_t began_us, hedge_layer_report_t *report)
{
        const hedge_code_t *code = g->variant->code;
        hedged_event_t *e;
        unsigned asked = 0;

        for (unsigned b = 0; b < g->boards; b++)
                for (unsigned part = 0; part < hedge_code_parts(code, b); part++)
                        asked += hedged_assign_asked_us(g->assign, b, part) > 0;
        report->parts = calloc(asked + 1, sizeof(*report->parts));
        if (!report->parts)
                return -ENOMEM;
        for (unsigned b = 0; b < g->boards; b++)
                for (unsigned part = 0; part < hedge_code_parts(code, b); part++) {
                        const int64_t asked_us = hedged_assign_asked_us(g->assign, b, part);

                        if (asked_us)
                                report->parts[report->n_parts++] = (hedge_part_report_t){
                                        .board = b, .part = part, .sent_ms = ms_between(began_us, asked_us)
                                };
                }
        for (unsigned i = 0; i < g->n_taken; i++)
                note_received(report, g->taken[i], began_us, g->solved);
        while ((e = hedged_layer_run_next(g->run)))
                if (e->mail.kind == HEDGED_EVENT_PART)
                        note_received(report, e, began_us, false);
        return 0;
}
