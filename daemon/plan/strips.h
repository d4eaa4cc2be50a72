/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_STRIPS_H
#define HEDGED_STRIPS_H

#include "daemon/measure/speed.h"
#include "daemon/plan/luck.h"
#include "daemon/plan/simulate.h"

/** How long would a segment take, in windows over boards like these, or in one piece on one of them? By simulation; pure.
 *
 * One trial:
 *  - Which boards of those that hold the block a request has is drawn anew for every trial. The coordinator may compute too, with
 *    as much of its processor as it has for the request.
 *  - Windows are given out to whoever is expected to finish the next one first, at most two for a board at a time and one for the
 *    coordinator; who delivers one gets the next. What is given out at the beginning goes to all boards at the same time: each
 *    gets its own at its link's rate at most, and all together at the rate of the coordinator's link; later ones go one after the
 *    other.
 *  - A window's input arrives after half the board's delay, is computed at the board's rate, slowed by its spread, and what comes
 *    of it goes back over the board's link and the coordinator's, after the other half. Delays and slowness are drawn as
 *    hedged_simulate does, once for the segment.
 *  - Messages, and the numbers in them, cost the coordinator's processor time, one after the other, and the boards' theirs. On
 *    boards of one core they stop the computing; on the coordinator they slow it down, by the part of its cores that they take.
 *  - Who has nothing left redoes the window that is furthest away, of whoever is late: by daemon/plan/late.h; who was given nothing
 *    by then takes the time that 95 of 100 would need for the measure, and a quarter more.
 *  - When every window is in, the rest is cancelled. */

/** A window of a segment's output. */
typedef struct hedged_strip {
        double work; /**< multiply-accumulates, and what other operators take */
        double up_bytes, down_bytes, up_elements, down_elements;
} hedged_strip_t;

typedef struct hedged_strips {
        unsigned n;
        const hedged_strip_t *strips; /**< in the order in which they are given out */
        unsigned copies;              /**< each to so many machines from the start */
        bool hedged;                  /**< what is late is given to another one too */
} hedged_strips_t;

/** Who takes part. */
typedef struct hedged_team {
        unsigned boards; /**< a request has so many of those that may, or all of them */
        bool may[HEDGE_CODE_MAX_BOARDS];
        double here; /**< part of the coordinator's computing, 0 .. 1 */
} hedged_team_t;

/** @param luck  For at least speeds->boards.
 * @param ret  up_bytes .. messages are means, without the coordinator's computing in here_s (it does that when it has nothing
 *             else to do). mean_s is infinite where there is nobody to do it.
 * @return 0, -ENOMEM. */
int hedged_strips_simulate(const hedged_speeds_t *speeds, const hedged_strips_t *strips, const hedged_team_t *team,
                           const hedged_luck_t *luck, hedged_forecast_t *ret);

#endif
