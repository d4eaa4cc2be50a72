/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/sazd/sazd.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/emulated.h"
#include "common/tensor.h"
#include "common/train/mlp.h"
#include "daemon/train/sazd/holders.h"

#define LOCAL         UINT32_MAX
#define LAST_FETCH_US 700000 /* when the job is to stop */
#define PATIENCE_US   10000000

typedef struct sazd {
        hedged_work_t *work;
        hedge_mlp_t *mlp;
        hedge_batches_t *batches;
        hedged_spread_t *layers;        /* that are distributed, and which dense ones they are */
        uint32_t n_layers, *dense, *of; /* `of`: the other way round, or LOCAL */
        hedged_holders_t *holders;
        hedge_checkpoint_t at; /* its vectors are as after step `saved` */
        uint64_t saved;
        bool resent, started; /* resent: the weights are here */
        float *live, *gradient, *images;
        float **weights; /* of the distributed layers, in `live` */
        uint8_t *labels;
        double rate;
        uint64_t up, down; /* bytes that were reported */
} sazd_t;

static int no_memory(hedge_why_t *why)
{
        return hedge_why(why, -ENOMEM, "out of memory");
}

/* ---- getting ready ---- */

static void close_sazd(void **method)
{
        sazd_t *p = *method;

        if (!p)
                return;
        hedged_holders_destroy(&p->holders);
        for (uint32_t i = 0; p->layers && i < p->n_layers; i++) {
                hedged_code_destroy(&p->layers[i].rows);
                hedged_code_destroy(&p->layers[i].columns);
        }
        hedge_mlp_destroy(&p->mlp);
        hedge_batches_destroy(&p->batches);
        free(p->layers);
        free(p->dense);
        free(p->of);
        hedge_checkpoint_release(&p->at);
        free(p->live);
        free(p->gradient);
        free(p->images);
        free(p->weights);
        free(p->labels);
        free(p);
        *method = NULL;
}

static int make_code(const sazd_t *p, uint32_t extent, hedged_code_t **ret, hedge_why_t *why)
{
        static const hedged_code_kind_t kinds[HEDGE_JOB_METHODS] = { [HEDGE_JOB_SAZD_NAIVE] = HEDGED_CODE_SAZD,
                                                                     [HEDGE_JOB_SAZD_DEU] = HEDGED_CODE_SAZD,
                                                                     [HEDGE_JOB_POLY] = HEDGED_CODE_POLY,
                                                                     [HEDGE_JOB_UNCODED] = HEDGED_CODE_UNCODED };
        const hedge_job_t *job = p->work->job;
        const uint32_t k = (uint32_t)job->sazd.k;
        const hedged_code_params_t params = { .kind = kinds[job->method],
                                              .k = k,
                                              .r = job->method == HEDGE_JOB_UNCODED ? 0 : (unsigned)job->sazd.r,
                                              .extent = extent,
                                              .step = hedge_job_sazd_step(job, (extent + k - 1) / k),
                                              .points = (hedge_poly_points_t)job->sazd.points };

        return hedged_code_new(&params, ret, why);
}

static int spread_layer(sazd_t *p, uint32_t dense, hedge_why_t *why)
{
        const hedge_layer_t *l = hedge_mlp_dense(p->mlp, dense);
        hedged_spread_t *spread = &p->layers[p->n_layers];
        int r;

        p->dense[p->n_layers] = dense;
        p->of[dense] = p->n_layers++;
        *spread = (hedged_spread_t){ .outputs = l->y.c, .inputs = l->x.c };
        r = make_code(p, l->y.c, &spread->rows, why);
        if (r == 0 && dense > 0)
                r = make_code(p, l->x.c, &spread->columns, why);
        return r;
}

static int spread_layers(sazd_t *p, hedge_why_t *why)
{
        const uint32_t n = hedge_mlp_count(p->mlp);
        int r = 0;

        p->layers = calloc(n, sizeof(*p->layers));
        p->dense = calloc(n, sizeof(*p->dense));
        p->of = calloc(n, sizeof(*p->of));
        if (!p->layers || !p->dense || !p->of)
                return no_memory(why);
        for (uint32_t i = 0; r == 0 && i < n; i++) {
                p->of[i] = LOCAL;
                if (hedge_job_distributes(p->work->job, hedge_mlp_dense(p->mlp, i)))
                        r = spread_layer(p, i, why);
        }
        return r;
}

