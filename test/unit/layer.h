/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_LAYER_H
#define HEDGE_TEST_LAYER_H

#include <stdint.h>
#include <stdlib.h>

#include "common/conv.h"

/** Random layers and a plain convolution in double, to compare with. */

typedef struct layer_random {
        uint64_t state;
} layer_random_t;

/** xorshift64*: the same numbers everywhere. */
static inline uint32_t layer_next(layer_random_t *r)
{
        r->state ^= r->state >> 12;
        r->state ^= r->state << 25;
        r->state ^= r->state >> 27;
        return (uint32_t)((r->state * UINT64_C(2685821657736338717)) >> 32);
}

static inline uint32_t layer_between(layer_random_t *r, uint32_t low, uint32_t high)
{
        return low + layer_next(r) % (high - low + 1);
}

/** -1 .. 1. */
static inline float layer_value(layer_random_t *r)
{
        return (float)layer_next(r) / 2147483648.0f - 1;
}

static inline float *layer_floats(layer_random_t *r, size_t n)
{
        float *x = malloc(n * sizeof(float));

        if (!x)
                abort();
        for (size_t i = 0; i < n; i++)
                x[i] = layer_value(r);
        return x;
}

/** A small layer of any shape that hedge_conv_check accepts. */
static inline hedge_conv_t layer_any(layer_random_t *r)
{
        hedge_conv_t c;

        do {
                const uint32_t groups = layer_between(r, 0, 2) ? 1 : layer_between(r, 2, 3);

                c = (hedge_conv_t){
                        .in_h = layer_between(r, 1, 13),
                        .in_w = layer_between(r, 1, 7),
                        .in_c = groups * layer_between(r, 1, 3),
                        .out_c = groups * layer_between(r, 1, 9),
                        .kernel_h = layer_between(r, 1, 5),
                        .kernel_w = layer_between(r, 1, 3),
                        .stride_h = layer_between(r, 1, 3),
                        .stride_w = layer_between(r, 1, 2),
                        .dilation_h = layer_between(r, 1, 3),
                        .dilation_w = layer_between(r, 1, 2),
                        .pad_top = layer_between(r, 0, 4),
                        .pad_left = layer_between(r, 0, 2),
                        .pad_bottom = layer_between(r, 0, 4),
                        .pad_right = layer_between(r, 0, 2),
                        .groups = groups,
                };
        } while (hedge_conv_check(&c) < 0);
        return c;
}

/** One output element. */
static inline double layer_element(const hedge_conv_t *c, const float *input, const float *filter, uint32_t y,
                                   uint32_t x, uint32_t o)
{
        const uint32_t group_in = c->in_c / c->groups, g = o / (c->out_c / c->groups);
        double sum = 0;

        for (uint32_t i = 0; i < c->kernel_h; i++)
                for (uint32_t j = 0; j < c->kernel_w; j++) {
                        const int64_t row = (int64_t)y * c->stride_h + (int64_t)i * c->dilation_h - c->pad_top;
                        const int64_t column = (int64_t)x * c->stride_w + (int64_t)j * c->dilation_w - c->pad_left;

                        if (row < 0 || row >= c->in_h || column < 0 || column >= c->in_w)
                                continue;
                        for (uint32_t k = 0; k < group_in; k++)
                                sum += (double)input[((size_t)row * c->in_w + (size_t)column) * c->in_c + g * group_in +
                                                     k] *
                                       (double)filter[(((size_t)o * c->kernel_h + i) * c->kernel_w + j) * group_in + k];
                }
        return sum;
}

/** The whole convolution, straight from its definition. Free the result. */
static inline double *layer_convolve(const hedge_conv_t *c, const float *input, const float *filter)
{
        const uint32_t out_h = hedge_conv_out_h(c), out_w = hedge_conv_out_w(c);
        double *out = malloc(hedge_conv_out_elements(c) * sizeof(double));

        if (!out)
                abort();
        for (uint32_t y = 0; y < out_h; y++)
                for (uint32_t x = 0; x < out_w; x++)
                        for (uint32_t o = 0; o < c->out_c; o++)
                                out[((size_t)y * out_w + x) * c->out_c + o] = layer_element(c, input, filter, y, x, o);
        return out;
}

#endif
