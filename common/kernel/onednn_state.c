/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/onednn_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/onednn_describe.h"
#include "common/kernel/team.h"

/* From libgomp, which Debian's oneDNN computes with; <omp.h> comes with one compiler only. */
extern void omp_set_num_threads(int threads);
extern void GOMP_parallel(void (*work)(void *data), void *data, unsigned threads, unsigned flags);

void hedge_onednn_use_threads(unsigned threads)
{
        omp_set_num_threads((int)threads);
}

static void context_free(hedge_onednn_context_t *c)
{
        if (c->stream)
                dnnl_stream_destroy(c->stream);
        free(c);
}

void hedge_onednn_contexts_free(hedge_onednn_state_t *s)
{
        while (s->idle) {
                hedge_onednn_context_t *c = s->idle;

                s->idle = c->next;
                context_free(c);
        }
}

int hedge_onednn_engine(hedge_onednn_state_t *s, dnnl_engine_t *ret)
{
        int r = 0;

        pthread_mutex_lock(&s->lock);
        if (!s->engine)
                r = hedge_onednn_error(dnnl_engine_create(&s->engine, dnnl_cpu, 0));
        *ret = s->engine;
        pthread_mutex_unlock(&s->lock);
        return r;
}

int hedge_onednn_context_take(hedge_onednn_state_t *s, hedge_onednn_context_t **ret)
{
        hedge_onednn_context_t *c;
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
        if (r < 0) {
                context_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

void hedge_onednn_context_give(hedge_onednn_state_t *s, hedge_onednn_context_t *c)
{
        pthread_mutex_lock(&s->lock);
        c->next = s->idle;
        s->idle = c;
        pthread_mutex_unlock(&s->lock);
}

int hedge_onednn_pack(hedge_onednn_state_t *s, dnnl_engine_t engine, const dnnl_memory_desc_t *from, const float *data,
                      const dnnl_memory_desc_t *to, float **ret_data, dnnl_memory_t *ret)
{
        size_t bytes = dnnl_memory_desc_get_size(to);
        dnnl_memory_t source = NULL;
        dnnl_primitive_desc_t pd = NULL;
        dnnl_primitive_t reorder = NULL;
        dnnl_exec_arg_t args[2];
        hedge_onednn_context_t *c = NULL;
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
                r = hedge_onednn_context_take(s, &c);
        if (r == 0) {
                args[0] = (dnnl_exec_arg_t){ DNNL_ARG_FROM, source };
                args[1] = (dnnl_exec_arg_t){ DNNL_ARG_TO, *ret };
                r = hedge_onednn_error(dnnl_primitive_execute(reorder, c->stream, 2, args));
                if (r == 0)
                        r = hedge_onednn_error(dnnl_stream_wait(c->stream));
                hedge_onednn_context_give(s, c);
        }
        if (reorder)
                dnnl_primitive_destroy(reorder);
        if (pd)
                dnnl_primitive_desc_destroy(pd);
        if (source)
                dnnl_memory_destroy(source);
        return r;
}

typedef struct form {
        dnnl_memory_desc_t from, to;
} form_t;

static form_t form_of(const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to)
{
        form_t form;

        memset(&form, 0, sizeof(form)); /* it is compared as bytes */
        memcpy(&form.from, from, sizeof(*from));
        memcpy(&form.to, to, sizeof(*to));
        return form;
}

hedge_onednn_packed_t *hedge_onednn_packed_take(hedge_packs_t *packs, const void *name, uint32_t which,
                                                const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to)
{
        const form_t form = form_of(from, to);

        return packs ? hedge_packs_take(packs, &(hedge_pack_key_t){ name, which, &form, sizeof(form) }) : NULL;
}

static void free_packed(void *object)
{
        hedge_onednn_packed_t *packed = object;

        if (packed->memory)
                dnnl_memory_destroy(packed->memory);
        free(packed->data);
        free(packed);
}

int hedge_onednn_packed_new(hedge_onednn_state_t *state, dnnl_engine_t engine, hedge_packs_t *packs, const void *name,
                            uint32_t which, const dnnl_memory_desc_t *from, const float *data,
                            const dnnl_memory_desc_t *to, hedge_onednn_packed_t **ret, size_t *ret_own)
{
        const form_t form = form_of(from, to);
        hedge_onednn_packed_t *packed = calloc(1, sizeof(*packed));
        int r;

        if (!packed)
                return -ENOMEM;
        packed->bytes = dnnl_memory_desc_get_size(to);
        r = hedge_onednn_pack(state, engine, from, data, to, &packed->data, &packed->memory);
        if (r == 0 && packs)
                r = hedge_packs_put(packs, &(hedge_pack_key_t){ name, which, &form, sizeof(form) }, packed,
                                    packed->bytes, free_packed);
        if (r < 0) {
                free_packed(packed);
                return r;
        }
        *ret = packed;
        *ret_own = packs ? 0 : packed->bytes;
        return 0;
}

void hedge_onednn_packed_release(hedge_packs_t *packs, hedge_onednn_packed_t **packed)
{
        if (!*packed)
                return;
        if (packs)
                hedge_packs_give(packs, *packed);
        else
                free_packed(*packed);
        *packed = NULL;
}

int hedge_onednn_attributes(dnnl_primitive_attr_t *ret)
{
        dnnl_primitive_attr_t attr;
        int r = hedge_onednn_error(dnnl_primitive_attr_create(&attr));

        if (r < 0)
                return r;
        r = hedge_onednn_error(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
        if (r < 0)
                dnnl_primitive_attr_destroy(attr);
        else
                *ret = attr;
        return r;
}

const char *hedge_onednn_implementation(dnnl_primitive_desc_t pd)
{
        const char *name = NULL;

        return dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name) == dnnl_success && name
                       ? name
                       : "ref";
}

bool hedge_onednn_is_reference(dnnl_primitive_desc_t pd)
{
        return !strncmp(hedge_onednn_implementation(pd), "ref", 3);
}

size_t hedge_onednn_scratch(dnnl_primitive_desc_t pd, dnnl_memory_desc_t *ret)
{
        const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
        const size_t bytes = scratch ? dnnl_memory_desc_get_size(scratch) : 0;

        if (bytes)
                *ret = *scratch;
        return (bytes + HEDGE_ALIGNMENT - 1) / HEDGE_ALIGNMENT * (HEDGE_ALIGNMENT / sizeof(float));
}

int hedge_onednn_call_add(hedge_onednn_call_t *call, dnnl_engine_t engine, int which, const dnnl_memory_desc_t *md)
{
        dnnl_memory_t memory;
        int r = hedge_onednn_error(dnnl_memory_create(&memory, md, engine, DNNL_MEMORY_NONE));

        if (r == 0) {
                call->arg[call->n++] = (dnnl_exec_arg_t){ which, memory };
                call->given = call->n;
        }
        return r == HEDGE_EUNSUPPORTED ? HEDGE_EKERNEL : r;
}

void hedge_onednn_call_keep(hedge_onednn_call_t *call, int which, dnnl_memory_t memory)
{
        if (memory)
                call->arg[call->n++] = (dnnl_exec_arg_t){ which, memory };
}

int hedge_onednn_call_run(hedge_onednn_call_t *call, dnnl_primitive_t primitive, const float *const *data,
                          hedge_onednn_context_t *context)
{
        int r = 0;

        for (int i = 0; r == 0 && i < call->given; i++)
                r = hedge_onednn_error(dnnl_memory_set_data_handle(call->arg[i].memory, (void *)(uintptr_t)data[i]));
        if (r == 0)
                r = hedge_onednn_error(dnnl_primitive_execute(primitive, context->stream, call->n, call->arg));
        if (r == 0)
                r = hedge_onednn_error(dnnl_stream_wait(context->stream));
        return r == HEDGE_EUNSUPPORTED ? HEDGE_EKERNEL : r;
}

void hedge_onednn_call_free(hedge_onednn_call_t *call)
{
        if (!call)
                return;
        for (int i = 0; i < call->given; i++)
                dnnl_memory_destroy(call->arg[i].memory);
        free(call);
}

static void work_with_others(void *team)
{
        hedge_team_work(team);
}

void hedge_onednn_spread(hedge_kernel_t *k, size_t count, void (*work)(void *arg, size_t i), void *arg)
{
        hedge_team_t team;

        hedge_team_begin(&team, work, arg, count);
        if (k->threads > 1 && count > 1)
                GOMP_parallel(work_with_others, &team, k->threads, 0);
        else
                hedge_team_work(&team);
        hedge_team_end(&team);
}
