/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_JOB_BED_H
#define HEDGE_TEST_JOB_BED_H

#include "common/train/train.h"
#include "daemon/train/folder.h"

/** A training's folder with synthetic pictures: four, dimmed, in noise. */
#define JOB_BED_SIDE 8u

typedef struct job_bed {
        char top[64];
        hedged_folder_t *folder;
} job_bed_t;

/** The checkpoint of a training. */
typedef struct job_bed_learnt {
        hedge_net_t *net;
        float *params, *momentum, *state; /**< in one piece */
        uint64_t step;
} job_bed_learnt_t;

/** Training 7, with so many images, those that are held out among them. */
void job_bed_open(job_bed_t *job, const char *yaml, uint32_t images);

void job_bed_close(job_bed_t *job);

/** @return for job_bed_release. */
job_bed_learnt_t job_bed_learnt(const job_bed_t *job);

void job_bed_release(job_bed_learnt_t *learnt);

#endif
