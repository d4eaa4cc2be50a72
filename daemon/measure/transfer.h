/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_TRANSFER_H
#define HEDGED_TRANSFER_H

#include <stdbool.h>

/** How long a task's way takes: bytes / rate + a delay of some mean, learnt from tasks.
 *
 * The last 256 samples are kept, their weights fall by e in 200. The rate is the slope of the line that a seventh of them
 * lie below (a quantile regression): queues and random delays make a transfer longer, never shorter. Where all transfers are
 * about equally long a rate and a constant cannot be told apart, and all of it counts as the bytes' time. The delay is the
 * mean of what is left, whatever of it is constant included.
 *
 * A task that was cancelled while its first part was out is a censored sample, as in daemon/measure/pace.h; so are changes for good
 * and the prior. Pure; no errors. */

#define HEDGED_TRANSFER_SAMPLES 256

typedef struct hedged_transfer_sample {
        float bytes, s;
        bool censored;
} hedged_transfer_sample_t;

typedef struct hedged_transfer {
        hedged_transfer_sample_t samples[HEDGED_TRANSFER_SAMPLES]; /**< ring */
        unsigned count, next;
        double prior_rate, prior_delay, prior_weight;
        unsigned since_prior;
        unsigned slow_row, slow_age, unfitted;
        double constant;    /**< of the fitted line, s */
        double rate, delay; /**< of the last fit: bytes/s, s */
} hedged_transfer_t;

/** Rates are kept between these, bytes/s: whatever is fed, nothing outlandish comes out. */
#define HEDGED_TRANSFER_MIN_RATE 1e4
#define HEDGED_TRANSFER_MAX_RATE 1.25e10

void hedged_transfer_init(hedged_transfer_t *transfer, double rate, double delay, double weight);

/** @param bytes  There and back. @param s  The time they took; censored: at least. Not above 0, not finite: ignored. */
void hedged_transfer_add(hedged_transfer_t *transfer, double bytes, double s, bool censored);

/** Bring `rate` and `delay` up to date. */
void hedged_transfer_fit(hedged_transfer_t *transfer);

#endif
