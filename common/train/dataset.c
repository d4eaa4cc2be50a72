/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/random.h"
#include "common/train/net.h"
#include "common/train/pixels.h"

static int check_shape(const hedge_extent_t *image, uint32_t classes, uint32_t count, hedge_why_t *why)
{
        if (image->flat || image->h < 1 || image->h > 65535 || image->w < 1 || image->w > 65535 || image->c < 1 ||
            image->c > HEDGE_MAX_CHANNELS)
                return hedge_why(why, -EINVAL, "images of %u x %u x %u: 1 to 65535 pixels a side, 1 to %d channels",
                                 image->h, image->w, image->c, HEDGE_MAX_CHANNELS);
        if (classes < 2 || classes > HEDGE_NET_MAX_CLASSES || count < 1)
                return hedge_why(why, -EINVAL, "%u images of %u classes: at least 1, and 2 to %d classes", count,
                                 classes, HEDGE_NET_MAX_CLASSES);
        if (hedge_extent_elements(image) > HEDGE_DATASET_MAX_BYTES / count)
                return hedge_why(why, HEDGE_ELIMIT, "%u images of %u x %u x %u take more than %llu MiB", count,
                                 image->h, image->w, image->c, (unsigned long long)HEDGE_DATASET_MAX_BYTES >> 20);
        return 0;
}

/* Memory for a data set whose shape has been checked. */
static int make(const hedge_extent_t *image, uint32_t classes, uint32_t count, hedge_dataset_t **ret, hedge_why_t *why)
{
        hedge_dataset_t *d = calloc(1, sizeof(*d));

        if (d) {
                *d = (hedge_dataset_t){ .image = *image, .classes = classes, .count = count };
                d->pixels = malloc(count * hedge_extent_elements(image));
                d->labels = malloc(count);
        }
        if (!d || !d->pixels || !d->labels) {
                hedge_dataset_destroy(&d);
                return hedge_why(why, -ENOMEM, "no memory for %u images", count);
        }
        *ret = d;
        return 0;
}

int hedge_dataset_new(const hedge_extent_t *image, uint32_t classes, uint32_t count, const uint8_t *pixels,
                      const uint8_t *labels, hedge_dataset_t **ret, hedge_why_t *why)
{
        hedge_dataset_t *d;
        int r = check_shape(image, classes, count, why);

        for (uint32_t i = 0; r == 0 && i < count; i++)
                if (labels[i] >= classes)
                        r = hedge_why(why, HEDGE_EMALFORMED, "image %u has label %u, but the classes are 0 to %u", i,
                                      labels[i], classes - 1);
        if (r == 0)
                r = make(image, classes, count, &d, why);
        if (r < 0)
                return r;
        memcpy(d->pixels, pixels, count * hedge_extent_elements(image));
        memcpy(d->labels, labels, count);
        *ret = d;
        return 0;
}

void hedge_dataset_destroy(hedge_dataset_t **dataset)
{
        if (!*dataset)
                return;
        free((*dataset)->pixels);
        free((*dataset)->labels);
        free(*dataset);
        *dataset = NULL;
}

int hedge_dataset_slice(const hedge_dataset_t *dataset, uint32_t first, uint32_t count, hedge_dataset_t **ret,
                        hedge_why_t *why)
{
        const size_t bytes = hedge_extent_elements(&dataset->image);

        if (count < 1 || first >= dataset->count || count > dataset->count - first)
                return hedge_why(why, -EINVAL, "%u images from number %u on: the data set has %u", count, first,
                                 dataset->count);
        return hedge_dataset_new(&dataset->image, dataset->classes, count, dataset->pixels + first * bytes,
                                 dataset->labels + first, ret, why);
}

void hedge_permutation(uint64_t seed, uint64_t row, uint32_t n, uint32_t *ret)
{
        uint64_t state = hedge_random_row(seed, row);

        for (uint32_t i = 0; i < n; i++) {
                const uint32_t k = hedge_random_below(&state, i + 1);

                ret[i] = ret[k];
                ret[k] = i;
        }
}

/* Where part i of n begins. */
static uint32_t begin_of(uint32_t count, uint32_t i, uint32_t n)
{
        return (uint32_t)((uint64_t)count * i / n);
}

int hedge_dataset_shard(const hedge_dataset_t *dataset, uint64_t seed, uint32_t i, uint32_t n, hedge_dataset_t **ret,
                        hedge_why_t *why)
{
        const size_t bytes = hedge_extent_elements(&dataset->image);
        hedge_dataset_t *shard = NULL;
        uint32_t first, count, *order;
        int r;

        if (n < 1 || i >= n || n > dataset->count)
                return hedge_why(why, -EINVAL, "part %u of %u: the data set has %u images", i, n, dataset->count);
        first = begin_of(dataset->count, i, n);
        count = begin_of(dataset->count, i + 1, n) - first;
        order = malloc(dataset->count * sizeof(*order));
        if (!order)
                return hedge_why(why, -ENOMEM, "out of memory");
        r = make(&dataset->image, dataset->classes, count, &shard, why);
        if (r == 0) {
                hedge_permutation(seed, UINT64_MAX, dataset->count, order);
                for (uint32_t k = 0; k < count; k++) {
                        memcpy(shard->pixels + k * bytes, dataset->pixels + order[first + k] * bytes, bytes);
                        shard->labels[k] = dataset->labels[order[first + k]];
                }
                *ret = shard;
        }
        free(order);
        return r;
}

void hedge_dataset_norm(const hedge_dataset_t *dataset, hedge_norm_t *ret)
{
        const uint32_t channels = dataset->image.c;
        const size_t n = (size_t)dataset->count * dataset->image.h * dataset->image.w;
        uint64_t sum[HEDGE_MAX_CHANNELS] = { 0 }, squares[HEDGE_MAX_CHANNELS] = { 0 };

        for (size_t i = 0; i < n; i++)
                for (uint32_t c = 0; c < channels; c++) {
                        const uint64_t pixel = dataset->pixels[i * channels + c];

                        sum[c] += pixel;
                        squares[c] += pixel * pixel;
                }
        for (uint32_t c = 0; c < HEDGE_MAX_CHANNELS; c++) {
                const double mean = c < channels ? (double)sum[c] / (double)n : 0;
                const double variance = c < channels ? (double)squares[c] / (double)n - mean * mean : 0;

                ret->mean[c] = (float)(mean / 255);
                ret->deviation[c] = variance > 1e-6 ? (float)(sqrt(variance) / 255) : 1;
        }
}

void hedge_dataset_images(const hedge_dataset_t *dataset, const hedge_norm_t *norm, uint32_t first, uint32_t count,
                          float *ret)
{
        const size_t bytes = hedge_extent_elements(&dataset->image);
        hedge_pixels_t pixels;

        hedge_pixels_init(&pixels, &dataset->image, norm);
        for (uint32_t i = 0; i < count; i++)
                hedge_pixels_convert(&pixels, dataset->pixels + (first + i) * bytes, false, ret + i * bytes);
}
