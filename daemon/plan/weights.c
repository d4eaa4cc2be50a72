/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/weights.h"

#include "daemon/plan/extremes.h"

double hedged_weights_s(const hedged_survey_t *survey, const hedged_speeds_t *speeds, const hedged_team_t *team,
                        unsigned from, unsigned to)
{
        const double bytes = (double)(survey->before[to].frame_bytes - survey->before[from].frame_bytes);
        double longest_s = 0, together_s = 0;

        if (survey->before[survey->n - 1].frame_bytes <= HEDGED_WEIGHTS_LIGHT_BYTES)
                return 0;
        for (unsigned b = 0; b < speeds->boards; b++) {
                const double s = team->may[b] ? bytes / speeds->board[b].up_bytes_per_s : 0;

                longest_s = hedged_greater(longest_s, s);
                together_s += team->may[b] ? bytes / speeds->here.up_bytes_per_s : 0;
        }
        return hedged_greater(together_s, longest_s) / HEDGED_WEIGHTS_REQUESTS;
}
