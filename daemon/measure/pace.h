/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PACE_H
#define HEDGED_PACE_H

#include <stdbool.h>

/** How long a machine takes for one multiply-accumulate: best x (1 + Exp(spread)), drawn anew for every task, learnt from
 * its tasks.
 *
 * A task that was cancelled before its first part came is a censored sample: all that is known is that it was slower than
 * so much. The last 512 samples are kept; their weights fall exponentially, by e in 400 samples. With them
 * - a low quantile q (the lowest seventh) of their survival function (Kaplan and Meier's, which takes censored samples in),
 * - the mean excess over it of all that lie above, s = sum of (censored or not) excess / weight of uncensored, which needs
 *   no knowledge of the best because an exponential has no memory, and
 * - best = q - H s, where H is the cumulative hazard up to q (Nelson and Aalen's), so that the bias of a low sample as an
 *   estimate of the lowest goes.
 * A steady machine with noise sigma comes out with a spread of about 1.3 sigma.
 *
 * Changes for good are not left to forgetting. Three of the last eight samples more than 15 % faster than the best: the
 * machine has become faster. Forty in a row clearly above the best (of an exponential as good as impossible): it has become
 * slower. In both cases all that is older is dropped.
 *
 * A prior counts like `weight` tasks and is forgotten by e in 50. Pure; no errors. */

#define HEDGED_PACE_SAMPLES 512
#define HEDGED_PACE_RECENT  8

typedef struct hedged_pace {
        float x[HEDGED_PACE_SAMPLES]; /**< ring; seconds per MAC; a censored one is stored as -x */
        unsigned count, next;
        double prior_best, prior_spread, prior_weight; /**< what was known before the samples */
        unsigned since_prior;                          /**< samples since then */
        unsigned slow_row, slow_age; /**< samples above the best in a row, and how long ago they began */
        unsigned unfitted;           /**< samples since the last fit */
        double best, spread;         /**< of the last fit */
} hedged_pace_t;

/** @param best  Seconds per MAC. @param weight  Tasks that the prior counts for. */
void hedged_pace_init(hedged_pace_t *pace, double best, double spread, double weight);

/** A task took `x` seconds per MAC; censored: more than that. Not above 0 or not finite: ignored. */
void hedged_pace_add(hedged_pace_t *pace, double x, bool censored);

/** Bring `best` and `spread` up to date; after hedged_pace_add they may lag by a few samples. */
void hedged_pace_fit(hedged_pace_t *pace);

#endif
