/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/late.h"

#include "daemon/plan/extremes.h"

void hedged_advance_begin(hedged_advance_t *p, double now)
{
        p->begin = p->last = now;
}

void hedged_advance_came(hedged_advance_t *p, double now)
{
        if (p->came++ == 0)
                p->lead = now - p->begin;
        else
                p->longest = hedged_greater(p->longest, now - p->last);
        p->last = now;
}

double hedged_advance_pace(const hedged_advance_t *p)
{
        return p->came ? (p->last - p->begin) / p->came : 0;
}

/* How long may one be silent that has sent something? As the two have been; parts of one message say nothing about that. */
static double usual_silence(const hedged_advance_t *other, const hedged_advance_t *idle)
{
        const double longest = hedged_greater(other->longest, idle->longest);

        return longest > 0
                       ? hedged_greater(longest, hedged_greater(hedged_advance_pace(other), hedged_advance_pace(idle)))
                       : hedged_greater(other->lead, idle->lead);
}

bool hedged_is_late(const hedged_advance_t *other, const hedged_advance_t *idle, double hold, double noise, double now,
                    double *ret_when)
{
        const double pace = hedged_greater(hedged_advance_pace(other), hedged_advance_pace(idle));
        const double usual = other->came ? usual_silence(other, idle) : hedged_greater(pace, idle->lead);
        const double patience = hedged_greater(HEDGED_LATE_PATIENCE * usual, hold + pace) + noise,
                     silent = now - other->last;

        *ret_when = other->last + patience;
        return silent > patience ||
               (other->asked - other->came) * pace - silent > HEDGED_LATE_PATIENCE * idle->lead + noise;
}
