/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_ROOMS_H
#define HEDGED_ROOMS_H

#include "daemon/plan/survey.h"

/** What of a graph each board has room for: a run of its nodes, as one block. All of it, or what is most work of what fits, of
 * equals the first. */
typedef struct hedged_rooms {
        unsigned from[HEDGE_CODE_MAX_BOARDS], to[HEDGE_CODE_MAX_BOARDS]; /**< points; the same: nothing */
} hedged_rooms_t;

void hedged_rooms_make(const hedged_survey_t *survey, const hedged_capacity_t *capacity, unsigned boards,
                       hedged_rooms_t *ret);

static inline bool hedged_room_covers(const hedged_rooms_t *rooms, unsigned board, unsigned from, unsigned to)
{
        return rooms->from[board] <= from && to <= rooms->to[board] && from < to;
}

#endif
