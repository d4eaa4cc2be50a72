/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/strips.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "daemon/plan/strips_trial.h"

static int init(hedged_strips_trial_t *t, const hedged_speeds_t *speeds, const hedged_strips_t *strips)
{
        *t = (hedged_strips_trial_t){ .speeds = speeds, .strips = strips };
        t->machines = calloc(speeds->boards + 1, sizeof(*t->machines));
        t->given = calloc(strips->n, 1);
        t->have = calloc(strips->n, 1);
        return t->machines && t->given && t->have ? 0 : -ENOMEM;
}

int hedged_strips_simulate(const hedged_speeds_t *speeds, const hedged_strips_t *strips, const hedged_team_t *team,
                           const hedged_luck_t *luck, hedged_forecast_t *ret)
{
        double *took = calloc(luck->trials, sizeof(*took));
        hedged_strips_trial_t t = { 0 };
        int r = took ? init(&t, speeds, strips) : -ENOMEM;

        if (r == 0) {
                for (unsigned i = 0; i < luck->trials; i++) {
                        hedged_strips_machines_draw(&t, team, luck, i);
                        took[i] = hedged_strips_trial_run(&t);
                }
                *ret = hedged_forecast_of(&t.sum, took, luck->trials);
        }
        free(t.machines);
        free(t.given);
        free(t.have);
        free(took);
        return r;
}
