/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/trial.h"

#include <math.h>

#define LOOK_AGAIN_S 1e-7 /* after the time when a board will be late */

/* The plain part to be redone: given to fewest so far, of the board that owes most, its last. @return K: none is left. */
static unsigned choose_late(const hedged_trial_t *t)
{
        unsigned best = t->duties->k_a * t->duties->k_b, least = UINT8_MAX, most = 0;

        for (unsigned b = 0; b < t->duties->boards; b++) {
                const hedged_duty_t *d = &t->duties->duty[b];
                const unsigned owed = d->n_parts - t->runners[b].at;

                for (unsigned i = d->n_parts; i > t->runners[b].at; i--) {
                        const hedged_duty_part_t *p = &d->parts[i - 1];
                        const unsigned id = (unsigned)p->strip * t->duties->k_b + (unsigned)p->block;

                        if (t->have[id] || t->given[id] > least || (t->given[id] == least && owed <= most))
                                continue;
                        best = id;
                        least = t->given[id];
                        most = owed;
                }
        }
        return best;
}

static void steal(hedged_trial_t *t, unsigned b, double now_s)
{
        const unsigned id = choose_late(t);
        hedged_trial_board_t *r = &t->runners[b];

        if (id == t->duties->k_a * t->duties->k_b || t->given[id] == UINT8_MAX)
                return;
        t->given[id]++;
        r->own = false;
        r->redoes = id;
        hedged_trial_send_input(t, b, now_s, 0, 1);
}

/* Should an idle board do more than it was asked for at first? @param ret_when_s  Else when to look again. */
static bool is_needed(const hedged_trial_t *t, unsigned b, double now_s, double *ret_when_s)
{
        *ret_when_s = INFINITY;
        if (t->asked < t->duties->need)
                return true;
        for (unsigned i = 0; i < t->n_owing; i++) {
                double when_s;

                if (hedged_is_late(&t->runners[t->owing[i]].advance, &t->runners[b].advance, t->duties->hold_s,
                                   HEDGED_NOISE_DELAY_S, now_s, &when_s))
                        return true;
                *ret_when_s = hedged_lesser(*ret_when_s, when_s);
        }
        return t->n_owing == 0;
}

static unsigned next_parts(const hedged_duty_t *d, unsigned at)
{
        unsigned n = 1;

        while (!d->parts[at + n - 1].last)
                n++;
        return n;
}

/* What does a board do that has nothing left, or looks again? */
static void find_work(hedged_trial_t *t, unsigned b, double now_s)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        hedged_trial_board_t *r = &t->runners[b];
        double when_s;

        r->batch = 0;
        r->arrival_s = INFINITY;
        if (!t->duties->steals && r->at >= d->n_parts)
                return;
        if (!is_needed(t, b, now_s, &when_s))
                r->arrival_s = hedged_greater(when_s, now_s) + LOOK_AGAIN_S;
        else if (t->duties->steals)
                steal(t, b, now_s);
        else
                hedged_trial_send_input(t, b, now_s, 1, next_parts(d, r->at));
}

/* A board's message is in: what does it do next? */
static void go_on(hedged_trial_t *t, unsigned b, double now_s)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        const hedged_trial_board_t *r = &t->runners[b];

        if (r->own && r->at < d->first_parts)
                hedged_trial_compute_next(t, b);
        else if (r->own && r->at < d->n_parts && !d->parts[r->at - 1].last)
                hedged_trial_compute_next(t, b);
        else
                find_work(t, b, now_s);
}

static void take_plain(hedged_trial_t *t, unsigned id)
{
        t->plain += !t->have[id];
        t->have[id] = 1;
}

/* Rank by strip: parts of a plain strip fill that strip alone, others whatever is missing. Random vectors are independent,
 * so counting is enough. */
static void take_rank(hedged_trial_t *t, const hedged_duty_part_t *p)
{
        if (p->strip < 0) {
                t->global++;
        } else if (t->strip_rank[p->strip] < t->duties->k_b) {
                t->strip_rank[p->strip]++;
                t->rank++;
        }
}

