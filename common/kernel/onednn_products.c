/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/products.h"

#include <errno.h>
#include <stdlib.h>

#include "common/kernel/onednn_describe.h"
#include "common/kernel/onednn_state.h"

/* Each product is a 1x1 convolution over a picture of one row: those are oneDNN's fastest products with packed filters on
 * AVX2 and on AVX-512 (./dev bench kernel; its matmul packs anew in every call on AVX2). */

typedef struct right {
        dnnl_memory_t memory;
        float *data;
} right_t;

typedef struct state {
        dnnl_primitive_t primitive;
        dnnl_memory_desc_t in, out, as_given, packed, scratch;
        size_t scratch_bytes;
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
        const dnnl_memory_desc_t *scratch;
        dnnl_primitive_attr_t attr;
        dnnl_primitive_desc_t pd = NULL;
        int r = hedge_onednn_error(dnnl_primitive_attr_create(&attr));

        if (r < 0)
                return r;
        r = hedge_onednn_error(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
        if (r == 0)
                r = hedge_onednn_error(dnnl_primitive_desc_create(&pd, desc, attr, engine, NULL));
        dnnl_primitive_attr_destroy(attr);
        if (r < 0)
                return r;
        s->packed = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
        if (scratch)
                s->scratch = *scratch;
        s->scratch_bytes = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
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
                if (s->rights[i].memory)
                        dnnl_memory_destroy(s->rights[i].memory);
                free(s->rights[i].data);
        }
        if (s->primitive)
                dnnl_primitive_destroy(s->primitive);
        free(s);
        p->state = NULL;
}

static int pack_product(hedge_products_t *p, unsigned which, const float *w)
{
        hedge_onednn_state_t *backend = p->kernels->state;
        state_t *s = p->state;

        p->bytes += dnnl_memory_desc_get_size(&s->packed);
        return hedge_onednn_pack(backend, backend->engine, &s->as_given, w, &s->packed, &s->rights[which].data,
                                 &s->rights[which].memory);
}

static int run_product(hedge_products_t *p, unsigned which, const float *in, float *out)
{
        hedge_onednn_state_t *backend = p->kernels->state;
        const state_t *s = p->state;
        hedge_onednn_args_t args = { .n = 0 };
        hedge_onednn_context_t *c;
        int r = hedge_onednn_context_take(backend, s->scratch_bytes, &c);

        if (r < 0)
                return r;
        r = hedge_onednn_args_add(&args, backend->engine, DNNL_ARG_SRC, &s->in, in);
        if (r == 0)
                r = hedge_onednn_args_add(&args, backend->engine, DNNL_ARG_DST, &s->out, out);
        if (r == 0 && s->scratch_bytes)
                r = hedge_onednn_args_add(&args, backend->engine, DNNL_ARG_SCRATCHPAD, &s->scratch, c->scratch);
        if (r == 0)
                r = hedge_onednn_args_run(&args, s->primitive, s->rights[which].memory, NULL, c);
        hedge_onednn_args_release(&args);
        hedge_onednn_context_give(backend, c);
        return r;
}

const hedge_products_ops_t hedge_products_onednn = {
        .costs = { { 8, 8, 8000 }, { 12, 7, 28000 }, { 24, 14, 58000 } }, /* a call takes 0.45 us */
        .open = open_products,
        .close = close_products,
        .pack = pack_product,
        .run = run_product,
};