static int make_vectors(sazd_t *p, uint32_t batch, hedge_why_t *why)
{
        const hedge_net_t *net = p->work->net;

        p->live = hedge_floats_new(net->n_params);
        p->gradient = hedge_floats_new(net->n_params);
        p->images = hedge_floats_new(batch * hedge_extent_elements(&net->image));
        p->labels = calloc(batch, 1);
        p->weights = calloc(p->n_layers, sizeof(*p->weights));
        if (hedge_checkpoint_begin(net, p->work->job->seed, &p->at) < 0 || !p->live || !p->gradient || !p->images ||
            !p->labels || !p->weights)
                return no_memory(why);
        for (uint32_t i = 0; i < p->n_layers; i++)
                p->weights[i] = p->live + hedge_mlp_dense(p->mlp, p->dense[i])->weights;
        return 0;
}

static int64_t patience_us(const hedged_run_settings_t *settings)
{
        return settings->patience_ms ? INT64_C(1000) * settings->patience_ms : PATIENCE_US;
}

static int prepare(sazd_t *p, hedge_why_t *why)
{
        hedged_work_t *work = p->work;
        const hedge_job_t *job = work->job;
        hedged_holders_settings_t settings = { .line = work->settings->line,
                                               .job = work->settings->folder->job,
                                               .progress = work->progress,
                                               .patience_us = patience_us(work->settings),
                                               .resent = p->resent,
                                               .replica = job->method == HEDGE_JOB_UNCODED && job->sazd.fall_back };
        uint32_t batch;
        int r = hedge_job_steps(job, work->train->count, 1, &batch, &work->steps, why);

        if (r == 0)
                r = hedge_job_sgd(job, work->steps, &work->sgd, why);
        if (r == 0)
                r = hedge_batches_new(work->train, &work->norm, job->seed, batch, job->data.flip, &p->batches, why);
        if (r == 0)
                r = hedge_mlp_new(work->net, batch, &p->mlp, why);
        if (r == 0)
                r = spread_layers(p, why);
        if (r == 0)
                r = make_vectors(p, batch, why);
        settings.layers = p->layers;
        settings.n_layers = p->n_layers;
        settings.batch = r == 0 ? batch : 0;
        return r < 0 ? r : hedged_holders_new(&settings, &p->holders, why);
}

static int open_sazd(hedged_work_t *work, void **ret, hedge_why_t *why)
{
        sazd_t *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return no_memory(why);
        p->work = work;
        p->resent = work->job->method == HEDGE_JOB_SAZD_NAIVE;
        r = prepare(p, why);
        if (r < 0) {
                close_sazd((void **)&p);
                return r;
        }
        work->at = &p->at;
        *ret = p;
        return 0;
}

/* ---- the beginning ---- */

static void say_condition(const sazd_t *p)
{
        double worst = 0;

        for (uint32_t i = 0; i < p->n_layers; i++) {
                double condition = 0;

                if (hedged_code_condition(p->layers[i].rows, &condition) == 0 && condition > worst)
                        worst = condition;
        }
        if (worst > 0)
                hedged_progress_event(p->work->progress, "the polynomials' worst set of boards has the condition %.2g",
                                      worst);
}

static void say_beginning(const sazd_t *p)
{
        const hedged_code_t *code = p->layers[0].rows;

        hedged_progress_event(p->work->progress, "beginning: %u of %u dense layers are on %u boards, any %u of them do",
                              p->n_layers, hedge_mlp_count(p->mlp), hedged_code_blocks(code), hedged_code_needed(code));
        say_condition(p);
}

static int explain(int r, hedge_why_t *why)
{
        return r < 0 && r != -EAGAIN ? hedge_why(why, r, "speaking with the boards: %s", hedge_strerror(r)) : r;
}

