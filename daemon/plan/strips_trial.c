/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/strips_trial.h"

#include <math.h>

#define LOOK_AGAIN_S 1e-7 /* after the time when a machine will be late */

/* When the first of a machine's windows is in. The coordinator computes slower while its processor handles messages. */
static double next_s(const hedged_strips_trial_t *t, const hedged_strips_machine_t *m)
{
        const unsigned cores = t->speeds->here_cores ? t->speeds->here_cores : 1;

        if (m->n_errands == 0)
                return m->look_s;
        return m->errands[0].arrival_s + (m->here ? (t->spent_s - m->spent_s) / cores : 0);
}

static hedged_strips_machine_t *first_event(const hedged_strips_trial_t *t, double *ret_s)
{
        hedged_strips_machine_t *best = NULL;

        *ret_s = INFINITY;
        for (unsigned i = 0; i < t->n_machines; i++) {
                const double s = next_s(t, &t->machines[i]);

                if (s < *ret_s) {
                        *ret_s = s;
                        best = &t->machines[i];
                }
        }
        return best;
}

/* ---- who is late ---- */

/* By what may be expected of it, where whoever is idle has done nothing to compare with. */
static bool is_overdue(const hedged_strips_trial_t *t, const hedged_strips_machine_t *m, double now_s, double *ret_when)
{
        const hedged_strip_t *s = &t->strips->strips[m->errands[0].strip];
        const double usual_s = s->work * m->worst_pace_s + 3 * m->delay_s +
                               (m->here ? 0 : s->up_bytes / m->up + s->down_bytes / m->down);

        *ret_when = m->advance.last + HEDGED_LATE_PATIENCE * usual_s + HEDGED_NOISE_DELAY_S;
        return now_s > *ret_when;
}

static bool owes(const hedged_strips_machine_t *m, unsigned strip)
{
        for (unsigned e = 0; e < m->n_errands; e++)
                if (m->errands[e].strip == strip)
                        return true;
        return false;
}

/* The window that is furthest away: given to fewest, of whoever owes most, its last. @return n: none. */
static unsigned furthest(const hedged_strips_trial_t *t, const hedged_strips_machine_t *idle)
{
        unsigned best = t->strips->n, least = UINT8_MAX, most = 0;

        for (unsigned i = 0; i < t->n_machines; i++) {
                const hedged_strips_machine_t *m = &t->machines[i];

                for (unsigned e = m->n_errands; e > 0; e--) {
                        const unsigned strip = m->errands[e - 1].strip;

                        if (owes(idle, strip) || t->given[strip] > least ||
                            (t->given[strip] == least && m->n_errands <= most))
                                continue;
                        best = strip;
                        least = t->given[strip];
                        most = m->n_errands;
                }
        }
        return best;
}

static bool is_any_late(const hedged_strips_trial_t *t, const hedged_strips_machine_t *idle, double now_s,
                        double *ret_when)
{
        *ret_when = INFINITY;
        for (unsigned i = 0; i < t->n_machines; i++) {
                const hedged_strips_machine_t *m = &t->machines[i];
                double when_s;
                bool late;

                if (m->n_errands == 0)
                        continue;
                late = idle->advance.came
                               ? hedged_is_late(&m->advance, &idle->advance, 0, HEDGED_NOISE_DELAY_S, now_s, &when_s)
                               : is_overdue(t, m, now_s, &when_s);
                if (late)
                        return true;
                *ret_when = when_s < *ret_when ? when_s : *ret_when;
        }
        return false;
}

/* ---- what machines do next ---- */

static void find_work(hedged_strips_trial_t *t, hedged_strips_machine_t *m, double now_s)
{
        unsigned strip = hedged_strips_next(t, m);
        double when_s;

        while (strip < t->strips->n && m->n_errands < (m->here ? 1 : HEDGED_STRIPS_OWED)) {
                hedged_strips_give(t, m, strip, now_s);
                strip = hedged_strips_next(t, m);
        }
        m->look_s = INFINITY;
        if (m->n_errands > 0 || !t->strips->hedged)
                return;
        if (!is_any_late(t, m, now_s, &when_s)) {
                m->look_s = hedged_greater(when_s, now_s) + LOOK_AGAIN_S;
                return;
        }
        strip = furthest(t, m);
        if (strip < t->strips->n && t->given[strip] < UINT8_MAX)
                hedged_strips_give(t, m, strip, now_s);
}

