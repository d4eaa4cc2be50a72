/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SPEED_H
#define HEDGED_SPEED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/code/conv/code.h"

/** How fast a machine and its link are: what measuring learns and planning needs.
 *
 * A board computes m multiply-accumulates in m / macs_per_s * (1 + Exp(spread)) seconds, its slowness drawn anew for every
 * task (a shift-exponential distribution, as CoCoI's). A task's way there and back takes its bytes' time and, beside it,
 * a delay with the exponential distribution of mean delay_s. */
typedef struct hedged_speed {
        double macs_per_s;       /**< when nothing hinders it */
        double spread;           /**< 0: steady */
        double up_bytes_per_s;   /**< to the board */
        double down_bytes_per_s; /**< from the board */
        double delay_s;
        uint64_t tasks; /**< measured ones that this comes from; 0: it is the configured prior */
} hedged_speed_t;

typedef struct hedged_speeds {
        unsigned boards;     /**< slots */
        hedged_speed_t here; /**< the coordinator; its link carries what all boards send and get */
        hedged_speed_t board[HEDGE_CODE_MAX_BOARDS];
        bool usable[HEDGE_CODE_MAX_BOARDS]; /**< may be given work now */
} hedged_speeds_t;

#endif
