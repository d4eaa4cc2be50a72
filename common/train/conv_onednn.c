/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/conv_onednn.h"

#include <dnnl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/onednn_state.h"

#define MAX_ARGS 4

/* One product, and the reorder of weights before it (forward, by the input) or after it (by the weights). */
typedef struct product {
        dnnl_primitive_t primitive, reorder;
        dnnl_memory_t weights; /* in the layout that the primitive likes; its own memory */
} product_t;

/* All that is made for one batch size. */
typedef struct prepared {
        uint32_t batch; /* 0: nothing yet */
        int result;     /* of making it */
        product_t forward, by_input, by_weights;
        dnnl_memory_t x, y, plain, bias; /* descriptions for the caller's memory: also of its gradients */
} prepared_t;

struct hedge_conv_onednn {
        const hedge_layer_t *layer;
        dnnl_engine_t engine;
        dnnl_stream_t stream;
        prepared_t prepared[2]; /* for evaluation, for training: a job goes to and fro between the two */
};

static int code_of(dnnl_status_t status)
{
        return status == dnnl_success ? 0 : status == dnnl_out_of_memory ? -ENOMEM : HEDGE_EKERNEL;
}

static void drop_memory(dnnl_memory_t *memory)
{
        if (*memory)
                dnnl_memory_destroy(*memory);
        *memory = NULL;
}

static void drop_product(product_t *p)
{
        if (p->primitive)
                dnnl_primitive_destroy(p->primitive);
        if (p->reorder)
                dnnl_primitive_destroy(p->reorder);
        drop_memory(&p->weights);
        *p = (product_t){ NULL, NULL, NULL };
}

static void drop(prepared_t *p)
{
        drop_product(&p->forward);
        drop_product(&p->by_input);
        drop_product(&p->by_weights);
        drop_memory(&p->x);
        drop_memory(&p->y);
        drop_memory(&p->plain);
        drop_memory(&p->bias);
        p->batch = 0;
}

int hedge_conv_onednn_new(const hedge_layer_t *layer, hedge_conv_onednn_t **ret)
{
        hedge_conv_onednn_t *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->layer = layer;
        r = code_of(dnnl_engine_create(&c->engine, dnnl_cpu, 0));
        if (r == 0)
                r = code_of(dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags));
        if (r < 0)
                hedge_conv_onednn_destroy(&c);
        else
                *ret = c;
        return r;
}

void hedge_conv_onednn_destroy(hedge_conv_onednn_t **conv)
{
        hedge_conv_onednn_t *c = *conv;

        if (!c)
                return;
        drop(&c->prepared[0]);
        drop(&c->prepared[1]);
        if (c->stream)
                dnnl_stream_destroy(c->stream);
        if (c->engine)
                dnnl_engine_destroy(c->engine);
        free(c);
        *conv = NULL;
}

/* The convolution in oneDNN's words. */
typedef struct words {
        dnnl_memory_desc_t x, y, plain, any, bias; /* weights as the caller has them, and as oneDNN likes */
        dnnl_dims_t stride, pad;
} words_t;

static int describe(const hedge_layer_t *l, uint32_t batch, words_t *w)
{
        const dnnl_dims_t x = { batch, l->x.c, l->x.h, l->x.w }, y = { batch, l->y.c, l->y.h, l->y.w };
        const dnnl_dims_t filter = { l->y.c, l->x.c, l->kernel, l->kernel }, bias = { l->y.c };
        int r;

        memset(w, 0, sizeof(*w));
        w->stride[0] = w->stride[1] = l->stride;
        w->pad[0] = w->pad[1] = l->pad;
        r = code_of(dnnl_memory_desc_init_by_tag(&w->x, 4, x, dnnl_f32, dnnl_nhwc));
        if (r == 0)
                r = code_of(dnnl_memory_desc_init_by_tag(&w->y, 4, y, dnnl_f32, dnnl_nhwc));
        if (r == 0)
                r = code_of(dnnl_memory_desc_init_by_tag(&w->plain, 4, filter, dnnl_f32, dnnl_ohwi));
        if (r == 0)
                r = code_of(dnnl_memory_desc_init_by_tag(&w->any, 4, filter, dnnl_f32, dnnl_format_tag_any));
        if (r == 0 && l->n_bias)
                r = code_of(dnnl_memory_desc_init_by_tag(&w->bias, 1, bias, dnnl_f32, dnnl_a));
        return r;
}

