/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/train/job.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/co3/co3.h"
#include "common/tensor.h"
#include "common/train/workspace.h"
#include "worker/train/shards.h"

#define PASSES      3 /* a training step takes so many times the multiply-accumulates of a forward pass */
#define CODEC_BYTES 4 /* per parameter, of hedge_co3_t's own buffers; top-k needs more */
#define TOPK_BYTES  16

struct hedgew_training_job {
        uint64_t number;
        zmq_msg_t terms; /* the JOIN, packed, to compare others with */
        hedge_net_t *net;
        hedgew_training_shape_t shape;
        hedge_co3_options_t options;
        hedge_co3_t *co3;
        hedge_workspace_t *workspace;
        float *params, *gradient; /* n_params; the gradient is also where the next parameters are made */
        float *error;             /* n_params, or NULL: gamma is 0 */
        float *images, *statistics;
        uint8_t *labels, *encoded;
        uint64_t bytes, bytes_max;
        bool fresh;         /* the parameters are what the coordinator thinks */
        zmq_msg_t last;     /* the gradient message that may yet have come too late */
        uint64_t last_step; /* 0: there is none */
        hedgew_training_shard_t *shards;
        uint32_t n_shards;
};

/* ---- joining ---- */

static const char *or_null(const char *text)
{
        return *text ? text : NULL;
}

static int make_spec(const hedge_train_layer_t *layer, hedge_layer_spec_t *spec, hedge_why_t *why)
{
        *spec = (hedge_layer_spec_t){
                .name = or_null(layer->name),
                .from = or_null(layer->from),
                .with = or_null(layer->with),
                .units = layer->units,
                .kernel = layer->kernel,
                .stride = layer->stride,
                .pad = layer->pad,
                .no_bias = layer->no_bias,
        };
        if (hedge_layer_kind(layer->kind, &spec->kind) < 0)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "there are no layers of the kind '%s' here", layer->kind);
        return 0;
}

static int make_net(hedgew_training_job_t *job, const hedge_msg_join_t *join, hedge_why_t *why)
{
        const hedge_extent_t image = { join->image_h, join->image_w, join->image_c, false };
        hedge_layer_spec_t *specs = calloc(join->n_layers, sizeof(*specs));
        int r = specs ? 0 : hedge_why(why, -ENOMEM, "no memory for a network");

        for (uint32_t i = 0; r == 0 && i < join->n_layers; i++)
                r = make_spec(&join->layers[i], &specs[i], why);
        if (r == 0)
                r = hedge_net_new(&image, specs, join->n_layers, &job->net, why);
        free(specs);
        if (r == 0 && job->net->classes != join->classes)
                r = hedge_why(why, HEDGE_ESHAPE, "the network tells %u classes apart, not %u", job->net->classes,
                              join->classes);
        return r;
}

static int read_norm(const hedge_msg_join_t *join, hedge_norm_t *ret, hedge_why_t *why)
{
        for (uint32_t c = 0; c < HEDGE_MAX_CHANNELS; c++) {
                if (c < join->image_c && !((float)join->deviation[c] > 0))
                        return hedge_why(why, -EINVAL, "channel %u: a deviation of %g, which is not above 0", c,
                                         join->deviation[c]);
                ret->mean[c] = (float)join->mean[c];
                ret->deviation[c] = (float)join->deviation[c];
        }
        return 0;
}

static int read_terms(hedgew_training_job_t *job, const hedge_msg_join_t *join, hedge_why_t *why)
{
        int r;

        job->shape = (hedgew_training_shape_t){
                .image = job->net->image,
                .classes = join->classes,
                .batch = join->batch,
                .seed = join->seed,
                .flip = join->flip,
        };
        job->options = (hedge_co3_options_t){
                .gamma = (float)join->gamma,
                .max_bits = (float)join->max_bits,
                .compress = join->compress,
        };
        r = read_norm(join, &job->shape.norm, why);
        if (r == 0 && hedge_co3_format_parse(join->format, &job->options.format) < 0)
                r = hedge_why(why, HEDGE_EUNSUPPORTED, "there is no gradient format '%s' here", join->format);
        return r;
}

