/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <math.h>

/* The part of one window: positions first + i * dilation for from <= i < to lie in the input. */
typedef struct range {
        int64_t first;
        uint32_t from, to;
} range_t;

static range_t clip(uint32_t out, uint32_t stride, uint32_t pad, uint32_t kernel, uint32_t dilation, uint32_t in)
{
        range_t r = { .first = (int64_t)out * stride - pad, .from = 0, .to = 0 };

        if (r.first < 0)
                r.from = (uint32_t)((-r.first + dilation - 1) / dilation);
        if (r.first < in)
                r.to = (uint32_t)((in - r.first + dilation - 1) / dilation);
        if (r.to > kernel)
                r.to = kernel;
        if (r.from > r.to)
                r.from = r.to;
        return r;
}

/* Positions of the window that count when padding counts: those before the input and up to `counted`. */
static uint32_t count(int64_t first, uint32_t kernel, uint32_t dilation, int64_t counted)
{
        int64_t n = (counted - first + dilation - 1) / dilation;

        return n < 0 ? 0 : n > kernel ? kernel : (uint32_t)n;
}

static void max_window(const hedge_kernel_t *k, const float *image, range_t y, range_t x, float *out)
{
        const hedge_pool_t *p = &k->op.pool;
        uint32_t w = k->in[0].dims[2], c = k->in[0].dims[3];

        for (uint32_t i = 0; i < c; i++)
                out[i] = -INFINITY;
        for (uint32_t kh = y.from; kh < y.to; kh++) {
                for (uint32_t kw = x.from; kw < x.to; kw++) {
                        const float *pixel =
                                image + (size_t)((y.first + kh * p->dilation_h) * w + x.first + kw * p->dilation_w) * c;

                        for (uint32_t i = 0; i < c; i++)
                                out[i] = pixel[i] > out[i] ? pixel[i] : out[i];
                }
        }
}

static void average_window(const hedge_kernel_t *k, const float *image, range_t y, range_t x, float *out)
{
        const hedge_pool_t *p = &k->op.pool;
        uint32_t h = k->in[0].dims[1], w = k->in[0].dims[2], c = k->in[0].dims[3];
        uint64_t n = (uint64_t)(y.to - y.from) * (x.to - x.from);

        for (uint32_t i = 0; i < c; i++)
                out[i] = 0;
        for (uint32_t kh = y.from; kh < y.to; kh++) {
                for (uint32_t kw = x.from; kw < x.to; kw++) {
                        const float *pixel =
                                image + (size_t)((y.first + kh * p->dilation_h) * w + x.first + kw * p->dilation_w) * c;

                        for (uint32_t i = 0; i < c; i++)
                                out[i] += pixel[i];
                }
        }
        if (p->count_pad)
                n = (uint64_t)count(y.first, p->kernel_h, p->dilation_h, (int64_t)h + p->count_bottom) *
                    count(x.first, p->kernel_w, p->dilation_w, (int64_t)w + p->count_right);
        for (uint32_t i = 0; n > 0 && i < c; i++)
                out[i] /= (float)n;
}

typedef void window_fn(const hedge_kernel_t *k, const float *image, range_t y, range_t x, float *out);

static int pool(const hedge_kernel_t *k, const float *in, float *out, window_fn *window)
{
        const hedge_pool_t *p = &k->op.pool;
        const uint32_t *dims = k->in[0].dims;

        for (uint32_t n = 0; n < dims[0]; n++) {
                const float *image = in + (size_t)n * dims[1] * dims[2] * dims[3];

                for (uint32_t i = 0; i < k->out.dims[1]; i++) {
                        range_t y = clip(i, p->stride_h, p->pad_top, p->kernel_h, p->dilation_h, dims[1]);

                        for (uint32_t j = 0; j < k->out.dims[2]; j++) {
                                window(k, image, y,
                                       clip(j, p->stride_w, p->pad_left, p->kernel_w, p->dilation_w, dims[2]), out);
                                out += dims[3];
                        }
                }
        }
        return 0;
}

