/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_WEIGHTS_H
#define HEDGED_WEIGHTS_H

#include "daemon/plan/strips.h"
#include "daemon/plan/survey.h"

/** What boards are sent once so that they can compute a segment: its constants. */

/** A model whose constants take no more than this altogether goes to boards as it is best run: they are there in seconds, and no
 * board misses the memory. */
#define HEDGED_WEIGHTS_LIGHT_BYTES (UINT64_C(64) << 20)

/** So many requests pay for what is sent before the first of them: some minutes' work of a model that is large enough to matter. Were
 * it many more, layers that are all weights and no work would go to every board, and whoever loads a model would wait for them. */
#define HEDGED_WEIGHTS_REQUESTS 1000.0

/** Seconds of sending that a request pays for, for a segment between two points: its constants once to each board of the team, over the
 * coordinator's link and each board's own, whichever takes longer. 0 of a light model. */
double hedged_weights_s(const hedged_survey_t *survey, const hedged_speeds_t *speeds, const hedged_team_t *team,
                        unsigned from, unsigned to);

#endif
