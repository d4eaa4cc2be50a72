/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SEGMENTS_H
#define HEDGED_SEGMENTS_H

#include <pthread.h>

#include "daemon/infer/here.h"
#include "daemon/infer/lateness.h"
#include "daemon/infer/occupancy.h"

/** What all requests share that run segments: how fast places are and what they have to do, and when they are late. */
typedef struct hedged_segments {
        hedged_occupancy_t occupancy;
        hedged_lateness_t *lateness;
        hedged_here_t *here; /**< NULL: the coordinator computes no pieces */
        bool hedge;          /**< ask others for what is late */
        pthread_mutex_t lock;
        hedged_speeds_t *speeds; /**< as the loop told last; NULL: it has not yet */
} hedged_segments_t;

/** @param config   plan.hedge, plan.here; not kept. @param kernels  Borrowed.
 * @param macs_per_s  0; else pretend that this machine is so slow.
 * @return 0, -ENOMEM, -errno. */
int hedged_segments_new(const hedged_config_t *config, hedge_kernels_t *kernels, double macs_per_s,
                        hedged_segments_t **ret);

/** No request runs any more. NULL-safe; nullifies. */
void hedged_segments_destroy(hedged_segments_t **segments);

/** The loop, now and then: what is known of speeds; and what is kept for models that are gone is freed. @return 0, -ENOMEM. */
int hedged_segments_publish(hedged_segments_t *segments, const hedged_speeds_t *speeds);

/** The speeds of so many boards and of the coordinator (ret[n]). @return the rate of the coordinator's link, bytes/s; 0: nothing is
 * known yet. Any thread. */
double hedged_segments_speeds(hedged_segments_t *segments, unsigned n, hedged_speed_t *ret);

/** Boards that may be given work, as the loop told last. Any thread. */
unsigned hedged_segments_usable(hedged_segments_t *segments);

/** For how many requests at a time is a request that starts now to be planned, itself among them (hedged_chains_pick)?
 * By plan.objective auto for those that are in flight; by another for itself alone, with all boards.
 * @param objective  HEDGED_OBJECTIVE_*. */
unsigned hedged_segments_share(unsigned objective, unsigned in_flight);

#endif
