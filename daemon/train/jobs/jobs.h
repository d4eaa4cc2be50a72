/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_JOBS_H
#define HEDGED_JOBS_H

#include "daemon/train/folder.h"

/** The list of training jobs: those that wait, the one that runs, and those that have ended and are kept. A plain data
 * structure: it writes and sends nothing. */
typedef struct hedged_job {
        hedged_folder_t *folder;   /**< owned */
        hedge_job_status_t status; /**< what is known of it; its lists are empty, age_s is hedged_job_view's */
        hedged_job_log_t log;      /**< owned; state and text are in status */
        uint32_t epochs_room, events_room;
        bool ending; /**< it is being noted how it ended */
        bool ended;
} hedged_job_t;

typedef struct hedged_jobs {
        hedged_job_t **jobs; /**< `count`, by their numbers */
        unsigned count, room;
} hedged_jobs_t;

#define HEDGED_JOB_EVENTS 4096 /**< that are kept of a job */

/** Seconds since 1970: jobs outlive the monotonic clock. */
double hedged_jobs_now_s(void);

/** Add one. A log that has a state is of a job that has ended; reports of epochs that were run again after a break are taken
 * for the ones before.
 * @param folder  Taken over on success. @param log  Likewise; NULL: it is new, as of now_s (seconds since 1970).
 * @return 0, -ENOMEM. */
int hedged_jobs_add(hedged_jobs_t *jobs, hedged_folder_t *folder, hedged_job_log_t *log, double now_s,
                    hedged_job_t **ret);

void hedged_jobs_remove(hedged_jobs_t *jobs, hedged_job_t *job);
void hedged_jobs_release(hedged_jobs_t *jobs);

/** The job of this number, or NULL. */
hedged_job_t *hedged_jobs_find(const hedged_jobs_t *jobs, uint64_t number);

/** The lowest number that has not ended, or NULL. */
hedged_job_t *hedged_jobs_next(const hedged_jobs_t *jobs);

/** How many wait or run. */
unsigned hedged_jobs_open(const hedged_jobs_t *jobs);

/** The oldest of those that have ended, where there are more than `keep` of them, else NULL. */
hedged_job_t *hedged_jobs_surplus(const hedged_jobs_t *jobs, unsigned keep);

/** What its run says of it; how it ended is not taken (hedged_job_end). Numbers that no message can have become such that
 * can. */
void hedged_job_update(hedged_job_t *job, const hedge_job_status_t *status);

/** Add the report of an epoch; those of this epoch and later ones were of a run that was broken off.
 * @return 0, -ENOMEM. */
int hedged_job_add_epoch(hedged_job_t *job, const hedge_epoch_report_t *epoch);

/** Add an event. The last one that is kept says so. @return 0, -ENOMEM, HEDGE_ELIMIT: it is not kept. */
int hedged_job_add_event(hedged_job_t *job, const hedge_job_event_t *event);

/** It has ended so. */
void hedged_job_end(hedged_job_t *job, const char *state, const char *text);

/** What is answered about it.
 * @param lists  With its epochs from from_epoch on and its events likewise, at most HEDGE_JOB_LIST of each.
 * @param ret    Lists are borrowed until the job changes. */
void hedged_job_view(const hedged_job_t *job, double now_s, bool lists, uint32_t from_epoch, uint32_t from_event,
                     hedge_job_status_t *ret);

#endif
