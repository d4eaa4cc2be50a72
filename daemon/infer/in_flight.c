/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/in_flight.h"

#include <unistd.h>

#define BETWEEN_STEPS 2

unsigned hedged_in_flight_auto(unsigned boards, uint64_t memory_bytes, uint64_t run_bytes)
{
        const uint64_t room = run_bytes ? memory_bytes / 2 / run_bytes : HEDGED_IN_FLIGHT_MAX;
        unsigned n = boards < HEDGED_IN_FLIGHT_MAX ? boards + BETWEEN_STEPS : HEDGED_IN_FLIGHT_MAX;

        n = n > HEDGED_IN_FLIGHT_LEAST ? n : HEDGED_IN_FLIGHT_LEAST;
        n = n < HEDGED_IN_FLIGHT_MAX ? n : HEDGED_IN_FLIGHT_MAX;
        n = n < room ? n : (unsigned)room;
        return n ? n : 1;
}

uint64_t hedged_in_flight_memory(void)
{
        const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
        const uint64_t addressed = (uint64_t)SIZE_MAX / 2;
        const uint64_t bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : addressed;

        return bytes < addressed ? bytes : addressed;
}
