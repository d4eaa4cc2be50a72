/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/train.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/tensor.h"

#define PIECE 64u /* images of a test set at once, if the batch is not greater */

struct hedge_trainer {
        const hedge_net_t *net;
        const hedge_sgd_t *sgd;
        hedge_batches_t *batches;
        hedge_workspace_t *workspace;
        hedge_checkpoint_t at;
        float *gradient, *statistics, *images;
        uint8_t *labels;
        uint32_t room; /* images */
};

int hedge_train_fits(const hedge_net_t *net, const hedge_dataset_t *dataset, hedge_why_t *why)
{
        char a[64], b[64];

        if (!hedge_extent_equal(&net->image, &dataset->image))
                return hedge_why(why, HEDGE_ESHAPE, "the network reads %s, but the images are %s",
                                 hedge_extent_text(&net->image, a, sizeof(a)),
                                 hedge_extent_text(&dataset->image, b, sizeof(b)));
        if (dataset->classes > net->classes)
                return hedge_why(why, HEDGE_ESHAPE, "the network tells %u classes apart, but the data has %u",
                                 net->classes, dataset->classes);
        return 0;
}

static int allocate(hedge_trainer_t *t, uint64_t seed, hedge_why_t *why)
{
        const hedge_net_t *net = t->net;

        t->gradient = hedge_floats_new(net->n_params);
        t->statistics = hedge_floats_new(net->n_state);
        t->images = hedge_floats_new(t->room * hedge_extent_elements(&net->image));
        t->labels = malloc(t->room);
        if (hedge_checkpoint_begin(net, seed, &t->at) < 0 || !t->gradient || !t->statistics || !t->images || !t->labels)
                return hedge_why(why, -ENOMEM, "out of memory");
        return hedge_workspace_new(net, NULL, t->room, &t->workspace, why);
}

int hedge_trainer_new(const hedge_net_t *net, const hedge_sgd_t *sgd, hedge_batches_t *batches, uint64_t seed,
                      hedge_trainer_t **ret, hedge_why_t *why)
{
        hedge_trainer_t *t;
        int r = hedge_train_fits(net, hedge_batches_dataset(batches), why);

        if (r == 0)
                r = hedge_sgd_check(sgd, why);
        if (r < 0)
                return r;
        t = calloc(1, sizeof(*t));
        if (!t)
                return hedge_why(why, -ENOMEM, "out of memory");
        t->net = net;
        t->sgd = sgd;
        t->batches = batches;
        t->room = hedge_batches_size(batches) > PIECE ? hedge_batches_size(batches) : PIECE;
        r = allocate(t, seed, why);
        if (r < 0) {
                hedge_trainer_destroy(&t);
                return r;
        }
        *ret = t;
        return 0;
}

void hedge_trainer_destroy(hedge_trainer_t **trainer)
{
        hedge_trainer_t *t = *trainer;

        if (!t)
                return;
        hedge_workspace_destroy(&t->workspace);
        hedge_checkpoint_release(&t->at);
        free(t->gradient);
        free(t->statistics);
        free(t->images);
        free(t->labels);
        free(t);
        *trainer = NULL;
}

int hedge_train_step(hedge_trainer_t *t, hedge_score_t *ret_score)
{
        const uint32_t steps = hedge_batches_steps(t->batches);
        int r;

        hedge_batches_get(t->batches, t->at.step / steps, (uint32_t)(t->at.step % steps), t->images, t->labels);
        r = hedge_net_gradient(t->workspace, t->at.params, t->images, t->labels, hedge_batches_size(t->batches),
                               t->gradient, t->statistics, ret_score);
        if (r < 0)
                return r;
        if (!isfinite(ret_score->loss))
                return -EDOM;
        hedge_net_blend_state(t->net, HEDGE_STATE_RATE, t->statistics, t->at.state);
        hedge_sgd_apply(t->sgd, t->net, t->at.step, t->gradient, t->at.momentum, t->at.params);
        t->at.step++;
        t->at.epoch = t->at.step / steps;
        return 0;
}

int hedge_train_test(hedge_trainer_t *t, const hedge_dataset_t *dataset, const hedge_norm_t *norm,
                     hedge_score_t *ret_score)
{
        hedge_score_t sum = { 0 };
        int r = hedge_train_fits(t->net, dataset, NULL);

        for (uint32_t i = 0, n; r == 0 && i < dataset->count; i += n) {
                hedge_score_t score;

                n = dataset->count - i < t->room ? dataset->count - i : t->room;
                hedge_dataset_images(dataset, norm, i, n, t->images);
                r = hedge_net_evaluate(t->workspace, t->at.params, t->at.state, t->images, dataset->labels + i, n,
                                       &score);
                if (r < 0)
                        break;
                sum.loss += score.loss * n;
                sum.correct += score.correct;
        }
        if (r < 0)
                return r;
        sum.loss /= dataset->count;
        *ret_score = sum;
        return 0;
}

hedge_checkpoint_t *hedge_trainer_checkpoint(hedge_trainer_t *trainer)
{
        return &trainer->at;
}
