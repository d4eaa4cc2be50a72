/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_METHOD_H
#define HEDGED_METHOD_H

#include "common/train/train.h"
#include "daemon/train/progress.h"

/** What a run has at hand, and what a method makes of it. All but what `open` fills in is the run's. */
typedef struct hedged_work {
        const hedged_run_settings_t *settings;
        const hedge_job_t *job;
        const hedge_dataset_t *train, *test;
        const hedge_net_t *net;
        hedge_norm_t norm;
        unsigned char digest[HEDGE_JOB_DIGEST]; /**< of job and data */
        hedged_progress_t *progress;

        uint64_t steps;  /**< of an epoch */
        hedge_sgd_t sgd; /**< hedge_job_sgd for so many */
        hedge_checkpoint_t
                *at; /**< where it stands; the method's. The run loads a checkpoint into it before the first step,
                                     where there is one; the method counts its `step` */
} hedged_work_t;

/** A way to train: how a step is done. The thread that runs the job calls; waiting is allowed, but a method looks at
 * hedged_line_stopping() whenever it has waited, and never computes for long without. */
typedef struct hedged_method {
        /** Get ready: fill in steps, sgd and `at` of the work, which stays where it is.
         * @return 0, HEDGE_ESHUTDOWN (stopped while waiting), or what is wrong, with a sentence. */
        int (*open)(hedged_work_t *work, void **ret, hedge_why_t *why);

        /** Before the first step, with `at` as it is gone on from. NULL: nothing is to be done. @return as open. */
        int (*start)(void *method, hedge_why_t *why);

        /** One step, which `at` counts.
         * @param tally  Zeros; to be filled in, but for the seconds.
         * @return 0; HEDGE_ESHUTDOWN: stopped, `at` is as after the step before; -EDOM: the loss is no finite number;
         * or what is wrong, with a sentence. */
        int (*step)(void *method, hedged_tally_t *tally, hedge_why_t *why);

        /** NULL-safe; nullifies. */
        void (*close)(void **method);

        /** Bring the vectors of `at` up to date, where they are elsewhere: before a test, a checkpoint, or the model, also when the
         * job is to stop, and soon then. NULL: they always are.
         * @return 0, where `at` may stand at an earlier step than before; or what is wrong, with a sentence: its vectors are as
         * after an earlier step than it says. */
        int (*collect)(void *method, hedge_why_t *why);
} hedged_method_t;

/** The method of a job; NULL: it cannot be trained so here. */
const hedged_method_t *hedged_method(hedge_job_method_t method);

extern const hedged_method_t hedged_method_local, hedged_method_co3;

#endif
