/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DATASET_READ_H
#define HEDGE_DATASET_READ_H

#include "common/train/dataset.h"

/** Data sets from files, plain or gzipped.
 *
 * All return 0, -errno (the file cannot be read), HEDGE_EMALFORMED (wrong magic number, cut short, bytes too many, a label out
 * of range), HEDGE_ELIMIT or -ENOMEM, with a sentence that names the file. What is taken grows with what the file really
 * holds, up to HEDGE_DATASET_MAX_BYTES. */

/** IDX, as MNIST has it: unsigned bytes, count x rows x columns, and count labels below `classes`.
 * Source: "The MNIST database of handwritten digits", file formats. */
int hedge_dataset_read_idx(const char *images_path, const char *labels_path, uint32_t classes, hedge_dataset_t **ret,
                           hedge_why_t *why);

/** CIFAR-10's binary version: records of a label and 3 planes of 32 x 32. Several files are one data set, in order.
 * Source: "The CIFAR-10 dataset", binary version. */
int hedge_dataset_read_cifar10(const char *const *paths, uint32_t n_paths, hedge_dataset_t **ret, hedge_why_t *why);

#endif
