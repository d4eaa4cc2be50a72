/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/job.h"
#include "common/train/mlp.h"

bool hedge_job_is_uep(const hedge_job_t *job)
{
        return job->method >= HEDGE_JOB_UEP_NOW && job->method <= HEDGE_JOB_UEP_UNCODED;
}

void hedge_job_uep_setup(const hedge_job_t *job, hedge_uep_setup_t *ret)
{
        *ret = (hedge_uep_setup_t){
                .scheme = (hedge_uep_scheme_t)(job->method - HEDGE_JOB_UEP_NOW),
                .levels = (unsigned)job->uep.levels,
                .classes = (unsigned)job->uep.classes,
                .packets = (unsigned)job->uep.packets,
                .stacked = job->uep.stacked,
                .seed = job->seed,
                .n_windows = job->uep.windows.count,
        };
        for (unsigned i = 0; i < ret->n_windows && i < HEDGE_UEP_MAX_CLASSES; i++)
                ret->windows[i] = job->uep.windows.values[i];
}

static unsigned round_up(uint32_t side, unsigned blocks)
{
        return (side + blocks - 1) / blocks * blocks;
}

void hedge_job_uep_shape(const hedge_job_t *job, uint32_t rows, uint32_t inner, uint32_t columns,
                         hedge_uep_shape_t *ret)
{
        const unsigned blocks_a = (unsigned)job->uep.blocks_a, blocks_b = (unsigned)job->uep.blocks_b;
        const bool crossed = job->uep.split == HEDGE_UEP_ROW_COLUMN;

        *ret = (hedge_uep_shape_t){
                .split = (hedge_uep_split_t)job->uep.split,
                .rows = crossed ? round_up(rows, blocks_a) : rows,
                .inner = crossed ? inner : round_up(inner, blocks_a),
                .columns = crossed ? round_up(columns, blocks_b) : columns,
                .blocks_a = blocks_a,
                .blocks_b = blocks_b,
        };
}

static int check_product(const hedge_job_t *job, const char *layer, uint32_t rows, uint32_t inner, uint32_t columns,
                         hedge_why_t *why)
{
        hedge_uep_setup_t setup;
        hedge_uep_shape_t shape;
        hedge_why_t inside = { "" };
        int r;

        hedge_job_uep_setup(job, &setup);
        hedge_job_uep_shape(job, rows, inner, columns, &shape);
        r = hedge_uep_setup_check(&setup, &shape, 0, &inside);
        return r < 0 ? hedge_why(why, r, "uep: %s: %s", layer, *inside.text ? inside.text : hedge_strerror(r)) : 0;
}

int hedge_job_uep_check(const hedge_job_t *job, const hedge_net_t *net, hedge_why_t *why)
{
        const uint32_t batch = (uint32_t)job->batch;
        hedge_mlp_t *mlp = NULL;
        int r;

        if (job->uep.windows.count > HEDGE_UEP_MAX_CLASSES)
                return hedge_why(why, HEDGE_ELIMIT, "uep.windows: %u numbers, more than %u", job->uep.windows.count,
                                 HEDGE_UEP_MAX_CLASSES);
        r = hedge_mlp_new(net, 1, &mlp, why);
        for (uint32_t i = 0; r == 0 && i < hedge_mlp_count(mlp); i++) {
                const hedge_layer_t *l = hedge_mlp_dense(mlp, i);

                r = check_product(job, l->name, l->y.c, batch, l->x.c, why);
                if (r == 0 && i > 0)
                        r = check_product(job, l->name, batch, l->y.c, l->x.c, why);
        }
        hedge_mlp_destroy(&mlp);
        return r;
}
