/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PROSPECT_H
#define HEDGED_PROSPECT_H

#include "daemon/measure/speed.h"

/** When a place would be done with a piece of work, by what is known of it. Pure; times are in seconds since anything. */

typedef struct hedged_piece {
        double macs, up_bytes, down_bytes;
} hedged_piece_t;

typedef struct hedged_prospect {
        double leaves;   /**< its bytes are on their way */
        double computed; /**< the place is free for the next */
        double back;     /**< in the mean */
        double rarely;   /**< in 19 cases of 20 it is back by then */
        double busy_s;   /**< so long it keeps the place busy */
} hedged_prospect_t;

/** @param speed      Link rates that are 0: there is no link.
 * @param link_free  When the place's own link is free. @param place_free  When its processor is.
 * @param own_leaves When the coordinator's link, which all share, will have sent it. */
void hedged_foresee(const hedged_speed_t *speed, const hedged_piece_t *piece, double now, double link_free,
                    double place_free, double own_leaves, hedged_prospect_t *ret);

#endif
