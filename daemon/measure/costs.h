/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_COSTS_H
#define HEDGED_COSTS_H

#include "daemon/measure/speed.h"

/** What messages and coding cost this machine's processor, found out at the start in some 60 ms. */

/** What they are taken to cost where they cannot be measured: as on one core of a 2.5 GHz x86 with AVX2. */
extern const hedged_costs_t hedged_usual_costs;

/** Exchange messages with itself over the loopback interface (or, where there is none, a Unix socket), in a context of its own, and
 * decode a layer.
 *
 * It counts the processor time of the whole program, which must have no other thread at work: sender and receiver are both
 * in it, so each gets half.
 * @param encrypted  By CURVE, as boards' connections.
 * @return What was measured; each figure that could not be is hedged_usual_costs'. */
hedged_costs_t hedged_costs_measure(bool encrypted);

#endif
