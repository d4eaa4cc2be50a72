/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/products.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/kernel/onednn_describe.h"
#include "common/kernel/onednn_state.h"
#include "common/kernel/scratch.h"

/* Each product is a 1x1 convolution over a picture of one row: those are oneDNN's fastest products with packed filters on
 * AVX2 and on AVX-512 (./dev bench kernel; its matmul packs anew in every call on AVX2). */

typedef struct right {
        hedge_onednn_packed_t *packed;
        hedge_onednn_call_t *_Atomic idle; /* of the last call */
} right_t;

typedef struct state {
        dnnl_primitive_t primitive;
        dnnl_memory_desc_t in, out, as_given, packed, scratch;
        size_t scratch_floats;
        right_t rights[];
} state_t;

static dnnl_status_t describe(const hedge_products_t *p, state_t *s, dnnl_convolution_desc_t *ret)
{
        const dnnl_dim_t rows = (dnnl_dim_t)p->rows, depth = (dnnl_dim_t)p->depth, columns = (dnnl_dim_t)p->columns;
        dnnl_dims_t in = { 1, depth, 1, rows }, out = { 1, columns, 1, rows }, right = { columns, depth, 1, 1 };
        dnnl_dims_t strides = { depth, 1, 1, 1 }, step = { 1, 1 }, none = { 0, 0 };
        dnnl_memory_desc_t any;
        dnnl_status_t status = dnnl_memory_desc_init_by_tag(&s->in, 4, in, dnnl_f32, dnnl_nhwc);

        if (status == dnnl_success)
                status = dnnl_memory_desc_init_by_tag(&s->out, 4, out, dnnl_f32, dnnl_nhwc);
        if (status == dnnl_success)
                status = dnnl_memory_desc_init_by_strides(&s->as_given, 4, right, dnnl_f32, strides);
        if (status == dnnl_success)
                status = dnnl_memory_desc_init_by_tag(&any, 4, right, dnnl_f32, dnnl_format_tag_any);
        if (status == dnnl_success)
                status = dnnl_convolution_forward_desc_init(ret, dnnl_forward_inference, dnnl_convolution_direct,
                                                            &s->in, &any, NULL, &s->out, step, none, none);
        return status;
}

static int make_primitive(state_t *s, dnnl_engine_t engine, const dnnl_convolution_desc_t *desc)
{
        dnnl_primitive_attr_t attr;
        dnnl_primitive_desc_t pd = NULL;
        int r = hedge_onednn_attributes(&attr);

        if (r < 0)
                return r;
        r = hedge_onednn_error(dnnl_primitive_desc_create(&pd, desc, attr, engine, NULL));
        dnnl_primitive_attr_destroy(attr);
        if (r < 0)
                return r;
        s->packed = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        s->scratch_floats = hedge_onednn_scratch(pd, &s->scratch);
        r = hedge_onednn_is_reference(pd) ? HEDGE_EUNSUPPORTED
                                          : hedge_onednn_error(dnnl_primitive_create(&s->primitive, pd));
        dnnl_primitive_desc_destroy(pd);
        return r;
}

static int open_products(hedge_products_t *p)
{
        dnnl_convolution_desc_t desc;
        dnnl_engine_t engine;
        state_t *s = p->state = calloc(1, sizeof(*s) + p->count * sizeof(s->rights[0]));
        int r = s ? hedge_onednn_engine(p->kernels->state, &engine) : -ENOMEM;

        if (r < 0)
                return r;
        hedge_onednn_use_threads(1);
        r = hedge_onednn_error(describe(p, s, &desc));
        return r < 0 ? r : make_primitive(s, engine, &desc);
}

static void close_products(hedge_products_t *p)
{
        state_t *s = p->state;

        if (!s)
                return;
        for (unsigned i = 0; i < p->count; i++) {
                hedge_onednn_call_free(s->rights[i].idle);
                hedge_onednn_packed_release(p->packs, &s->rights[i].packed);
        }
        if (s->primitive)
                dnnl_primitive_destroy(s->primitive);
        free(s);
        p->state = NULL;
}

static bool take_product(hedge_products_t *p, unsigned which)
{
        state_t *s = p->state;

        s->rights[which].packed =
                hedge_onednn_packed_take(p->packs, p->name, p->first + which, &s->as_given, &s->packed);
        return s->rights[which].packed;
}

static int pack_product(hedge_products_t *p, unsigned which, const float *w)
{
        hedge_onednn_state_t *backend = p->kernels->state;
        state_t *s = p->state;
        size_t own = 0;
        int r = hedge_onednn_packed_new(backend, backend->engine, p->packs, p->name, p->first + which, &s->as_given, w,
                                        &s->packed, &s->rights[which].packed, &own);

        p->bytes += own;
        return r;
}

static int make_call(const state_t *s, dnnl_engine_t engine, const right_t *right, hedge_onednn_call_t **ret)
{
        hedge_onednn_call_t *call = calloc(1, sizeof(*call));
        int r = call ? hedge_onednn_call_add(call, engine, DNNL_ARG_SRC, &s->in) : -ENOMEM;

        if (r == 0)
                r = hedge_onednn_call_add(call, engine, DNNL_ARG_DST, &s->out);
        if (r == 0 && s->scratch_floats)
                r = hedge_onednn_call_add(call, engine, DNNL_ARG_SCRATCHPAD, &s->scratch);
        if (r < 0) {
                hedge_onednn_call_free(call);
                return r;
        }
        hedge_onednn_call_keep(call, DNNL_ARG_WEIGHTS, right->packed->memory);
        *ret = call;
        return 0;
}

static int run_product(hedge_products_t *p, unsigned which, const float *in, float *out)
{
        hedge_onednn_state_t *backend = p->kernels->state;
        state_t *s = p->state;
        right_t *right = &s->rights[which];
        hedge_onednn_call_t *call = atomic_exchange(&right->idle, NULL);
        hedge_onednn_context_t *c = NULL;
        hedge_scratch_t *scratch = NULL;
        int r = hedge_onednn_context_take(backend, &c);

        if (r == 0 && s->scratch_floats)
                r = hedge_scratch_take(p->kernels, s->scratch_floats, &scratch);
        hedge_onednn_use_threads(1);
        if (r == 0 && !call)
                r = make_call(s, backend->engine, right, &call);
        if (r == 0)
                r = hedge_onednn_call_run(call, s->primitive,
                                          (const float *[]){ in, out, scratch ? scratch->floats : NULL }, c);
        if (scratch)
                hedge_scratch_give(p->kernels, scratch);
        if (c)
                hedge_onednn_context_give(backend, c);
        hedge_onednn_call_free(atomic_exchange(&right->idle, call));
        return r;
}

const hedge_products_ops_t hedge_products_onednn = {
        .costs = { { 8, 8, 4000 }, { 10, 12, 12000 }, { 16, 25, 25000 } }, /* a call takes 0.2 us */
        .open = open_products,
        .close = close_products,
        .take = take_product,
        .pack = pack_product,
        .run = run_product,
};
