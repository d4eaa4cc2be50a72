/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/jobs/run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cost.h"
#include "common/io/replace.h"
#include "common/thread.h"
#include "common/train/export.h"
#include "daemon/train/evaluate.h"
#include "daemon/train/method.h"
#include "daemon/train/sazd/sazd.h"
#include "daemon/train/uep/uep.h"

#define PATH_MAX_BYTES (sizeof(((hedged_folder_t *)0)->path) + 32)

struct hedged_run {
        hedged_run_settings_t settings;
        pthread_t thread;
        hedged_work_t work;
        hedge_dataset_t *train, *test;
        hedge_net_t *net;
        hedged_evaluator_t *evaluator;
        hedged_progress_t *progress;
        const hedged_method_t *method;
        void *state;     /* the method's */
        uint64_t epochs; /* done, and reported */
        int64_t saved_us;
        char checkpoint[PATH_MAX_BYTES];
};

const hedged_method_t *hedged_method(hedge_job_method_t method)
{
        static const hedged_method_t *const methods[HEDGE_JOB_METHODS] = {
                [HEDGE_JOB_LOCAL] = &hedged_method_local,     [HEDGE_JOB_CO3] = &hedged_method_co3,
                [HEDGE_JOB_SAZD_NAIVE] = &hedged_method_sazd, [HEDGE_JOB_SAZD_DEU] = &hedged_method_sazd,
                [HEDGE_JOB_POLY] = &hedged_method_sazd,       [HEDGE_JOB_UNCODED] = &hedged_method_sazd,
                [HEDGE_JOB_UEP_NOW] = &hedged_method_uep,     [HEDGE_JOB_UEP_EW] = &hedged_method_uep,
                [HEDGE_JOB_UEP_MDS] = &hedged_method_uep,     [HEDGE_JOB_UEP_REPLICATION] = &hedged_method_uep,
                [HEDGE_JOB_UEP_UNCODED] = &hedged_method_uep,
        };

        return methods[method];
}

/* ---- getting ready ---- */

static int read_data(hedged_run_t *run, hedge_why_t *why)
{
        const hedged_folder_t *folder = run->settings.folder;
        const char *names[HEDGE_JOB_FILES], *paths[HEDGE_JOB_FILES] = { NULL };
        const unsigned n = hedge_job_files(&folder->config, names);
        char *room = calloc(n, PATH_MAX_BYTES);
        int r;

        if (!room)
                return hedge_why(why, -ENOMEM, "out of memory");
        for (unsigned i = 0; i < n; i++)
                paths[i] = hedged_folder_data(folder, i, room + i * PATH_MAX_BYTES, PATH_MAX_BYTES);
        r = hedge_job_prepare(&folder->config, paths, &run->train, &run->test, &run->net, why);
        free(room);
        return r;
}

static int open_work(hedged_run_t *run, hedge_why_t *why)
{
        hedged_work_t *w = &run->work;
        const hedged_folder_t *folder = run->settings.folder;
        int r;

        if (!run->method)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "there is no method '%s' here",
                                 hedge_job_methods[folder->config.method]);
        w->settings = &run->settings;
        w->job = &folder->config;
        w->train = run->train;
        w->test = run->test;
        w->net = run->net;
        w->progress = run->progress;
        hedge_dataset_norm(run->train, &w->norm);
        hedge_job_digest(folder->text, folder->text_size, run->train, run->test, w->digest);
        r = hedged_evaluator_new(run->net, &w->norm, run->settings.line, &run->evaluator, why);
        if (r == 0)
                r = run->method->open(w, &run->state, why);
        if (r == 0)
                memcpy(w->at->digest, w->digest, sizeof(w->at->digest));
        return r;
}

/* A checkpoint is written after so many epochs, or in the next one, whose test may be outstanding. */
static int check_place(const hedged_work_t *w, hedge_why_t *why)
{
        const uint64_t done = w->at->step / w->steps;

        if (done > w->job->epochs || w->at->epoch > done || w->at->epoch + 1 < done ||
            (w->at->epoch < done && w->at->step % w->steps))
                return hedge_why(why, HEDGE_EMALFORMED, "it stands at step %llu of epoch %llu",
                                 (unsigned long long)w->at->step, (unsigned long long)w->at->epoch + 1);
        return 0;
}

