/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CHECKPOINT_H
#define HEDGE_CHECKPOINT_H

#include "common/train/net.h"

#define HEDGE_JOB_DIGEST 32

/** All that a training needs to go on as if it had not stopped.
 *
 * The file, little-endian: "HEDGETRN", u32 version (1), u32 0, u64 step, epoch, seed, n_params, n_state, 32 bytes of the
 * job's digest, the floats of params, momentum and state, and BLAKE2b-256 of all that. */
typedef struct hedge_checkpoint {
        uint64_t step, epoch, seed;             /**< steps and epochs that are done */
        unsigned char digest[HEDGE_JOB_DIGEST]; /**< of the job that it belongs to */
        float *params, *momentum;               /**< n_params each */
        float *state;                           /**< n_state */
} hedge_checkpoint_t;

/** Where a training begins: the vectors allocated, parameters and state initialised from the seed, momentum 0, nothing done.
 * @return 0, -ENOMEM; ret is to be released either way. */
int hedge_checkpoint_begin(const hedge_net_t *net, uint64_t seed, hedge_checkpoint_t *ret);

/** Free the vectors; also of one that is all zeros. */
void hedge_checkpoint_release(hedge_checkpoint_t *checkpoint);

/** Write a checkpoint: beside the path, to the disk, then renamed, so that there is always a whole one.
 * @return 0, -errno. */
int hedge_checkpoint_save(const hedge_net_t *net, const hedge_checkpoint_t *checkpoint, const char *path,
                          hedge_why_t *why);

/** Read one back. The checkpoint's digest is the one that the job has now; a file of another job is refused.
 * @param checkpoint  step, epoch, seed and what the three vectors point to are written, on success only.
 * @return 0, -errno (-ENOENT: there is none), HEDGE_EMALFORMED, HEDGE_EVERSION, HEDGE_ESHAPE (of another network),
 *         HEDGE_EDENIED (of another job), -ENOMEM. */
int hedge_checkpoint_load(const hedge_net_t *net, hedge_checkpoint_t *checkpoint, const char *path, hedge_why_t *why);

#endif
