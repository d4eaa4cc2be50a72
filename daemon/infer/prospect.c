/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/prospect.h"

#include "daemon/plan/extremes.h"

#define RARELY 2.0 /* of exponential times one in 20 is longer than the mean by so many means: ln 20 - 1 */

void hedged_foresee(const hedged_speed_t *v, const hedged_piece_t *p, double now, double link_free, double place_free,
                    double own_leaves, hedged_prospect_t *ret)
{
        const double best_s = p->macs / v->macs_per_s, compute_s = best_s * (1 + v->spread);
        const double up_s = v->up_bytes_per_s > 0 ? p->up_bytes / v->up_bytes_per_s : 0;
        const double down_s = v->down_bytes_per_s > 0 ? p->down_bytes / v->down_bytes_per_s : 0;

        ret->leaves = hedged_greater(now, link_free) + up_s;
        if (v->up_bytes_per_s > 0)
                ret->leaves = hedged_greater(ret->leaves, own_leaves);
        ret->computed = hedged_greater(ret->leaves + v->delay_s, place_free) + compute_s;
        ret->back = ret->computed + down_s;
        ret->rarely = ret->back + RARELY * (best_s * v->spread + v->delay_s);
        ret->busy_s = hedged_greater(compute_s, hedged_greater(up_s, down_s));
}
