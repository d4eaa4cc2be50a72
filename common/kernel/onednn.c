/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/onednn_choose.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* From libgomp, which Debian's oneDNN computes with; <omp.h> comes with one compiler only. */
extern void omp_set_num_threads(int threads);

#define MAX_ARGS 6

/* What one running call needs: kept from call to call, shared by all kernels of a back end. */
typedef struct context {
        struct context *next;
        dnnl_stream_t stream;
        float *scratch;
        size_t scratch_bytes;
} context_t;

typedef struct state {
        pthread_mutex_t lock;
        dnnl_engine_t engine; /* made with the first kernel: a board without shares should stay small */
        context_t *idle;
} state_t;

/* The arguments of one call: those given at run time first, in order: inputs, output, scratch memory. */
typedef struct call {
        int n, given;
        dnnl_exec_arg_t arg[MAX_ARGS];
} call_t;

typedef struct prepared {
        dnnl_primitive_t primitive;
        dnnl_memory_desc_t in[2], out, scratch;
        int args[2];
        unsigned n_in;
        size_t scratch_bytes;
        dnnl_memory_t weights, bias;
        float *weights_data, *bias_data;
        call_t *_Atomic idle; /* of the last call: making memory objects takes longer than a small kernel */
} prepared_t;

static int open_onednn(hedge_kernels_t *kernels)
{
        state_t *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        pthread_mutex_init(&s->lock, NULL);
        kernels->state = s;
        return 0;
}

static void context_free(context_t *c)
{
        if (c->stream)
                dnnl_stream_destroy(c->stream);
        free(c->scratch);
        free(c);
}

static void close_onednn(hedge_kernels_t *kernels)
{
        state_t *s = kernels->state;

        if (!s)
                return;
        while (s->idle) {
                context_t *c = s->idle;

                s->idle = c->next;
                context_free(c);
        }
        if (s->engine)
                dnnl_engine_destroy(s->engine);
        pthread_mutex_destroy(&s->lock);
        free(s);
        kernels->state = NULL;
}

/* The number of threads belongs to the calling thread, so each caller sets it: the same when the primitive is made
 * and whenever it runs. */
static void use_threads(const hedge_kernel_t *k)
{
        omp_set_num_threads((int)k->threads);
}

static int engine_of(state_t *s, dnnl_engine_t *ret)
{
        int r = 0;

        pthread_mutex_lock(&s->lock);
        if (!s->engine)
                r = hedge_onednn_error(dnnl_engine_create(&s->engine, dnnl_cpu, 0));
        *ret = s->engine;
        pthread_mutex_unlock(&s->lock);
        return r;
}

