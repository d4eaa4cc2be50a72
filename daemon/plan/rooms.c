/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/rooms.h"

static void make_one(const hedged_survey_t *s, uint64_t bytes, unsigned *ret_from, unsigned *ret_to)
{
        double most = 0;
        unsigned from = 0;

        *ret_from = *ret_to = 0;
        for (unsigned to = 1; to < s->n; to++) {
                while (from < to && hedged_survey_bytes(s, from, to) > bytes)
                        from++;
                if (from < to && s->before[to].work - s->before[from].work > most) {
                        most = s->before[to].work - s->before[from].work;
                        *ret_from = from;
                        *ret_to = to;
                }
        }
        if (s->n > 1 && hedged_survey_bytes(s, 0, s->n - 1) <= bytes) {
                *ret_from = 0;
                *ret_to = s->n - 1;
        }
}

void hedged_rooms_make(const hedged_survey_t *s, const hedged_capacity_t *capacity, unsigned boards,
                       hedged_rooms_t *ret)
{
        for (unsigned b = 0; b < boards; b++)
                make_one(s, capacity->bytes[b], &ret->from[b], &ret->to[b]);
}
