/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/convolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one row of the filter sees of the input for one row of outputs and one group: out_w x (kernel_w * group_in). */
static void gather_row(const hedge_conv_t *c, const char *input, size_t size, uint32_t group, int64_t row,
                       char *windows)
{
        const size_t group_in = c->in_c / c->groups, bytes = group_in * size;

        for (uint32_t x = 0; x < hedge_conv_out_w(c); x++)
                for (uint32_t j = 0; j < c->kernel_w; j++, windows += bytes) {
                        const int64_t column = (int64_t)x * c->stride_w + (int64_t)j * c->dilation_w - c->pad_left;

                        if (row < 0 || row >= c->in_h || column < 0 || column >= c->in_w)
                                memset(windows, 0, bytes);
                        else
                                memcpy(windows,
                                       input + (((size_t)row * c->in_w + (size_t)column) * c->in_c + group * group_in) *
                                                       size,
                                       bytes);
                }
}

/* `to` becomes cols x rows. */
static void transpose(size_t size, size_t rows, size_t cols, const char *from, char *to)
{
        for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++)
                        memcpy(to + (j * rows + i) * size, from + (i * cols + j) * size, size);
}

static void add(size_t size, const void *from, void *to, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (size == sizeof(float))
                        ((float *)to)[i] += ((const float *)from)[i];
                else
                        ((double *)to)[i] += ((const double *)from)[i];
}

typedef struct convolution {
        const hedge_conv_t *conv;
        const hedge_passes_t *passes;
        uint32_t out_w, group_out;
        size_t window; /* of a row of the filter */
        char *windows, *weights,
                *sums;   /* out_w x window; the group's filter, output channels last; out_w x group_out */
        const void **in; /* kernel_h * window rows of `weights` */
        void **out;      /* out_w rows of `sums` */
} convolution_t;

static void convolution_free(convolution_t *v)
{
        free(v->windows);
        free(v->weights);
        free(v->sums);
        free(v->in);
        free(v->out);
}

static int convolution_init(convolution_t *v, const hedge_conv_t *c, const hedge_passes_t *passes)
{
        const size_t size = passes->size;

        *v = (convolution_t){ .conv = c,
                              .passes = passes,
                              .out_w = hedge_conv_out_w(c),
                              .group_out = c->out_c / c->groups,
                              .window = (size_t)c->kernel_w * (c->in_c / c->groups) };
        v->windows = malloc(v->out_w * v->window * size);
        v->weights = malloc(c->kernel_h * v->window * v->group_out * size);
        v->sums = malloc((size_t)v->out_w * v->group_out * size);
        v->in = calloc(c->kernel_h * v->window, sizeof(*v->in));
        v->out = calloc(v->out_w, sizeof(*v->out));
        if (!v->windows || !v->weights || !v->sums || !v->in || !v->out)
                return -ENOMEM;
        for (size_t i = 0; i < c->kernel_h * v->window; i++)
                v->in[i] = v->weights + i * v->group_out * size;
        for (size_t x = 0; x < v->out_w; x++)
                v->out[x] = v->sums + x * v->group_out * size;
        return 0;
}

/* Each output is a blend of the weights by what it sees, and sums up row by row of the filter, as kernels do: one long sum would
 * round more than theirs. */
static void convolve_row(convolution_t *v, uint32_t group, uint32_t y, const void *input, char *output)
{
        const hedge_conv_t *c = v->conv;
        const size_t size = v->passes->size;

        for (uint32_t i = 0; i < c->kernel_h; i++) {
                gather_row(c, input, size, group, (int64_t)y * c->stride_h + (int64_t)i * c->dilation_h - c->pad_top,
                           v->windows);
                v->passes->blend(v->out_w, (unsigned)v->window, v->windows, v->in + i * v->window, v->out,
                                 v->group_out);
                for (uint32_t x = 0; x < v->out_w; x++)
                        add(size, v->out[x],
                            output + (((size_t)y * v->out_w + x) * c->out_c + group * v->group_out) * size,
                            v->group_out);
        }
}

int hedge_convolve(const hedge_conv_t *c, const hedge_passes_t *passes, const void *input, const void *filter,
                   void *output)
{
        const size_t window = (size_t)c->kernel_h * c->kernel_w * (c->in_c / c->groups);
        convolution_t v;
        const int r = convolution_init(&v, c, passes);

        if (r == 0)
                memset(output, 0, hedge_conv_out_elements(c) * passes->size);
        for (uint32_t g = 0; r == 0 && g < c->groups; g++) {
                transpose(passes->size, v.group_out, window,
                          (const char *)filter + g * v.group_out * window * passes->size, v.weights);
                for (uint32_t y = 0; y < hedge_conv_out_h(c); y++)
                        convolve_row(&v, g, y, input, output);
        }
        convolution_free(&v);
        return r;
}
