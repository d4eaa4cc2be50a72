/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_TRAIN_SETTINGS_H
#define HEDGED_TRAIN_SETTINGS_H

#include "daemon/train/folder.h"
#include "daemon/train/line.h"

/** What a run (daemon/train/jobs/run.h) is given, and what it tells the loop. */

typedef struct hedged_run_settings {
        const hedged_folder_t *folder; /**< the job's; borrowed */
        hedged_line_t *line;           /**< to the boards, open; borrowed */
        hedge_mailbox_t *loop;         /**< where news goes to, as mail of kind news_kind; borrowed */
        int news_kind;
        double macs_per_s; /**< 0; else pretend that this machine is so slow */
        unsigned
                patience_ms; /**< how long boards that are silent hold up a step in which others have answered, or ten times
                                   as long as those took where that is more; 0: 10 s */
} hedged_run_settings_t;

/** What a run tells the loop: at most every 100 ms, and with every epoch and event; the last one has `ended`. */
typedef struct hedged_news {
        hedge_mail_t mail;
        hedge_job_status_t status; /**< its lists are empty; job, name and age_s are the loop's to fill in */
        bool has_epoch, has_event;
        hedge_epoch_report_t epoch; /**< to be added to the job's list */
        hedge_job_event_t event;    /**< likewise; at_s is the loop's */
        bool ended; /**< nothing more comes: status.state is "done", "failed" or "stopped"; or "running" or
                                         "waiting" where it was HEDGED_STOP_SHUTDOWN: it goes on from its checkpoint later */
} hedged_news_t;

#endif
