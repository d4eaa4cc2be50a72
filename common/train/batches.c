/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/batches.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/code/random.h"
#include "common/train/pixels.h"

struct hedge_batches {
        const hedge_dataset_t *dataset;
        hedge_pixels_t pixels;
        uint64_t seed;
        uint32_t batch;
        bool flip;
        uint64_t epoch; /* whose order it is, if it is one */
        bool mixed;
        uint32_t order[];
};

int hedge_batches_new(const hedge_dataset_t *dataset, const hedge_norm_t *norm, uint64_t seed, uint32_t batch,
                      bool flip, hedge_batches_t **ret, hedge_why_t *why)
{
        hedge_batches_t *b;

        if (batch < 1 || batch > dataset->count)
                return hedge_why(why, -EINVAL, "batches of %u images: the data has %u", batch, dataset->count);
        b = calloc(1, sizeof(*b) + dataset->count * sizeof(b->order[0]));
        if (!b)
                return hedge_why(why, -ENOMEM, "out of memory");
        b->dataset = dataset;
        b->seed = seed;
        b->batch = batch;
        b->flip = flip;
        hedge_pixels_init(&b->pixels, &dataset->image, norm);
        *ret = b;
        return 0;
}

void hedge_batches_destroy(hedge_batches_t **batches)
{
        free(*batches);
        *batches = NULL;
}

const hedge_dataset_t *hedge_batches_dataset(const hedge_batches_t *batches)
{
        return batches->dataset;
}

uint32_t hedge_batches_size(const hedge_batches_t *batches)
{
        return batches->batch;
}

uint32_t hedge_batches_steps(const hedge_batches_t *batches)
{
        return batches->dataset->count / batches->batch;
}

/* Half of them, by a row of random numbers apart from the order's. */
static bool is_flipped(const hedge_batches_t *b, uint64_t epoch, uint32_t image)
{
        uint64_t state = hedge_random_row(~b->seed, epoch * b->dataset->count + image);

        return b->flip && hedge_random_next(&state) >> 63;
}

void hedge_batches_get(hedge_batches_t *b, uint64_t epoch, uint32_t step, float *ret_images, uint8_t *ret_labels)
{
        const size_t bytes = hedge_extent_elements(&b->dataset->image);

        assert(step < hedge_batches_steps(b));
        if (!b->mixed || b->epoch != epoch) {
                hedge_permutation(b->seed, epoch, b->dataset->count, b->order);
                b->epoch = epoch;
                b->mixed = true;
        }
        for (uint32_t i = 0; i < b->batch; i++) {
                const uint32_t image = b->order[(size_t)step * b->batch + i];

                hedge_pixels_convert(&b->pixels, b->dataset->pixels + image * bytes, is_flipped(b, epoch, image),
                                     ret_images + i * bytes);
                ret_labels[i] = b->dataset->labels[image];
        }
}
