/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PATH_H
#define HEDGED_PATH_H

#include <stdbool.h>

/** The best way from the first of some points to the last, by dynamic programming: from one to the next as is
 * known, or from any to any later one by a leg that has to be looked at first, which takes time. */

/** From a point to the next one. */
typedef struct hedged_hop {
        double score;
        bool shared; /**< that takes boards; a leg does */
} hedged_hop_t;

/** Look at a leg.
 * @param limit  One that is not below it is of no use; infinite: any is.
 * @return the leg's score, or INFINITY: there is no such leg, or none below the limit; or -1: give up. */
typedef double hedged_leg_t(void *arg, unsigned from, unsigned to, double limit);

typedef struct hedged_stretch {
        unsigned from, to;
        bool leg; /**< else hops */
} hedged_stretch_t;

typedef struct hedged_path {
        double score; /**< infinite: there is no such way */
        unsigned n;
        hedged_stretch_t *stretches; /**< hops that follow one another are one */
} hedged_path_t;

/** @param n         Points, at least 1. @param hops  n - 1.
 * @param ret_shared  The best way that takes boards somewhere.
 * @return 0, -ENOMEM, -ECANCELED (a leg gave up). */
int hedged_path_find(unsigned n, const hedged_hop_t *hops, hedged_leg_t *leg, void *arg, hedged_path_t *ret_shared);

void hedged_path_release(hedged_path_t *path);

#endif
