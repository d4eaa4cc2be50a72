/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_STANDING_H
#define HEDGED_STANDING_H

#include <pthread.h>

#include "daemon/infer/here.h"
#include "daemon/infer/lateness.h"
#include "daemon/infer/occupancy.h"

/** What all requests share that run segments: how fast places are and what they have to do, and when they are late. */
typedef struct hedged_standing {
        hedged_occupancy_t occupancy;
        hedged_lateness_t *lateness;
        hedged_here_t *here; /**< NULL: the coordinator computes no pieces */
        bool hedge;          /**< ask others for what is late */
        pthread_mutex_t lock;
        hedged_speeds_t *speeds; /**< as the loop told last; NULL: it has not yet */
} hedged_standing_t;

/** @param config   plan.hedge, plan.here; not kept. @param kernels  Borrowed.
 * @param macs_per_s  0; else pretend that this machine is so slow.
 * @return 0, -ENOMEM, -errno. */
int hedged_standing_new(const hedged_config_t *config, hedge_kernels_t *kernels, double macs_per_s,
                        hedged_standing_t **ret);

/** No request runs any more. NULL-safe; nullifies. */
void hedged_standing_destroy(hedged_standing_t **standing);

/** The loop, now and then: what is known of speeds; and what is kept for models that are gone is freed. @return 0, -ENOMEM. */
int hedged_standing_publish(hedged_standing_t *standing, const hedged_speeds_t *speeds);

/** The speeds of so many boards and of the coordinator (ret[n]). @return the rate of the coordinator's link, bytes/s; 0: nothing is
 * known yet. Any thread. */
double hedged_standing_speeds(hedged_standing_t *standing, unsigned n, hedged_speed_t *ret);

/** Boards that may be given work, as the loop told last. Any thread. */
unsigned hedged_standing_usable(hedged_standing_t *standing);

/** For how many requests at a time is a request that starts now to be planned, itself among them (hedged_chains_pick)?
 * By plan.objective auto for those that are in flight; by another for itself alone, with all boards.
 * @param objective  HEDGED_OBJECTIVE_*. */
unsigned hedged_standing_share(unsigned objective, unsigned in_flight);

#endif
