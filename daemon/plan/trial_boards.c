/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "daemon/plan/trial.h"

double hedged_trial_work_here(hedged_trial_t *t, double now_s, double for_s)
{
        t->here_s = hedged_greater(t->here_s, now_s) + for_s;
        t->sum.here_s += for_s;
        return t->here_s;
}

double hedged_trial_message_s(const hedged_trial_t *t, double bytes, double slower)
{
        return slower * hedged_costs_message_s(&t->speeds->costs, bytes);
}

static double encode_s(const hedged_trial_t *t, unsigned inputs, unsigned coded)
{
        return inputs * t->input_elements * t->speeds->costs.entry_s +
               coded * t->input_macs * t->speeds->costs.coding_s;
}

/* How long board b's first tasks travel: all get theirs at the same time, in equal shares of the coordinator's link. */
static double upload_s(const hedged_trial_t *t, unsigned b)
{
        const double mine = t->duties->duty[b].first_inputs * t->input_bytes;
        double before = 0;

        for (unsigned j = 0; j < t->duties->boards; j++)
                if (t->speeds->usable[j])
                        before += hedged_lesser(mine, t->duties->duty[j].first_inputs * t->input_bytes);
        return hedged_greater(mine / t->speeds->board[b].up_bytes_per_s, before / t->speeds->here.up_bytes_per_s);
}

/* When the input of a part of the board's own is there: of the first tasks, each piece has come when its share of the bytes has. */
static double ready_s(const hedged_trial_t *t, unsigned b, unsigned part)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        const hedged_trial_board_t *r = &t->runners[b];
        double piece;

        if (!r->own || part >= d->first_parts)
                return 0;
        piece = d->parts[part].piece;
        return hedged_greater(r->begin_s + r->upload_s * (piece + 1) / d->pieces,
                              r->begin_s + r->round_s * piece + r->upload_s / d->pieces) +
               r->take_s;
}

/* Is a part of a board's own the last of its task, that is, of its piece? */
static bool ends_task(const hedged_duty_t *d, unsigned part)
{
        return d->parts[part].last || (part + 1 < d->first_parts && d->parts[part].piece != d->parts[part + 1].piece);
}

static void compute_one(const hedged_trial_t *t, unsigned b, unsigned part)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        hedged_trial_board_t *r = &t->runners[b];
        const bool first = r->own && part < d->first_parts && (part == 0 || ends_task(d, part - 1));
        const double ready = ready_s(t, b, part);

        if (r->alone && first && r->computed_s > ready - r->take_s)
                r->computed_s += r->take_s;
        else
                r->computed_s = hedged_greater(r->computed_s, ready);
        r->computed_s += r->part_s;
}

void hedged_trial_compute_next(hedged_trial_t *t, unsigned b)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        hedged_trial_board_t *r = &t->runners[b];
        double oldest_s, give_s, bytes;

        compute_one(t, b, r->at);
        oldest_s = r->computed_s;
        for (r->batch = 1; r->own && !ends_task(d, r->at + r->batch - 1); r->batch++) {
                if (r->computed_s - oldest_s + r->part_s > t->duties->hold_s)
                        break;
                compute_one(t, b, r->at + r->batch);
        }
        bytes = r->batch * t->part_bytes;
        give_s = r->give_s + r->batch * r->give_part_s;
        t->sum.boards_s += give_s;
        if (r->alone)
                r->computed_s += give_s;
        r->sent_s = hedged_greater(r->sent_s, r->computed_s + (r->alone ? 0 : give_s)) +
                    bytes / t->speeds->board[b].down_bytes_per_s;
        r->arrival_s = r->sent_s + r->delay_out_s;
}

/* A board is asked for more parts, or for the first. */
static void ask(hedged_trial_t *t, unsigned b, unsigned parts)
{
        hedged_advance_t *a = &t->runners[b].advance;

        if (a->asked == a->came)
                t->owing[t->n_owing++] = b;
        a->asked += parts;
        t->asked += parts;
}

void hedged_trial_settle(hedged_trial_t *t, unsigned b, double now_s)
{
        hedged_advance_t *a = &t->runners[b].advance;

        hedged_advance_came(a, now_s);
        for (unsigned i = 0; a->came == a->asked && i < t->n_owing; i++)
                if (t->owing[i] == b)
                        t->owing[i] = t->owing[--t->n_owing];
}

