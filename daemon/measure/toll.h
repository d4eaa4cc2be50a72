/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_TOLL_H
#define HEDGED_TOLL_H

#include <stdint.h>

#include "daemon/measure/speed.h"

/** What messages really cost a process, learnt from its own counters. Pure. */

/** Of a process, since it started. */
typedef struct hedged_toll_totals {
        double s; /**< processor time for messages */
        uint64_t messages, bytes;
} hedged_toll_totals_t;

/** All zeros: nothing is known. */
typedef struct hedged_toll {
        hedged_toll_totals_t last;
        double factor; /**< of what `costs` say; 0: not known */
} hedged_toll_t;

/** Learn from what a process says now. Some hundred messages have to have come since the last time; where there are fewer, or less than
 * the last time (it was started again), nothing is learnt. @param costs  To compare with. */
void hedged_toll_learn(hedged_toll_t *toll, const hedged_costs_t *costs, const hedged_toll_totals_t *now);

#endif
