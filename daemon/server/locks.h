/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LOCKS_H
#define HEDGED_LOCKS_H

#include "daemon/config.h"

/** What two coordinators must not share: the folder of models, the folder of jobs, the socket for clients of this machine. Each has a
 * lock file that belongs to a process as long as it lives; it stays there afterwards and means nothing. */
#define HEDGED_LOCKS 3

typedef struct hedged_locks {
        int fds[HEDGED_LOCKS];
        unsigned count;
} hedged_locks_t;

/** Take all; the folders are made where they are not there. What cannot be written to cannot be changed by two, so it is not locked.
 * @param ret  Zeros. hedged_locks_release() it also where this fails.
 * @return 0, -EBUSY with a sentence that names the process that has one of them. */
int hedged_locks_take(const hedged_config_t *config, hedged_locks_t *ret, hedge_why_t *why);

void hedged_locks_release(hedged_locks_t *locks);

#endif
