/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/sgd.h"

#include <errno.h>
#include <math.h>

int hedge_sgd_check(const hedge_sgd_t *sgd, hedge_why_t *why)
{
        if (!(sgd->rate > 0) || !isfinite(sgd->rate))
                return hedge_why(why, -EINVAL, "a rate of %g: it must be above 0", (double)sgd->rate);
        if (!(sgd->momentum >= 0 && sgd->momentum < 1))
                return hedge_why(why, -EINVAL, "a momentum of %g: 0 to below 1", (double)sgd->momentum);
        if (!(sgd->decay >= 0) || !isfinite(sgd->decay))
                return hedge_why(why, -EINVAL, "a weight decay of %g: 0 or more", (double)sgd->decay);
        if (sgd->schedule == HEDGE_SCHEDULE_STEP && (sgd->every < 1 || !(sgd->drop >= 0 && sgd->drop <= 1)))
                return hedge_why(why, -EINVAL, "a rate times %g every %llu steps: 0 to 1, every 1 or more",
                                 (double)sgd->drop, (unsigned long long)sgd->every);
        if (sgd->schedule == HEDGE_SCHEDULE_COSINE && sgd->steps <= sgd->warm_up)
                return hedge_why(why, -EINVAL, "%llu steps in all, %llu of them to warm up",
                                 (unsigned long long)sgd->steps, (unsigned long long)sgd->warm_up);
        return 0;
}

static double scheduled(const hedge_sgd_t *sgd, uint64_t step)
{
        switch (sgd->schedule) {
        case HEDGE_SCHEDULE_STEP:
                return pow((double)sgd->drop, (double)(step / sgd->every));
        case HEDGE_SCHEDULE_COSINE:
                if (step >= sgd->steps)
                        return 0;
                return (1 + cos(M_PI * (double)(step - sgd->warm_up) / (double)(sgd->steps - sgd->warm_up))) / 2;
        case HEDGE_SCHEDULE_CONSTANT:
                break;
        }
        return 1;
}

double hedge_sgd_rate(const hedge_sgd_t *sgd, uint64_t step)
{
        if (step < sgd->warm_up)
                return (double)sgd->rate * (double)(step + 1) / (double)sgd->warm_up;
        return (double)sgd->rate * scheduled(sgd, step);
}

/* momentum = mu * momentum + gradient, with the decay of the parameters. */
static void gather_momentum(const hedge_sgd_t *sgd, const hedge_net_t *net, const float *params, const float *gradient,
                            float *momentum)
{
        for (uint32_t s = 0; s < net->n_segments; s++) {
                const hedge_segment_t *segment = &net->segments[s];
                const float decay = segment->decay ? sgd->decay : 0;

                for (size_t i = segment->offset; i < segment->offset + segment->count; i++)
                        momentum[i] = sgd->momentum * momentum[i] + (gradient[i] + decay * params[i]);
        }
}

void hedge_sgd_update(const hedge_sgd_t *sgd, const hedge_net_t *net, uint64_t step, const float *params,
                      const float *gradient, float *momentum, float *ret_update)
{
        const float rate = (float)hedge_sgd_rate(sgd, step);

        gather_momentum(sgd, net, params, gradient, momentum);
        for (size_t i = 0; i < net->n_params; i++)
                ret_update[i] = -rate * momentum[i];
}

void hedge_sgd_apply(const hedge_sgd_t *sgd, const hedge_net_t *net, uint64_t step, const float *gradient,
                     float *momentum, float *params)
{
        const float rate = (float)hedge_sgd_rate(sgd, step);

        gather_momentum(sgd, net, params, gradient, momentum);
        for (size_t i = 0; i < net->n_params; i++)
                params[i] += -rate * momentum[i];
}
