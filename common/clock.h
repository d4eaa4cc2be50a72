/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLOCK_H
#define HEDGE_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Monotonic time. */
static inline int64_t hedge_now_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline int64_t hedge_now_ms(void)
{
        return hedge_now_us() / 1000;
}

#endif
