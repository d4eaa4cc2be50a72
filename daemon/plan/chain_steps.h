/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CHAIN_STEPS_H
#define HEDGED_CHAIN_STEPS_H

#include "daemon/plan/level.h"

/** What is planned, in the form in which requests run. */

/** @param ret  Cleared. On failure it may be half made. @return 0, -ENOMEM. */
int hedged_chain_make(const hedged_level_world_t *world, const hedged_level_t *level, hedged_chain_t *ret);

/** Which boards are to hold what, so that all that is planned can run: the whole graph where there is room for that, else a board's
 * room's part from the first to the last of the segments inside. @return 0, -ENOMEM. */
int hedged_chains_place(const hedged_level_world_t *world, hedged_chains_t *chains);

#endif
