/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/onednn_choose.h"

#include <errno.h>
#include <string.h>

#include "common/kernel/onednn_columns.h"
#include "common/kernel/onednn_state.h"

#define ONE_VECTOR    16  /* floats of AVX-512 */
#define MANY_CHANNELS 512 /* of a depthwise convolution */

/* Of oneDNN's implementations the first whose name begins like that. */
static int find_implementation(dnnl_primitive_desc_iterator_t all, const char *beginning, dnnl_primitive_desc_t *ret)
{
        int r = 0;

        while (r == 0) {
                dnnl_primitive_desc_t pd = dnnl_primitive_desc_iterator_fetch(all);

                if (!pd)
                        return -ENOMEM;
                if (!strncmp(hedge_onednn_implementation(pd), beginning, strlen(beginning))) {
                        *ret = pd;
                        return 0;
                }
                dnnl_primitive_desc_destroy(pd);
                if (dnnl_primitive_desc_iterator_next(all) != dnnl_success)
                        r = HEDGE_EUNSUPPORTED;
        }
        return r;
}

static int describe_primitive(const hedge_kernel_t *k, dnnl_engine_t engine, const hedge_onednn_words_t *words,
                              const char *beginning, dnnl_primitive_desc_t *ret)
{
        dnnl_primitive_desc_iterator_t all = NULL;
        dnnl_primitive_attr_t attr;
        int r = hedge_onednn_attributes(&attr);

        if (r < 0)
                return r;
        if (k->op.kind != HEDGE_OP_CLAMP && k->op.kind != HEDGE_OP_LEAKY_RELU)
                r = hedge_onednn_fuse(&k->op.activation, attr);
        if (r == 0)
                r = hedge_onednn_error(dnnl_primitive_desc_iterator_create(&all, &words->op, attr, engine, NULL));
        if (r == 0)
                r = find_implementation(all, beginning, ret);
        if (all)
                dnnl_primitive_desc_iterator_destroy(all);
        dnnl_primitive_attr_destroy(attr);
        return r;
}

/* How the name of an implementation begins that is faster than the one oneDNN would take, NULL: none. All measured with
 * 2.6 on one thread of a Zen 5.
 *
 * - A row times a matrix is as fast as the weights come from memory. Before AVX-512 the general matrix product reaches
 *   three quarters of that, a convolution, whose weights are packed, all.
 * - Its general matrix product for convolutions takes up to 3 times as long as laying out the windows ourselves.
 * - Depthwise with AVX-512: up to 512 channels small matrix products take 1.1 to 2 times as long as direct loops; with
 *   1000 they are ahead by 10 to 20 %.
 * - The same with AVX-512 where inputs and outputs fill one vector at most: 1.05 to 1.5 times as long; with 64 inputs
 *   they are on a par, with 256 ahead by 20 %. */
static const char *faster_than(const hedge_kernel_t *k, const char *name)
{
        const hedge_conv_t *c = &k->op.conv;

        if (k->op.kind == HEDGE_OP_FULLY_CONNECTED && k->in[0].dims[0] == 1 && strstr(name, "gemm:"))
                return "jit_1x1:";
        if (k->op.kind != HEDGE_OP_CONV)
                return NULL;
        if (strstr(name, "gemm:") && hedge_onednn_columns(k) > 0)
                return "jit_1x1:";
        if (!strncmp(name, "brdgmm_dw:", 10) && c->in_c <= MANY_CHANNELS)
                return "jit_dw:avx512";
        if (!strncmp(name, "brgconv:", 8) && c->groups == 1 && c->in_c <= ONE_VECTOR && c->out_c <= ONE_VECTOR)
                return "jit:avx512";
        return NULL;
}

static int prefer_faster(const hedge_kernel_t *k, dnnl_engine_t engine, hedge_onednn_words_t *words,
                         dnnl_primitive_desc_t *pd)
{
        const char *beginning = faster_than(k, hedge_onednn_implementation(*pd));
        hedge_onednn_words_t other = *words;
        dnnl_primitive_desc_t found;
        int r;

        if (!beginning)
                return 0;
        r = strcmp(beginning, "jit_1x1:") == 0 ? hedge_onednn_describe_pixels(k, &other) : 0;
        if (r == 0)
                r = describe_primitive(k, engine, &other, beginning, &found);
        if (r < 0)
                return r == HEDGE_EUNSUPPORTED ? 0 : r;
        dnnl_primitive_desc_destroy(*pd);
        *pd = found;
        *words = other;
        return 0;
}

int hedge_onednn_choose(const hedge_kernel_t *k, dnnl_engine_t engine, hedge_onednn_words_t *words,
                        dnnl_primitive_desc_t *ret)
{
        dnnl_primitive_desc_t pd = NULL;
        int r = describe_primitive(k, engine, words, "", &pd);

        if (r < 0)
                return r;
        r = hedge_onednn_is_reference(pd) ? HEDGE_EUNSUPPORTED : prefer_faster(k, engine, words, &pd);
        if (r < 0)
                dnnl_primitive_desc_destroy(pd);
        else
                *ret = pd;
        return r;
}