static int start_sazd(void *method, hedge_why_t *why)
{
        sazd_t *p = method;
        int r;

        memcpy(p->live, p->at.params, p->work->net->n_params * sizeof(float));
        p->saved = p->at.step;
        r = hedged_holders_rendezvous(p->holders, p->at.step > 0);
        if (r == 0 && !p->resent)
                r = hedged_holders_give(p->holders, (const float *const *)p->weights, true);
        if (r < 0)
                return explain(r, why);
        p->started = true;
        say_beginning(p);
        return 0;
}

/* ---- weights ---- */

/* Too few hold them. With stand-ins, and wherever the weights are here, that is soon over. */
static int recover(sazd_t *p)
{
        int r = hedged_holders_wait(p->holders);

        if (r < 0 || p->resent)
                return r;
        if (p->at.step > p->saved)
                hedged_progress_event(p->work->progress,
                                      "the weights were lost with the boards: going on from step %llu",
                                      (unsigned long long)p->saved);
        p->at.step = p->saved;
        hedged_progress_back(p->work->progress, p->at.step);
        memcpy(p->live, p->at.params, p->work->net->n_params * sizeof(float));
        return hedged_holders_give(p->holders, (const float *const *)p->weights, true);
}

static void keep(sazd_t *p)
{
        memcpy(p->at.params, p->live, p->work->net->n_params * sizeof(float));
        p->saved = p->at.step;
}

static int fetch(sazd_t *p, int64_t deadline_us)
{
        int r = p->resent ? 0 : hedged_holders_fetch(p->holders, deadline_us, p->weights);

        if (r == 0)
                keep(p);
        return r;
}

static int collect_sazd(void *method, hedge_why_t *why)
{
        sazd_t *p = method;
        int r;

        if (!p->started || p->at.step == p->saved)
                return 0;
        if (hedged_line_stopping(p->work->settings->line) != HEDGED_STOP_NO) {
                hedged_holders_finish(p->holders);
                r = fetch(p, hedge_now_us() + LAST_FETCH_US);
                return r < 0 ? hedge_why(why, HEDGE_ESHUTDOWN, "the weights could not be fetched: %s",
                                         hedge_strerror(r))
                             : 0;
        }
        r = fetch(p, INT64_MAX);
        if (r == -EAGAIN)
                r = recover(p);
        return explain(r, why);
}

/* Everybody who can has what this step needs. @return 0, -EAGAIN: look again. */
static int make_ready(sazd_t *p)
{
        int r = hedged_holders_begin(p->holders);

        if (r == 0 && p->resent)
                r = hedged_holders_give(p->holders, (const float *const *)p->weights, true);
        if (r < 0)
                return r;
        if (!hedged_holders_able(p->holders)) {
                r = recover(p);
                return r < 0 ? r : -EAGAIN;
        }
        if (!hedged_holders_lacking(p->holders))
                return 0;
        r = fetch(p, INT64_MAX);
        if (r == 0)
                r = hedged_holders_give(p->holders, (const float *const *)p->weights, false);
        return r < 0 ? r : -EAGAIN;
}

/* ---- a step ---- */

static int forward(void *arg, uint32_t dense, uint32_t batch, const float *x, float *y)
{
        sazd_t *p = arg;

        if (p->of[dense] == LOCAL)
                return HEDGE_MLP_HERE;
        return hedged_holders_apply(p->holders, p->of[dense], false, batch, x, y);
}

static int backward(void *arg, uint32_t dense, uint32_t batch, const float *delta, float *dx)
{
        sazd_t *p = arg;

        if (p->of[dense] == LOCAL)
                return HEDGE_MLP_HERE;
        return hedged_holders_apply(p->holders, p->of[dense], true, batch, delta, dx);
}

static bool all_finite(const float *x, size_t n)
{
        float sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += x[i] * 0.0f;
        return sum == 0.0f;
}

