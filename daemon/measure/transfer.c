/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUANTILE      0.15
#define HORIZON       200.0
#define PRIOR_HORIZON 50.0
#define FEW           16
#define EVERY         16
#define ROUNDS        12  /* of the reweighted least squares */
#define VARIATION     0.1 /* of sizes, relative to their mean: with less a rate and a constant cannot be told apart */
#define LEAST_SHARE   0.2 /* of the typical transfer that is at least its bytes' */
#define EXCESS_MAX    100.0

#define FASTER       0.75
#define FASTER_COUNT 3
#define RECENT       8
#define SLOWER       0.1
#define SLOWER_DELAY 0.3
#define SLOWER_COUNT 40
#define RESET_WEIGHT 5.0

static const hedged_transfer_sample_t *recent(const hedged_transfer_t *t, unsigned age)
{
        return &t->samples[(t->next + HEDGED_TRANSFER_SAMPLES - 1 - age) % HEDGED_TRANSFER_SAMPLES];
}

static double clamp_rate(double rate)
{
        return fmin(fmax(rate, HEDGED_TRANSFER_MIN_RATE), HEDGED_TRANSFER_MAX_RATE);
}

void hedged_transfer_init(hedged_transfer_t *t, double rate, double delay, double weight)
{
        memset(t, 0, sizeof(*t));
        t->prior_rate = t->rate = clamp_rate(rate);
        t->prior_delay = t->delay = fmax(delay, 0);
        t->prior_weight = weight;
}

/* The finished transfers as points, their weights beside them. */
typedef struct points {
        double x[HEDGED_TRANSFER_SAMPLES], y[HEDGED_TRANSFER_SAMPLES], w[HEDGED_TRANSFER_SAMPLES];
        unsigned n;
        double weight, mean_x, mean_y, deviation_x;
} points_t;

static void collect(const hedged_transfer_t *t, points_t *p)
{
        double squares = 0;

        memset(p, 0, sizeof(*p));
        for (unsigned i = 0; i < t->count; i++) {
                const hedged_transfer_sample_t *s = recent(t, i);
                double w = exp(-(double)i / HORIZON);

                if (s->censored)
                        continue;
                p->x[p->n] = s->bytes;
                p->y[p->n] = s->s;
                p->w[p->n++] = w;
                p->weight += w;
                p->mean_x += w * s->bytes;
                p->mean_y += w * s->s;
                squares += w * s->bytes * s->bytes;
        }
        if (p->n == 0)
                return;
        p->mean_x /= p->weight;
        p->mean_y /= p->weight;
        p->deviation_x = sqrt(fmax(squares / p->weight - p->mean_x * p->mean_x, 0));
}

typedef struct ratio {
        double y_per_x, w;
} ratio_t;

static int by_ratio(const void *left, const void *right)
{
        const ratio_t *a = left, *b = right;

        return (a->y_per_x > b->y_per_x) - (a->y_per_x < b->y_per_x);
}

/* The line through the origin that QUANTILE of the points lie below, each for as much as it is long. */
static double ray(const points_t *p)
{
        ratio_t ratios[HEDGED_TRANSFER_SAMPLES];
        double below = 0;
        unsigned i;

        for (i = 0; i < p->n; i++)
                ratios[i] = (ratio_t){ p->y[i] / p->x[i], p->w[i] * p->x[i] };
        qsort(ratios, p->n, sizeof(*ratios), by_ratio);
        for (i = 0; i + 1 < p->n; i++) {
                below += ratios[i].w;
                if (below >= QUANTILE * p->weight * p->mean_x)
                        break;
        }
        return ratios[i].y_per_x;
}

/* The line that QUANTILE of the points lie below: quantile regression, by least squares whose weights follow the residuals
 * of the round before. Sizes and times are scaled to their means. */
static void line(const points_t *p, double *ret_constant, double *ret_slope)
{
        double a = 0, b = 1;

        for (unsigned round = 0; round < ROUNDS; round++) {
                double sw = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, determinant;

                for (unsigned i = 0; i < p->n; i++) {
                        double x = p->x[i] / p->mean_x, y = p->y[i] / p->mean_y, residual = y - a - b * x;
                        double w = p->w[i];

                        if (round > 0)
                                w *= (residual > 0 ? QUANTILE : 1 - QUANTILE) / fmax(fabs(residual), 1e-4);
                        sw += w;
                        sx += w * x;
                        sy += w * y;
                        sxx += w * x * x;
                        sxy += w * x * y;
                }
                determinant = sw * sxx - sx * sx;
                if (determinant <= 1e-9 * sw * sw)
                        break;
                b = (sw * sxy - sx * sy) / determinant;
                a = (sy - b * sx) / sw;
        }
        *ret_constant = a * p->mean_y;
        *ret_slope = b * p->mean_y / p->mean_x;
}

