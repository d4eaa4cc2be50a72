/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_TRAININGS_QUEUE_H
#define HEDGED_TRAININGS_QUEUE_H

#include "daemon/server/trainings.h"
#include "daemon/train/jobs/jobs.h"

/** Inside of trainings.c and trainings_queue.c: their state, and what the one asks of the other. */

#define HEDGED_MAX_STOPS 16

/** A client that waits for the end of a job. */
typedef struct hedged_stop_ask {
        hedge_asker_t asker;
        uint64_t job;
} hedged_stop_ask_t;

struct hedged_trainings {
        hedged_server_t *server;
        double macs_per_s;
        hedged_jobs_t jobs;
        bool takes_jobs;     /**< there is a folder for them; else */
        hedge_why_t no_jobs; /**< why not */
        hedged_storage_t *storage;
        hedged_storage_op_t *ops; /**< at the storage */
        unsigned n_ops;           /**< so many */
        hedged_line_t *line;
        bool lent; /**< the line is */
        hedged_run_t *run;
        hedged_job_t *running;
        hedged_stop_ask_t stops[HEDGED_MAX_STOPS];
        unsigned n_stops;
};

/** Answer with this one job, without its epochs and events. */
void hedged_trainings_answer(const hedge_asker_t *asker, hedge_message_type_t type, const hedged_job_t *job);

/** Have the storage do something. Takes it over. */
void hedged_trainings_send(hedged_trainings_t *trainings, hedged_storage_op_t *op);

/** The job does not run (any more): note how it ended, then answer those who wait for that. */
void hedged_trainings_end(hedged_trainings_t *trainings, hedged_job_t *job, const char *state, const char *text);

#endif