static int make_codec(hedgew_training_job_t *job, hedge_why_t *why)
{
        uint32_t *entries = calloc(job->net->n_segments, sizeof(*entries));
        int r = -ENOMEM;

        for (uint32_t i = 0; entries && i < job->net->n_segments; i++)
                entries[i] = (uint32_t)job->net->segments[i].count;
        if (entries)
                r = hedge_co3_new(entries, job->net->n_segments, &job->co3);
        free(entries);
        return r < 0 ? hedge_why(why, r, "gradients of %zu parameters: %s", job->net->n_params, hedge_strerror(r)) : 0;
}

/* All that steps need: parameters, gradient, error memory; a message that is made and one that is kept; a mini-batch. */
static int count_bytes(hedgew_training_job_t *job, hedge_why_t *why)
{
        const uint64_t n = job->net->n_params, batch = job->shape.batch;
        const uint64_t vectors = job->options.gamma > 0 ? 3 : 2;
        const uint64_t codec = job->options.format == HEDGE_CO3_TOPK ? TOPK_BYTES : CODEC_BYTES;
        uint64_t workspace;
        int r = hedge_workspace_size(job->net, job->shape.batch, &workspace);

        if (r < 0)
                return hedge_why(why, r, "mini-batches of %u images: %s", job->shape.batch, hedge_strerror(r));
        job->bytes = sizeof(*job) + vectors * n * sizeof(float) + 2 * (uint64_t)hedge_co3_bound(job->co3) + codec * n +
                     batch * (hedge_extent_elements(&job->shape.image) * sizeof(float) + 1) +
                     job->net->n_state * sizeof(float) + workspace;
        if (job->bytes > job->bytes_max)
                return hedge_why(why, HEDGE_ELIMIT,
                                 "%zu parameters and mini-batches of %u images take %llu KiB of memory, above the %llu "
                                 "KiB that training may take here",
                                 job->net->n_params, job->shape.batch, (unsigned long long)job->bytes >> 10,
                                 (unsigned long long)job->bytes_max >> 10);
        return 0;
}

static int take_memory(hedgew_training_job_t *job, hedge_why_t *why)
{
        const size_t n = job->net->n_params, batch = job->shape.batch;

        job->params = hedge_floats_new(n);
        job->gradient = hedge_floats_new(n);
        job->error = job->options.gamma > 0 ? hedge_floats_new(n) : NULL;
        job->images = hedge_floats_new(batch * hedge_extent_elements(&job->shape.image));
        job->statistics = hedge_floats_new(job->net->n_state);
        job->labels = malloc(batch);
        job->encoded = malloc(hedge_co3_bound(job->co3));
        if (!job->params || !job->gradient || (job->options.gamma > 0 && !job->error) || !job->images ||
            !job->statistics || !job->labels || !job->encoded)
                return hedge_why(why, -ENOMEM, "no memory for %zu parameters", n);
        memset(job->gradient, 0, n * sizeof(float));
        if (job->error)
                memset(job->error, 0, n * sizeof(float));
        return hedge_workspace_new(job->net, NULL, job->shape.batch, &job->workspace, why);
}

/* Do the numbers in the options go together? Encoding nothing says so, and leaves nothing behind but the buffers. */
static int try_options(hedgew_training_job_t *job, hedge_why_t *why)
{
        size_t bytes;

        return hedge_co3_encode(job->co3, &job->options, job->gradient, job->error, job->encoded, &bytes, NULL, why);
}

/* What a JOIN asks for, but for the training's number. */
static int pack_terms(const hedge_msg_join_t *join, zmq_msg_t *ret)
{
        hedge_message_t message = { .type = HEDGE_MSG_JOIN, .join = *join };

        message.join.job = 1;
        return hedge_message_pack(&message, ret);
}