static void begin_anew(hedged_work_t *w)
{
        hedge_net_initialise(w->net, w->job->seed, w->at->params, w->at->state);
        memset(w->at->momentum, 0, w->net->n_params * sizeof(float));
        w->at->step = w->at->epoch = 0;
        w->at->seed = w->job->seed;
}

static void resume(hedged_run_t *run)
{
        hedged_work_t *w = &run->work;
        hedge_why_t why = { "" };
        int r = hedge_checkpoint_load(w->net, w->at, run->checkpoint, &why);

        if (r == 0)
                r = check_place(w, &why);
        if (r < 0)
                begin_anew(w);
        run->epochs = w->at->epoch;
        hedged_progress_begin(run->progress, w->net->n_params, w->steps, w->at->step, (uint32_t)run->epochs);
        if (r == 0)
                hedged_progress_event(run->progress, "the coordinator was started anew: going on from step %llu",
                                      (unsigned long long)w->at->step);
        else if (r != -ENOENT)
                hedged_progress_event(run->progress, "the checkpoint cannot be used: %s, beginning anew", why.text);
}

static int prepare(hedged_run_t *run, hedge_why_t *why)
{
        int r = read_data(run, why);

        if (r == 0)
                r = open_work(run, why);
        if (r < 0)
                return r;
        resume(run);
        run->saved_us = hedge_now_us();
        return run->method->start ? run->method->start(run->state, why) : 0;
}

/* ---- training ---- */

static int collect(const hedged_run_t *run, hedge_why_t *why)
{
        return run->method->collect && run->state ? run->method->collect(run->state, why) : 0;
}

/* A job outlives a full disk. Where it cannot be said how it stands, the last checkpoint stays. */
static void save(hedged_run_t *run)
{
        hedge_checkpoint_t c;
        hedge_why_t why = { "" };

        if (collect(run, &why) < 0)
                return;
        c = *run->work.at;
        c.epoch = run->epochs;
        if (hedge_checkpoint_save(run->net, &c, run->checkpoint, &why) < 0)
                hedged_progress_event(run->progress, "the checkpoint cannot be written: %s, going on without",
                                      why.text);
        run->saved_us = hedge_now_us();
}

static int diverged(const hedged_run_t *run, hedge_why_t *why)
{
        const hedged_work_t *w = &run->work;

        return hedge_why(why, -EDOM,
                         "epoch %llu, step %llu: the loss is no finite number; the rate of %g may be too great",
                         (unsigned long long)(w->at->step / w->steps + 1), (unsigned long long)w->at->step + 1,
                         w->job->sgd.rate);
}

static int one_step(hedged_run_t *run, hedge_why_t *why)
{
        const int64_t began_us = hedge_now_us();
        hedged_tally_t tally = { 0 };
        int r = run->method->step(run->state, &tally, why);

        if (r < 0)
                return r == -EDOM ? diverged(run, why) : r;
        tally.steps = 1;
        tally.seconds = (double)(hedge_now_us() - began_us) / 1e6;
        hedged_progress_step(run->progress, &tally);
        if (hedge_now_us() - run->saved_us >= (int64_t)run->work.job->checkpoint_s * 1000000)
                save(run);
        return 0;
}

static int evaluate(const hedged_run_t *run, const hedge_dataset_t *dataset, uint32_t count, hedge_score_t *ret,
                    hedge_why_t *why)
{
        const hedge_checkpoint_t *at = run->work.at;
        int r = hedged_evaluate(run->evaluator, at->params, at->state, dataset, count, ret);

        if (r == 0 && !isfinite(ret->loss))
                return hedge_why(why, -EDOM,
                                 "epoch %llu: the test's loss is no finite number; the rate of %g may be too great",
                                 (unsigned long long)run->epochs + 1, run->work.job->sgd.rate);
        return r < 0 ? hedge_why(why, r, "testing: %s", hedge_strerror(r)) : 0;
}

/* After a restart between an epoch's last step and its test, the mean loss of its steps is not known any more: that of some
 * training images stands for it. */
static int end_epoch(hedged_run_t *run, hedge_why_t *why)
{
        const int64_t began_us = hedge_now_us();
        const uint32_t some = run->train->count < run->test->count ? run->train->count : run->test->count;
        hedge_score_t test, train = { 0 };
        double seconds;
        int r = collect(run, why);

        if (r < 0 || run->work.at->step < (run->epochs + 1) * run->work.steps)
                return r;
        r = evaluate(run, run->test, run->test->count, &test, why);

        seconds = (double)(hedge_now_us() - began_us) / 1e6;
        if (r == 0 && !hedged_progress_has_steps(run->progress))
                r = evaluate(run, run->train, some, &train, why);
        if (r < 0)
                return r;
        hedged_progress_epoch(run->progress, train.loss, &test, run->test->count, seconds);
        run->epochs++;
        save(run);
        return 0;
}

