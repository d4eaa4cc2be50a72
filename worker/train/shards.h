/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_TRAINING_SHARDS_H
#define HEDGEW_TRAINING_SHARDS_H

#include <zmq.h>

#include "common/train/batches.h"
#include "common/wire/message.h"

/** A board's parts of the training data. Pixels stay in the frames in which they came. Only training_job.c uses it. */
typedef struct hedgew_training_shard {
        struct hedgew_training_shard *next;
        hedge_digest_t digest;
        uint64_t bytes;
        zmq_msg_t frames[2]; /**< what `data` lies in */
        hedge_dataset_t data;
        hedge_batches_t *batches;
} hedgew_training_shard_t;

/** How a shard is to be. */
typedef struct hedgew_training_shape {
        hedge_extent_t image;
        uint32_t classes, batch;
        hedge_norm_t norm;
        uint64_t seed; /**< the job's */
        bool flip;
} hedgew_training_shape_t;

/** What a shard of so many images takes. */
uint64_t hedgew_training_shard_bytes(const hedgew_training_shape_t *shape, uint32_t count);

/** Check a shard and take its frames.
 * @return 0, HEDGE_EMALFORMED, -ENOMEM; then the frames are untouched. */
int hedgew_training_shard_new(const hedgew_training_shape_t *shape, const hedge_msg_shard_t *message,
                              zmq_msg_t frames[2], hedgew_training_shard_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedgew_training_shard_destroy(hedgew_training_shard_t **shard);

#endif