/* Seconds per byte. */
static double fit_slope(const points_t *p)
{
        double least, constant = 0, slope = ray(p);

        least = LEAST_SHARE * slope;
        if (p->n < 5 || p->deviation_x < VARIATION * p->mean_x)
                return slope;
        line(p, &constant, &slope);
        if (constant < 0)
                slope = ray(p);
        return fmax(slope, least);
}

/* What is left of the transfers beside the bytes' time: mean, and its low quantile. */
static void fit_delay(hedged_transfer_t *t, double prior, double finished)
{
        ratio_t left[HEDGED_TRANSFER_SAMPLES];
        double sum = prior * t->prior_delay, all = 0, below = 0;
        unsigned i;

        for (i = 0; i < t->count; i++) {
                const hedged_transfer_sample_t *s = recent(t, i);
                double w = exp(-(double)i / HORIZON), bytes_s = s->bytes / t->rate;

                left[i] = (ratio_t){ fmax(s->s - bytes_s, 0), w };
                sum += w * fmin(left[i].y_per_x, EXCESS_MAX * (bytes_s + 0.01));
                all += w;
        }
        t->delay = sum / fmax(prior + finished, 1);
        qsort(left, t->count, sizeof(*left), by_ratio);
        for (i = 0; i + 1 < t->count; i++) {
                below += left[i].w;
                if (below >= QUANTILE * all)
                        break;
        }
        t->constant = fmin(left[i].y_per_x, t->delay);
}

void hedged_transfer_fit(hedged_transfer_t *t)
{
        double prior = t->prior_weight * exp(-(double)t->since_prior / PRIOR_HORIZON);
        points_t points;

        if (t->unfitted == 0)
                return;
        t->unfitted = 0;
        collect(t, &points);
        if (points.n > 0)
                t->rate = clamp_rate(exp((prior * log(t->prior_rate) - points.weight * log(fit_slope(&points))) /
                                         (prior + points.weight)));
        fit_delay(t, prior, points.weight);
}

static void forget(hedged_transfer_t *t, unsigned keep)
{
        t->count = keep;
        t->prior_weight = 0; /* what is kept says more than what was */
        t->slow_row = t->slow_age = 0;
        t->unfitted = 1;
        hedged_transfer_fit(t);
        t->prior_rate = t->rate;
        t->prior_delay = t->delay;
        t->prior_weight = RESET_WEIGHT;
        t->since_prior = keep;
}

/* Three of the last ones were shorter than their bytes alone should take. @return how many are of the new time. */
static unsigned became_faster(const hedged_transfer_t *t)
{
        unsigned faster = 0, first = 0;

        for (unsigned i = 0; i < RECENT && i < t->count; i++) {
                const hedged_transfer_sample_t *s = recent(t, i);

                if (!s->censored && s->s < FASTER * s->bytes / t->rate) {
                        faster++;
                        first = i;
                }
        }
        return faster >= FASTER_COUNT ? first + 1 : 0;
}

static unsigned became_slower(hedged_transfer_t *t, double bytes, double s, bool censored)
{
        double line_s = bytes / t->rate + t->constant;
        bool slow = s > (1 + SLOWER) * line_s + SLOWER_DELAY * (t->delay - t->constant);

        if (!slow && !censored)
                t->slow_row = t->slow_age = 0;
        t->slow_row += slow;
        t->slow_age += t->slow_row > 0;
        if (t->slow_row < SLOWER_COUNT)
                return 0;
        return t->slow_age < t->count ? t->slow_age : t->count;
}

void hedged_transfer_add(hedged_transfer_t *t, double bytes, double s, bool censored)
{
        unsigned keep;

        if (!isfinite(bytes) || !isfinite(s) || bytes < 1 || bytes > 1e15 || s <= 0 || s > 1e6)
                return;
        t->samples[t->next] = (hedged_transfer_sample_t){ (float)bytes, (float)s, censored };
        t->next = (t->next + 1) % HEDGED_TRANSFER_SAMPLES;
        t->count += t->count < HEDGED_TRANSFER_SAMPLES;
        t->since_prior++;
        t->unfitted++;
        keep = became_faster(t);
        if (keep == 0)
                keep = became_slower(t, bytes, s, censored);
        if (keep > 0)
                forget(t, keep);
        else if (t->count < FEW || t->unfitted >= EVERY)
                hedged_transfer_fit(t);
}
