/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_COORDINATOR_H
#define HEDGED_COORDINATOR_H

#include "daemon/config.h"

/** The coordinator: one loop that owns all sockets, the cluster and the jobs; threads run requests, encode shares and
 * import models, and talk to the loop by mail. */
typedef struct hedged_coordinator hedged_coordinator_t;

/** Load the repository, bind the sockets, start the threads.
 *
 * @param config   Borrowed.
 * @param signals_fd  The program's signals (common/signals.h): SIGTERM and SIGINT stop the coordinator, SIGHUP has it read the keys
 *                    again. Borrowed.
 * @return 0, or what failed, with a sentence. */
int hedged_coordinator_new(const hedged_config_t *config, int signals_fd, hedged_coordinator_t **ret, hedge_why_t *why);

/** Serve until a signal says stop. Requests that still run are answered with HEDGE_ESHUTDOWN.
 * @return 0, or -errno where the loop itself failed. */
int hedged_coordinator_run(hedged_coordinator_t *coordinator);

/** NULL-safe; nullifies.
 * @return 0; 1: requests could not be stopped in time. Their threads still run, the process has to end at once. */
int hedged_coordinator_destroy(hedged_coordinator_t **coordinator);

#endif
