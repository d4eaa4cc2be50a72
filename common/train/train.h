/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TRAIN_H
#define HEDGE_TRAIN_H

#include "common/train/batches.h"
#include "common/train/checkpoint.h"
#include "common/train/sgd.h"
#include "common/train/workspace.h"

/** Training on this machine alone, step by step. */
#define HEDGE_STATE_RATE 0.1f /**< how fast running statistics follow the batches' */

typedef struct hedge_trainer hedge_trainer_t;

/** All arguments are borrowed and must outlive the trainer. Parameters are initialised from the seed, momentum is 0.
 * @param batches  Of the net's image shape and no more classes than it has; they say the batch.
 * @return 0, HEDGE_ESHAPE (the data does not fit the network), -EINVAL (sgd), HEDGE_ELIMIT, -ENOMEM. */
int hedge_trainer_new(const hedge_net_t *net, const hedge_sgd_t *sgd, hedge_batches_t *batches, uint64_t seed,
                      hedge_trainer_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_trainer_destroy(hedge_trainer_t **trainer);

/** One step: the next batch's gradient, then its update. The parameters do not change when the loss is not finite.
 * @return 0, -EDOM (the loss is not a finite number; ret_score is written all the same). */
int hedge_train_step(hedge_trainer_t *trainer, hedge_score_t *ret_score);

/** Loss and right answers on a data set of the same shape. @return 0, -EINVAL, HEDGE_ESHAPE, -ENOMEM. */
int hedge_train_test(hedge_trainer_t *trainer, const hedge_dataset_t *dataset, const hedge_norm_t *norm,
                     hedge_score_t *ret_score);

/** Where the training stands: to be saved, or, after hedge_checkpoint_load into it, gone on from. The vectors are the
 * trainer's own. The caller writes the digest. */
hedge_checkpoint_t *hedge_trainer_checkpoint(hedge_trainer_t *trainer);

/** Do the data's shape and classes fit the network? @return 0, HEDGE_ESHAPE with a sentence. */
int hedge_train_fits(const hedge_net_t *net, const hedge_dataset_t *dataset, hedge_why_t *why);

#endif
