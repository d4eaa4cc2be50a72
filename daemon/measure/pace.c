/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/pace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUANTILE      0.15
#define QUANTILE_MIN  0.02
#define SPREAD        0.3   /* where it is larger than this a lower quantile is better: noise matters less */
#define HORIZON       400.0 /* samples */
#define PRIOR_HORIZON 50.0
#define FEW           32   /* while there are so few samples every one of them is fitted */
#define EVERY         16   /* later, every sixteenth */
#define EXCESS_MAX    30.0 /* times the best: one freeze is not to count for hundreds of tasks */
#define X_MIN         1e-14
#define X_MAX         1e-2

#define FASTER        0.85
#define FASTER_COUNT  3
#define SLOWER        0.15
#define SLOWER_SPREAD 0.3
#define SLOWER_COUNT  40
#define RESET_WEIGHT  5.0

typedef struct sample {
        double x, w;
        bool censored;
} sample_t;

/* The sample so many tasks ago; 0: the last. */
static float recent(const hedged_pace_t *p, unsigned age)
{
        return p->x[(p->next + HEDGED_PACE_SAMPLES - 1 - age) % HEDGED_PACE_SAMPLES];
}

void hedged_pace_init(hedged_pace_t *p, double best, double spread, double weight)
{
        memset(p, 0, sizeof(*p));
        p->prior_best = p->best = fmin(fmax(best, X_MIN), X_MAX);
        p->prior_spread = p->spread = fmax(spread, 0);
        p->prior_weight = weight;
}

static int by_x(const void *left, const void *right)
{
        const sample_t *a = left, *b = right;

        if (a->x != b->x)
                return a->x < b->x ? -1 : 1;
        return (int)a->censored - (int)b->censored; /* who finished then was still running then */
}

/* The samples in order. Where hardly any task was finished, what is known of the others stands for them.
 * @return their number. */
static unsigned sort_samples(const hedged_pace_t *p, sample_t *sorted)
{
        const double decay = exp(-1 / HORIZON);
        unsigned finished = 0;
        double w = 1;

        for (unsigned i = 0; i < p->count; i++, w *= decay) {
                double x = recent(p, i);

                sorted[i] = (sample_t){ fabs(x), w, x < 0 };
                finished += x > 0;
        }
        for (unsigned i = 0; finished < 3 && i < p->count; i++)
                sorted[i].censored = false;
        qsort(sorted, p->count, sizeof(*sorted), by_x);
        return p->count;
}

/* The low quantile: index of the sample, and the cumulative hazard up to it. */
static unsigned low_quantile(const sample_t *sorted, unsigned n, double spread, double *ret_hazard)
{
        const double wanted = -log(1 - fmax(QUANTILE * fmin(SPREAD / fmax(spread, 1e-9), 1), QUANTILE_MIN));
        double at_risk = 0, hazard = 0;
        unsigned last = 0;

        for (unsigned i = 0; i < n; i++)
                at_risk += sorted[i].w;
        for (unsigned i = 0; i < n && hazard < wanted; i++) {
                if (!sorted[i].censored) {
                        hazard += sorted[i].w / at_risk;
                        last = i;
                }
                at_risk -= sorted[i].w;
        }
        *ret_hazard = hazard;
        return last;
}

/* Best and spread by the samples, with the prior's spread as so many samples more. @return weight of the samples. */
static double fit_samples(const hedged_pace_t *p, double prior_weight, double *ret_best, double *ret_spread)
{
        sample_t sorted[HEDGED_PACE_SAMPLES];
        unsigned n = sort_samples(p, sorted);
        double hazard, excess = 0, above = prior_weight, all = 0, best;
        unsigned q = low_quantile(sorted, n, p->spread, &hazard);

        for (unsigned i = 0; i < n; i++) {
                all += sorted[i].censored ? 0 : sorted[i].w;
                if (i <= q)
                        continue;
                excess += sorted[i].w * fmin(sorted[i].x - sorted[q].x, EXCESS_MAX * sorted[q].x);
                above += sorted[i].censored ? 0 : sorted[i].w;
        }
        above = fmax(above, 1);
        /* best = q - hazard * s, s = (prior_weight * prior_spread * best + excess) / above */
        best = (sorted[q].x - hazard * excess / above) / (1 + hazard * prior_weight * p->prior_spread / above);
        best = fmin(fmax(best, sorted[0].x / 2), sorted[q].x);
        *ret_best = best;
        *ret_spread = (prior_weight * p->prior_spread + excess / best) / above;
        return all;
}

void hedged_pace_fit(hedged_pace_t *p)
{
        double prior = p->prior_weight * exp(-(double)p->since_prior / PRIOR_HORIZON);
        double best, weight;

        if (p->unfitted == 0)
                return;
        p->unfitted = 0;
        weight = fit_samples(p, prior, &best, &p->spread);
        p->best = exp((prior * log(p->prior_best) + weight * log(best)) / fmax(prior + weight, 1e-9));
}

/* All but the last `keep` samples are of a time that is over: how fast it was then says nothing, how steady it was does. */
static void forget(hedged_pace_t *p, unsigned keep)
{
        double best, spread;

        p->count = keep;
        p->prior_spread = p->spread;
        p->prior_weight = RESET_WEIGHT;
        fit_samples(p, RESET_WEIGHT, &best, &spread);
        p->prior_best = best;
        p->since_prior = keep;
        p->slow_row = p->slow_age = 0;
        p->unfitted = 1;
        hedged_pace_fit(p);
}

/* @return how many samples belong to the time since it is faster; 0: it is not. */
static unsigned became_faster(const hedged_pace_t *p)
{
        unsigned faster = 0, first = 0;

        for (unsigned i = 0; i < HEDGED_PACE_RECENT && i < p->count; i++)
                if (recent(p, i) > 0 && recent(p, i) < FASTER * p->best) {
                        faster++;
                        first = i;
                }
        return faster >= FASTER_COUNT ? first + 1 : 0;
}

static unsigned became_slower(hedged_pace_t *p, double x, bool censored)
{
        bool slow = x > p->best * (1 + fmax(SLOWER, SLOWER_SPREAD * p->spread));

        if (!slow && !censored)
                p->slow_row = p->slow_age = 0;
        p->slow_row += slow;
        p->slow_age += p->slow_row > 0;
        if (p->slow_row < SLOWER_COUNT)
                return 0;
        return p->slow_age < p->count ? p->slow_age : p->count;
}

void hedged_pace_add(hedged_pace_t *p, double x, bool censored)
{
        unsigned keep;

        if (!isfinite(x) || x <= 0)
                return;
        x = fmin(fmax(x, X_MIN), X_MAX);
        p->x[p->next] = censored ? -(float)x : (float)x;
        p->next = (p->next + 1) % HEDGED_PACE_SAMPLES;
        p->count += p->count < HEDGED_PACE_SAMPLES;
        p->since_prior++;
        p->unfitted++;
        keep = became_faster(p);
        if (keep == 0)
                keep = became_slower(p, x, censored);
        if (keep > 0)
                forget(p, keep);
        else if (p->count < FEW || p->unfitted >= EVERY)
                hedged_pace_fit(p);
}