static int context_take(state_t *s, size_t scratch_bytes, context_t **ret)
{
        context_t *c;
        int r = 0;

        pthread_mutex_lock(&s->lock);
        c = s->idle;
        if (c)
                s->idle = c->next;
        pthread_mutex_unlock(&s->lock);
        if (!c) {
                c = calloc(1, sizeof(*c));
                if (!c)
                        return -ENOMEM;
                r = hedge_onednn_error(dnnl_stream_create(&c->stream, s->engine, dnnl_stream_default_flags));
        }
        if (r == 0 && c->scratch_bytes < scratch_bytes) {
                free(c->scratch);
                c->scratch = hedge_floats_new((scratch_bytes + sizeof(float) - 1) / sizeof(float));
                c->scratch_bytes = c->scratch ? scratch_bytes : 0;
                r = c->scratch ? 0 : -ENOMEM;
        }
        if (r < 0) {
                context_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

static void context_give(state_t *s, context_t *c)
{
        pthread_mutex_lock(&s->lock);
        c->next = s->idle;
        s->idle = c;
        pthread_mutex_unlock(&s->lock);
}

/* Brings constant data into the layout that the primitive wants; both memories are the caller's to free. */
static int pack(state_t *s, dnnl_engine_t engine, const dnnl_memory_desc_t *from, const float *data,
                const dnnl_memory_desc_t *to, float **ret_data, dnnl_memory_t *ret)
{
        size_t bytes = dnnl_memory_desc_get_size(to);
        dnnl_memory_t source = NULL;
        dnnl_primitive_desc_t pd = NULL;
        dnnl_primitive_t reorder = NULL;
        dnnl_exec_arg_t args[2];
        context_t *c = NULL;
        int r;

        *ret_data = hedge_floats_new((bytes + sizeof(float) - 1) / sizeof(float));
        if (!*ret_data)
                return -ENOMEM;
        r = hedge_onednn_error(dnnl_memory_create(ret, to, engine, *ret_data));
        if (r == 0) /* only read, but oneDNN's handles know no const */
                r = hedge_onednn_error(dnnl_memory_create(&source, from, engine, (void *)(uintptr_t)data));
        if (r == 0)
                r = hedge_onednn_error(dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, NULL));
        if (r == 0)
                r = hedge_onednn_error(dnnl_primitive_create(&reorder, pd));
        if (r == 0)
                r = context_take(s, 0, &c);
        if (r == 0) {
                args[0] = (dnnl_exec_arg_t){ DNNL_ARG_FROM, source };
                args[1] = (dnnl_exec_arg_t){ DNNL_ARG_TO, *ret };
                r = hedge_onednn_error(dnnl_primitive_execute(reorder, c->stream, 2, args));
                if (r == 0)
                        r = hedge_onednn_error(dnnl_stream_wait(c->stream));
                context_give(s, c);
        }
        if (reorder)
                dnnl_primitive_destroy(reorder);
        if (pd)
                dnnl_primitive_desc_destroy(pd);
        if (source)
                dnnl_memory_destroy(source);
        return r;
}

static int pack_constants(hedge_kernel_t *k, prepared_t *p, dnnl_engine_t engine, dnnl_primitive_desc_t pd,
                          const hedge_onednn_words_t *words, const float *const *constants)
{
        const dnnl_memory_desc_t *weights = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        int r;

        if (!weights)
                return HEDGE_EKERNEL;
        r = pack(k->kernels->state, engine, &words->weights, constants[1], weights, &p->weights_data, &p->weights);
        k->bytes = dnnl_memory_desc_get_size(weights);
        if (r == 0 && words->bias.ndims) {
                r = pack(k->kernels->state, engine, &words->bias, constants[2], &words->bias, &p->bias_data, &p->bias);
                k->bytes += dnnl_memory_desc_get_size(&words->bias);
        }
        k->packed = true;
        return r;
}

static int prepare_onednn(hedge_kernel_t *k, const float *const *constants)
{
        const dnnl_memory_desc_t *scratch;
        dnnl_primitive_desc_t pd = NULL;
        hedge_onednn_words_t words;
        dnnl_engine_t engine = NULL;
        prepared_t *p;
        int r = hedge_onednn_describe(k, &words);

        if (r == 0)
                r = engine_of(k->kernels->state, &engine);
        if (r < 0)
                return r;
        k->state = p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        use_threads(k);
        r = hedge_onednn_choose(k, engine, &words, &pd);
        if (r < 0)
                return r;
        memcpy(p->in, words.in, sizeof(p->in));
        memcpy(p->args, words.args, sizeof(p->args));
        p->n_in = words.n_in;
        p->out = words.out;
        scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
        if (scratch)
                p->scratch = *scratch;
        p->scratch_bytes = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
        r = hedge_onednn_error(dnnl_primitive_create(&p->primitive, pd));
        if (r == 0 && words.weights.ndims)
                r = pack_constants(k, p, engine, pd, &words, constants);
        dnnl_primitive_desc_destroy(pd);
        return r;
}

static void call_free(call_t *call)
{
        if (!call)
                return;
        for (int i = 0; i < call->given; i++)
                dnnl_memory_destroy(call->arg[i].memory);
        free(call);
}

static void release_onednn(hedge_kernel_t *k)
{
        prepared_t *p = k->state;

        if (!p)
                return;
        call_free(atomic_load(&p->idle));
        if (p->primitive)
                dnnl_primitive_destroy(p->primitive);
        if (p->weights)
                dnnl_memory_destroy(p->weights);
        if (p->bias)
                dnnl_memory_destroy(p->bias);
        free(p->weights_data);
        free(p->bias_data);
        free(p);
        k->state = NULL;
        k->bytes = 0;
}

static int add_given(call_t *call, dnnl_engine_t engine, int which, const dnnl_memory_desc_t *md)
{
        dnnl_memory_t memory;
        int r = hedge_onednn_error(dnnl_memory_create(&memory, md, engine, DNNL_MEMORY_NONE));

        if (r == 0)
                call->arg[call->given++] = (dnnl_exec_arg_t){ which, memory };
        return r;
}

static int call_new(const prepared_t *p, dnnl_engine_t engine, call_t **ret)
{
        call_t *call = calloc(1, sizeof(*call));
        int r = call ? 0 : -ENOMEM;

        for (unsigned i = 0; r == 0 && i < p->n_in; i++)
                r = add_given(call, engine, p->args[i], &p->in[i]);
        if (r == 0)
                r = add_given(call, engine, DNNL_ARG_DST, &p->out);
        if (r == 0 && p->scratch_bytes)
                r = add_given(call, engine, DNNL_ARG_SCRATCHPAD, &p->scratch);
        if (r < 0) {
                call_free(call);
                return r;
        }
        call->n = call->given;
        if (p->weights)
                call->arg[call->n++] = (dnnl_exec_arg_t){ DNNL_ARG_WEIGHTS, p->weights };
        if (p->bias)
                call->arg[call->n++] = (dnnl_exec_arg_t){ DNNL_ARG_BIAS, p->bias };
        *ret = call;
        return 0;
}

static int call_point(call_t *call, const prepared_t *p, const float *const *in, float *out, float *scratch)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < p->n_in; i++) /* only read, but oneDNN's handles know no const */
                r = hedge_onednn_error(dnnl_memory_set_data_handle(call->arg[i].memory, (void *)(uintptr_t)in[i]));
        if (r == 0)
                r = hedge_onednn_error(dnnl_memory_set_data_handle(call->arg[p->n_in].memory, out));
        if (r == 0 && p->scratch_bytes)
                r = hedge_onednn_error(dnnl_memory_set_data_handle(call->arg[p->n_in + 1].memory, scratch));
        return r;
}

static int run_onednn(hedge_kernel_t *k, const float *const *in, float *out)
{
        prepared_t *p = k->state;
        state_t *s = k->kernels->state;
        call_t *call = atomic_exchange(&p->idle, NULL);
        context_t *c;
        int r = context_take(s, p->scratch_bytes, &c);

        if (r < 0) {
                call_free(call);
                return r;
        }
        use_threads(k);
        if (!call)
                r = call_new(p, s->engine, &call);
        if (r == 0)
                r = call_point(call, p, in, out, c->scratch);
        if (r == 0)
                r = hedge_onednn_error(dnnl_primitive_execute(p->primitive, c->stream, call->n, call->arg));
        if (r == 0)
                r = hedge_onednn_error(dnnl_stream_wait(c->stream));
        context_give(s, c);
        call_free(atomic_exchange(&p->idle, call));
        return r == HEDGE_EUNSUPPORTED ? HEDGE_EKERNEL : r;
}

const hedge_backend_t hedge_backend_onednn = {
        .name = "onednn",
        .slack = 0,
        .conv_error = 4e-6,
        .open = open_onednn,
        .close = close_onednn,
        .prepare = prepare_onednn,
        .run = run_onednn,
        .release = release_onednn,
};