static void begin_board(hedged_trial_t *t, const hedged_luck_t *luck, unsigned trial, unsigned b)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        const hedged_speed_t *s = &t->speeds->board[b];
        const double slower = hedged_speeds_slower(t->speeds, b);
        const size_t at = (size_t)trial * luck->boards + b;
        hedged_trial_board_t *r = &t->runners[b];

        *r = (hedged_trial_board_t){ .arrival_s = INFINITY, .own = true, .alone = t->speeds->cores[b] == 1 };
        if (!t->speeds->usable[b])
                return;
        r->part_s =
                t->part_macs / s->macs_per_s * (1 + hedged_luck_scale(s->spread, HEDGED_NOISE_SPREAD, luck->slow[at]));
        r->delay_in_s = hedged_luck_scale(s->delay_s, HEDGED_NOISE_DELAY_S, luck->in[at]) / 2;
        r->delay_out_s = hedged_luck_scale(s->delay_s, HEDGED_NOISE_DELAY_S, luck->out[at]) / 2;
        r->give_s = hedged_trial_message_s(t, 0, slower);
        r->give_part_s = t->part_bytes * t->speeds->costs.byte_s * slower;
        if (d->n_parts == 0)
                return;
        r->take_s = hedged_trial_message_s(t, d->first_inputs * t->input_bytes / d->pieces, slower);
        r->begin_s = hedged_trial_work_here(
                             t, 0, hedged_trial_message_s(t, d->first_inputs * t->input_bytes / d->pieces, 1)) +
                     r->delay_in_s;
        r->upload_s = upload_s(t, b);
        ask(t, b, d->first_parts);
        t->sum.up_bytes += d->first_inputs * t->input_bytes;
        t->sum.boards_s += r->take_s * d->pieces;
}

void hedged_trial_begin(hedged_trial_t *t, const hedged_luck_t *luck, unsigned trial)
{
        unsigned inputs = 0, coded = 0;
        double begun_s;

        t->count = t->plain = t->rank = t->global = t->boards_whole = t->parts_whole = 0;
        t->link_s = t->here_s = 0;
        t->n_owing = t->asked = 0;
        memset(t->have, 0, (size_t)t->duties->k_a * t->duties->k_b);
        memset(t->given, 0, (size_t)t->duties->k_a * t->duties->k_b);
        memset(t->strip_rank, 0, t->duties->k_a * sizeof(*t->strip_rank));
        for (unsigned b = 0; b < t->duties->boards; b++)
                if (t->speeds->usable[b]) {
                        inputs += t->duties->duty[b].first_inputs;
                        coded += t->duties->duty[b].coded_inputs;
                }
        begun_s = hedged_trial_work_here(t, 0, encode_s(t, inputs, coded));
        for (unsigned b = 0; b < t->duties->boards; b++)
                begin_board(t, luck, trial, b);
        begun_s = t->here_s - begun_s; /* a round of messages */
        for (unsigned b = 0; b < t->duties->boards; b++) {
                const hedged_duty_t *d = &t->duties->duty[b];
                hedged_trial_board_t *r = &t->runners[b];

                if (!t->speeds->usable[b] || d->n_parts == 0)
                        continue;
                r->round_s = begun_s;
                hedged_trial_work_here(
                        t, 0,
                        (d->pieces - 1) * hedged_trial_message_s(t, d->first_inputs * t->input_bytes / d->pieces, 1));
                hedged_trial_compute_next(t, b);
        }
}

void hedged_trial_send_input(hedged_trial_t *t, unsigned b, double now_s, unsigned coded, unsigned parts)
{
        const double rate = hedged_lesser(t->speeds->board[b].up_bytes_per_s, t->speeds->here.up_bytes_per_s);
        hedged_trial_board_t *r = &t->runners[b];

        now_s = hedged_trial_work_here(t, now_s, encode_s(t, 1, coded) + hedged_trial_message_s(t, t->input_bytes, 1));
        r->take_s = hedged_trial_message_s(t, t->input_bytes, hedged_speeds_slower(t->speeds, b));
        r->computed_s = now_s + t->input_bytes / rate + r->delay_in_s + r->take_s;
        ask(t, b, parts);
        t->sum.boards_s += r->take_s;
        t->sum.up_bytes += t->input_bytes;
        hedged_trial_compute_next(t, b);
}
