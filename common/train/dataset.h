/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DATASET_H
#define HEDGE_DATASET_H

#include "common/train/layer.h"

/** Labelled pictures, one byte per channel as they lie in the files, N x H x W x C. */
typedef struct hedge_dataset {
        hedge_extent_t image;
        uint32_t classes;
        uint32_t count;
        uint8_t *pixels; /**< count images */
        uint8_t *labels; /**< each below classes */
} hedge_dataset_t;

#define HEDGE_DATASET_MAX_BYTES (UINT64_C(2) << 30) /**< of pixels */

/** A data set of `count` images, copied.
 * @return 0, -EINVAL (none, or no such shape), HEDGE_EMALFORMED (a label out of range), HEDGE_ELIMIT, -ENOMEM. */
int hedge_dataset_new(const hedge_extent_t *image, uint32_t classes, uint32_t count, const uint8_t *pixels,
                      const uint8_t *labels, hedge_dataset_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_dataset_destroy(hedge_dataset_t **dataset);

/** The images first .. first + count - 1, copied. @return 0, -EINVAL, -ENOMEM. */
int hedge_dataset_slice(const hedge_dataset_t *dataset, uint32_t first, uint32_t count, hedge_dataset_t **ret,
                        hedge_why_t *why);

/** The i-th of n parts, copied: all n together are the data set, each image in one of them, mixed by the seed; their sizes
 * differ by one at most. @return 0, -EINVAL (i, or a part would be empty), -ENOMEM. */
int hedge_dataset_shard(const hedge_dataset_t *dataset, uint64_t seed, uint32_t i, uint32_t n, hedge_dataset_t **ret,
                        hedge_why_t *why);

/** 0 .. n - 1 in an order that depends on the seed and the number of the row; the same on every machine. */
void hedge_permutation(uint64_t seed, uint64_t row, uint32_t n, uint32_t *ret);

#define HEDGE_MAX_CHANNELS 4

/** What makes a network's input of pixels: (pixel / 255 - mean) / deviation, per channel. */
typedef struct hedge_norm {
        float mean[HEDGE_MAX_CHANNELS], deviation[HEDGE_MAX_CHANNELS];
} hedge_norm_t;

/** Means and standard deviations over a whole data set; a channel that never changes gets a deviation of 1. */
void hedge_dataset_norm(const hedge_dataset_t *dataset, hedge_norm_t *ret);

/** `count` normalised images from `first` on, for hedge_net_evaluate. */
void hedge_dataset_images(const hedge_dataset_t *dataset, const hedge_norm_t *norm, uint32_t first, uint32_t count,
                          float *ret);

#endif
