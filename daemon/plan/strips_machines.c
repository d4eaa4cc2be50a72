/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "common/code/random.h"
#include "daemon/plan/strips_trial.h"

#define SEED  UINT64_C(0x5e6d)
#define WORST 3.0 /* ln 20: 95 of 100 draws of Exp(1) are below it */

/* ---- who takes part ---- */

static unsigned list_boards(const hedged_speeds_t *speeds, const hedged_team_t *team, unsigned *ret)
{
        unsigned n = 0;

        for (unsigned b = 0; b < speeds->boards; b++)
                if (team->may[b] && speeds->usable[b])
                        ret[n++] = b;
        return n;
}

static void shuffle(unsigned *boards, unsigned n, uint64_t state)
{
        for (unsigned i = n; i > 1; i--) {
                const unsigned j = (unsigned)(hedge_random_uniform(&state) * i), kept = boards[i - 1];

                boards[i - 1] = boards[j];
                boards[j] = kept;
        }
}

/* The boards of request `number`: an order of them all is dealt out in groups, then another one. @return how many. */
static unsigned deal(const hedged_speeds_t *speeds, const hedged_team_t *team, unsigned number, unsigned *boards)
{
        const unsigned n = list_boards(speeds, team, boards), each = team->boards < n ? team->boards : n;
        const unsigned groups = each ? n / each : 1;

        if (each == n)
                return n;
        shuffle(boards, n, hedge_random_row(SEED, number / groups));
        memmove(boards, boards + (size_t)(number % groups) * each, each * sizeof(*boards));
        return each;
}

static hedged_strips_machine_t board_machine(const hedged_speeds_t *speeds, unsigned b, const hedged_luck_t *luck,
                                             unsigned number)
{
        const hedged_speed_t *s = &speeds->board[b];
        const size_t at = (size_t)number * luck->boards + b;

        return (hedged_strips_machine_t){
                .alone = speeds->cores[b] == 1,
                .pace_s = (1 + hedged_luck_scale(s->spread, HEDGED_NOISE_SPREAD, luck->slow[at])) / s->macs_per_s,
                .usual_pace_s = (1 + s->spread) / s->macs_per_s,
                .worst_pace_s = (1 + WORST * s->spread) / s->macs_per_s,
                .up = s->up_bytes_per_s,
                .down = s->down_bytes_per_s,
                .delay_in_s = hedged_luck_scale(s->delay_s, HEDGED_NOISE_DELAY_S, luck->in[at]) / 2,
                .delay_out_s = hedged_luck_scale(s->delay_s, HEDGED_NOISE_DELAY_S, luck->out[at]) / 2,
                .delay_s = s->delay_s,
                .slower = hedged_speeds_slower(speeds, b),
        };
}

void hedged_strips_machines_draw(hedged_strips_trial_t *t, const hedged_team_t *team, const hedged_luck_t *luck,
                                 unsigned number)
{
        const hedged_speed_t *here = &t->speeds->here;
        unsigned boards[HEDGE_CODE_MAX_BOARDS];

        t->n_machines = deal(t->speeds, team, number, boards);
        for (unsigned i = 0; i < t->n_machines; i++)
                t->machines[i] = board_machine(t->speeds, boards[i], luck, number);
        if (team->here > 0) {
                const double pace_s = (1 + here->spread) / (here->macs_per_s * team->here);

                t->machines[t->n_machines++] = (hedged_strips_machine_t){
                        .here = true, .pace_s = pace_s, .usual_pace_s = pace_s, .worst_pace_s = pace_s
                };
        }
}

/* ---- the coordinator ---- */

double hedged_strips_handle(hedged_strips_trial_t *t, double now_s, double bytes, double elements)
{
        const double for_s = hedged_costs_message_s(&t->speeds->costs, bytes) + elements * t->speeds->costs.entry_s;

        t->here_s = hedged_greater(t->here_s, now_s) + for_s;
        t->spent_s += for_s;
        return t->here_s;
}

/* ---- giving out ---- */

unsigned hedged_strips_next(const hedged_strips_trial_t *t, const hedged_strips_machine_t *m)
{
        unsigned best = t->strips->n, least = t->strips->copies;

        for (unsigned i = 0; i < t->strips->n && least > 0; i++) {
                bool own = t->have[i];

                for (unsigned e = 0; e < m->n_errands; e++)
                        own = own || m->errands[e].strip == i;
                if (!own && t->given[i] < least) {
                        best = i;
                        least = t->given[i];
                }
        }
        return best;
}

/* The input is on the board: it computes it, behind what it has, and sends what comes of it. */
static void run_errand(const hedged_strips_trial_t *t, hedged_strips_machine_t *m, unsigned strip, double there_s)
{
        const hedged_strip_t *s = &t->strips->strips[strip];
        const double take_s = m->slower * hedged_costs_message_s(&t->speeds->costs, s->up_bytes),
                     give_s = m->slower * hedged_costs_message_s(&t->speeds->costs, s->down_bytes);
        hedged_strips_errand_t *e = &m->errands[m->n_errands++];

        e->strip = strip;
        e->begin_s = m->alone ? hedged_greater(m->computed_s, there_s) + take_s
                              : hedged_greater(m->computed_s, there_s + take_s);
        e->done_s = e->begin_s + s->work * m->pace_s;
        m->computed_s = e->done_s + (m->alone ? give_s : 0);
        m->down_free_s = hedged_greater(m->down_free_s, e->done_s + give_s) + s->down_bytes / m->down;
        e->arrival_s = m->down_free_s + m->delay_out_s;
}

