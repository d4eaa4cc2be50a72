/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/local.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/emulated.h"

typedef struct local {
        hedged_work_t *work;
        hedge_batches_t *batches;
        hedge_trainer_t *trainer;
} local_t;

static void close_local(void **method)
{
        local_t *local = *method;

        if (!local)
                return;
        hedge_trainer_destroy(&local->trainer);
        hedge_batches_destroy(&local->batches);
        free(local);
        *method = NULL;
}

static int open_local(hedged_work_t *work, void **ret, hedge_why_t *why)
{
        const hedge_job_t *job = work->job;
        local_t *local = calloc(1, sizeof(*local));
        uint32_t batch;
        int r;

        if (!local)
                return hedge_why(why, -ENOMEM, "out of memory");
        local->work = work;
        r = hedge_job_steps(job, work->train->count, 1, &batch, &work->steps, why);
        if (r == 0)
                r = hedge_job_sgd(job, work->steps, &work->sgd, why);
        if (r == 0)
                r = hedge_batches_new(work->train, &work->norm, job->seed, batch, job->data.flip, &local->batches, why);
        if (r == 0)
                r = hedge_trainer_new(work->net, &work->sgd, local->batches, job->seed, &local->trainer, why);
        if (r < 0) {
                close_local((void **)&local);
                return r;
        }
        work->at = hedge_trainer_checkpoint(local->trainer);
        *ret = local;
        return 0;
}

/* Pretend that this machine is slower than it is: a step takes three times the multiply-accumulates of its images. */
static void linger(const local_t *local, int64_t began_us)
{
        const hedged_run_settings_t *settings = local->work->settings;
        const double macs = 3.0 * (double)hedge_net_macs(local->work->net) * hedge_batches_size(local->batches);
        const int64_t until_us = hedge_emulated_until(began_us, macs, settings->macs_per_s);

        while (hedged_line_stopping(settings->line) == HEDGED_STOP_NO && hedge_emulated_wait(until_us))
                ;
}

static int step_local(void *method, hedged_tally_t *tally, hedge_why_t *why)
{
        local_t *local = method;
        const int64_t began_us = hedge_now_us();
        hedge_score_t score;
        int r;

        if (hedged_line_stopping(local->work->settings->line) != HEDGED_STOP_NO)
                return HEDGE_ESHUTDOWN;
        r = hedge_train_step(local->trainer, &score);
        if (r < 0)
                return hedge_why(why, r, "%s", hedge_strerror(r));
        if (local->work->settings->macs_per_s > 0)
                linger(local, began_us);
        tally->images = hedge_batches_size(local->batches);
        tally->loss = score.loss * (double)tally->images;
        return 0;
}

const hedged_method_t hedged_method_local = { open_local, NULL, step_local, close_local, NULL };
