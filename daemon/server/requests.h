/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_REQUESTS_H
#define HEDGED_REQUESTS_H

#include "daemon/server/server.h"

/** Requests (INFER): checked, given to the runners, answered. */

typedef struct hedged_request_counts {
        unsigned in_flight;   /**< now */
        uint64_t all, failed; /**< so far */
} hedged_request_counts_t;

/** Start the runners. @return 0, -ENOMEM, -errno. */
int hedged_requests_new(const hedged_runner_settings_t *settings, hedged_requests_t **ret);

/** None is in flight. NULL-safe; nullifies. */
void hedged_requests_destroy(hedged_requests_t **requests);

/** Work on as many at a time as the configuration says, or, where it leaves that open, as suits the boards and models that are here
 * now (daemon/infer/in_flight.h). */
void hedged_requests_adjust(hedged_server_t *server);

/** INFER. Takes the frames out of the envelope. */
void hedged_requests_infer(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);

/** A client's connection is closed: what was asked by it is dropped, at work or not. */
void hedged_requests_disconnected(hedged_requests_t *requests, int fd);

/** A request has come back from the runners: answer it. Takes it over. */
void hedged_requests_answer(hedged_requests_t *requests, hedged_request_t *request);

const hedged_request_counts_t *hedged_requests_counts(const hedged_requests_t *requests);

/** The program stops: those that run end soon. */
void hedged_requests_stop(hedged_requests_t *requests);

/** Tell the clients of all that are out that there will be no answer. */
void hedged_requests_abandon(const hedged_requests_t *requests);

#endif