static int train(hedged_run_t *run, hedge_why_t *why)
{
        const hedged_work_t *w = &run->work;
        int r = 0;

        while (r == 0 && run->epochs < w->job->epochs)
                r = w->at->step < (run->epochs + 1) * w->steps ? one_step(run, why) : end_epoch(run, why);
        return r;
}

/* ---- the end ---- */

static int write_manifest(const hedged_run_t *run, const char *path, hedge_why_t *why)
{
        char *text = hedge_job_manifest(run->work.job, &run->work.norm, run->train->image.c);
        hedge_replace_t file;
        int r = text ? hedge_replace_begin(path, &file, why) : hedge_why(why, -ENOMEM, "out of memory");

        if (r == 0) {
                fputs(text, file.file);
                r = hedge_replace_end(&file, 0, why);
        }
        free(text);
        return r;
}

static int write_model(const hedged_run_t *run, hedge_why_t *why)
{
        const hedged_folder_t *folder = run->settings.folder;
        const hedge_checkpoint_t *at = run->work.at;
        char path[PATH_MAX_BYTES];
        int r = write_manifest(run, hedged_folder_file(folder, HEDGED_FOLDER_MANIFEST, path, sizeof(path)), why);

        if (r < 0)
                return r;
        return hedge_net_write_onnx(run->net, at->params, at->state,
                                    hedged_folder_file(folder, HEDGED_FOLDER_MODEL, path, sizeof(path)), why);
}

static void end_with_model(hedged_run_t *run, const char *state)
{
        hedge_why_t why = { "" };

        if (collect(run, &why) < 0)
                hedged_progress_event(run->progress, "%s: the model is that of an earlier step", why.text);
        if (write_model(run, &why) < 0)
                hedged_progress_end(run->progress, "failed", why.text);
        else
                hedged_progress_end(run->progress, state, "");
}

static void end(hedged_run_t *run, int r, const hedge_why_t *why)
{
        const enum hedged_stop stop = hedged_line_stopping(run->settings.line);

        if (r == 0) {
                end_with_model(run, "done");
        } else if (r != HEDGE_ESHUTDOWN) {
                hedged_progress_end(run->progress, "failed", why->text);
        } else if (stop == HEDGED_STOP_SHUTDOWN) {
                if (run->work.at)
                        save(run);
                hedged_progress_end(run->progress, NULL, "");
        } else if (run->work.at) {
                end_with_model(run, "stopped");
        } else {
                hedged_progress_end(run->progress, "stopped", "stopped before it began: there is no model");
        }
}

static void *run_main(void *arg)
{
        hedged_run_t *run = arg;
        hedge_why_t why = { "" };
        int r;

        hedge_cost_thread();
        r = prepare(run, &why);
        if (r == 0)
                r = train(run, &why);
        end(run, r, &why);
        return NULL;
}

static void destroy(hedged_run_t *run)
{
        if (run->method)
                run->method->close(&run->state);
        hedged_evaluator_destroy(&run->evaluator);
        hedged_progress_destroy(&run->progress);
        hedge_net_destroy(&run->net);
        hedge_dataset_destroy(&run->train);
        hedge_dataset_destroy(&run->test);
        free(run);
}

int hedged_run_start(const hedged_run_settings_t *settings, hedged_run_t **ret)
{
        hedged_run_t *run = calloc(1, sizeof(*run));
        int r;

        if (!run)
                return -ENOMEM;
        run->settings = *settings;
        run->method = hedged_method((hedge_job_method_t)settings->folder->config.method);
        hedged_folder_file(settings->folder, HEDGED_FOLDER_CHECKPOINT, run->checkpoint, sizeof(run->checkpoint));
        r = hedged_progress_new(&run->settings, &run->progress);
        if (r == 0)
                r = hedge_thread_start(&run->thread, 0, run_main, run);
        if (r < 0) {
                destroy(run);
                return r;
        }
        *ret = run;
        return 0;
}

void hedged_run_destroy(hedged_run_t **run)
{
        if (!*run)
                return;
        pthread_join((*run)->thread, NULL);
        destroy(*run);
        *run = NULL;
}