static int prepare(hedgew_training_job_t *job, const hedge_msg_join_t *join, hedge_why_t *why)
{
        int r = make_net(job, join, why);

        if (r == 0)
                r = read_terms(job, join, why);
        if (r == 0)
                r = make_codec(job, why);
        if (r == 0)
                r = count_bytes(job, why);
        if (r == 0)
                r = take_memory(job, why);
        if (r == 0)
                r = try_options(job, why);
        return r;
}

int hedgew_training_job_new(const hedge_msg_join_t *join, uint64_t bytes_max, hedgew_training_job_t **ret,
                            hedge_why_t *why)
{
        hedgew_training_job_t *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return hedge_why(why, -ENOMEM, "no memory for a training");
        job->number = join->job;
        job->bytes_max = bytes_max;
        zmq_msg_init(&job->last);
        r = pack_terms(join, &job->terms);
        if (r < 0) {
                zmq_msg_init(&job->terms);
                hedge_why(why, r, "%s", hedge_strerror(r));
        }
        if (r == 0)
                r = prepare(job, join, why);
        if (r < 0)
                hedgew_training_job_destroy(&job);
        else
                *ret = job;
        return r;
}

void hedgew_training_job_destroy(hedgew_training_job_t **job)
{
        hedgew_training_job_t *j = *job;
        hedgew_training_shard_t *shard;

        if (!j)
                return;
        while ((shard = j->shards)) {
                j->shards = shard->next;
                hedgew_training_shard_destroy(&shard);
        }
        hedge_workspace_destroy(&j->workspace);
        hedge_co3_destroy(&j->co3);
        hedge_net_destroy(&j->net);
        free(j->params);
        free(j->gradient);
        free(j->error);
        free(j->images);
        free(j->statistics);
        free(j->labels);
        free(j->encoded);
        zmq_msg_close(&j->last);
        zmq_msg_close(&j->terms);
        free(j);
        *job = NULL;
}

bool hedgew_training_job_is(const hedgew_training_job_t *job, const hedge_msg_join_t *join)
{
        zmq_msg_t terms, *mine = (zmq_msg_t *)(uintptr_t)&job->terms; /* libzmq's readers are not const */
        bool is;

        if (pack_terms(join, &terms) < 0)
                return false;
        is = zmq_msg_size(&terms) == zmq_msg_size(mine) &&
             memcmp(zmq_msg_data(&terms), zmq_msg_data(mine), zmq_msg_size(mine)) == 0;
        zmq_msg_close(&terms);
        return is;
}

void hedgew_training_job_rejoin(hedgew_training_job_t *job, uint64_t number)
{
        job->number = number;
        job->fresh = false;
}

void hedgew_training_job_miss(hedgew_training_job_t *job)
{
        job->fresh = false;
}

uint64_t hedgew_training_job_number(const hedgew_training_job_t *job)
{
        return job->number;
}

uint64_t hedgew_training_job_bytes(const hedgew_training_job_t *job)
{
        return job->bytes;
}

size_t hedgew_training_job_parameters(const hedgew_training_job_t *job)
{
        return job->net->n_params;
}

uint32_t hedgew_training_job_batch(const hedgew_training_job_t *job)
{
        return job->shape.batch;
}

/* ---- shards ---- */

static hedgew_training_shard_t *find(const hedgew_training_job_t *job, const hedge_digest_t *digest)
{
        hedgew_training_shard_t *s = job->shards;

        while (s && memcmp(s->digest.bytes, digest->bytes, sizeof(digest->bytes)) != 0)
                s = s->next;
        return s;
}

int hedgew_training_job_held(const hedgew_training_job_t *job, hedge_digest_t **ret)
{
        hedge_digest_t *list = calloc(job->n_shards + 1, sizeof(*list));
        uint32_t n = 0;

        if (!list)
                return -ENOMEM;
        for (const hedgew_training_shard_t *s = job->shards; s; s = s->next)
                list[n++] = s->digest;
        *ret = list;
        return (int)n;
}

