/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/onednn_choose.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/onednn_columns.h"
#include "common/kernel/onednn_state.h"
#include "common/kernel/scratch.h"

typedef struct prepared {
        dnnl_primitive_t primitive;
        dnnl_memory_desc_t in[2], out, scratch;
        int args[2];
        unsigned n_in;
        size_t scratch_floats;
        size_t columns; /* elements of all windows, behind the primitive's own scratch memory; 0: none are wanted */
        hedge_onednn_packed_t *weights, *bias;
        hedge_onednn_call_t *_Atomic idle; /* of the last call */
} prepared_t;

static int open_onednn(hedge_kernels_t *kernels)
{
        hedge_onednn_state_t *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        pthread_mutex_init(&s->lock, NULL);
        kernels->state = s;
        return 0;
}

static void close_onednn(hedge_kernels_t *kernels)
{
        hedge_onednn_state_t *s = kernels->state;

        if (!s)
                return;
        hedge_onednn_contexts_free(s);
        if (s->engine)
                dnnl_engine_destroy(s->engine);
        pthread_mutex_destroy(&s->lock);
        free(s);
        kernels->state = NULL;
}

static int pack_constants(hedge_kernel_t *k, prepared_t *p, dnnl_engine_t engine, dnnl_primitive_desc_t pd,
                          const hedge_onednn_words_t *words, const float *const *constants)
{
        const dnnl_memory_desc_t *weights = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        size_t bias = 0;
        int r = 0;

        if (!weights)
                return HEDGE_EKERNEL;
        p->weights = hedge_onednn_packed_take(k->packs, k->filter, 0, &words->weights, weights);
        if (!p->weights)
                r = hedge_onednn_packed_new(k->kernels->state, engine, k->packs, k->filter, 0, &words->weights,
                                            constants[1], weights, &p->weights, &k->bytes);
        if (r == 0 && words->bias.ndims)
                r = hedge_onednn_packed_new(k->kernels->state, engine, NULL, NULL, 0, &words->bias, constants[2],
                                            &words->bias, &p->bias, &bias);
        k->bytes += bias;
        k->packed = true;
        return r;
}

static int prepare_onednn(hedge_kernel_t *k, const float *const *constants)
{
        dnnl_primitive_desc_t pd = NULL;
        hedge_onednn_words_t words;
        dnnl_engine_t engine = NULL;
        prepared_t *p;
        int r = hedge_onednn_describe(k, &words);

        if (r == 0)
                r = hedge_onednn_engine(k->kernels->state, &engine);
        if (r < 0)
                return r;
        k->state = p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        hedge_onednn_use_threads(k->threads);
        r = hedge_onednn_choose(k, engine, &words, &pd);
        if (r < 0)
                return r;
        memcpy(p->in, words.in, sizeof(p->in));
        memcpy(p->args, words.args, sizeof(p->args));
        p->n_in = words.n_in;
        p->out = words.out;
        p->scratch_floats = hedge_onednn_scratch(pd, &p->scratch);
        p->columns = words.columns ? hedge_onednn_columns(k) : 0;
        r = hedge_onednn_error(dnnl_primitive_create(&p->primitive, pd));
        if (r == 0 && words.weights.ndims)
                r = pack_constants(k, p, engine, pd, &words, constants);
        dnnl_primitive_desc_destroy(pd);
        return r;
}

static void release_onednn(hedge_kernel_t *k)
{
        prepared_t *p = k->state;

        if (!p)
                return;
        hedge_onednn_call_free(p->idle);
        if (p->primitive)
                dnnl_primitive_destroy(p->primitive);
        hedge_onednn_packed_release(k->packs, &p->weights);
        hedge_onednn_packed_release(NULL, &p->bias);
        free(p);
        k->state = NULL;
        k->bytes = 0;
}

static int make_call(const prepared_t *p, dnnl_engine_t engine, hedge_onednn_call_t **ret)
{
        hedge_onednn_call_t *call = calloc(1, sizeof(*call));
        int r = call ? 0 : -ENOMEM;

        for (unsigned i = 0; r == 0 && i < p->n_in; i++)
                r = hedge_onednn_call_add(call, engine, p->args[i], &p->in[i]);
        if (r == 0)
                r = hedge_onednn_call_add(call, engine, DNNL_ARG_DST, &p->out);
        if (r == 0 && p->scratch_floats)
                r = hedge_onednn_call_add(call, engine, DNNL_ARG_SCRATCHPAD, &p->scratch);
        if (r < 0) {
                hedge_onednn_call_free(call);
                return r;
        }
        hedge_onednn_call_keep(call, DNNL_ARG_WEIGHTS, p->weights ? p->weights->memory : NULL);
        hedge_onednn_call_keep(call, DNNL_ARG_BIAS, p->bias ? p->bias->memory : NULL);
        *ret = call;
        return 0;
}

static int run_onednn(hedge_kernel_t *k, const float *const *in, float *out)
{
        const float *data[HEDGE_ONEDNN_MAX_ARGS] = { NULL };
        prepared_t *p = k->state;
        hedge_onednn_state_t *s = k->kernels->state;
        hedge_onednn_call_t *call = atomic_exchange(&p->idle, NULL);
        hedge_onednn_context_t *c = NULL;
        hedge_scratch_t *scratch = NULL;
        int r = hedge_onednn_context_take(s, &c);

        if (r == 0 && p->scratch_floats + p->columns)
                r = hedge_scratch_take(k->kernels, p->scratch_floats + p->columns, &scratch);
        hedge_onednn_use_threads(k->threads);
        if (r == 0 && !call)
                r = make_call(p, s->engine, &call);
        if (r == 0) {
                memcpy(data, in, p->n_in * sizeof(data[0]));
                if (p->columns) {
                        hedge_onednn_columns_fill(k, in[0], scratch->floats + p->scratch_floats);
                        data[0] = scratch->floats + p->scratch_floats;
                }
                data[p->n_in] = out;
                data[p->n_in + 1] = scratch ? scratch->floats : NULL;
                r = hedge_onednn_call_run(call, p->primitive, data, c);
        }
        if (scratch)
                hedge_scratch_give(k->kernels, scratch);
        if (c)
                hedge_onednn_context_give(s, c);
        hedge_onednn_call_free(atomic_exchange(&p->idle, call));
        return r;
}

const hedge_backend_t hedge_backend_onednn = {
        .build = HEDGE_BACKEND_BUILD,
        .name = "onednn",
        .slack = 0,
        .conv_error = HEDGE_CONV_ERROR,
        .products = &hedge_products_onednn,
        .open = open_onednn,
        .close = close_onednn,
        .prepare = prepare_onednn,
        .run = run_onednn,
        .release = release_onednn,
        .spread = hedge_onednn_spread,
};
