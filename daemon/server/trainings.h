/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_TRAININGS_H
#define HEDGED_TRAININGS_H

#include "daemon/server/server.h"
#include "daemon/train/jobs/run.h"
#include "daemon/train/jobs/storage.h"

/** Training jobs: the list, the one that runs, and what clients ask about them (TRAIN, JOBS, JOB_STOP, JOB_MODEL). */

/** Read the folder of jobs and start the threads. A job that cannot be read is left alone; without a folder no jobs are taken.
 * @param macs_per_s  The test bed's brake; 0: none. @return 0, or why the threads cannot be started. */
int hedged_trainings_new(hedged_server_t *server, double macs_per_s, hedged_trainings_t **ret, hedge_why_t *why);

/** When it is idle. NULL-safe; nullifies. */
void hedged_trainings_destroy(hedged_trainings_t **trainings);

void hedged_trainings_train(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);
void hedged_trainings_list(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);
void hedged_trainings_stop_job(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);
void hedged_trainings_model(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);

/** If none runs, let the next one run. */
void hedged_trainings_next(hedged_trainings_t *trainings);

/** News of the one that runs. Takes it over. */
void hedged_trainings_news(hedged_trainings_t *trainings, hedged_news_t *news);

/** What the storage did has come back. Takes it over. */
void hedged_trainings_done(hedged_trainings_t *trainings, hedged_storage_op_t *op);

/** The line between the boards and the thread that trains; borrowed. */
hedged_line_t *hedged_trainings_line(hedged_trainings_t *trainings);

/** Take the line for something else; no job begins until it is given back. @return 0, -EBUSY: a job is training. */
int hedged_trainings_take_line(hedged_trainings_t *trainings, hedge_why_t *why);
void hedged_trainings_give_line(hedged_trainings_t *trainings);

/** The program stops: have the one that runs stop, to go on after the next start. */
void hedged_trainings_stop(hedged_trainings_t *trainings);

/** Nothing runs on the boards, nothing is at the storage. */
bool hedged_trainings_are_idle(const hedged_trainings_t *trainings);

/** Tell all clients that wait that there will be no answer. */
void hedged_trainings_abandon(hedged_trainings_t *trainings);

#endif
