/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_OCCUPANCY_H
#define HEDGED_OCCUPANCY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/code/conv/code.h"

/** What all requests together have given out and not got back: who is free first. Any thread.
 *
 * A place is a board's number, or HEDGED_HERE: the coordinator's own thread for such work (daemon/infer/here.h). */

#define HEDGED_HERE   HEDGE_CODE_MAX_BOARDS
#define HEDGED_PLACES (HEDGE_CODE_MAX_BOARDS + 1u)

typedef struct hedged_occupancy {
        _Atomic int64_t us[HEDGED_PLACES]; /**< of work outstanding, as it was predicted */
        atomic_uint waiting; /**< pieces that nobody has been given yet, because all who hold them have enough to do */
        atomic_uint again;   /**< pieces under way that busy places were given although others have them already */
        atomic_uint turn;    /**< of who goes by turns (plan.hedge: false) */
} hedged_occupancy_t;

/** Given out (or, below 0, back or given up). */
void hedged_occupancy_add(hedged_occupancy_t *occupancy, unsigned place, int64_t us);

/** Seconds of work that a place has from others than one who gave it `own_us` of it; never below 0. */
double hedged_occupancy_others_s(const hedged_occupancy_t *occupancy, unsigned place, int64_t own_us);

/** May a busy place be given what another one has already? Of so many places an eighth may, and one in any case: where everything is
 * late because there is too much to do, doing it twice makes it worse. True counts it until hedged_occupancy_again_over. */
bool hedged_occupancy_again(hedged_occupancy_t *occupancy, unsigned places);
void hedged_occupancy_again_over(hedged_occupancy_t *occupancy, unsigned n);

#endif
