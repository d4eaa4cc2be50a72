/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/workspace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor.h"
#include "common/train/conv_onednn.h"
#include "common/train/loss.h"
#include "common/train/product.h"

#define NOWHERE UINT32_MAX
#define ALIGNED (HEDGE_ALIGNMENT / sizeof(float))

/* A value of the net: where it lies and where its gradient does. */
typedef struct place {
        uint32_t home; /* the value whose memory it shares; itself if it has its own */
        bool wanted;   /* its gradient is asked for: there are parameters before it */
        bool given;    /* during backward: some reader has put its gradient there */
        uint32_t slot; /* of its gradient, for a home */
        size_t at;     /* of a home, in memory */
} place_t;

struct hedge_workspace {
        const hedge_net_t *net;
        uint32_t max_batch;
        place_t *places;              /* one per value */
        size_t *saved;                /* of every layer, in memory */
        hedge_conv_onednn_t **onednn; /* of every layer, or NULL */
        size_t *slots;                /* in memory; gradients take turns in them */
        size_t *slot_floats;
        uint32_t n_slots;
        size_t scratch, extra, statistics;
        size_t floats;
        float *memory;
};

static const hedge_layer_type_t *type_of(const hedge_layer_t *l)
{
        return hedge_layer_type(l->kind);
}

/* Does it put its output where its input lies? Only where nobody else reads that input. */
static bool in_place(const hedge_net_t *net, const place_t *places, const hedge_layer_t *l)
{
        if (hedge_net_readers(net, l->in) > 1)
                return false;
        if (l->kind == HEDGE_LAYER_FLATTEN)
                return true;
        return l->kind == HEDGE_LAYER_RELU && places[l->in].home != 0;
}

static void settle(hedge_workspace_t *ws)
{
        const hedge_net_t *net = ws->net;

        ws->places[0].home = 0;
        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];
                place_t *p = &ws->places[i + 1];

                p->home = in_place(net, ws->places, l) ? ws->places[l->in].home : i + 1;
                p->wanted = type_of(l)->parameters || ws->places[l->in].wanted || ws->places[l->with].wanted;
        }
}

/* Room for n floats; where it begins. */
static size_t take(hedge_workspace_t *ws, size_t n)
{
        const size_t at = ws->floats;

        ws->floats += (n + ALIGNED - 1) / ALIGNED * ALIGNED;
        return at;
}

static size_t value_floats(const hedge_workspace_t *ws, uint32_t value)
{
        return ws->max_batch * hedge_extent_elements(hedge_net_value(ws->net, value));
}

/* A free slot for a value's gradient, made large enough. `busy` says which are taken. */
static void acquire(hedge_workspace_t *ws, bool *busy, uint32_t value)
{
        place_t *p = &ws->places[ws->places[value].home];
        const size_t n = value_floats(ws, value);
        uint32_t s = 0;

        if (p->slot != NOWHERE)
                return;
        while (s < ws->n_slots && busy[s])
                s++;
        if (s == ws->n_slots)
                ws->n_slots++;
        if (ws->slot_floats[s] < n)
                ws->slot_floats[s] = n;
        busy[s] = true;
        p->slot = s;
}

/* Go through the backward pass: a gradient is there from the last reader of its value to the value's maker. */
static void share_slots(hedge_workspace_t *ws, bool *busy)
{
        const hedge_net_t *net = ws->net;

        for (uint32_t v = 0; v <= net->n_layers; v++)
                ws->places[v].slot = NOWHERE;
        acquire(ws, busy, net->n_layers);
        for (uint32_t i = net->n_layers; i-- > 0;) {
                const hedge_layer_t *l = &net->layers[i];
                const uint32_t home = ws->places[i + 1].home;

                if (ws->places[l->in].wanted)
                        acquire(ws, busy, l->in);
                if (ws->places[l->with].wanted)
                        acquire(ws, busy, l->with);
                if (home == i + 1 && ws->places[home].slot != NOWHERE)
                        busy[ws->places[home].slot] = false;
        }
}

