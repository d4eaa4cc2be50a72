/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/workspace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor.h"
#include "common/train/blas.h"
#include "common/train/conv_onednn.h"
#include "common/train/loss.h"
#include "common/train/placement.h"

struct hedge_workspace {
        const hedge_net_t *net;
        uint32_t max_batch;
        hedge_placement_t plan;
        hedge_conv_onednn_t **onednn; /* of every layer, or NULL */
        float *memory;
};

static const hedge_layer_type_t *type_of(const hedge_layer_t *l)
{
        return hedge_layer_type(l->kind);
}

static int prepare(hedge_workspace_t *ws, hedge_why_t *why)
{
        const uint64_t most = HEDGE_WORKSPACE_MAX_BYTES < SIZE_MAX / 2 ? HEDGE_WORKSPACE_MAX_BYTES : SIZE_MAX / 2;
        int r = hedge_placement_make(ws->net, ws->max_batch, &ws->plan);

        ws->onednn = calloc(ws->net->n_layers, sizeof(hedge_conv_onednn_t *));
        if (r < 0 || !ws->onednn)
                return hedge_why(why, -ENOMEM, "out of memory");
        if (hedge_workspace_bytes(ws) > most)
                return hedge_why(why, HEDGE_ELIMIT, "batches of %u images take %llu MiB of memory, above %llu MiB",
                                 ws->max_batch, (unsigned long long)hedge_workspace_bytes(ws) >> 20,
                                 (unsigned long long)most >> 20);
        ws->memory = hedge_floats_new(ws->plan.floats);
        return ws->memory ? 0 : hedge_why(why, -ENOMEM, "no memory for batches of %u images", ws->max_batch);
}

static int open_onednn(hedge_workspace_t *ws, hedge_why_t *why)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < ws->net->n_layers; i++)
                if (ws->net->layers[i].kind == HEDGE_LAYER_CONV)
                        r = hedge_conv_onednn_new(&ws->net->layers[i], &ws->onednn[i]);
        return r < 0 ? hedge_why(why, r, "oneDNN: %s", hedge_strerror(r)) : 0;
}

/* Is it a word for it, and does it mean oneDNN? */
static int choose(const char *products, bool *ret_onednn, hedge_why_t *why)
{
        const bool built = hedge_conv_onednn_built(), onednn = products && strcmp(products, "onednn") == 0;

        if (products && !onednn && strcmp(products, "blas") != 0)
                return hedge_why(why, -EINVAL, "products by '%s': onednn or blas", products);
        if (onednn && !built)
                return hedge_why(why, HEDGE_EUNSUPPORTED,
                                 "oneDNN is not in this build, or its module is not installed");
        *ret_onednn = onednn || (!products && built);
        return 0;
}

int hedge_workspace_new(const hedge_net_t *net, const char *products, uint32_t max_batch, hedge_workspace_t **ret,
                        hedge_why_t *why)
{
        hedge_workspace_t *ws;
        bool onednn = false;
        int r = choose(products, &onednn, why);

        if (r < 0)
                return r;
        if (max_batch < 1 || max_batch > HEDGE_MAX_BATCH)
                return hedge_why(why, -EINVAL, "a batch of %u images: 1 to %u", max_batch, HEDGE_MAX_BATCH);
        ws = calloc(1, sizeof(*ws));
        if (!ws)
                return hedge_why(why, -ENOMEM, "out of memory");
        ws->net = net;
        ws->max_batch = max_batch;
        r = hedge_blas_open(why);
        if (r == 0)
                r = prepare(ws, why);
        if (r == 0 && onednn)
                r = open_onednn(ws, why);
        if (r < 0)
                hedge_workspace_destroy(&ws);
        else
                *ret = ws;
        return r;
}

void hedge_workspace_destroy(hedge_workspace_t **workspace)
{
        hedge_workspace_t *ws = *workspace;

        if (!ws)
                return;
        for (uint32_t i = 0; ws->onednn && i < ws->net->n_layers; i++)
                hedge_conv_onednn_destroy(&ws->onednn[i]);
        free(ws->onednn);
        hedge_placement_release(&ws->plan);
        free(ws->memory);
        free(ws);
        *workspace = NULL;
}

uint64_t hedge_workspace_bytes(const hedge_workspace_t *ws)
{
        return (uint64_t)ws->plan.floats * sizeof(float);
}

int hedge_workspace_size(const hedge_net_t *net, uint32_t max_batch, uint64_t *ret)
{
        hedge_placement_t plan;
        int r;

        if (max_batch < 1 || max_batch > HEDGE_MAX_BATCH)
                return -EINVAL;
        r = hedge_placement_make(net, max_batch, &plan);
        if (r < 0)
                return r;
        *ret = plan.floats * sizeof(float);
        hedge_placement_release(&plan);
        return 0;
}

/* One pass over one mini-batch. */
typedef struct run {
        hedge_workspace_t *ws;
        const float *images;
        hedge_layer_pass_t pass;
} run_t;

/* Where a value lies; the image itself is never written. */
static float *value_at(const run_t *run, uint32_t value)
{
        const uint32_t home = run->ws->plan.places[value].home;

        return home ? run->ws->memory + run->ws->plan.places[home].at : (float *)(uintptr_t)run->images;
}

/* Where a value's gradient lies, or NULL if nobody asks for it. */
static float *gradient_at(const run_t *run, uint32_t value)
{
        const hedge_workspace_t *ws = run->ws;

        if (!ws->plan.places[value].wanted)
                return NULL;
        return ws->memory + ws->plan.slots[ws->plan.places[ws->plan.places[value].home].slot];
}