/* The reorder between the caller's weights and the product's. */
static int make_reorder(hedge_conv_onednn_t *c, const words_t *w, const dnnl_memory_desc_t *own, bool after,
                        product_t *p)
{
        const dnnl_memory_desc_t *from = after ? own : &w->plain, *to = after ? &w->plain : own;
        dnnl_primitive_desc_t pd = NULL;
        int r = code_of(dnnl_memory_create(&p->weights, own, c->engine, DNNL_MEMORY_ALLOCATE));

        if (r == 0)
                r = code_of(dnnl_reorder_primitive_desc_create(&pd, from, c->engine, to, c->engine, NULL));
        if (r == 0)
                r = code_of(dnnl_primitive_create(&p->reorder, pd));
        if (pd)
                dnnl_primitive_desc_destroy(pd);
        return r;
}

/* Its slow reference loops, and what it builds of copies and products, are no gain. */
static bool is_slow(dnnl_primitive_desc_t pd)
{
        const char *name = NULL;

        return dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name) != dnnl_success || !name ||
               strstr(name, "ref") || strstr(name, "gemm");
}

/* A product of a description; `hint` is the forward one's. Keeps the primitive's description in `ret_pd` if asked. */
static int make_product(hedge_conv_onednn_t *c, const words_t *w, const dnnl_convolution_desc_t *desc,
                        dnnl_primitive_desc_t hint, bool after, product_t *p, dnnl_primitive_desc_t *ret_pd)
{
        dnnl_primitive_desc_t pd = NULL;
        int r = code_of(dnnl_primitive_desc_create(&pd, desc, NULL, c->engine, hint));

        if (r < 0)
                return r;
        if (is_slow(pd))
                r = HEDGE_EUNSUPPORTED;
        if (r == 0)
                r = code_of(dnnl_primitive_create(&p->primitive, pd));
        if (r == 0)
                r = make_reorder(
                        c, w,
                        dnnl_primitive_desc_query_md(pd, after ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0),
                        after, p);
        if (r == 0 && ret_pd)
                *ret_pd = pd;
        else
                dnnl_primitive_desc_destroy(pd);
        return r;
}

static int make_products(hedge_conv_onednn_t *c, const words_t *w, bool training, prepared_t *p)
{
        const dnnl_memory_desc_t *bias = c->layer->n_bias ? &w->bias : NULL;
        dnnl_primitive_desc_t forward = NULL;
        dnnl_convolution_desc_t desc;
        int r = code_of(dnnl_convolution_forward_desc_init(&desc, dnnl_forward_training, dnnl_convolution_direct, &w->x,
                                                           &w->any, bias, &w->y, w->stride, w->pad, w->pad));

        if (r == 0)
                r = make_product(c, w, &desc, NULL, false, &p->forward, &forward);
        if (r < 0 || !training)
                goto out;
        r = code_of(dnnl_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, &w->x, &w->any, &w->y,
                                                             w->stride, w->pad, w->pad));
        if (r == 0)
                r = make_product(c, w, &desc, forward, false, &p->by_input, NULL);
        if (r == 0)
                r = code_of(dnnl_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, &w->x, &w->any,
                                                                        bias, &w->y, w->stride, w->pad, w->pad));
        if (r == 0)
                r = make_product(c, w, &desc, forward, true, &p->by_weights, NULL);
out:
        if (forward)
                dnnl_primitive_desc_destroy(forward);
        return r;
}

static int describe_memory(hedge_conv_onednn_t *c, const dnnl_memory_desc_t *desc, dnnl_memory_t *ret)
{
        return code_of(dnnl_memory_create(ret, desc, c->engine, DNNL_MEMORY_NONE));
}

/* On AVX2, oneDNN 2.6's gradient by the weights of a window of one pixel with a stride writes past its own scratch, into
 * the heap (jit_1x1:avx2). No processor is to do what others do not, so OpenBLAS takes such layers everywhere. */
static bool is_sound(const hedge_layer_t *l)
{
        return l->kernel > 1 || l->stride == 1;
}

static int make(hedge_conv_onednn_t *c, bool training, uint32_t batch, prepared_t *p)
{
        words_t w;
        int r = is_sound(c->layer) ? describe(c->layer, batch, &w) : HEDGE_EUNSUPPORTED;

        if (r == 0)
                r = make_products(c, &w, training, p);
        if (r == 0)
                r = describe_memory(c, &w.x, &p->x);
        if (r == 0)
                r = describe_memory(c, &w.y, &p->y);
        if (r == 0)
                r = describe_memory(c, &w.plain, &p->plain);
        if (r == 0 && c->layer->n_bias)
                r = describe_memory(c, &w.bias, &p->bias);
        return r;
}