/* Room for a second gradient of a value with several readers, on its way to be added. */
static size_t extra_floats(const hedge_workspace_t *ws)
{
        size_t most = 0;

        for (uint32_t v = 1; v <= ws->net->n_layers; v++)
                if (hedge_net_readers(ws->net, v) > 1 && value_floats(ws, v) > most)
                        most = value_floats(ws, v);
        return most;
}

static void lay_out(hedge_workspace_t *ws)
{
        const hedge_net_t *net = ws->net;
        size_t scratch = 0;

        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];
                const hedge_layer_type_t *type = type_of(l);
                const size_t needs = type->scratch_floats ? type->scratch_floats(l, ws->max_batch) : 0;
                const size_t bytes = type->saved_bytes ? type->saved_bytes(l, ws->max_batch) : 0;

                scratch = needs > scratch ? needs : scratch;
                ws->saved[i] = take(ws, (bytes + sizeof(float) - 1) / sizeof(float));
                if (ws->places[i + 1].home == i + 1)
                        ws->places[i + 1].at = take(ws, value_floats(ws, i + 1));
        }
        for (uint32_t s = 0; s < ws->n_slots; s++)
                ws->slots[s] = take(ws, ws->slot_floats[s]);
        ws->scratch = take(ws, scratch);
        ws->extra = take(ws, extra_floats(ws));
}

static int prepare(hedge_workspace_t *ws, hedge_why_t *why)
{
        const size_t n = ws->net->n_layers;
        bool *busy = calloc(n + 1, sizeof(*busy));

        ws->places = calloc(n + 1, sizeof(*ws->places));
        ws->saved = calloc(n, sizeof(*ws->saved));
        ws->onednn = calloc(n, sizeof(*ws->onednn));
        ws->slots = calloc(n + 1, sizeof(*ws->slots));
        ws->slot_floats = calloc(n + 1, sizeof(*ws->slot_floats));
        if (!busy || !ws->places || !ws->saved || !ws->onednn || !ws->slots || !ws->slot_floats) {
                free(busy);
                return hedge_why(why, -ENOMEM, "out of memory");
        }
        settle(ws);
        share_slots(ws, busy);
        free(busy);
        lay_out(ws);
        if (hedge_workspace_bytes(ws) > HEDGE_WORKSPACE_MAX_BYTES)
                return hedge_why(why, HEDGE_ELIMIT, "batches of %u images take %llu MiB of memory, above %llu MiB",
                                 ws->max_batch, (unsigned long long)hedge_workspace_bytes(ws) >> 20,
                                 (unsigned long long)HEDGE_WORKSPACE_MAX_BYTES >> 20);
        ws->memory = hedge_floats_new(ws->floats);
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
                return hedge_why(why, HEDGE_EUNSUPPORTED, "oneDNN is not in this build");
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
        hedge_product_one_thread();
        ws->net = net;
        ws->max_batch = max_batch;
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
        free(ws->places);
        free(ws->saved);
        free(ws->slots);
        free(ws->slot_floats);
        free(ws->memory);
        free(ws);
        *workspace = NULL;
}

uint64_t hedge_workspace_bytes(const hedge_workspace_t *ws)
{
        return (uint64_t)ws->floats * sizeof(float);
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
        const uint32_t home = run->ws->places[value].home;

        return home ? run->ws->memory + run->ws->places[home].at : (float *)(uintptr_t)run->images;
}

/* Where a value's gradient lies, or NULL if nobody asks for it. */
static float *gradient_at(const run_t *run, uint32_t value)
{
        const hedge_workspace_t *ws = run->ws;

        if (!ws->places[value].wanted)
                return NULL;
        return ws->memory + ws->slots[ws->places[ws->places[value].home].slot];
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
        run->pass.saved = run->ws->memory + run->ws->saved[i];
        run->pass.scratch = run->ws->memory + run->ws->scratch;
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
        place_t *home = &run->ws->places[run->ws->places[value].home];
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
        place_t *home = &run->ws->places[run->ws->places[l->in].home];
        const bool shared = run->ws->places[i + 1].home == run->ws->places[l->in].home;
        float *dx = gradient_at(run, l->in), *extra = run->ws->memory + run->ws->extra;

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
                run->ws->places[v].given = false;
        for (uint32_t i = net->n_layers; i-- > 0;)
                if (run->ws->places[i + 1].wanted)
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
