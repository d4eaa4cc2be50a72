/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/simulate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "daemon/plan/trial.h"

static int init(hedged_trial_t *t, const hedged_speeds_t *speeds, const hedge_partition_t *p,
                const hedged_duties_t *duties, hedge_precision_t wire)
{
        const size_t input = hedge_partition_input_elements(p), part = hedge_partition_part_elements(p);
        const size_t rank = (size_t)duties->k_a * duties->k_b;

        *t = (hedged_trial_t){ .speeds = speeds, .duties = duties };
        t->input_bytes = (double)hedge_precision_bytes(wire, input);
        t->part_bytes = (double)hedge_precision_bytes(wire, part);
        t->part_macs = (double)hedge_conv_macs(&p->part);
        t->input_elements = (double)input;
        t->part_elements = (double)part;
        t->input_macs = (double)input * duties->k_a;
        t->runners = calloc(duties->boards, sizeof(*t->runners));
        t->have = calloc(rank, 1);
        t->given = calloc(rank, 1);
        t->strip_rank = calloc(duties->k_a, sizeof(*t->strip_rank));
        t->owing = calloc(duties->boards, sizeof(*t->owing));
        return t->runners && t->have && t->given && t->strip_rank && t->owing ? 0 : -ENOMEM;
}

static int by_size(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

/* The 99th percentile of sorted values, between its neighbours. */
static double p99_of(const double *sorted, unsigned n)
{
        const double at = 0.99 * (n - 1);
        const unsigned below = (unsigned)at;

        if (below + 1 >= n || !isfinite(sorted[below + 1]))
                return sorted[n - 1];
        return sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]);
}

hedged_forecast_t hedged_forecast_of(const hedged_forecast_t *sum, double *took, unsigned trials)
{
        hedged_forecast_t f = { .up_bytes = sum->up_bytes / trials,
                                .down_bytes = sum->down_bytes / trials,
                                .here_s = sum->here_s / trials,
                                .boards_s = sum->boards_s / trials,
                                .asked = sum->asked / trials,
                                .computed = sum->computed / trials,
                                .messages = sum->messages / trials };

        for (unsigned i = 0; i < trials; i++)
                f.mean_s += took[i] / trials;
        qsort(took, trials, sizeof(*took), by_size);
        f.p99_s = p99_of(took, trials);
        return f;
}

int hedged_simulate(const hedged_speeds_t *speeds, const hedge_partition_t *partition, const hedged_duties_t *duties,
                    hedge_precision_t wire, const hedged_luck_t *luck, hedged_forecast_t *ret)
{
        double *took = calloc(luck->trials, sizeof(*took));
        hedged_trial_t t = { 0 };
        int r = init(&t, speeds, partition, duties, wire);

        if (r == 0 && took) {
                for (unsigned i = 0; i < luck->trials; i++)
                        took[i] = hedged_trial_run(&t, luck, i);
                *ret = hedged_forecast_of(&t.sum, took, luck->trials);
        }
        free(t.runners);
        free(t.have);
        free(t.given);
        free(t.strip_rank);
        free(t.owing);
        free(took);
        return took ? r : -ENOMEM;
}

double hedged_forecast_score(const hedged_forecast_t *f, bool p99, double price, unsigned boards)
{
        return (p99 ? f->p99_s : f->mean_s) + price * (f->here_s + f->boards_s / boards);
}

double hedged_local_s(const hedged_speeds_t *speeds, const hedge_conv_t *conv)
{
        return (double)hedge_conv_macs(conv) / speeds->here.macs_per_s * (1 + speeds->here.spread);
}
