/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_JOB_LOG_H
#define HEDGED_JOB_LOG_H

#include "common/types/job.h"

/** What happened to a job, as a file of one JSON object per line:
 *
 *     {"created": 1792000000.5}                          the first line: seconds since 1970
 *     {"epoch": 1, "loss": 0.31, ...}                    hedge_epoch_report_t; what is no finite number is null
 *     {"event": "board-3 is lost", "step": 812, "at_s": 40.2}
 *     {"end": "done", "text": ""}
 *
 * Lines are added whole; what a line lost when the machine stopped makes that line be passed over, not those after it. An
 * epoch with the number of an earlier one replaces it and those after: the job went on from a checkpoint before it. */
typedef struct hedged_job_log {
        hedge_epoch_report_t *epochs;
        hedge_job_event_t *events;
        uint32_t n_epochs, n_events;
        char state[16]; /**< of how it ended; empty: it has not */
        char text[HEDGE_TEXT_MAX];
        double created_s; /**< seconds since 1970 */
} hedged_job_log_t;

/** Begin the file, which is not there yet. @return 0, -errno. */
int hedged_job_log_begin(const char *path, double created_s);

/** Add a line. An end and an epoch are on the disk afterwards. @return 0, -errno. */
int hedged_job_log_epoch(const char *path, const hedge_epoch_report_t *epoch);
int hedged_job_log_event(const char *path, const hedge_job_event_t *event);
int hedged_job_log_end(const char *path, const char *state, const char *text);

/** @return 0, -errno. */
int hedged_job_log_read(const char *path, hedged_job_log_t *ret);

/** Free and clear. */
void hedged_job_log_release(hedged_job_log_t *log);

#endif
