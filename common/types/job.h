/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_JOB_H
#define HEDGE_TYPES_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/types/name.h"

/** A training job as its owner sees it. */
#define HEDGE_JOB_FILES 32  /**< data files of a job at most */
#define HEDGE_JOB_LIST  256 /**< epochs, and events, of a job in one answer at most */

/** One epoch of a job. */
typedef struct hedge_epoch_report {
        uint32_t epoch; /**< counted from 1 */
        double loss;    /**< mean over the epoch's training images */
        double test_loss, test_accuracy;
        double seconds, ms_per_step;
        double samples_per_s;
        double bytes_up_per_step, bytes_down_per_step; /**< of all boards together, mean */
        double bits_per_entry;                         /**< of gradients as they were sent, headers too; 0: none were */
        double entropy;                                /**< the empirical one, beside it */
        uint32_t late;                                 /**< gradients that came too late for their step */
        double boards;                                 /**< gradients counted per step, mean */
} hedge_epoch_report_t;

/** Something that happened to a job: "board-3 is lost", for people. */
typedef struct hedge_job_event {
        uint64_t step;
        double at_s; /**< since the job was taken in */
        char text[160];
} hedge_job_event_t;

typedef struct hedge_job_status {
        uint64_t job;
        char name[HEDGE_MODEL_NAME_MAX];
        char method[16];
        char state[16];            /**< "queued", "running", "waiting" (for boards), "done", "failed", "stopped" */
        char text[HEDGE_TEXT_MAX]; /**< why it failed */
        uint32_t epoch, epochs;    /**< done, in all */
        uint64_t step, steps;
        uint64_t parameters;
        double loss;          /**< lately */
        double test_accuracy; /**< of the last epoch; negative: not known yet */
        double samples_per_s, bytes_up_per_step;
        uint32_t boards;                                            /**< that take part now */
        double left_s;                                              /**< estimate; negative: not known yet */
        double age_s;                                               /**< since it was taken in */
        uint32_t first_epoch, n_epochs_done, first_event, n_events; /**< what the two lists begin with, from 0 */
        hedge_epoch_report_t *epochs_done;
        hedge_job_event_t *events;
} hedge_job_status_t;

#endif
