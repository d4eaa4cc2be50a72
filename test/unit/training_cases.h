/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_TRAINING_CASES_H
#define HEDGE_TEST_TRAINING_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/co3/co3.h"
#include "common/code/random.h"
#include "common/train/train.h"
#include "worker/train/job.h"

/** A small training, its data, and a board that is played with nothing but common/train and common/co3, to compare with. */
#define SIDE    8u
#define IMAGES  24u /**< of a shard */
#define CLASSES 3u
#define BATCH   5u
#define SHARDS  3u

__attribute__((unused)) static const hedge_train_layer_t case_conv[] = {
        { .kind = "conv", .units = 4, .kernel = 3, .pad = 1 },
        { .kind = "batch_norm" },
        { .kind = "relu", .name = "bent" },
        { .kind = "max_pool", .kernel = 2 },
        { .kind = "flatten" },
        { .kind = "dense", .units = CLASSES },
};

__attribute__((unused)) static const hedge_train_layer_t case_mlp[] = {
        { .kind = "flatten" },
        { .kind = "dense", .units = 20 },
        { .kind = "relu" },
        { .kind = "dense", .units = CLASSES },
};

/** A JOIN with these layers: fp8, gamma 1, compressed. */
static inline hedge_msg_join_t case_join(uint64_t job, const hedge_train_layer_t *layers, size_t n)
{
        return (hedge_msg_join_t){
                .job = job,
                .identity = { { 7, 7 } },
                .image_h = SIDE,
                .image_w = SIDE,
                .image_c = 1,
                .classes = CLASSES,
                .layers = (hedge_train_layer_t *)(uintptr_t)layers,
                .n_layers = (uint32_t)n,
                .mean = { 0.5 },
                .deviation = { 0.25 },
                .batch = BATCH,
                .seed = 42,
                .flip = true,
                .format = "fp8",
                .gamma = 1,
                .compress = true,
        };
}

#define CASE_JOIN(job, layers) case_join(job, layers, sizeof(layers) / sizeof((layers)[0]))

/** Shard i: a class brightens its own rows. */
static inline hedge_dataset_t *case_shard(unsigned i)
{
        const hedge_extent_t image = { SIDE, SIDE, 1, false };
        uint8_t pixels[IMAGES][SIDE][SIDE], labels[IMAGES];
        uint64_t row = 1000 + i;
        hedge_dataset_t *d = NULL;

        for (unsigned n = 0; n < IMAGES; n++) {
                labels[n] = (uint8_t)hedge_random_below(&row, CLASSES);
                for (unsigned y = 0; y < SIDE; y++)
                        for (unsigned x = 0; x < SIDE; x++)
                                pixels[n][y][x] =
                                        (uint8_t)(hedge_random_below(&row, 120) + (y % CLASSES == labels[n] ? 100 : 0));
        }
        assert_int_equal(hedge_dataset_new(&image, CLASSES, IMAGES, &pixels[0][0][0], labels, &d, NULL), 0);
        return d;
}

static inline void case_frame(zmq_msg_t *frame, const void *bytes, size_t size)
{
        assert_int_equal(zmq_msg_init_size(frame, size), 0);
        if (size)
                memcpy(zmq_msg_data(frame), bytes, size);
}

static inline hedge_digest_t case_digest(const hedge_dataset_t *d)
{
        crypto_generichash_state state;
        hedge_digest_t digest;

        crypto_generichash_init(&state, NULL, 0, sizeof(digest.bytes));
        crypto_generichash_update(&state, d->pixels, (size_t)d->count * SIDE * SIDE);
        crypto_generichash_update(&state, d->labels, d->count);
        crypto_generichash_final(&state, digest.bytes, sizeof(digest.bytes));
        return digest;
}

/** SHARD for a data set, with its two frames. */
static inline hedge_message_t case_shard_message(uint64_t job, const hedge_dataset_t *d, zmq_msg_t frames[2])
{
        case_frame(&frames[0], d->pixels, (size_t)d->count * SIDE * SIDE);
        case_frame(&frames[1], d->labels, d->count);
        return (hedge_message_t){
                .type = HEDGE_MSG_SHARD,
                .shard = { .job = job, .digest = case_digest(d), .count = d->count },
        };
}

/** The board as it should be. */
typedef struct model {
        hedge_net_t *net;
        hedge_workspace_t *workspace;
        hedge_co3_t *co3;
        hedge_co3_options_t options;
        hedge_norm_t norm;
        hedge_dataset_t *shards[SHARDS];
        hedge_batches_t *batches[SHARDS];
        float *params, *error, *gradient, *statistics;
        uint8_t *bytes; /**< what it answers with, */
        size_t size;
        hedge_score_t score; /**< and says of it */
} model_t;

