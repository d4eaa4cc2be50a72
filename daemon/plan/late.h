/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LATE_H
#define HEDGED_LATE_H

#include <stdbool.h>

/** Is a board so late that another one should do something about it? The rule that serving goes by, and simulating with it.
 * Pure; times are of any one unit and zero. */

/** Up to here what is measured of a board's spread and delay is not told from noise: of the clocks, of threads that wake up, of
 * a link that is shared for a moment. */
#define HEDGED_NOISE_SPREAD  0.05
#define HEDGED_NOISE_DELAY_S 0.002

/** So many times what is usual nobody is late. */
#define HEDGED_LATE_PATIENCE 1.25

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
 *    any), longer than parts may wait for one another, and `noise` more: what varies less is the links' and the clocks' doing, and to
 *    do a part again takes longer than that;
 *  - or owes more than the other could do meanwhile, its input's way included and a quarter more.
 * @param other     Who owes something.
 * @param idle      Who has delivered all it was asked for.
 * @param hold      How long a finished part waits for the next ones of its task.
 * @param noise     HEDGED_NOISE_DELAY_S, in the unit of the others.
 * @param ret_when  When it will be, if it stays silent. */
bool hedged_is_late(const hedged_advance_t *other, const hedged_advance_t *idle, double hold, double noise, double now,
                    double *ret_when);

#endif
