/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SGD_H
#define HEDGE_SGD_H

#include "common/train/net.h"

/** Stochastic gradient descent with momentum, weight decay and a schedule.
 *
 *     momentum = mu * momentum + gradient + decay * params        (decay only on segments that take it)
 *     params  -= rate(step) * momentum
 *
 * The rate climbs linearly over the first warm_up steps and then follows the schedule. */
typedef enum hedge_rate_schedule {
        HEDGE_SCHEDULE_CONSTANT,
        HEDGE_SCHEDULE_STEP,   /**< times `drop` every `every` steps */
        HEDGE_SCHEDULE_COSINE, /**< down to 0 at `steps` */
} hedge_rate_schedule_t;

typedef struct hedge_sgd {
        float rate;     /**< the greatest, > 0 */
        float momentum; /**< 0 .. below 1 */
        float decay;    /**< >= 0 */
        hedge_rate_schedule_t schedule;
        uint64_t warm_up; /**< steps */
        uint64_t steps;   /**< COSINE: of the whole training */
        uint64_t every;   /**< STEP: at least 1 */
        float drop;       /**< STEP: 0 .. 1 */
} hedge_sgd_t;

/** Are the numbers sensible? @return 0, -EINVAL with a sentence. */
int hedge_sgd_check(const hedge_sgd_t *sgd, hedge_why_t *why);

/** The rate of a step, counted from 0. */
double hedge_sgd_rate(const hedge_sgd_t *sgd, uint64_t step);

/** Take one step's (averaged) gradient into the momentum and say by how much each parameter changes. Nothing is
 * applied: what is sent to boards in few bits must be what everyone adds.
 *
 * @param momentum    n_params, updated; zeros before the first step.
 * @param ret_update  n_params; may be the gradient itself. params + update are the next parameters. */
void hedge_sgd_update(const hedge_sgd_t *sgd, const hedge_net_t *net, uint64_t step, const float *params,
                      const float *gradient, float *momentum, float *ret_update);

/** The same, added to the parameters. */
void hedge_sgd_apply(const hedge_sgd_t *sgd, const hedge_net_t *net, uint64_t step, const float *gradient,
                     float *momentum, float *params);

#endif
