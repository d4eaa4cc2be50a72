/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_FOLLOW_H
#define HEDGE_CLIENT_FOLLOW_H

#include <stdbool.h>

#include "client/connection.h"
#include "client/job_model.h"

#define HEDGE_FOLLOW_AWAY_MS 60000

/** Following a job until it has ended. */
typedef struct hedge_follow {
        const hedge_target_t *target; /**< to reach a coordinator that was started anew; borrowed */
        uint64_t job;
        bool json;   /**< on standard output come JSON lines and not a table */
        int away_ms; /**< how long a coordinator that went away is awaited; 0: HEDGE_FOLLOW_AWAY_MS */
} hedge_follow_t;

/** Ask every 200 ms how the job is; print its epochs and events on standard output as they come (hedge_training_show), with
 * a bar below on standard error where that is a terminal. Ctrl-C (SIGINT) ends the following and not the job; a second
 * one ends the process.
 *
 * A coordinator that goes away is said on standard error, and awaited: the job goes on when it is started again.
 * @param connection  To the coordinator; may be another one afterwards, or NULL.
 * @param ret         How the job ended, without its lists.
 * @return 0, -EINTR (Ctrl-C), -ECONNRESET (the coordinator did not come back), -ENOENT (it knows no such job), -ENOMEM, or
 *         what hedge_connection_request says; `why` has a sentence. */
int hedge_follow(const hedge_follow_t *follow, hedge_connection_t **connection, hedge_job_status_t *ret,
                 hedge_why_t *why);

#define HEDGE_EXIT_INTERRUPTED 130

/** Follow it, say how it ended, and fetch its model.
 * @param model  Where to; NULL: it is not fetched.
 * @return the exit status: success if it is done, HEDGE_EXIT_INTERRUPTED after Ctrl-C; what went wrong has been said. */
int hedge_follow_to_end(const hedge_follow_t *follow, hedge_connection_t **connection, const hedge_job_model_t *model);

#endif
