/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_RENDEZVOUS_H
#define HEDGED_RENDEZVOUS_H

#include "daemon/train/progress.h"

/** Who is there when a training begins. */
typedef struct hedged_rendezvous {
        unsigned count;
        bool here[HEDGE_CODE_MAX_BOARDS];
        char names[HEDGE_CODE_MAX_BOARDS][HEDGE_BOARD_NAME_MAX];
} hedged_rendezvous_t;

/** Look who is there; wait where nobody is, or where fewer are than took part before a restart, until they are there or
 * none has come for some seconds, in which a board would have found the coordinator again.
 * @param expected  Boards that took part before; 0: it begins with whoever is there.
 * @param ret  At least one board. Written in any case.
 * @return 0, HEDGE_ESHUTDOWN (stopped). */
int hedged_rendezvous(hedged_line_t *line, hedged_progress_t *progress, unsigned expected, hedged_rendezvous_t *ret);

#endif
