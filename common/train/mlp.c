/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/mlp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor.h"
#include "common/train/blas.h"
#include "common/train/product.h"

/* Where a value and its gradient lie in the memory; those that are the image, seen in another way, lie nowhere. */
typedef struct home {
        bool image;
        size_t value, delta;
} home_t;

struct hedge_mlp {
        const hedge_net_t *net;
        uint32_t max_batch;
        uint32_t *dense; /* layers of the net */
        uint32_t n_dense;
        home_t *homes; /* of every value */
        float *memory;
};

static int check_layers(const hedge_net_t *net, hedge_why_t *why)
{
        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];

                if (l->kind != HEDGE_LAYER_DENSE && l->kind != HEDGE_LAYER_RELU && l->kind != HEDGE_LAYER_FLATTEN)
                        return hedge_why(why, HEDGE_EUNSUPPORTED,
                                         "%s: a %s layer; only dense, relu and flatten layers can be trained this way",
                                         l->name, hedge_layer_type(l->kind)->name);
                if (l->in != i)
                        return hedge_why(why, HEDGE_EUNSUPPORTED,
                                         "%s: every layer must read the one before it to be trained this way", l->name);
        }
        return 0;
}

/* A relu writes over what it reads, unless that is the image. @return floats in all. */
static uint64_t place(hedge_mlp_t *mlp)
{
        const hedge_net_t *net = mlp->net;
        uint64_t floats = 0;

        mlp->homes[0].image = true;
        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];
                const uint64_t room = mlp->max_batch * hedge_extent_elements(&l->y);

                mlp->homes[i + 1] = mlp->homes[i];
                if (l->kind == HEDGE_LAYER_DENSE)
                        mlp->dense[mlp->n_dense++] = i;
                if (l->kind == HEDGE_LAYER_FLATTEN || (l->kind == HEDGE_LAYER_RELU && !mlp->homes[i].image))
                        continue;
                mlp->homes[i + 1] = (home_t){ .value = floats, .delta = floats + room };
                floats += 2 * room;
        }
        return floats;
}

static int prepare(hedge_mlp_t *mlp, hedge_why_t *why)
{
        uint64_t floats;

        mlp->dense = calloc(mlp->net->n_layers, sizeof(*mlp->dense));
        mlp->homes = calloc((size_t)mlp->net->n_layers + 1, sizeof(*mlp->homes));
        if (!mlp->dense || !mlp->homes)
                return hedge_why(why, -ENOMEM, "out of memory");
        floats = place(mlp);
        if (floats > HEDGE_WORKSPACE_MAX_BYTES / sizeof(float) || floats > SIZE_MAX / 8)
                return hedge_why(why, HEDGE_ELIMIT, "batches of %u images take %llu MiB of memory, above %llu MiB",
                                 mlp->max_batch, (unsigned long long)(floats * sizeof(float)) >> 20,
                                 (unsigned long long)HEDGE_WORKSPACE_MAX_BYTES >> 20);
        mlp->memory = hedge_floats_new((size_t)floats);
        return mlp->memory ? 0 : hedge_why(why, -ENOMEM, "no memory for batches of %u images", mlp->max_batch);
}

int hedge_mlp_new(const hedge_net_t *net, uint32_t max_batch, hedge_mlp_t **ret, hedge_why_t *why)
{
        hedge_mlp_t *mlp;
        int r = check_layers(net, why);

        if (r < 0)
                return r;
        if (max_batch < 1 || max_batch > HEDGE_MAX_BATCH)
                return hedge_why(why, -EINVAL, "a batch of %u images: 1 to %u", max_batch, HEDGE_MAX_BATCH);
        r = hedge_blas_open(why);
        if (r < 0)
                return r;
        mlp = calloc(1, sizeof(*mlp));
        if (!mlp)
                return hedge_why(why, -ENOMEM, "out of memory");
        mlp->net = net;
        mlp->max_batch = max_batch;
        r = prepare(mlp, why);
        if (r < 0)
                hedge_mlp_destroy(&mlp);
        else
                *ret = mlp;
        return r;
}

void hedge_mlp_destroy(hedge_mlp_t **mlp)
{
        if (!*mlp)
                return;
        free((*mlp)->dense);
        free((*mlp)->homes);
        free((*mlp)->memory);
        free(*mlp);
        *mlp = NULL;
}

uint32_t hedge_mlp_count(const hedge_mlp_t *mlp)
{
        return mlp->n_dense;
}

const hedge_layer_t *hedge_mlp_dense(const hedge_mlp_t *mlp, uint32_t dense)
{
        return &mlp->net->layers[mlp->dense[dense]];
}

/* ---- a pass ---- */

typedef struct pass {
        const hedge_mlp_t *mlp;
        const hedge_mlp_hooks_t *hooks;
        const float *params, *images;
        uint32_t batch;
        float *gradient;
} pass_t;

static float *value_at(const pass_t *p, uint32_t value)
{
        return p->mlp->memory + p->mlp->homes[value].value;
}

static const float *input_at(const pass_t *p, uint32_t value)
{
        return p->mlp->homes[value].image ? p->images : value_at(p, value);
}

static float *delta_at(const pass_t *p, uint32_t value)
{
        return p->mlp->memory + p->mlp->homes[value].delta;
}