static inline void model_net(model_t *m, const hedge_msg_join_t *join)
{
        const hedge_extent_t image = { SIDE, SIDE, 1, false };
        hedge_layer_spec_t specs[16] = { { 0 } };
        uint32_t entries[32];

        for (uint32_t i = 0; i < join->n_layers; i++) {
                const hedge_train_layer_t *l = &join->layers[i];

                specs[i] = (hedge_layer_spec_t){ .name = *l->name ? l->name : NULL,
                                                 .units = l->units,
                                                 .kernel = l->kernel,
                                                 .stride = l->stride,
                                                 .pad = l->pad };
                assert_int_equal(hedge_layer_kind(l->kind, &specs[i].kind), 0);
        }
        assert_int_equal(hedge_net_new(&image, specs, join->n_layers, &m->net, NULL), 0);
        for (uint32_t i = 0; i < m->net->n_segments; i++)
                entries[i] = (uint32_t)m->net->segments[i].count;
        assert_int_equal(hedge_co3_new(entries, m->net->n_segments, &m->co3), 0);
        assert_int_equal(hedge_workspace_new(m->net, NULL, BATCH, &m->workspace, NULL), 0);
}

static inline void model_open(model_t *m, const hedge_msg_join_t *join)
{
        float *state;

        *m = (model_t){ .options = { .gamma = (float)join->gamma,
                                     .max_bits = (float)join->max_bits,
                                     .compress = join->compress } };
        assert_int_equal(hedge_co3_format_parse(join->format, &m->options.format), 0);
        model_net(m, join);
        m->norm.mean[0] = (float)join->mean[0];
        m->norm.deviation[0] = (float)join->deviation[0];
        for (unsigned i = 0; i < SHARDS; i++) {
                hedge_digest_t digest;

                m->shards[i] = case_shard(i);
                digest = case_digest(m->shards[i]);
                assert_int_equal(hedge_batches_new(m->shards[i], &m->norm, hedgew_training_seed(join->seed, &digest),
                                                   BATCH, join->flip, &m->batches[i], NULL),
                                 0);
        }
        m->params = calloc(m->net->n_params, sizeof(float));
        m->error = calloc(m->net->n_params, sizeof(float));
        m->gradient = calloc(m->net->n_params, sizeof(float));
        m->statistics = calloc(m->net->n_state + 1, sizeof(float));
        m->bytes = malloc(hedge_co3_bound(m->co3));
        state = calloc(m->net->n_state + 1, sizeof(float));
        hedge_net_initialise(m->net, 5, m->params, state);
        free(state);
}

static inline void model_close(model_t *m)
{
        for (unsigned i = 0; i < SHARDS; i++) {
                hedge_batches_destroy(&m->batches[i]);
                hedge_dataset_destroy(&m->shards[i]);
        }
        hedge_workspace_destroy(&m->workspace);
        hedge_co3_destroy(&m->co3);
        hedge_net_destroy(&m->net);
        free(m->params);
        free(m->error);
        free(m->gradient);
        free(m->statistics);
        free(m->bytes);
}

static inline void model_encode(model_t *m)
{
        float *error = m->options.gamma > 0 ? m->error : NULL;

        assert_int_equal(hedge_co3_encode(m->co3, &m->options, m->gradient, error, m->bytes, &m->size, NULL, NULL), 0);
}

/** What a STEP is answered with. */
static inline void model_step(model_t *m, unsigned shard, uint64_t draw)
{
        const uint32_t steps = hedge_batches_steps(m->batches[shard]);
        float images[BATCH * SIDE * SIDE];
        uint8_t labels[BATCH];

        hedge_batches_get(m->batches[shard], draw / steps, (uint32_t)(draw % steps), images, labels);
        assert_int_equal(hedge_net_gradient(m->workspace, m->params, images, labels, BATCH, m->gradient, m->statistics,
                                            &m->score),
                         0);
        model_encode(m);
}

/** What it is answered with out of the error memory, after the last message went back into that. */
static inline void model_repeat(model_t *m)
{
        assert_int_equal(hedge_co3_decode(m->co3, m->bytes, m->size, 1, m->error, NULL), 0);
        memset(m->gradient, 0, m->net->n_params * sizeof(float));
        model_encode(m);
}

/** The parameters as a STEP carries them. */
static inline void model_whole(model_t *m, zmq_msg_t *frame)
{
        const hedge_co3_options_t options = { .format = HEDGE_CO3_FP32 };
        uint8_t *bytes = malloc(hedge_co3_bound(m->co3));
        size_t size;

        assert_int_equal(hedge_co3_encode(m->co3, &options, m->params, NULL, bytes, &size, NULL, NULL), 0);
        case_frame(frame, bytes, size);
        free(bytes);
}

/** An update, in fp16, applied here too. */
static inline void model_update(model_t *m, uint64_t seed, zmq_msg_t *frame)
{
        const hedge_co3_options_t options = { .format = HEDGE_CO3_FP16, .compress = true };
        const size_t n = m->net->n_params;
        uint8_t *bytes = malloc(hedge_co3_bound(m->co3));
        float *update = malloc(n * sizeof(*update));
        size_t size;

        for (size_t i = 0; i < n; i++)
                update[i] = 0.01f * (float)hedge_random_normal(&seed);
        assert_int_equal(hedge_co3_encode(m->co3, &options, update, NULL, bytes, &size, NULL, NULL), 0);
        assert_int_equal(hedge_co3_decode(m->co3, bytes, size, 1, m->params, NULL), 0);
        case_frame(frame, bytes, size);
        free(update);
        free(bytes);
}

#endif
