/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_FOLLOW_H
#define HEDGEC_FOLLOW_H

#include <stdbool.h>

#include "client/connection.h"
#include "client/job_model.h"

#define HEDGEC_FOLLOW_AWAY_MS 60000

/** Following a job until it has ended. */
typedef struct hedgec_follow {
        const hedgec_target_t *target; /**< to reach a coordinator that was started anew; borrowed */
        uint64_t job;
        bool json;   /**< on standard output come JSON lines and not a table */
        int away_ms; /**< how long a coordinator that went away is awaited; 0: HEDGEC_FOLLOW_AWAY_MS */
} hedgec_follow_t;

/** Ask every 200 ms how the job is; print its epochs and events on standard output as they come (hedgec_training_show), with
 * a bar below on standard error where that is a terminal. Ctrl-C (SIGINT) ends the following and not the job; a second
 * one ends the process.
 *
 * A coordinator that goes away is said on standard error, and awaited: the job goes on when it is started again.
 * @param connection  To the coordinator; may be another one afterwards, or NULL.
 * @param ret         How the job ended, without its lists.
 * @return 0, -EINTR (Ctrl-C), -ECONNRESET (the coordinator did not come back), -ENOENT (it knows no such job), -ENOMEM, or
 *         what hedgec_connection_request says; `why` has a sentence. */
int hedgec_follow(const hedgec_follow_t *follow, hedgec_connection_t **connection, hedge_job_status_t *ret,
                  hedge_why_t *why);

#define HEDGEC_EXIT_INTERRUPTED 130

/** Follow it, say how it ended, and fetch its model.
 * @param model  Where to; NULL: it is not fetched.
 * @return the exit status: success if it is done, HEDGEC_EXIT_INTERRUPTED after Ctrl-C; what went wrong has been said. */
int hedgec_follow_to_end(const hedgec_follow_t *follow, hedgec_connection_t **connection,
                         const hedgec_job_model_t *model);

#endif
