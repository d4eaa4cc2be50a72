/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PROGRESS_H
#define HEDGED_PROGRESS_H

#include "common/train/workspace.h"
#include "daemon/train/settings.h"

/** How a run gets on: averages over the epoch and over the last seconds, the time that is left, and the news of it. */

/** What steps came to: sums, so that they can be added. */
typedef struct hedged_tally {
        uint64_t steps;
        uint64_t images;        /**< whose gradients counted */
        double loss;            /**< sum over these images */
        uint64_t counted, late; /**< gradients of boards */
        uint64_t gradients;     /**< that came, in time or not */
        uint64_t gradient_bytes;
        double entropy;                /**< sum over these gradients, bits per entry */
        uint64_t bytes_up, bytes_down; /**< of frames, from and to the boards */
        double seconds;
} hedged_tally_t;

void hedged_tally_add(hedged_tally_t *sum, const hedged_tally_t *tally);

typedef struct hedged_progress hedged_progress_t;

/** @param settings  Borrowed. @return 0, -ENOMEM. */
int hedged_progress_new(const hedged_run_settings_t *settings, hedged_progress_t **ret);

/** NULL-safe; nullifies. */
void hedged_progress_destroy(hedged_progress_t **progress);

/** Where the run begins, or goes on from. */
void hedged_progress_begin(hedged_progress_t *progress, uint64_t parameters, uint64_t steps_per_epoch, uint64_t step,
                           uint32_t epoch);

/** One step more. */
void hedged_progress_step(hedged_progress_t *progress, const hedged_tally_t *step);

/** Steps are done again: so many are done. */
void hedged_progress_back(hedged_progress_t *progress, uint64_t step);

/** Were there steps in this epoch since the run began? If not there is no loss to report. */
bool hedged_progress_has_steps(const hedged_progress_t *progress);

/** The epoch is done.
 * @param train_loss  Stands for the mean of the steps' where there were none; else ignored.
 * @param images      Of the test. @param seconds  The test took. */
void hedged_progress_epoch(hedged_progress_t *progress, double train_loss, const hedge_score_t *test, uint32_t images,
                           double seconds);

/** Something happened. Cut where it is too long for an event. */
void hedged_progress_event(hedged_progress_t *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Whom it runs with; and does it wait for boards? */
void hedged_progress_boards(hedged_progress_t *progress, unsigned boards);
void hedged_progress_waiting(hedged_progress_t *progress, bool waiting);

/** The last news. @param state  NULL: as it is. */
void hedged_progress_end(hedged_progress_t *progress, const char *state, const char *text);

#endif
