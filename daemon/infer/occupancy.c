/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/occupancy.h"

void hedged_occupancy_add(hedged_occupancy_t *o, unsigned place, int64_t us)
{
        atomic_fetch_add_explicit(&o->us[place], us, memory_order_relaxed);
}

double hedged_occupancy_others_s(const hedged_occupancy_t *o, unsigned place, int64_t own_us)
{
        const int64_t us = atomic_load_explicit(&o->us[place], memory_order_relaxed) - own_us;

        return us > 0 ? (double)us / 1e6 : 0;
}

bool hedged_occupancy_again(hedged_occupancy_t *o, unsigned places)
{
        if (atomic_fetch_add_explicit(&o->again, 1, memory_order_relaxed) < 1 + places / 8)
                return true;
        atomic_fetch_sub_explicit(&o->again, 1, memory_order_relaxed);
        return false;
}

void hedged_occupancy_again_over(hedged_occupancy_t *o, unsigned n)
{
        atomic_fetch_sub_explicit(&o->again, n, memory_order_relaxed);
}
