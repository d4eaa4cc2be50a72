/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/code/sazd/sazd.h"
#include "common/job/job.h"
#include "common/train/mlp.h"

#define PRODUCT_ERROR 3e-7 /* of a float32 product, relative to its root mean square */

bool hedge_job_model_parallel(const hedge_job_t *job)
{
        return job->method == HEDGE_JOB_SAZD_NAIVE || job->method == HEDGE_JOB_SAZD_DEU ||
               job->method == HEDGE_JOB_POLY || job->method == HEDGE_JOB_UNCODED;
}

bool hedge_job_distributes(const hedge_job_t *job, const hedge_layer_t *layer)
{
        return layer->kind == HEDGE_LAYER_DENSE && layer->x.c >= job->sazd.min_units &&
               layer->y.c >= job->sazd.min_units;
}

uint32_t hedge_job_sazd_step(const hedge_job_t *job, uint32_t rows)
{
        const uint64_t spread = (job->sazd.k - 1) * (job->sazd.r > 1 ? job->sazd.r - 1 : 0);
        uint64_t step;

        if (job->sazd.step)
                return (uint32_t)job->sazd.step;
        step = spread ? rows / (8 * spread) : rows / 8;
        return step ? (uint32_t)step : 1;
}

/* Rows of the weights and of their transpose. */
static int check_extent(const hedge_job_t *job, const hedge_layer_t *layer, uint32_t extent, hedge_why_t *why)
{
        const uint32_t k = (uint32_t)job->sazd.k, rows = (extent + k - 1) / k;
        const hedge_sazd_params_t params = { k, (unsigned)job->sazd.r, rows, hedge_job_sazd_step(job, rows) };
        hedge_sazd_t *code;
        hedge_why_t inner = { "" };
        int r;

        if (extent < k)
                return hedge_why(why, -EINVAL, "sazd.k: the %u units of %s cannot be cut into %u blocks", extent,
                                 layer->name, k);
        if (job->method != HEDGE_JOB_SAZD_NAIVE && job->method != HEDGE_JOB_SAZD_DEU)
                return 0;
        r = hedge_sazd_new(&params, &code, &inner);
        if (r < 0)
                return hedge_why(why, r, "sazd: %s: %s", layer->name, *inner.text ? inner.text : hedge_strerror(r));
        r = hedge_sazd_check(code, PRODUCT_ERROR, job->sazd.error_budget, &inner);
        hedge_sazd_destroy(&code);
        return r < 0 ? hedge_why(why, r, "sazd.error_budget: %s: %s", layer->name,
                                 *inner.text ? inner.text : hedge_strerror(r))
                     : 0;
}

static int check_layers(const hedge_job_t *job, const hedge_net_t *net, hedge_why_t *why)
{
        unsigned distributed = 0;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];

                if (!hedge_job_distributes(job, l))
                        continue;
                distributed++;
                r = check_extent(job, l, l->y.c, why);
                if (r == 0)
                        r = check_extent(job, l, l->x.c, why);
        }
        if (r == 0 && !distributed)
                return hedge_why(why, -EINVAL,
                                 "sazd.min_units: no dense layer has %llu inputs and outputs, so there is nothing "
                                 "for the boards",
                                 (unsigned long long)job->sazd.min_units);
        return r;
}

int hedge_job_sazd_check(const hedge_job_t *job, const hedge_net_t *net, hedge_why_t *why)
{
        const uint64_t boards = job->sazd.k + (job->method == HEDGE_JOB_UNCODED ? 0 : job->sazd.r);
        hedge_mlp_t *mlp = NULL;
        int r = hedge_mlp_new(net, 1, &mlp, why);

        hedge_mlp_destroy(&mlp);
        if (r < 0)
                return r;
        if (job->sgd.momentum > 0)
                return hedge_why(why, -EINVAL,
                                 "sgd.momentum: %g, but boards that update weights themselves keep none: 0 is wanted",
                                 job->sgd.momentum);
        if (boards > HEDGE_SAZD_MAX_BLOCKS)
                return hedge_why(why, HEDGE_ELIMIT, "sazd: k and r are %llu boards, more than %u",
                                 (unsigned long long)boards, HEDGE_SAZD_MAX_BLOCKS);
        return check_layers(job, net, why);
}
