/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/team.h"

#include <stdatomic.h>

void hedge_team_begin(hedge_team_t *team, void (*work)(void *arg, size_t i), void *arg, size_t count)
{
        team->work = work;
        team->arg = arg;
        team->count = count;
        atomic_store_explicit(&team->left, 0, memory_order_relaxed);
        atomic_store_explicit(&team->next, 0, memory_order_release);
}

void hedge_team_work(hedge_team_t *team)
{
        for (size_t i; (i = atomic_fetch_add_explicit(&team->next, 1, memory_order_acq_rel)) < team->count;)
                team->work(team->arg, i);
        atomic_fetch_add_explicit(&team->left, 1, memory_order_release);
}

void hedge_team_end(hedge_team_t *team)
{
        (void)atomic_load_explicit(&team->left, memory_order_acquire);
}
