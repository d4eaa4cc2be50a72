/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LATENESS_H
#define HEDGED_LATENESS_H

#include <stdint.h>

/** When is a board late with a piece of a run of nodes? When it takes longer than 19 of 20 such pieces do.
 *
 * What such a piece should take in 19 cases of 20 is predicted from what is known of the board and its link
 * (daemon/infer/prospect.h); what the pieces of each step of each model took is kept as multiples of that, and the 95th percentile of the
 * last of them is what counts. Until there are enough of them it is 1.25. Any thread. */
typedef struct hedged_lateness hedged_lateness_t;

#define HEDGED_LATENESS_USUAL 1.25

/** @return 0, -ENOMEM. */
int hedged_lateness_new(hedged_lateness_t **ret);

/** NULL-safe; nullifies. */
void hedged_lateness_destroy(hedged_lateness_t **lateness);

/** @param model  Only compared: a model of any name, which may be gone. @param first, last, n  The step's nodes and windows. */
double hedged_lateness_of(hedged_lateness_t *lateness, const void *model, uint32_t first, uint32_t last, unsigned n);

/** A piece took so many times what was predicted. Not above 0, or not finite: ignored. */
void hedged_lateness_took(hedged_lateness_t *lateness, const void *model, uint32_t first, uint32_t last, unsigned n,
                          double times);

#endif