/* What there is for this pass; the number of threads belongs to the calling thread, when code is made and when it runs. */
static int prepare(hedge_conv_onednn_t *c, const hedge_layer_pass_t *pass, prepared_t **ret)
{
        prepared_t *p = &c->prepared[pass->training];

        hedge_onednn_use_threads(1);
        if (p->batch != pass->batch) {
                drop(p);
                p->result = make(c, pass->training, pass->batch, p);
                if (p->result < 0)
                        drop(p);
                p->batch = pass->batch;
        }
        *ret = p;
        return p->result;
}

/* Lay a description over the caller's memory; oneDNN's handles know no const. */
static int point(dnnl_memory_t memory, const float *data)
{
        return memory ? code_of(dnnl_memory_set_data_handle(memory, (void *)(uintptr_t)data)) : 0;
}

static int reorder(hedge_conv_onednn_t *c, const product_t *p, dnnl_memory_t from, dnnl_memory_t to)
{
        const dnnl_exec_arg_t args[2] = { { DNNL_ARG_FROM, from }, { DNNL_ARG_TO, to } };

        return code_of(dnnl_primitive_execute(p->reorder, c->stream, 2, args));
}

int hedge_conv_onednn_forward(hedge_conv_onednn_t *c, const hedge_layer_pass_t *pass)
{
        const hedge_layer_t *l = c->layer;
        prepared_t *p;
        int r = prepare(c, pass, &p);

        if (r == 0)
                r = point(p->plain, pass->params + l->weights);
        if (r == 0)
                r = point(p->bias, pass->params + l->bias);
        if (r == 0)
                r = point(p->x, pass->x);
        if (r == 0)
                r = point(p->y, pass->y);
        if (r == 0)
                r = reorder(c, &p->forward, p->plain, p->forward.weights);
        if (r == 0) {
                const dnnl_exec_arg_t args[MAX_ARGS] = { { DNNL_ARG_SRC, p->x },
                                                         { DNNL_ARG_WEIGHTS, p->forward.weights },
                                                         { DNNL_ARG_DST, p->y },
                                                         { DNNL_ARG_BIAS, p->bias } };

                r = code_of(dnnl_primitive_execute(p->forward.primitive, c->stream, l->n_bias ? 4 : 3, args));
        }
        return r == 0 ? code_of(dnnl_stream_wait(c->stream)) : r;
}

/* The loss by the input; p->y holds that by the output. */
static int go_by_input(hedge_conv_onednn_t *c, const hedge_layer_pass_t *pass, prepared_t *p)
{
        const dnnl_exec_arg_t args[3] = { { DNNL_ARG_DIFF_DST, p->y },
                                          { DNNL_ARG_WEIGHTS, p->by_input.weights },
                                          { DNNL_ARG_DIFF_SRC, p->x } };
        int r = point(p->plain, pass->params + c->layer->weights);

        if (r == 0)
                r = point(p->x, pass->dx);
        if (r == 0)
                r = reorder(c, &p->by_input, p->plain, p->by_input.weights);
        if (r == 0)
                r = code_of(dnnl_primitive_execute(p->by_input.primitive, c->stream, 3, args));
        return r == 0 ? code_of(dnnl_stream_wait(c->stream)) : r;
}

int hedge_conv_onednn_backward(hedge_conv_onednn_t *c, const hedge_layer_pass_t *pass)
{
        const hedge_layer_t *l = c->layer;
        prepared_t *p;
        int r = prepare(c, pass, &p);

        if (r == 0)
                r = point(p->plain, pass->gradient + l->weights);
        if (r == 0)
                r = point(p->bias, pass->gradient + l->bias);
        if (r == 0)
                r = point(p->x, pass->x);
        if (r == 0)
                r = point(p->y, pass->dy);
        if (r == 0) {
                const dnnl_exec_arg_t args[MAX_ARGS] = { { DNNL_ARG_SRC, p->x },
                                                         { DNNL_ARG_DIFF_DST, p->y },
                                                         { DNNL_ARG_DIFF_WEIGHTS, p->by_weights.weights },
                                                         { DNNL_ARG_DIFF_BIAS, p->bias } };

                r = code_of(dnnl_primitive_execute(p->by_weights.primitive, c->stream, l->n_bias ? 4 : 3, args));
        }
        if (r == 0)
                r = reorder(c, &p->by_weights, p->by_weights.weights, p->plain);
        if (r == 0)
                r = code_of(dnnl_stream_wait(c->stream));
        return r == 0 && pass->dx ? go_by_input(c, pass, p) : r;
}
