/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/job/job.h"
#include "common/train/preset.h"
#include "common/train/train.h"

static const char *given(const char *text)
{
        return *text ? text : NULL;
}

static int take_layers(const hedge_job_t *job, hedge_layer_spec_t *specs, hedge_why_t *why)
{
        const hedge_job_layer_t *layers = job->layers.items;

        for (size_t i = 0; i < job->layers.count; i++) {
                const hedge_job_layer_t *l = &layers[i];

                specs[i] = (hedge_layer_spec_t){ .name = given(l->name),
                                                 .from = given(l->from),
                                                 .with = given(l->with),
                                                 .units = (uint32_t)l->units,
                                                 .kernel = (uint32_t)l->kernel,
                                                 .stride = (uint32_t)l->stride,
                                                 .pad = (uint32_t)l->pad,
                                                 .no_bias = !l->bias };
                if (hedge_layer_kind(l->type, &specs[i].kind) < 0)
                        return hedge_why(why, -EINVAL, "layers[%zu].type: no such kind of layer", i);
        }
        return (int)job->layers.count;
}

int hedge_job_layers(const hedge_job_t *job, uint32_t classes, hedge_layer_spec_t **ret, hedge_why_t *why)
{
        const size_t room = *job->model ? HEDGE_PRESET_LAYERS : job->layers.count;
        hedge_layer_spec_t *specs = calloc(room + 1, sizeof(*specs));
        int n;

        if (!specs)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        if (*job->model) {
                n = hedge_preset_layers(job->model, classes, specs);
                if (n < 0)
                        hedge_why(why, n, "no network is called '%s'", job->model);
        } else {
                n = take_layers(job, specs, why);
        }
        if (n < 0)
                free(specs);
        else
                *ret = specs;
        return n;
}

int hedge_job_net(const hedge_job_t *job, const hedge_dataset_t *train, hedge_net_t **ret, hedge_why_t *why)
{
        hedge_layer_spec_t *specs;
        hedge_why_t inner = { "" };
        int r = hedge_job_layers(job, train->classes, &specs, why);

        if (r < 0)
                return r;
        r = hedge_net_new(&train->image, specs, (uint32_t)r, ret, &inner);
        free(specs);
        return r < 0 ? hedge_why(why, r, "%s: %s", *job->model ? job->model : "layers", inner.text) : 0;
}

int hedge_job_sgd(const hedge_job_t *job, uint64_t steps, hedge_sgd_t *ret, hedge_why_t *why)
{
        const hedge_sgd_t sgd = { .rate = (float)job->sgd.rate,
                                  .momentum = (float)job->sgd.momentum,
                                  .decay = (float)job->sgd.decay,
                                  .schedule = (hedge_rate_schedule_t)job->sgd.schedule,
                                  .warm_up = job->sgd.warm_up,
                                  .steps = steps * job->epochs,
                                  .every = steps * job->sgd.every,
                                  .drop = (float)job->sgd.drop };
        hedge_why_t inner = { "" };
        int r = hedge_sgd_check(&sgd, &inner);

        if (r < 0)
                return hedge_why(why, r, "sgd: %s", inner.text);
        *ret = sgd;
        return 0;
}

int hedge_job_steps(const hedge_job_t *job, uint64_t images, uint64_t shards, uint32_t *ret_batch, uint64_t *ret_steps,
                    hedge_why_t *why)
{
        uint64_t batch, steps;

        if (shards < 1 || shards > images)
                return hedge_why(why, -EINVAL, "co3.shards: %llu parts of %llu images", (unsigned long long)shards,
                                 (unsigned long long)images);
        if (job->batch > images)
                return hedge_why(why, -EINVAL, "batch: %llu, but there are %llu images to learn from",
                                 (unsigned long long)job->batch, (unsigned long long)images);
        /* a share of 4 images of 10 on three boards is more than the shortest shard has */
        batch = (job->batch + shards - 1) / shards;
        batch = batch <= images / shards ? batch : images / shards;
        steps = images / (shards * batch);
        *ret_batch = (uint32_t)batch;
        *ret_steps = steps ? steps : 1;
        return 0;
}

/* What data and network say together. */
static int check_together(const hedge_job_t *job, const hedge_dataset_t *train, const hedge_net_t *net,
                          hedge_why_t *why)
{
        const uint64_t shards = job->method == HEDGE_JOB_CO3 && job->co3.shards ? job->co3.shards : 1;
        hedge_sgd_t sgd;
        uint64_t steps = 1;
        uint32_t batch = 1;
        int r = hedge_train_fits(net, train, why);

        if (r == 0)
                r = hedge_job_steps(job, train->count, shards, &batch, &steps, why);
        if (r == 0)
                r = hedge_job_sgd(job, steps, &sgd, why);
        if (r == 0 && hedge_job_model_parallel(job))
                r = hedge_job_sazd_check(job, net, why);
        if (r == 0 && hedge_job_is_uep(job))
                r = hedge_job_uep_check(job, net, why);
        return r;
}

int hedge_job_prepare(const hedge_job_t *job, const char *const paths[], hedge_dataset_t **ret_train,
                      hedge_dataset_t **ret_test, hedge_net_t **ret_net, hedge_why_t *why)
{
        hedge_dataset_t *train = NULL, *test = NULL;
        hedge_net_t *net = NULL;
        int r = hedge_job_data(job, paths, &train, &test, why);

        if (r == 0)
                r = hedge_job_net(job, train, &net, why);
        if (r == 0)
                r = check_together(job, train, net, why);
        if (r < 0) {
                hedge_dataset_destroy(&train);
                hedge_dataset_destroy(&test);
                hedge_net_destroy(&net);
                return r;
        }
        *ret_train = train;
        *ret_test = test;
        *ret_net = net;
        return 0;
}
