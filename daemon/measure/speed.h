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

/** What a layer costs a machine's processor beside its kernels. All zeros: nothing. */
typedef struct hedged_costs {
        double message_s; /**< a message, sent or received: system calls, and the threads that it wakes */
        double byte_s;    /**< a byte of it, sent or received: encryption and copying */
        double part_s;    /**< a part in a received message: looking it up, handing it to the decoder */
        double entry_s;   /**< an entry of a tensor that is encoded or decoded: reading it, q16, writing it */
        double coding_s;  /**< a multiply-add of it, where it is a combination of several */
        double solve_s;   /**< taking in the parts of u unknowns and solving for them takes this times u^3 */
        double layer_s;   /**< what every coded layer takes anyway */
} hedged_costs_t;

/** What a message of so many bytes takes. */
static inline double hedged_costs_message_s(const hedged_costs_t *costs, double bytes)
{
        return costs->message_s + bytes * costs->byte_s;
}

typedef struct hedged_speeds {
        unsigned boards;      /**< slots */
        hedged_speed_t here;  /**< the coordinator; its link carries what all boards send and get */
        hedged_costs_t costs; /**< the coordinator's */
        unsigned here_cores;
        hedged_speed_t board[HEDGE_CODE_MAX_BOARDS];
        unsigned cores[HEDGE_CODE_MAX_BOARDS]; /**< of the boards; 0: not known, more than one */
        double slower
                [HEDGE_CODE_MAX_BOARDS];    /**< so many times as long as here takes a message there; 0: not measured */
        bool usable[HEDGE_CODE_MAX_BOARDS]; /**< may be given work now */
        uint64_t share_bytes[HEDGE_CODE_MAX_BOARDS]; /**< memory that they can give to what is planned; 0: not known */
} hedged_speeds_t;

/** How many times longer a board's core is taken to need for a message than the coordinator's. Where that was not measured it
 * is the ratio of what their cores compute, within 1/10 and 10. (Computing goes by vectors, whose width differs more between
 * machines than the time of a system call does: a core that multiplies 60 times faster hands messages on some ten times faster.) */
double hedged_speeds_slower(const hedged_speeds_t *speeds, unsigned board);

#endif