/* A machine's errand is over: it is in, or nobody wants it any more. */
static void forget(hedged_strips_trial_t *t, hedged_strips_machine_t *m, unsigned e, double now_s)
{
        const hedged_strips_errand_t gone = m->errands[e];
        const double until_s = gone.done_s < now_s ? gone.done_s : now_s;

        if (until_s > gone.begin_s && !m->here)
                t->sum.boards_s += until_s - gone.begin_s;
        t->sum.computed += until_s > gone.begin_s;
        for (m->n_errands--; e < m->n_errands; e++)
                m->errands[e] = m->errands[e + 1];
}

/* A window is in: nobody else needs to go on with it. */
static void cancel_others(hedged_strips_trial_t *t, const hedged_strips_machine_t *by, unsigned strip, double now_s)
{
        for (unsigned i = 0; i < t->n_machines; i++) {
                hedged_strips_machine_t *m = &t->machines[i];

                for (unsigned e = 0; m != by && e < m->n_errands; e++)
                        if (m->errands[e].strip == strip) {
                                forget(t, m, e, now_s);
                                m->advance.asked--;
                                if (m->n_errands == 0) {
                                        m->computed_s = now_s + m->delay_in_s;
                                        m->look_s = now_s + LOOK_AGAIN_S;
                                }
                                break;
                        }
        }
}

static void receive(hedged_strips_trial_t *t, hedged_strips_machine_t *m, double arrival_s)
{
        const unsigned strip = m->errands[0].strip;
        const hedged_strip_t *s = &t->strips->strips[strip];
        double now_s = arrival_s;

        if (!m->here) {
                t->link_s = hedged_greater(arrival_s, t->link_s + s->down_bytes / t->speeds->here.down_bytes_per_s);
                now_s = hedged_strips_handle(t, t->link_s, s->down_bytes, s->down_elements) + t->speeds->costs.part_s;
                t->sum.down_bytes += s->down_bytes;
                t->sum.messages++;
        }
        hedged_advance_came(&m->advance, now_s);
        forget(t, m, 0, arrival_s);
        if (m->here)
                m->computed_s = arrival_s;
        t->n_have += !t->have[strip];
        t->have[strip] = 1;
        cancel_others(t, m, strip, now_s);
        if (t->n_have < t->strips->n)
                find_work(t, m, now_s);
}

static double finish(hedged_strips_trial_t *t)
{
        const double now_s = hedged_greater(t->link_s, t->here_s), done_s = now_s + t->speeds->costs.layer_s;

        for (unsigned i = 0; i < t->n_machines; i++)
                while (t->machines[i].n_errands > 0)
                        forget(t, &t->machines[i], 0, now_s);
        t->spent_s += t->speeds->costs.layer_s;
        t->sum.here_s += t->spent_s;
        return done_s;
}

double hedged_strips_trial_run(hedged_strips_trial_t *t)
{
        double last_s = 0;

        t->n_have = 0;
        t->here_s = t->up_free_s = t->link_s = t->spent_s = 0;
        for (unsigned i = 0; i < t->strips->n; i++)
                t->given[i] = t->have[i] = 0;
        hedged_strips_begin(t);
        while (t->n_have < t->strips->n) {
                hedged_strips_machine_t *m = first_event(t, &last_s);

                if (!m)
                        return INFINITY;
                if (m->n_errands > 0)
                        receive(t, m, last_s);
                else
                        find_work(t, m, last_s);
        }
        t->here_s = hedged_greater(t->here_s, last_s); /* the last window may be the coordinator's own */
        return finish(t);
}
