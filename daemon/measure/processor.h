/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PROCESSOR_H
#define HEDGED_PROCESSOR_H

#include <time.h>

/** Processor time that all threads of the program have taken. */
static inline double hedged_processor_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
