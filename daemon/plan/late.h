/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LATE_H
#define HEDGED_LATE_H

#include <stdbool.h>

/** Is a board so late that another one should do something about it? The rule that serving goes by, and simulating with it.
 * Pure; times are of any one unit and zero. */

/** How far a board has come in a layer. */
typedef struct hedged_advance {
        unsigned asked, came; /**< parts */
        double begin;         /**< when it was first asked */
        double lead;          /**< from then until its first part */
        double last;          /**< when its last part came; `begin` where none has */
        double longest;       /**< time between parts that came one after the other */
} hedged_advance_t;

/** It is asked for the first time. */
void hedged_advance_begin(hedged_advance_t *advance, double now);

/** A part of it has come. */
void hedged_advance_came(hedged_advance_t *advance, double now);

/** What a part takes it, by those that came; 0: none has. */
double hedged_advance_pace(const hedged_advance_t *advance);

/** Late is who
 *  - has been silent for a quarter longer than this board and itself ever were (until their first part, where itself has not sent
 *    any), and longer than parts may wait for one another: what varies less than that is the links' and the clocks' doing;
 *  - or owes more than the other could do meanwhile, its input's way included and a quarter more.
 * @param other     Who owes something.
 * @param idle      Who has delivered all it was asked for.
 * @param hold      How long a finished part waits for the next ones of its task.
 * @param ret_when  When it will be, if it stays silent. */
bool hedged_is_late(const hedged_advance_t *other, const hedged_advance_t *idle, double hold, double now,
                    double *ret_when);

#endif