static void add_bias(const hedge_layer_t *l, const float *bias, uint32_t batch, float *restrict y)
{
        for (uint32_t i = 0; i < batch; i++, y += l->y.c)
                for (uint32_t j = 0; j < l->y.c; j++)
                        y[j] += bias[j];
}

static int dense_forward(const pass_t *p, uint32_t dense)
{
        const hedge_layer_t *l = hedge_mlp_dense(p->mlp, dense);
        const float *x = input_at(p, l->in);
        float *y = value_at(p, l->in + 1);
        int r = p->hooks->forward ? p->hooks->forward(p->hooks->arg, dense, p->batch, x, y) : HEDGE_MLP_HERE;

        if (r < 0)
                return r;
        if (r == HEDGE_MLP_HERE)
                hedge_blas_multiply(false, true, p->batch, l->y.c, l->x.c, x, p->params + l->weights, 0.0f, y);
        if (l->n_bias)
                add_bias(l, p->params + l->bias, p->batch, y);
        return 0;
}

static int dense_backward(const pass_t *p, uint32_t dense)
{
        const hedge_layer_t *l = hedge_mlp_dense(p->mlp, dense);
        const float *delta = delta_at(p, l->in + 1);
        float *dx = delta_at(p, l->in);
        int r = HEDGE_MLP_HERE;

        if (l->n_bias)
                hedge_sum_rows(delta, p->batch, l->y.c, p->gradient + l->bias);
        if (dense == 0)
                return 0;
        if (p->hooks->backward)
                r = p->hooks->backward(p->hooks->arg, dense, p->batch, delta, dx);
        if (r == HEDGE_MLP_HERE)
                hedge_blas_multiply(false, false, p->batch, l->x.c, l->y.c, delta, p->params + l->weights, 0.0f, dx);
        return r < 0 ? r : 0;
}

static int dense_weigh(const pass_t *p, uint32_t dense)
{
        const hedge_layer_t *l = hedge_mlp_dense(p->mlp, dense);
        const float *delta = delta_at(p, l->in + 1), *x = input_at(p, l->in);
        float *dw = p->gradient + l->weights;
        int r = HEDGE_MLP_HERE;

        if (p->hooks->update) {
                memset(dw, 0, l->n_weights * sizeof(*dw));
                return p->hooks->update(p->hooks->arg, dense, p->batch, delta, x);
        }
        if (p->hooks->weigh)
                r = p->hooks->weigh(p->hooks->arg, dense, p->batch, delta, x, dw);
        if (r == HEDGE_MLP_HERE)
                hedge_blas_multiply(true, false, l->y.c, l->x.c, p->batch, delta, x, 0.0f, dw);
        return r < 0 ? r : 0;
}

static int forward(const pass_t *p)
{
        const hedge_net_t *net = p->mlp->net;
        uint32_t dense = 0;
        int r = 0;

        for (uint32_t i = 0; r >= 0 && i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];
                const hedge_layer_pass_t pass = { .batch = p->batch, .x = input_at(p, i), .y = value_at(p, i + 1) };

                if (l->kind == HEDGE_LAYER_DENSE)
                        r = dense_forward(p, dense++);
                else if (l->kind == HEDGE_LAYER_RELU)
                        hedge_layer_type(l->kind)->forward(l, &pass);
        }
        return r;
}

/* A relu's delta lies where that of its input does; before the first dense layer nobody asks for one. */
static int backward(const pass_t *p)
{
        const hedge_net_t *net = p->mlp->net;
        uint32_t dense = p->mlp->n_dense;
        int r = 0;

        for (uint32_t i = net->n_layers; r >= 0 && dense > 0; i--) {
                const hedge_layer_t *l = &net->layers[i - 1];
                float *delta = delta_at(p, i);
                const hedge_layer_pass_t pass = { .batch = p->batch, .y = value_at(p, i), .dy = delta, .dx = delta };

                if (l->kind == HEDGE_LAYER_DENSE)
                        r = dense_backward(p, --dense);
                else if (l->kind == HEDGE_LAYER_RELU)
                        hedge_layer_type(l->kind)->backward(l, &pass);
        }
        for (dense = p->mlp->n_dense; r >= 0 && dense > 0; dense--)
                r = dense_weigh(p, dense - 1);
        return r < 0 ? r : 0;
}

static bool fits(const hedge_mlp_t *mlp, const uint8_t *labels, uint32_t batch)
{
        if (batch < 1 || batch > mlp->max_batch)
                return false;
        for (uint32_t i = 0; i < batch; i++)
                if (labels[i] >= mlp->net->classes)
                        return false;
        return true;
}

int hedge_mlp_gradient(hedge_mlp_t *mlp, const hedge_mlp_hooks_t *hooks, const float *params, const float *images,
                       const uint8_t *labels, uint32_t batch, float *ret_gradient, hedge_score_t *ret_score)
{
        const hedge_mlp_hooks_t none = { .arg = NULL };
        const uint32_t last = mlp->net->n_layers;
        const pass_t pass = { mlp, hooks ? hooks : &none, params, images, batch, ret_gradient };
        hedge_score_t score;
        int r;

        if (!fits(mlp, labels, batch))
                return -EINVAL;
        r = forward(&pass);
        if (r < 0)
                return r;
        score.loss = hedge_loss(value_at(&pass, last), labels, batch, mlp->net->classes, delta_at(&pass, last),
                                &score.correct);
        score.loss /= batch;
        r = backward(&pass);
        if (r == 0)
                *ret_score = score;
        return r;
}
