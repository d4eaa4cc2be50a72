/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/speed.h"

#define SLOWER_MOST 10.0

static double per_core(double macs_per_s, unsigned cores)
{
        return macs_per_s / (cores ? cores : 1);
}

/* By what they compute. */
static double guess(const hedged_speeds_t *speeds, unsigned board)
{
        const double here = per_core(speeds->here.macs_per_s, speeds->here_cores);
        const double there = per_core(speeds->board[board].macs_per_s, speeds->cores[board]);
        const double ratio = here / there;

        return ratio > SLOWER_MOST ? SLOWER_MOST : ratio > 1 / SLOWER_MOST ? ratio : 1 / SLOWER_MOST;
}

double hedged_speeds_slower(const hedged_speeds_t *speeds, unsigned board)
{
        return speeds->slower[board] > 0 ? speeds->slower[board] : guess(speeds, board);
}
