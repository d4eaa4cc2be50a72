/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BATCHES_H
#define HEDGE_BATCHES_H

#include "common/train/dataset.h"

/** Mini-batches of a data set, in an order that follows from (seed, epoch, step) alone: whoever holds the same shard makes
 * the same batches, on any machine, from any step on.
 *
 * Each epoch takes the images in a new random order, every image at most once; what is left over for less than a batch
 * waits for another epoch. */
typedef struct hedge_batches hedge_batches_t;

/** @param dataset  Borrowed; must outlive the batches.
 * @param batch     Images of each, 1 .. the data set's count.
 * @param flip      Swap left and right of about every other image.
 * @return 0, -EINVAL, -ENOMEM. */
int hedge_batches_new(const hedge_dataset_t *dataset, const hedge_norm_t *norm, uint64_t seed, uint32_t batch,
                      bool flip, hedge_batches_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_batches_destroy(hedge_batches_t **batches);

/** What they are made of, and how many images each has. */
const hedge_dataset_t *hedge_batches_dataset(const hedge_batches_t *batches);
uint32_t hedge_batches_size(const hedge_batches_t *batches);

/** Batches of an epoch, at least 1. */
uint32_t hedge_batches_steps(const hedge_batches_t *batches);

/** One batch. Asking in the order of time is cheap; a new epoch mixes the images anew.
 * @param step  Within the epoch: 0 .. hedge_batches_steps() - 1.
 * @param ret_images  batch x H x W x C. @param ret_labels  batch. */
void hedge_batches_get(hedge_batches_t *batches, uint64_t epoch, uint32_t step, float *ret_images, uint8_t *ret_labels);

#endif
