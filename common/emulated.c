/* SPDX-License-Identifier: Apache-2.0 */
#include "common/emulated.h"

#include <stdlib.h>

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
