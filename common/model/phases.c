/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/phases.h"

static int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}

/* The dilated kernel's extent. */
static int64_t reach(const hedge_phases_t *p)
{
        return (int64_t)(p->kernel - 1) * p->dilation + 1;
}

hedge_taps_t hedge_phases_taps(const hedge_phases_t *p, uint32_t first, uint32_t n)
{
        int64_t offset = (int64_t)p->before - p->shift, stride = p->stride;
        int64_t last = floor_div(reach(p) - 1 - offset - first, stride);
        int64_t least = -floor_div(offset + first + n - 1, stride);
        hedge_taps_t taps = { .last = last, .count = 1, .spacing = stride == 1 ? p->dilation : 1 };

        if (last > least)
                taps.count = (uint32_t)((last - least) / taps.spacing + 1);
        return taps;
}

uint32_t hedge_phases_outputs(const hedge_phases_t *p)
{
        return (uint32_t)(((uint64_t)p->out + p->shift + p->stride - 1) / p->stride);
}

void hedge_phases_choose(hedge_phases_t *p)
{
        uint64_t least = UINT64_MAX;
        uint32_t best = 0;

        for (p->shift = 0; p->shift < p->stride; p->shift++) {
                uint64_t products = (uint64_t)hedge_phases_taps(p, 0, p->stride).count * hedge_phases_outputs(p);

                if (products >= least)
                        continue;
                least = products;
                best = p->shift;
        }
        p->shift = best;
}

int64_t hedge_phases_weight(const hedge_phases_t *p, const hedge_taps_t *taps, uint32_t phase, uint32_t tap)
{
        int64_t t = taps->last - (int64_t)tap * taps->spacing;
        int64_t at = t * p->stride + phase + p->before - p->shift;

        return at < 0 || at >= reach(p) || at % p->dilation ? -1 : at / p->dilation;
}
