/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <string.h>

#define LANES 8
#define BLOCK 64

/* Several sums at once, so that the compiler can use vectors without changing the order of one sum. */
static double dot(const float *a, const float *b, size_t n)
{
        double lanes[LANES] = { 0 }, sum = 0;
        size_t i = 0;

        for (; i + LANES <= n; i += LANES)
                for (size_t j = 0; j < LANES; j++)
                        lanes[j] += (double)a[i + j] * b[i + j];
        for (; i < n; i++)
                sum += (double)a[i] * b[i];
        for (size_t j = 0; j < LANES; j++)
                sum += lanes[j];
        return sum;
}

/* One output element: the window whose first row and column are y0 and x0 (which may lie in the padding), over
 * the channels that `image` and `filter` start at. */
static double window_sum(const hedge_conv_t *c, const float *image, const float *filter, int64_t y0, int64_t x0)
{
        uint32_t channels = c->in_c / c->groups;
        double sum = 0;

        for (uint32_t kh = 0; kh < c->kernel_h; kh++) {
                int64_t y = y0 + (int64_t)kh * c->dilation_h;

                if (y < 0 || y >= c->in_h)
                        continue;
                for (uint32_t kw = 0; kw < c->kernel_w; kw++) {
                        int64_t x = x0 + (int64_t)kw * c->dilation_w;

                        if (x < 0 || x >= c->in_w)
                                continue;
                        sum += dot(image + (size_t)(y * c->in_w + x) * c->in_c,
                                   filter + (size_t)(kh * c->kernel_w + kw) * channels, channels);
                }
        }
        return sum;
}

static void conv_pixel(const hedge_conv_t *c, const float *image, const float *filter, const float *bias, int64_t y0,
                       int64_t x0, float *out)
{
        uint32_t in_g = c->in_c / c->groups, out_g = c->out_c / c->groups;
        size_t filter_size = (size_t)c->kernel_h * c->kernel_w * in_g;

        for (uint32_t o = 0; o < c->out_c; o++) {
                size_t first = (size_t)(o / out_g) * in_g;

                out[o] = (float)(window_sum(c, image + first, filter + o * filter_size, y0, x0) + (bias ? bias[o] : 0));
        }
}

int hedge_plain_conv(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_conv_t *c = &k->op.conv;
        const float *bias = k->n_in > 2 ? in[2] : NULL;
        uint32_t out_h = k->out.dims[1], out_w = k->out.dims[2];

        for (uint32_t n = 0; n < k->out.dims[0]; n++) {
                const float *image = in[0] + n * hedge_conv_in_elements(c);

                for (uint32_t y = 0; y < out_h; y++) {
                        for (uint32_t x = 0; x < out_w; x++) {
                                conv_pixel(c, image, in[1], bias, (int64_t)y * c->stride_h - c->pad_top,
                                           (int64_t)x * c->stride_w - c->pad_left, out);
                                hedge_plain_activate(&k->op.activation, out, c->out_c);
                                out += c->out_c;
                        }
                }
        }
        return 0;
}

int hedge_plain_fully_connected(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const float *bias = k->n_in > 2 ? in[2] : NULL;
        size_t rows = k->out.dims[0], columns = k->out.dims[1], depth = k->in[0].dims[1];

        for (size_t m = 0; m < rows; m++)
                for (size_t n = 0; n < columns; n++)
                        out[m * columns + n] =
                                (float)(dot(in[0] + m * depth, in[1] + n * depth, depth) + (bias ? bias[n] : 0));
        hedge_plain_activate(&k->op.activation, out, rows * columns);
        return 0;
}

/* out (rows x columns) = a (rows x depth) * b (depth x columns) */
static void multiply(const float *a, const float *b, float *out, size_t rows, size_t depth, size_t columns)
{
        for (size_t m = 0; m < rows; m++) {
                for (size_t n = 0; n < columns; n += BLOCK) {
                        size_t width = columns - n < BLOCK ? columns - n : BLOCK;
                        double sums[BLOCK] = { 0 };

                        for (size_t i = 0; i < depth; i++)
                                for (size_t j = 0; j < width; j++)
                                        sums[j] += (double)a[m * depth + i] * b[i * columns + n + j];
                        for (size_t j = 0; j < width; j++)
                                out[m * columns + n + j] = (float)sums[j];
                }
        }
}

/* Which matrix of a broadcast stack belongs to position `at` of the output's stack. */
static size_t matrix_at(const hedge_shape_t *shape, const hedge_shape_t *out, const uint32_t *at)
{
        size_t index = 0;

        for (uint32_t d = 0; d + 2 < shape->rank; d++)
                index = index * shape->dims[d] + (shape->dims[d] == 1 ? 0 : at[d + out->rank - shape->rank]);
        return index;
}

int hedge_plain_matmul(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_shape_t *a = &k->in[0], *b = &k->in[1];
        size_t rows = a->dims[a->rank - 2], depth = a->dims[a->rank - 1], columns = b->dims[b->rank - 1];
        uint32_t at[HEDGE_MAX_RANK] = { 0 };

        do {
                multiply(in[0] + matrix_at(a, &k->out, at) * rows * depth,
                         in[1] + matrix_at(b, &k->out, at) * depth * columns, out, rows, depth, columns);
                out += rows * columns;
        } while (hedge_plain_next(at, k->out.dims, k->out.rank - 2));
        return 0;
}