static size_t batch_floats(const run_t *run, uint32_t value)
{
        return run->pass.batch * hedge_extent_elements(hedge_net_value(run->ws->net, value));
}

static const hedge_layer_pass_t *pass_of(run_t *run, uint32_t i)
{
        const hedge_layer_t *l = &run->ws->net->layers[i];

        run->pass.x = value_at(run, l->in);
        run->pass.x2 = value_at(run, l->with);
        run->pass.y = value_at(run, i + 1);
        run->pass.saved = run->ws->memory + run->ws->plan.saved[i];
        run->pass.scratch = run->ws->memory + run->ws->plan.scratch;
        run->pass.onednn = run->ws->onednn[i];
        return &run->pass;
}

static void forward(run_t *run)
{
        const hedge_net_t *net = run->ws->net;

        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];
                const hedge_layer_pass_t *pass = pass_of(run, i);

                if (type_of(l)->forward)
                        type_of(l)->forward(l, pass);
                else if (pass->y != pass->x)
                        memcpy(pass->y, pass->x, batch_floats(run, l->in) * sizeof(float));
        }
}

/* A reader's gradient for a value: the first is copied, the others are added. */
static void give(run_t *run, uint32_t value, const float *from)
{
        hedge_place_t *home = &run->ws->plan.places[run->ws->plan.places[value].home];
        float *to = gradient_at(run, value);
        const size_t n = batch_floats(run, value);

        if (!to)
                return;
        if (!home->given)
                memcpy(to, from, n * sizeof(*to));
        for (size_t i = 0; home->given && i < n; i++)
                to[i] += from[i];
        home->given = true;
}

/* Layer i's gradients, given that of its output. */
static void step_back(run_t *run, uint32_t i)
{
        const hedge_layer_t *l = &run->ws->net->layers[i];
        hedge_place_t *home = &run->ws->plan.places[run->ws->plan.places[l->in].home];
        const bool shared = run->ws->plan.places[i + 1].home == run->ws->plan.places[l->in].home;
        float *dx = gradient_at(run, l->in), *extra = run->ws->memory + run->ws->plan.extra;

        pass_of(run, i);
        run->pass.dy = gradient_at(run, i + 1);
        if (!type_of(l)->backward) {
                if (!shared)
                        give(run, l->in, run->pass.dy);
                if (l->kind == HEDGE_LAYER_ADD)
                        give(run, l->with, run->pass.dy);
                return;
        }
        run->pass.dx = dx && home->given && !shared ? extra : dx;
        type_of(l)->backward(l, &run->pass);
        if (dx && run->pass.dx == extra)
                give(run, l->in, extra);
        home->given = true;
}

static void backward(run_t *run)
{
        const hedge_net_t *net = run->ws->net;

        for (uint32_t v = 0; v <= net->n_layers; v++)
                run->ws->plan.places[v].given = false;
        for (uint32_t i = net->n_layers; i-- > 0;)
                if (run->ws->plan.places[i + 1].wanted)
                        step_back(run, i);
}

static bool fits(const hedge_workspace_t *ws, const uint8_t *labels, uint32_t batch)
{
        if (batch < 1 || batch > ws->max_batch)
                return false;
        for (uint32_t i = 0; labels && i < batch; i++)
                if (labels[i] >= ws->net->classes)
                        return false;
        return true;
}

int hedge_net_gradient(hedge_workspace_t *ws, const float *params, const float *images, const uint8_t *labels,
                       uint32_t batch, float *ret_gradient, float *ret_statistics, hedge_score_t *ret_score)
{
        run_t run = { .ws = ws,
                      .images = images,
                      .pass = { .batch = batch,
                                .training = true,
                                .params = params,
                                .gradient = ret_gradient,
                                .statistics = ret_statistics } };
        const uint32_t last = ws->net->n_layers;
        hedge_score_t score;

        if (!fits(ws, labels, batch))
                return -EINVAL;
        forward(&run);
        score.loss = hedge_loss(value_at(&run, last), labels, batch, ws->net->classes, gradient_at(&run, last),
                                &score.correct);
        score.loss /= batch;
        backward(&run);
        *ret_score = score;
        return 0;
}

static void predict(run_t *run, const float *params, const float *state, const float *images, uint32_t batch)
{
        run->images = images;
        run->pass = (hedge_layer_pass_t){ .batch = batch, .params = params, .state = state };
        forward(run);
}

int hedge_net_forward(hedge_workspace_t *ws, const float *params, const float *state, const float *images,
                      uint32_t batch, float *ret_logits)
{
        const uint32_t last = ws->net->n_layers;
        run_t run = { .ws = ws };

        if (!fits(ws, NULL, batch))
                return -EINVAL;
        predict(&run, params, state, images, batch);
        memcpy(ret_logits, value_at(&run, last), batch_floats(&run, last) * sizeof(float));
        return 0;
}

int hedge_net_evaluate(hedge_workspace_t *ws, const float *params, const float *state, const float *images,
                       const uint8_t *labels, uint32_t count, hedge_score_t *ret_score)
{
        const size_t pixels = hedge_extent_elements(&ws->net->image);
        hedge_score_t score = { 0 };
        run_t run = { .ws = ws };

        for (uint32_t i = 0, n; i < count; i += n) {
                uint32_t correct;

                n = count - i < ws->max_batch ? count - i : ws->max_batch;
                if (!fits(ws, labels + i, n))
                        return -EINVAL;
                predict(&run, params, state, images + i * pixels, n);
                score.loss +=
                        hedge_loss(value_at(&run, ws->net->n_layers), labels + i, n, ws->net->classes, NULL, &correct);
                score.correct += correct;
        }
        if (count < 1)
                return -EINVAL;
        score.loss /= count;
        *ret_score = score;
        return 0;
}
