/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conv.h"

#include <errno.h>
#include <stddef.h>

#include "common/err.h"
#include "common/tensor.h"

#define MAX_EXTENT   (1u << 20)
#define MAX_ELEMENTS HEDGE_MAX_ELEMENTS

static uint32_t out_extent(uint32_t in, uint32_t pad, uint32_t kernel, uint32_t dilation, uint32_t stride)
{
        return (in + pad - dilation * (kernel - 1) - 1) / stride + 1;
}

static int check_extents(const hedge_conv_t *c)
{
        const uint32_t positive[] = { c->in_h,     c->in_w,     c->in_c,       c->out_c,      c->kernel_h, c->kernel_w,
                                      c->stride_h, c->stride_w, c->dilation_h, c->dilation_w, c->groups };
        const uint32_t any[] = { c->pad_top, c->pad_left, c->pad_bottom, c->pad_right };

        for (size_t i = 0; i < sizeof(positive) / sizeof(positive[0]); i++) {
                if (positive[i] == 0)
                        return -EINVAL;
                if (positive[i] > MAX_EXTENT)
                        return HEDGE_ELIMIT;
        }
        for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
                if (any[i] > MAX_EXTENT)
                        return HEDGE_ELIMIT;
        return 0;
}

/* Does a x b x c x d stay within MAX_ELEMENTS? Each is at most 2^22. */
static int too_many(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
        return a * b > MAX_ELEMENTS || a * b * c > MAX_ELEMENTS || (a * b * c) * d > MAX_ELEMENTS;
}

int hedge_conv_check(const hedge_conv_t *c)
{
        int r = check_extents(c);

        if (r < 0)
                return r;
        if (c->in_c % c->groups || c->out_c % c->groups)
                return -EINVAL;
        if ((uint64_t)c->dilation_h * (c->kernel_h - 1) + 1 > (uint64_t)c->in_h + c->pad_top + c->pad_bottom ||
            (uint64_t)c->dilation_w * (c->kernel_w - 1) + 1 > (uint64_t)c->in_w + c->pad_left + c->pad_right)
                return -EINVAL;
        if (too_many(c->in_h, c->in_w, c->in_c, 1) ||
            too_many(c->out_c, c->kernel_h, c->kernel_w, c->in_c / c->groups) ||
            too_many(hedge_conv_out_h(c), hedge_conv_out_w(c), c->out_c, 1))
                return HEDGE_ELIMIT;
        return 0;
}

uint32_t hedge_conv_out_h(const hedge_conv_t *c)
{
        return out_extent(c->in_h, c->pad_top + c->pad_bottom, c->kernel_h, c->dilation_h, c->stride_h);
}

uint32_t hedge_conv_out_w(const hedge_conv_t *c)
{
        return out_extent(c->in_w, c->pad_left + c->pad_right, c->kernel_w, c->dilation_w, c->stride_w);
}

uint64_t hedge_conv_macs(const hedge_conv_t *c)
{
        return hedge_conv_out_elements(c) * c->kernel_h * c->kernel_w * (c->in_c / c->groups);
}

uint64_t hedge_conv_in_elements(const hedge_conv_t *c)
{
        return (uint64_t)c->in_h * c->in_w * c->in_c;
}

uint64_t hedge_conv_filter_elements(const hedge_conv_t *c)
{
        return (uint64_t)c->out_c * c->kernel_h * c->kernel_w * (c->in_c / c->groups);
}

uint64_t hedge_conv_out_elements(const hedge_conv_t *c)
{
        return (uint64_t)hedge_conv_out_h(c) * hedge_conv_out_w(c) * c->out_c;
}