static void take(hedged_trial_t *t, unsigned b, double now_s)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        hedged_trial_board_t *r = &t->runners[b];
        const hedged_duty_part_t *p;

        t->count++;
        t->sum.down_bytes += t->part_bytes;
        hedged_trial_settle(t, b, now_s);
        if (!r->own) {
                take_plain(t, r->redoes);
                return;
        }
        p = &d->parts[r->at++];
        if (p->strip >= 0 && p->block >= 0)
                take_plain(t, (unsigned)p->strip * t->duties->k_b + (unsigned)p->block);
        take_rank(t, p);
        if (r->at == d->n_parts) {
                t->boards_whole++;
                t->parts_whole += d->n_parts;
        }
}

static bool is_done(const hedged_trial_t *t)
{
        const unsigned rank = t->duties->k_a * t->duties->k_b;
        const unsigned count = t->duties->whole ? t->parts_whole : t->count;

        switch (t->duties->done) {
        case HEDGED_DONE_COUNT:
                return count >= t->duties->need;
        case HEDGED_DONE_BOARDS:
                return count >= t->duties->need || t->boards_whole >= t->duties->delta;
        case HEDGED_DONE_RANK:
                return t->rank == rank || t->rank + t->global >= t->duties->need;
        default:
                return t->plain == rank;
        }
}

/* No more parts come, though the matrix may be a poor one: does it decode? */
static bool is_enough(const hedged_trial_t *t)
{
        const unsigned rank = t->duties->k_a * t->duties->k_b;

        return t->duties->done == HEDGED_DONE_RANK    ? t->rank + t->global >= rank
               : t->duties->done == HEDGED_DONE_COUNT ? t->count >= rank
                                                      : false;
}

static double decode_s(const hedged_trial_t *t)
{
        const hedged_costs_t *c = &t->speeds->costs;
        const double rank = (double)t->duties->k_a * t->duties->k_b, coded = rank - t->plain;

        return (rank * c->entry_s + coded * t->count * c->coding_s) * t->part_elements +
               c->solve_s * coded * coded * coded;
}

/* What a board has computed, or begun, until then, though it may not have come. */
static void count_computed(hedged_trial_t *t, const hedged_trial_board_t *r, double now_s)
{
        const unsigned owed = r->advance.asked - r->advance.came;
        unsigned n = r->advance.came;

        for (unsigned i = 0; i < owed; i++)
                n += r->computed_s + ((double)i - r->batch) * r->part_s < now_s;
        t->sum.asked += r->advance.asked;
        t->sum.computed += n;
        t->sum.boards_s += n * r->part_s;
}

/* It is decoded, or nothing more comes. @return when the layer is done. */
static double finish(hedged_trial_t *t)
{
        const double now_s = hedged_greater(t->link_s, t->here_s);

        for (unsigned b = 0; b < t->duties->boards; b++)
                if (t->speeds->usable[b])
                        count_computed(t, &t->runners[b], now_s);
        return hedged_trial_work_here(t, now_s, decode_s(t) + t->speeds->costs.layer_s);
}

/* A board's message is in. @return whether that is enough. */
static bool receive(hedged_trial_t *t, unsigned b)
{
        const hedged_costs_t *c = &t->speeds->costs;
        hedged_trial_board_t *r = &t->runners[b];
        const double bytes = r->batch * t->part_bytes;
        bool done = false;

        t->link_s = hedged_greater(r->arrival_s, t->link_s + bytes / t->speeds->here.down_bytes_per_s);
        hedged_trial_work_here(t, t->link_s, hedged_trial_message_s(t, bytes, 1) + r->batch * c->part_s);
        t->sum.messages++;
        for (; r->batch > 0; r->batch--) {
                take(t, b, t->here_s);
                done = done || is_done(t);
        }
        return done;
}

double hedged_trial_run(hedged_trial_t *t, const hedged_luck_t *luck, unsigned trial)
{
        hedged_trial_begin(t, luck, trial);
        for (;;) {
                unsigned next = 0;

                for (unsigned b = 1; b < t->duties->boards; b++)
                        if (t->runners[b].arrival_s < t->runners[next].arrival_s)
                                next = b;
                if (!isfinite(t->runners[next].arrival_s))
                        return is_enough(t) ? finish(t) : INFINITY;
                if (t->runners[next].batch == 0) {
                        find_work(t, next, t->runners[next].arrival_s);
                        continue;
                }
                if (receive(t, next))
                        return finish(t);
                go_on(t, next, t->here_s);
        }
}
