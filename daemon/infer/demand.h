/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_DEMAND_H
#define HEDGED_DEMAND_H

#include <stdatomic.h>

/** How much the clients are asking for just now, in runs of models: a request of several pictures is as many. What runs are
 * planned by: alone, one may have all boards; with many at a time, each has its own.
 *
 * The runners keep it (daemon/infer/runner.h); any thread may read it, at any time. */
typedef struct hedged_demand {
        atomic_uint waiting; /**< not begun */
        atomic_uint at_work; /**< begun and not over: who asks from within a run is one of them */
} hedged_demand_t;

/** All that is in flight. */
static inline unsigned hedged_demand_all(const hedged_demand_t *demand)
{
        return atomic_load_explicit(&demand->waiting, memory_order_relaxed) +
               atomic_load_explicit(&demand->at_work, memory_order_relaxed);
}

#endif
