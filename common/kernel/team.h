/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_TEAM_H
#define HEDGE_KERNEL_TEAM_H

#include <stddef.h>

/** Inside of common/kernel: a loop whose turns are taken by the threads of some library, for hedge_backend_t.spread.
 *
 *     hedge_team_t team;
 *
 *     hedge_team_begin(&team, work, arg, count);
 *     (every thread)  hedge_team_work(&team);
 *     hedge_team_end(&team);
 *
 * What was written before, in and after the work is in order by these calls alone, so that ThreadSanitizer sees it, to which
 * the libraries' own ways are closed. */
typedef struct hedge_team {
        void (*work)(void *arg, size_t i);
        void *arg;
        size_t count;
        _Atomic size_t next;
        _Atomic unsigned left; /**< threads that have nothing more to do with it */
} hedge_team_t;

void hedge_team_begin(hedge_team_t *team, void (*work)(void *arg, size_t i), void *arg, size_t count);

/** Take turns until none is left. */
void hedge_team_work(hedge_team_t *team);

/** After the library has waited for all of its threads. */
void hedge_team_end(hedge_team_t *team);

#endif
