/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/uep/chance.h"

#include <math.h>

#define FADE   0.95 /* of what was learnt, with every product */
#define FEWEST 8    /* packets, before anything is said */

/* A board's delay is exponential, and so is what its computing takes beyond the least; the chance is that of the sum of both
 * as an exponential of their mean, beyond what it takes at least. */
static double chance_of(const hedged_speed_t *s, double macs, double up_bytes, double down_bytes, double seconds)
{
        const double compute = macs / s->macs_per_s;
        const double least = compute + up_bytes / s->up_bytes_per_s + down_bytes / s->down_bytes_per_s;
        const double beyond = compute * s->spread + s->delay_s;

        if (seconds < least)
                return 0;
        return beyond > 0 ? 1 - exp(-(seconds - least) / beyond) : 1;
}

double hedged_chance_expected(const hedged_speeds_t *speeds, double macs, double up_bytes, double down_bytes,
                              double seconds)
{
        double sum = 0;
        unsigned n = 0;

        for (unsigned i = 0; i < HEDGE_CODE_MAX_BOARDS; i++) {
                if (!speeds->usable[i])
                        continue;
                if (speeds->board[i].tasks == 0)
                        return -1;
                sum += chance_of(&speeds->board[i], macs, up_bytes, down_bytes, seconds);
                n++;
        }
        return n ? sum / n : -1;
}

void hedged_chance_learn(hedged_chance_t *chance, hedged_product_t *product, int64_t ended_us)
{
        const hedged_packet_t *packets = hedged_product_packets(product);

        chance->arrivals *= FADE;
        chance->seconds *= FADE;
        for (unsigned i = 0; i < hedge_uep_packets(hedged_product_code(product)); i++) {
                const hedged_packet_t *p = &packets[i];
                const int64_t us = (p->received_us ? p->received_us : ended_us) - p->asked_us;

                if (p->board == HEDGED_NOBODY)
                        continue;
                chance->arrivals += p->received_us != 0;
                chance->seconds += us > 0 ? (double)us / 1e6 : 0;
        }
}

double hedged_chance_learnt(const hedged_chance_t *chance, double seconds)
{
        if (chance->arrivals < FEWEST || chance->seconds <= 0)
                return -1;
        return 1 - exp(-chance->arrivals / chance->seconds * seconds);
}