/* What boards once took off their weights cannot be taken back: numbers that are none must not get there. */
static int weigh(void *arg, uint32_t dense, uint32_t batch, const float *delta, const float *x, float *dw)
{
        sazd_t *p = arg;
        const hedge_layer_t *l = hedge_mlp_dense(p->mlp, dense);

        if (dense + 1 == hedge_mlp_count(p->mlp) && !all_finite(delta, (size_t)batch * l->y.c))
                return -EDOM;
        if (p->of[dense] == LOCAL || p->resent)
                return HEDGE_MLP_HERE;
        hedged_holders_update(p->holders, p->of[dense], batch, delta, x, p->rate, p->rate * (double)p->work->sgd.decay);
        return 0;
}

static bool elsewhere(const sazd_t *p, const hedge_segment_t *segment)
{
        if (p->resent)
                return false;
        for (uint32_t i = 0; i < p->n_layers; i++)
                if (hedge_mlp_dense(p->mlp, p->dense[i])->weights == segment->offset)
                        return true;
        return false;
}

/* hedge_sgd_apply without momentum, for what is here. */
static void descend(sazd_t *p)
{
        const hedge_net_t *net = p->work->net;
        const float rate = (float)p->rate;

        for (uint32_t s = 0; s < net->n_segments; s++) {
                const hedge_segment_t *segment = &net->segments[s];
                const float decay = segment->decay ? p->work->sgd.decay : 0;

                if (elsewhere(p, segment))
                        continue;
                for (size_t i = segment->offset; i < segment->offset + segment->count; i++)
                        p->live[i] += -rate * (p->gradient[i] + decay * p->live[i]);
        }
}

/* Pretend that this machine is slower than it is: what it multiplies itself takes so long. */
static void linger(const sazd_t *p, int64_t began_us)
{
        const hedged_run_settings_t *settings = p->work->settings;
        double macs = 0;
        int64_t until_us;

        if (!(settings->macs_per_s > 0))
                return;
        for (uint32_t i = 0; i < hedge_mlp_count(p->mlp); i++) {
                const unsigned products = p->of[i] == LOCAL ? 3 : p->resent ? 1 : 0;

                macs += products * (double)hedge_mlp_dense(p->mlp, i)->n_weights * hedge_batches_size(p->batches);
        }
        until_us = hedge_emulated_until(began_us, macs, settings->macs_per_s);
        while (hedged_line_stopping(settings->line) == HEDGED_STOP_NO && hedge_emulated_wait(until_us))
                ;
}

static void count(sazd_t *p, const hedge_score_t *score, hedged_tally_t *tally)
{
        uint64_t up, down;

        hedged_holders_bytes(p->holders, &up, &down);
        tally->images = hedge_batches_size(p->batches);
        tally->loss = score->loss * (double)tally->images;
        tally->counted = hedged_holders_current(p->holders);
        tally->late = hedged_holders_late(p->holders);
        tally->bytes_up = up - p->up;
        tally->bytes_down = down - p->down;
        p->up = up;
        p->down = down;
}

static int try_step(sazd_t *p, hedge_score_t *score)
{
        const hedge_mlp_hooks_t hooks = { .arg = p, .forward = forward, .backward = backward, .weigh = weigh };
        const uint32_t batch = hedge_batches_size(p->batches);
        int r = make_ready(p);

        if (r < 0)
                return r;
        hedge_batches_get(p->batches, p->at.step / p->work->steps, (uint32_t)(p->at.step % p->work->steps), p->images,
                          p->labels);
        p->rate = hedge_sgd_rate(&p->work->sgd, p->at.step);
        return hedge_mlp_gradient(p->mlp, &hooks, p->live, p->images, p->labels, batch, p->gradient, score);
}

static int step_sazd(void *method, hedged_tally_t *tally, hedge_why_t *why)
{
        sazd_t *p = method;
        int64_t began_us;
        hedge_score_t score;
        int r;

        do {
                began_us = hedge_now_us();
                r = try_step(p, &score);
        } while (r == -EAGAIN);
        if (r == 0 && !isfinite(score.loss))
                r = -EDOM;
        if (r < 0)
                return r == HEDGE_ESHUTDOWN || r == -EDOM ? r : explain(r, why);
        descend(p);
        p->at.step++;
        count(p, &score, tally);
        linger(p, began_us);
        return 0;
}

const hedged_method_t hedged_method_sazd = { open_sazd, start_sazd, step_sazd, close_sazd, collect_sazd };