int hedgew_training_job_shard(hedgew_training_job_t *job, const hedge_msg_shard_t *message, zmq_msg_t frames[2],
                              hedge_why_t *why)
{
        const uint64_t bytes = hedgew_training_shard_bytes(&job->shape, message->count);
        hedgew_training_shard_t *shard;
        int r;

        if (find(job, &message->digest))
                return 0;
        if (job->n_shards == HEDGEW_TRAINING_SHARDS || bytes > job->bytes_max - job->bytes)
                return hedge_why(why, HEDGE_ELIMIT,
                                 "a shard of %u images: no room, with %u others and %llu of %llu KiB taken",
                                 message->count, job->n_shards, (unsigned long long)job->bytes >> 10,
                                 (unsigned long long)job->bytes_max >> 10);
        r = hedgew_training_shard_new(&job->shape, message, frames, &shard, why);
        if (r < 0)
                return r;
        shard->next = job->shards;
        job->shards = shard;
        job->n_shards++;
        job->bytes += shard->bytes;
        return 0;
}

/* ---- steps ---- */

/* Make the next parameters, in the gradient's place; nothing has changed where that fails. They are added one after the other,
 * as the coordinator does, so that all have the same numbers bit for bit. */
static int update(hedgew_training_job_t *job, bool whole, zmq_msg_t *frames, uint32_t n_frames, hedge_why_t *why)
{
        const size_t size = job->net->n_params * sizeof(float);
        float *params = job->gradient;
        int r = 0;

        if (whole && n_frames != 1)
                return hedge_why(why, HEDGE_EMALFORMED, "the parameters as a whole are one frame, not %u", n_frames);
        if (n_frames == 0)
                return 0;
        if (whole)
                memset(params, 0, size);
        else
                memcpy(params, job->params, size);
        for (uint32_t i = 0; r == 0 && i < n_frames; i++)
                r = hedge_co3_decode(job->co3, zmq_msg_data(&frames[i]), zmq_msg_size(&frames[i]), 1, params, why);
        if (r < 0)
                return r;
        job->gradient = job->params;
        job->params = params;
        return 0;
}

/* What became of the last gradient. @param put_back  It counted to no step: into the error memory with it. */
static int settle(hedgew_training_job_t *job, bool put_back, hedge_why_t *why)
{
        int r = 0;

        if (put_back)
                r = hedge_co3_decode(job->co3, zmq_msg_data(&job->last), zmq_msg_size(&job->last), 1, job->error, why);
        if (r < 0)
                return r;
        zmq_msg_close(&job->last);
        zmq_msg_init(&job->last);
        job->last_step = 0;
        return 0;
}

static int compute(hedgew_training_job_t *job, hedgew_training_shard_t *shard, uint64_t draw,
                   hedgew_training_gradient_t *to, hedge_why_t *why)
{
        const uint32_t images = hedge_batches_size(shard->batches), steps = hedge_batches_steps(shard->batches);
        hedge_score_t score;
        int r;

        hedge_batches_get(shard->batches, draw / steps, (uint32_t)(draw % steps), job->images, job->labels);
        r = hedge_net_gradient(job->workspace, job->params, job->images, job->labels, images, job->gradient,
                               job->statistics, &score);
        if (r < 0)
                return hedge_why(why, r, "computing a gradient: %s", hedge_strerror(r));
        to->message.loss = score.loss;
        to->message.correct = score.correct;
        to->message.images = images;
        to->macs = PASSES * images * hedge_net_macs(job->net);
        if (!isfinite(score.loss))
                return hedge_why(why, -EDOM, "the loss is not a finite number any more");
        return 0;
}

static int fill_frame(zmq_msg_t *frame, const void *bytes, size_t size)
{
        zmq_msg_t filled;

        if (zmq_msg_init_size(&filled, size) < 0)
                return -ENOMEM;
        memcpy(zmq_msg_data(&filled), bytes, size);
        return zmq_msg_move(frame, &filled) < 0 ? -ENOMEM : 0;
}

