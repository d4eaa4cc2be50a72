/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_TRAINING_JOB_H
#define HEDGEW_TRAINING_JOB_H

#include <zmq.h>

#include "common/wire/message.h"

/** One training that a board takes part in: network, parameters, shards, error memory, and what a STEP makes of them. Pure
 * computing, on one thread; worker/train/training.h is what surrounds it. */
typedef struct hedgew_training_job hedgew_training_job_t;

#define HEDGEW_TRAINING_SHARDS 1024 /**< that a board holds at most: JOINED lists them */

/** Make the network and all the memory that steps need.
 * @param bytes_max  Of this and the shards together.
 * @return 0, HEDGE_ELIMIT (it takes more), -EINVAL, HEDGE_ESHAPE, HEDGE_EUNSUPPORTED, -ENOMEM, with a sentence. */
int hedgew_training_job_new(const hedge_msg_join_t *join, uint64_t bytes_max, hedgew_training_job_t **ret,
                            hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedgew_training_job_destroy(hedgew_training_job_t **job);

/** Does a JOIN ask for this very training, whatever its number? All that it says must be the same, not just its identity. */
bool hedgew_training_job_is(const hedgew_training_job_t *job, const hedge_msg_join_t *join);

/** Go on under that number: shards and error memory stay; a STEP must be whole before others are taken. */
void hedgew_training_job_rejoin(hedgew_training_job_t *job, uint64_t number);

/** A STEP was lost: so the next must be whole. */
void hedgew_training_job_miss(hedgew_training_job_t *job);

uint64_t hedgew_training_job_number(const hedgew_training_job_t *job);

/** Memory that it takes, shards and all. */
uint64_t hedgew_training_job_bytes(const hedgew_training_job_t *job);

/** Parameters of the network, and images of a mini-batch: for messages to people. */
size_t hedgew_training_job_parameters(const hedgew_training_job_t *job);
uint32_t hedgew_training_job_batch(const hedgew_training_job_t *job);

/** The shards held. @param ret  Allocated; free() it. @return how many, -ENOMEM. */
int hedgew_training_job_held(const hedgew_training_job_t *job, hedge_digest_t **ret);

/** Keep a shard; 0 as well where it is held already.
 * @param frames  Pixels and labels; taken over on success.
 * @return 0, HEDGE_EMALFORMED (sizes, labels, not what the digest says), HEDGE_ELIMIT, -ENOMEM, with a sentence. */
int hedgew_training_job_shard(hedgew_training_job_t *job, const hedge_msg_shard_t *shard, zmq_msg_t frames[2],
                              hedge_why_t *why);

/** What a STEP is answered with. */
typedef struct hedgew_training_gradient {
        hedge_msg_gradient_t message;
        zmq_msg_t frames[2]; /**< owned; both initialised */
        uint32_t n_frames;
        uint64_t macs; /**< multiply-accumulates that were computed */
} hedgew_training_gradient_t;

/** Do a step. Updates are applied all or none; after a negative answer the next STEP must be whole.
 *
 * A shard smaller than the training's mini-batch makes mini-batches of all its images.
 * @return 0; HEDGE_EMALFORMED, HEDGE_EVERSION, HEDGE_ESHAPE (a frame is no update of these parameters), HEDGE_ENOSHARE (no such
 *         shard), -ESTALE (the parameters are needed whole), -EDOM (loss or gradient is not finite), -ENOMEM. */
int hedgew_training_job_step(hedgew_training_job_t *job, const hedge_msg_step_t *step, zmq_msg_t *frames,
                             uint32_t n_frames, hedgew_training_gradient_t *ret, hedge_why_t *why);

/** Seed of a shard's mini-batches (common/train/batches.h): of the job's seed and the shard's digest alone, so that every board
 * that holds it makes the same. */
uint64_t hedgew_training_seed(uint64_t seed, const hedge_digest_t *shard);

#endif
