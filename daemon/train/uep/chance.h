/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CHANCE_H
#define HEDGED_CHANCE_H

#include "daemon/measure/speed.h"
#include "daemon/train/uep/product.h"

/** The chance that a packet comes by a deadline: what windows are chosen for. Pure. */

/** By what boards have been measured to be: the mean over those that may be given work.
 * @param macs,up_bytes,down_bytes  Of a packet. @param seconds  There are for it.
 * @return 0 .. 1; negative: not known, for one that may be given work has not been measured. */
double hedged_chance_expected(const hedged_speeds_t *speeds, double macs, double up_bytes, double down_bytes,
                              double seconds);

/** By the packets of products before: the rate of an exponential distribution, also from those that did not come in time
 * (as many arrivals as there were in the time that all of them were waited for), old ones counting less. Zeros: nothing
 * is known yet. */
typedef struct hedged_chance {
        double arrivals, seconds;
} hedged_chance_t;

/** A product that was waited for until ended_us. */
void hedged_chance_learn(hedged_chance_t *chance, hedged_product_t *product, int64_t ended_us);

/** @return 0 .. 1; negative: not known yet. */
double hedged_chance_learnt(const hedged_chance_t *chance, double seconds);

#endif