static int encode(hedgew_training_job_t *job, hedgew_training_gradient_t *to, hedge_why_t *why)
{
        hedge_co3_stats_t stats;
        size_t bytes;
        int r = hedge_co3_encode(job->co3, &job->options, job->gradient, job->error, job->encoded, &bytes, &stats, why);

        if (r == -EINVAL) /* the options were tried */
                return hedge_why(why, -EDOM, "the gradient is not finite any more");
        if (r == 0)
                r = fill_frame(&to->frames[0], job->encoded, bytes);
        if (r == 0 && to->message.images && job->net->n_state)
                r = fill_frame(&to->frames[1], job->statistics, job->net->n_state * sizeof(float));
        if (r < 0)
                return hedge_why(why, r, "sending a gradient: %s", hedge_strerror(r));
        to->n_frames = to->message.images && job->net->n_state ? 2 : 1;
        to->message.entropy = stats.entropy;
        return 0;
}

/* Until a later STEP says what became of it. */
static void remember(hedgew_training_job_t *job, uint64_t step, zmq_msg_t *message)
{
        if (!job->error)
                return;
        zmq_msg_copy(&job->last, message); /* counted, not copied */
        job->last_step = step;
}

/* A new gradient, or with no shard what the error memory holds. */
static int answer(hedgew_training_job_t *job, const hedge_msg_step_t *step, hedgew_training_shard_t *shard,
                  hedgew_training_gradient_t *to, hedge_why_t *why)
{
        const int64_t began_us = hedge_now_us();
        int64_t computed_us;
        int r = 0;

        to->message.job = job->number;
        to->message.step = step->step;
        if (shard)
                r = compute(job, shard, step->draw, to, why);
        else
                memset(job->gradient, 0, job->net->n_params * sizeof(float));
        computed_us = hedge_now_us();
        if (r == 0)
                r = encode(job, to, why);
        if (r < 0)
                return r;
        to->message.compute_us = shard ? (uint64_t)(computed_us - began_us) : 0;
        to->message.encode_us = (uint64_t)(hedge_now_us() - computed_us);
        remember(job, step->step, &to->frames[0]);
        return 0;
}

/* @param ret_shard  To draw from; NULL where `put_back`. */
static int check_step(const hedgew_training_job_t *job, const hedge_msg_step_t *step, bool put_back,
                      hedgew_training_shard_t **ret_shard, hedge_why_t *why)
{
        *ret_shard = put_back ? NULL : find(job, &step->digest);
        if (!put_back && !*ret_shard)
                return hedge_why(why, HEDGE_ENOSHARE, "the shard that step %llu draws from is not here",
                                 (unsigned long long)step->step);
        if (!step->whole && !job->fresh)
                return hedge_why(why, -ESTALE, "step %llu: the parameters here are old ones, they are needed whole",
                                 (unsigned long long)step->step);
        return 0;
}

int hedgew_training_job_step(hedgew_training_job_t *job, const hedge_msg_step_t *step, zmq_msg_t *frames,
                             uint32_t n_frames, hedgew_training_gradient_t *ret, hedge_why_t *why)
{
        const bool put_back = job->last_step > step->taken;
        hedgew_training_gradient_t gradient = { .n_frames = 0 };
        hedgew_training_shard_t *shard;
        int r;

        zmq_msg_init(&gradient.frames[0]);
        zmq_msg_init(&gradient.frames[1]);
        r = check_step(job, step, put_back, &shard, why);
        if (r == 0)
                r = update(job, step->whole, frames, n_frames, why);
        if (r == 0)
                r = settle(job, put_back, why);
        if (r == 0)
                r = answer(job, step, shard, &gradient, why);
        job->fresh = r == 0;
        if (r == 0) {
                *ret = gradient;
        } else {
                zmq_msg_close(&gradient.frames[0]);
                zmq_msg_close(&gradient.frames[1]);
        }
        return r;
}
