/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/xnnpack_describe.h"

#include <errno.h>
#include <pthread.h>
#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/plain.h"
#include "common/kernel/team.h"

typedef struct state {
        pthread_mutex_t lock;
        bool started;       /* with the first kernel: a board without shares should stay small */
        pthreadpool_t pool; /* NULL for one thread; serves one operator at a time */
} state_t;

/* An XNNPACK operator remembers where its inputs are, so one call at a time has it. */
typedef struct prepared {
        pthread_mutex_t lock;
        xnn_operator_t op;
} prepared_t;

static int open_xnnpack(hedge_kernels_t *kernels)
{
        state_t *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        pthread_mutex_init(&s->lock, NULL);
        kernels->state = s;
        return 0;
}

static void close_xnnpack(hedge_kernels_t *kernels)
{
        state_t *s = kernels->state;

        if (!s)
                return;
        if (s->pool)
                pthreadpool_destroy(s->pool);
        pthread_mutex_destroy(&s->lock);
        free(s);
        kernels->state = NULL;
}

int hedge_xnnpack_start(hedge_kernels_t *kernels)
{
        state_t *s = kernels->state;
        int r = 0;

        pthread_mutex_lock(&s->lock);
        if (!s->started) {
                r = hedge_xnnpack_error(xnn_initialize(NULL));
                if (r == 0 && kernels->threads > 1) {
                        s->pool = pthreadpool_create(kernels->threads);
                        r = s->pool ? 0 : -ENOMEM;
                }
                s->started = r == 0;
        }
        pthread_mutex_unlock(&s->lock);
        return r;
}

static void free_prepared(void *object)
{
        prepared_t *p = object;

        if (p->op)
                xnn_delete_operator(p->op);
        pthread_mutex_destroy(&p->lock);
        free(p);
}

/* What an operator of a convolution knows beside its filter. Where its image ends is said anew with each call. */
typedef struct form {
        hedge_conv_t conv;
        const void *bias;
        int activation;
        float lo, hi;
} form_t;

static void describe_form(const hedge_kernel_t *k, form_t *ret)
{
        memset(ret, 0, sizeof(*ret)); /* it is compared as bytes */
        ret->conv = k->op.conv;
        ret->conv.in_h = ret->conv.in_w = 0;
        ret->bias = k->bias;
        ret->activation = k->op.activation.kind;
        ret->lo = k->op.activation.lo;
        ret->hi = k->op.activation.hi;
}

/* Convolutions are what has different shapes with the same weights. */
static bool is_shared(const hedge_kernel_t *k)
{
        return k->packs && k->op.kind == HEDGE_OP_CONV && (k->n_in < 3 || k->bias);
}

static int create(hedge_kernel_t *k, const float *const *constants, prepared_t **ret)
{
        prepared_t *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        pthread_mutex_init(&p->lock, NULL);
        r = hedge_xnnpack_create(k, constants, &p->op);
        if (r < 0)
                free_prepared(p);
        else
                *ret = p;
        return r;
}

static int prepare_shared(hedge_kernel_t *k, const float *const *constants, prepared_t **ret)
{
        form_t form;
        hedge_pack_key_t key = { k->filter, 0, &form, sizeof(form) };
        int r = 0;

        describe_form(k, &form);
        *ret = hedge_packs_take(k->packs, &key);
        k->packed = *ret != NULL;
        if (!*ret) {
                r = create(k, constants, ret);
                if (r == 0)
                        r = hedge_packs_put(k->packs, &key, *ret, k->bytes, free_prepared);
                if (r < 0 && *ret)
                        free_prepared(*ret);
        }
        if (r < 0)
                *ret = NULL;
        k->bytes = 0;
        return r;
}

static int prepare_xnnpack(hedge_kernel_t *k, const float *const *constants)
{
        prepared_t *p = NULL;
        int r = hedge_xnnpack_start(k->kernels);

        if (r == 0)
                r = is_shared(k) ? prepare_shared(k, constants, &p) : create(k, constants, &p);
        if (r < 0)
                k->bytes = 0;
        k->state = p;
        return r;
}

static void release_xnnpack(hedge_kernel_t *k)
{
        prepared_t *p = k->state;

        if (!p)
                return;
        if (is_shared(k))
                hedge_packs_give(k->packs, p);
        else
                free_prepared(p);
        k->state = NULL;
        k->bytes = 0;
}

static int run_xnnpack(hedge_kernel_t *k, const float *const *in, float *out)
{
        prepared_t *p = k->state;
        const state_t *s = k->kernels->state;
        pthreadpool_t pool = k->threads > 1 ? s->pool : NULL;
        int r;

        pthread_mutex_lock(&p->lock);
        r = hedge_xnnpack_setup(k, p->op, in, out, pool);
        if (r == 0)
                r = hedge_xnnpack_error(xnn_run_operator(p->op, pool));
        pthread_mutex_unlock(&p->lock);
        if (r == 0 && k->op.kind != HEDGE_OP_LEAKY_RELU && k->op.activation.kind == HEDGE_ACT_LEAKY_RELU)
                hedge_plain_activate(&k->op.activation, out, hedge_shape_elements(&k->out));
        return r == HEDGE_EUNSUPPORTED ? HEDGE_EKERNEL : r;
}

static void work_with_others(void *team, size_t thread)
{
        (void)thread;
        hedge_team_work(team);
}

static void spread_xnnpack(hedge_kernel_t *k, size_t count, void (*work)(void *arg, size_t i), void *arg)
{
        const state_t *s = k->kernels->state;
        hedge_team_t team;

        hedge_team_begin(&team, work, arg, count);
        if (s->pool && k->threads > 1 && count > 1)
                pthreadpool_parallelize_1d(s->pool, work_with_others, &team, k->threads,
                                           PTHREADPOOL_FLAG_YIELD_WORKERS);
        else
                hedge_team_work(&team);
        hedge_team_end(&team);
}

const hedge_backend_t hedge_backend_xnnpack = {
        .build = HEDGE_BACKEND_BUILD,
        .name = "xnnpack",
        .slack = XNN_EXTRA_BYTES,
        .conv_error = HEDGE_CONV_ERROR,
        .products = &hedge_products_xnnpack,
        .open = open_xnnpack,
        .close = close_xnnpack,
        .prepare = prepare_xnnpack,
        .run = run_xnnpack,
        .release = release_xnnpack,
        .spread = spread_xnnpack,
};

_Static_assert(XNN_EXTRA_BYTES <= HEDGE_TENSOR_SLACK, "our tensors have too little room behind them");