int hedge_plain_max_pool(const hedge_kernel_t *k, const float *const *in, float *out)
{
        return pool(k, in[0], out, max_window);
}

/* The place of a window's first greatest element, in its plane; 0 where the window has none. */
static uint32_t where_greatest(const hedge_kernel_t *k, const float *plane, range_t y, range_t x)
{
        const hedge_pool_t *p = &k->op.pool;
        uint32_t h = k->in[0].dims[1], w = k->in[0].dims[2], c = k->in[0].dims[3], best = 0;
        float most = -INFINITY;
        bool any = false;

        for (uint32_t kh = y.from; kh < y.to; kh++) {
                for (uint32_t kw = x.from; kw < x.to; kw++) {
                        uint32_t row = (uint32_t)(y.first + kh * p->dilation_h),
                                 column = (uint32_t)(x.first + kw * p->dilation_w);
                        float v = plane[((size_t)row * w + column) * c];

                        if (any && !(v > most))
                                continue;
                        most = v > most ? v : most;
                        best = k->op.indices.by_columns ? column * h + row : row * w + column;
                        any = true;
                }
        }
        return best;
}

/* One image's. */
static void index_image(const hedge_kernel_t *k, const float *image, size_t before, float *out)
{
        const hedge_pool_t *p = &k->op.pool;
        const uint32_t *dims = k->in[0].dims;

        for (uint32_t i = 0; i < k->out.dims[1]; i++) {
                range_t y = clip(i, p->stride_h, p->pad_top, p->kernel_h, p->dilation_h, dims[1]);

                for (uint32_t j = 0; j < k->out.dims[2]; j++) {
                        range_t x = clip(j, p->stride_w, p->pad_left, p->kernel_w, p->dilation_w, dims[2]);

                        for (uint32_t c = 0; c < dims[3]; c++)
                                *out++ = (float)((before + c) * dims[1] * dims[2] + where_greatest(k, image + c, y, x));
                }
        }
}

int hedge_plain_max_pool_indices(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const uint32_t *dims = k->in[0].dims;
        size_t each = hedge_shape_elements(&k->out) / dims[0];

        for (uint32_t n = 0; n < dims[0]; n++)
                index_image(k, in[0] + (size_t)n * dims[1] * dims[2] * dims[3], (size_t)n * dims[3], out + n * each);
        return 0;
}

int hedge_plain_average_pool(const hedge_kernel_t *k, const float *const *in, float *out)
{
        return pool(k, in[0], out, average_window);
}

int hedge_plain_global_max(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const float *x = in[0];
        size_t pixels = (size_t)k->in[0].dims[1] * k->in[0].dims[2];
        uint32_t c = k->in[0].dims[3];

        for (uint32_t n = 0; n < k->in[0].dims[0]; n++, out += c) {
                for (uint32_t i = 0; i < c; i++)
                        out[i] = -INFINITY;
                for (size_t p = 0; p < pixels; p++, x += c)
                        for (uint32_t i = 0; i < c; i++)
                                out[i] = x[i] > out[i] ? x[i] : out[i];
        }
        return 0;
}

/* Channels in blocks, so that sums can be double without asking for memory. */
static void global_average_block(const float *image, size_t pixels, uint32_t c, uint32_t width, float *out)
{
        double sums[64] = { 0 };

        for (size_t p = 0; p < pixels; p++)
                for (uint32_t i = 0; i < width; i++)
                        sums[i] += image[p * c + i];
        for (uint32_t i = 0; i < width; i++)
                out[i] = (float)(sums[i] / (double)pixels);
}

int hedge_plain_global_average(const hedge_kernel_t *k, const float *const *in, float *out)
{
        size_t pixels = (size_t)k->in[0].dims[1] * k->in[0].dims[2];
        uint32_t c = k->in[0].dims[3];

        for (uint32_t n = 0; n < k->in[0].dims[0]; n++)
                for (uint32_t i = 0; i < c; i += 64)
                        global_average_block(in[0] + n * pixels * c + i, pixels, c, c - i < 64 ? c - i : 64,
                                             out + (size_t)n * c + i);
        return 0;
}
