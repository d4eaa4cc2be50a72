/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PROCESSOR_H
#define HEDGED_PROCESSOR_H

#include <time.h>

static inline double hedged_clock_s(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/** Processor time that all threads of the program have taken. */
static inline double hedged_processor_s(void)
{
        return hedged_clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

#endif
