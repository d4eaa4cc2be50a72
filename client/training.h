/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_TRAINING_H
#define HEDGEC_TRAINING_H

#include <stdbool.h>
#include <stdio.h>

#include "client/json.h"
#include "common/types/job.h"

/** How training jobs are shown: as lines of at most 80 columns, as JSON, as a bar. */

/** What has been shown of a job's epochs and events. */
typedef struct hedgec_training_shown {
        uint32_t epochs, events;
        bool heading; /**< the table's title is there */
} hedgec_training_shown_t;

/** Show the epochs and events of a status, in the order in which they happened: a table's lines with events in between, or
 * (json) a JSON object per line.
 * @param shown  In and out: the lists go on where it says.
 * @return 0, -ENOMEM. */
int hedgec_training_show(const hedge_job_status_t *status, bool json, hedgec_training_shown_t *shown, FILE *out);

/** How it ended, as the last line of JSON. @return 0, -ENOMEM. */
int hedgec_training_end_json(const hedge_job_status_t *status, FILE *out);

/** A job with all that is known of it, without its lists. */
struct json_object *hedgec_training_json(hedgec_json_t *json, const hedge_job_status_t *status);

/** One of its epochs, one of its events. */
struct json_object *hedgec_training_epoch_json(hedgec_json_t *json, uint64_t job, const hedge_epoch_report_t *epoch);
struct json_object *hedgec_training_event_json(hedgec_json_t *json, uint64_t job, const hedge_job_event_t *event);

/** A table of jobs. @return 0, -ENOMEM. */
int hedgec_training_list(const hedge_job_status_t *jobs, uint32_t n_jobs, FILE *out);

/** How a job is, as lines of a name and a value each. */
void hedgec_training_print(const hedge_job_status_t *status, FILE *out);

/** The bar of a job that goes on: at most 79 characters. @return buf. */
char *hedgec_training_bar(const hedge_job_status_t *status, char *buf, size_t size);

/** How it ended, in a sentence without a full stop: "done: 98.90 % of the test images are right, after 4 epochs".
 * @return buf. */
char *hedgec_training_end_text(const hedge_job_status_t *status, char *buf, size_t size);

/** Does it not go on? */
bool hedgec_training_ended(const hedge_job_status_t *status);

#endif
