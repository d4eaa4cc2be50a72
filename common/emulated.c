/* SPDX-License-Identifier: Apache-2.0 */
#include "common/emulated.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"

#define SLICE_US  50000
#define LONGEST_S 1e6

int hedge_emulated_rate(double *ret_macs_per_s, hedge_why_t *why)
{
        const char *text = getenv("HEDGE_EMULATE_MACS_PER_S");
        double rate;
        char *end;

        if (!text)
                return 0;
        rate = strtod(text, &end);
        if (end == text || *end || !(rate >= 1 && rate < 1e18))
                return hedge_why(why, HEDGE_ECONFIG, "HEDGE_EMULATE_MACS_PER_S: '%s' is no rate", text);
        *ret_macs_per_s = rate;
        return 0;
}

int64_t hedge_emulated_until(int64_t began_us, double macs, double macs_per_s)
{
        const double s = macs / macs_per_s;

        return began_us + (int64_t)(1e6 * (s < LONGEST_S ? s : LONGEST_S));
}

bool hedge_emulated_wait(int64_t until_us)
{
        const int64_t left_us = until_us - hedge_now_us();

        if (left_us <= 0)
                return false;
        usleep(left_us < SLICE_US ? (useconds_t)left_us : SLICE_US);
        return true;
}
