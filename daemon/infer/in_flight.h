/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_IN_FLIGHT_H
#define HEDGED_IN_FLIGHT_H

#include <stdint.h>

#define HEDGED_IN_FLIGHT_LEAST 4u  /**< whatever boards there are: the coordinator itself works on some */
#define HEDGED_IN_FLIGHT_MAX   64u /**< whatever boards there are */

/** How many runs are worked on at a time where the configuration leaves it open (inference.in_flight: 0): one for each board, and
 * two that are on their way between steps, so that no board waits for one; at least HEDGED_IN_FLIGHT_LEAST, at most
 * HEDGED_IN_FLIGHT_MAX, and no more than half of the machine's memory has room for, but one.
 *
 * @param boards        That may be given work now.
 * @param memory_bytes  Of the machine. @param run_bytes  That a run takes; 0: not known. */
unsigned hedged_in_flight_auto(unsigned boards, uint64_t memory_bytes, uint64_t run_bytes);

/** Memory that this program can have at most: the machine's, or what can be addressed. */
uint64_t hedged_in_flight_memory(void);

#endif
