/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LOCKS_H
#define HEDGED_LOCKS_H

#include "daemon/config.h"

/** What two coordinators must not share: the folder of models, the folder of jobs, the socket for clients of this machine. The
 * folders themselves are locked, and a file beside the socket; a lock is gone with its process, however that ends. */
#define HEDGED_LOCKS 3

typedef struct hedged_locks {
        int fds[HEDGED_LOCKS];
        unsigned count;
} hedged_locks_t;

/** Take all; the folders are made where they are not there. What cannot be opened is not locked: whoever needs it says why.
 * @param ret  Zeros. hedged_locks_release() it also where this fails.
 * @return 0, -EBUSY with a sentence that says what another has. */
int hedged_locks_take(const hedged_config_t *config, hedged_locks_t *ret, hedge_why_t *why);

void hedged_locks_release(hedged_locks_t *locks);

#endif