static void note(hedged_strips_trial_t *t, hedged_strips_machine_t *m, unsigned strip, double now_s)
{
        t->given[strip]++;
        t->sum.asked++;
        if (!m->advance.asked++)
                hedged_advance_begin(&m->advance, now_s);
        m->look_s = INFINITY;
}

static void give_here(hedged_strips_trial_t *t, hedged_strips_machine_t *m, unsigned strip, double now_s)
{
        hedged_strips_errand_t *e = &m->errands[m->n_errands++];

        e->strip = strip;
        e->begin_s = hedged_greater(m->computed_s, now_s);
        e->done_s = e->arrival_s = m->computed_s = e->begin_s + t->strips->strips[strip].work * m->pace_s;
        m->spent_s = t->spent_s;
}

void hedged_strips_give(hedged_strips_trial_t *t, hedged_strips_machine_t *m, unsigned strip, double now_s)
{
        const hedged_strip_t *s = &t->strips->strips[strip];

        note(t, m, strip, now_s);
        if (m->here) {
                give_here(t, m, strip, now_s);
                return;
        }
        now_s = hedged_strips_handle(t, now_s, s->up_bytes, s->up_elements);
        t->up_free_s = hedged_greater(t->up_free_s, now_s) + s->up_bytes / t->speeds->here.up_bytes_per_s;
        m->up_free_s = hedged_greater(t->up_free_s, hedged_greater(m->up_free_s, now_s) + s->up_bytes / m->up);
        t->sum.up_bytes += s->up_bytes;
        run_errand(t, m, strip, m->up_free_s + m->delay_in_s);
}

/* When a machine is expected to have finished one window more than it has: a whole one, behind the longest stage of each. */
static double expected_s(const hedged_strips_trial_t *t, const hedged_strips_machine_t *m, unsigned strip, unsigned has)
{
        const hedged_strip_t *s = &t->strips->strips[strip];
        const double work_s = s->work * m->usual_pace_s;
        double up_s, down_s;

        if (m->here)
                return (has + 1) * work_s;
        up_s = s->up_bytes / m->up;
        down_s = s->down_bytes / m->down;
        return up_s + work_s + down_s + m->delay_s + has * hedged_greater(work_s, hedged_greater(up_s, down_s));
}

/* Who is to have the next window? @return NULL: all have as many as they take. */
static hedged_strips_machine_t *first_free(const hedged_strips_trial_t *t, unsigned *ret_strip)
{
        hedged_strips_machine_t *best = NULL;
        double least_s = INFINITY;

        for (unsigned i = 0; i < t->n_machines; i++) {
                hedged_strips_machine_t *m = &t->machines[i];
                const unsigned strip = hedged_strips_next(t, m);
                double s;

                if (strip == t->strips->n || m->n_errands == (m->here ? 1 : HEDGED_STRIPS_OWED))
                        continue;
                s = expected_s(t, m, strip, m->n_errands);
                if (s < least_s) {
                        least_s = s;
                        best = m;
                        *ret_strip = strip;
                }
        }
        return best;
}

/* Bytes of the beginning that have left for all boards when one has got so many. */
static double sent_by_then(const hedged_strips_trial_t *t, double bytes)
{
        double sum = 0;

        for (unsigned i = 0; i < t->n_machines; i++)
                sum += t->machines[i].first_bytes < bytes ? t->machines[i].first_bytes : bytes;
        return sum;
}

/* All that is given out at the beginning travels at the same time: run what was noted. */
static void travel(hedged_strips_trial_t *t, hedged_strips_machine_t *m, const double *left_s)
{
        const unsigned n = m->n_errands;
        double bytes = 0;

        m->n_errands = 0;
        for (unsigned e = 0; e < n; e++) {
                const unsigned strip = m->errands[e].strip;

                bytes += t->strips->strips[strip].up_bytes;
                m->up_free_s = left_s[e] +
                               hedged_greater(bytes / m->up, sent_by_then(t, bytes) / t->speeds->here.up_bytes_per_s);
                run_errand(t, m, strip, m->up_free_s + m->delay_in_s);
        }
}

void hedged_strips_begin(hedged_strips_trial_t *t)
{
        double left_s[HEDGE_CODE_MAX_BOARDS][HEDGED_STRIPS_OWED], all_bytes = 0;
        hedged_strips_machine_t *m;
        unsigned strip = 0;

        while ((m = first_free(t, &strip))) {
                const hedged_strip_t *s = &t->strips->strips[strip];

                note(t, m, strip, 0);
                if (m->here) {
                        give_here(t, m, strip, 0);
                        continue;
                }
                left_s[m - t->machines][m->n_errands] = hedged_strips_handle(t, 0, s->up_bytes, s->up_elements);
                m->errands[m->n_errands++].strip = strip;
                m->first_bytes += s->up_bytes;
                all_bytes += s->up_bytes;
        }
        for (unsigned i = 0; i < t->n_machines; i++)
                if (t->machines[i].here)
                        t->machines[i].spent_s = 0; /* all these messages are handled while it computes */
                else
                        travel(t, &t->machines[i], left_s[i]);
        t->up_free_s = all_bytes / t->speeds->here.up_bytes_per_s;
        t->sum.up_bytes += all_bytes;
}
