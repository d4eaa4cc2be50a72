/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/product.h"

#include <errno.h>
#include <string.h>

#include "common/train/blas.h"
#include "common/train/columns.h"
#include "common/train/conv_onednn.h"

#define GROUP_FLOATS (96u * 1024) /* of the columns of one group of images */
#define MAX_KERNEL   255u

/* y = x W^T + b for `rows` rows of `k` numbers. */
static void apply(const hedge_layer_t *l, const float *params, const float *x, size_t rows, size_t k, float *y)
{
        const float *bias = params + l->bias;

        if (l->n_bias)
                for (size_t i = 0; i < rows; i++)
                        memcpy(y + i * l->y.c, bias, l->y.c * sizeof(*y));
        hedge_blas_multiply(false, true, rows, l->y.c, k, x, params + l->weights, l->n_bias ? 1.0f : 0.0f, y);
}

void hedge_sum_rows(const float *dy, size_t rows, size_t n, float *restrict sum)
{
        memset(sum, 0, n * sizeof(*sum));
        for (size_t i = 0; i < rows; i++, dy += n)
                for (size_t j = 0; j < n; j++)
                        sum[j] += dy[j];
}

/* Into gradient: dW = dy^T x, or added to what is there. */
static void weigh(const hedge_layer_t *l, const float *dy, const float *x, size_t rows, size_t k, bool add,
                  float *gradient)
{
        hedge_blas_multiply(true, false, l->y.c, k, rows, dy, x, add ? 1.0f : 0.0f, gradient + l->weights);
}

static int dense_shape(hedge_layer_t *l, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        char text[64];

        if (l->x.h != 1 || l->x.w != 1)
                return hedge_why(why, HEDGE_ESHAPE,
                                 "a dense layer reads one row of numbers, but is given %s: put a "
                                 "flatten before it",
                                 hedge_extent_text(&l->x, text, sizeof(text)));
        if (spec->units < 1)
                return hedge_why(why, -EINVAL, "a dense layer needs units, at least 1");
        l->y = (hedge_extent_t){ 1, 1, spec->units, true };
        l->n_weights = (uint64_t)spec->units * l->x.c;
        l->n_bias = spec->no_bias ? 0 : spec->units;
        return 0;
}

static void dense_forward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        apply(l, p->params, p->x, p->batch, l->x.c, p->y);
}

static void dense_backward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        weigh(l, p->dy, p->x, p->batch, l->x.c, false, p->gradient);
        if (l->n_bias)
                hedge_sum_rows(p->dy, p->batch, l->y.c, p->gradient + l->bias);
        if (p->dx)
                hedge_blas_multiply(false, false, p->batch, l->x.c, l->y.c, p->dy, p->params + l->weights, 0.0f, p->dx);
}

const hedge_layer_type_t hedge_layer_dense = {
        .name = "dense",
        .parameters = true,
        .shape = dense_shape,
        .forward = dense_forward,
        .backward = dense_backward,
};

static int conv_shape(hedge_layer_t *l, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        const uint64_t h = l->x.h + 2ull * spec->pad, w = l->x.w + 2ull * spec->pad;
        char text[64];

        hedge_extent_text(&l->x, text, sizeof(text));
        if (l->x.flat)
                return hedge_why(why, HEDGE_ESHAPE, "a convolution needs an image, but is given a row of %s", text);
        if (spec->units < 1)
                return hedge_why(why, -EINVAL, "a convolution needs units (filters), at least 1");
        if (spec->kernel < 1 || spec->kernel > MAX_KERNEL || spec->pad >= spec->kernel)
                return hedge_why(why, -EINVAL, "a window of %u with padding %u: 1 to %u, and less padding than that",
                                 spec->kernel, spec->pad, MAX_KERNEL);
        if (spec->kernel > h || spec->kernel > w)
                return hedge_why(why, HEDGE_ESHAPE, "a window of %u x %u does not fit %s with padding %u", spec->kernel,
                                 spec->kernel, text, spec->pad);
        l->kernel = spec->kernel;
        l->stride = spec->stride ? spec->stride : 1;
        l->pad = spec->pad;
        l->y.h = (uint32_t)((h - l->kernel) / l->stride) + 1;
        l->y.w = (uint32_t)((w - l->kernel) / l->stride) + 1;
        l->y.c = spec->units;
        l->n_weights = spec->units * hedge_columns_count(l);
        l->n_bias = spec->no_bias ? 0 : spec->units;
        return 0;
}

/* Is the image its own columns? */
static bool is_plain(const hedge_layer_t *l)
{
        return l->kernel == 1 && l->stride == 1;
}

static uint64_t column_floats(const hedge_layer_t *l)
{
        return (uint64_t)l->y.h * l->y.w * hedge_columns_count(l);
}

/* Images whose columns are taken at once. */
static uint32_t group_of(const hedge_layer_t *l, uint32_t batch)
{
        const size_t n = is_plain(l) ? batch : GROUP_FLOATS / column_floats(l);

        return n < 1 ? 1 : n > batch ? batch : (uint32_t)n;
}

static uint64_t conv_scratch(const hedge_layer_t *l, uint32_t batch)
{
        return is_plain(l) ? 0 : group_of(l, batch) * column_floats(l);
}

/* The columns of n images, in scratch or as they are. */
static const float *columns_of(const hedge_layer_t *l, const float *x, uint32_t n, float *scratch)
{
        const size_t in = hedge_extent_elements(&l->x), out = column_floats(l);

        if (is_plain(l))
                return x;
        for (uint32_t i = 0; i < n; i++)
                hedge_columns(l, x + i * in, scratch + i * out);
        return scratch;
}

static void conv_forward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const size_t in = hedge_extent_elements(&l->x), out = hedge_extent_elements(&l->y), pixels = out / l->y.c;
        const uint32_t group = group_of(l, p->batch);

        if (p->onednn && hedge_conv_onednn_forward(p->onednn, p) == 0)
                return;
        for (uint32_t i = 0; i < p->batch; i += group) {
                const uint32_t n = p->batch - i < group ? p->batch - i : group;

                apply(l, p->params, columns_of(l, p->x + i * in, n, p->scratch), n * pixels, hedge_columns_count(l),
                      p->y + i * out);
        }
}

/* The loss by n images, from that by their outputs. */
static void conv_unapply(const hedge_layer_t *l, const float *weights, const float *dy, uint32_t n, float *scratch,
                         float *dx)
{
        const size_t in = hedge_extent_elements(&l->x), columns = column_floats(l);
        float *to = is_plain(l) ? dx : scratch;

        hedge_blas_multiply(false, false, (size_t)n * l->y.h * l->y.w, hedge_columns_count(l), l->y.c, dy, weights,
                            0.0f, to);
        if (is_plain(l))
                return;
        memset(dx, 0, n * in * sizeof(*dx));
        for (uint32_t i = 0; i < n; i++)
                hedge_columns_add(l, scratch + i * columns, dx + i * in);
}

static void conv_backward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const size_t in = hedge_extent_elements(&l->x), out = hedge_extent_elements(&l->y), pixels = out / l->y.c;
        const uint32_t group = group_of(l, p->batch);

        if (p->onednn && hedge_conv_onednn_backward(p->onednn, p) == 0)
                return;
        if (l->n_bias)
                hedge_sum_rows(p->dy, p->batch * pixels, l->y.c, p->gradient + l->bias);
        for (uint32_t i = 0; i < p->batch; i += group) {
                const uint32_t n = p->batch - i < group ? p->batch - i : group;
                const float *dy = p->dy + i * out;

                weigh(l, dy, columns_of(l, p->x + i * in, n, p->scratch), n * pixels, hedge_columns_count(l), i > 0,
                      p->gradient);
                if (p->dx)
                        conv_unapply(l, p->params + l->weights, dy, n, p->scratch, p->dx + i * in);
        }
}

const hedge_layer_type_t hedge_layer_conv = {
        .name = "conv",
        .parameters = true,
        .shape = conv_shape,
        .scratch_floats = conv_scratch,
        .forward = conv_forward,
        .backward = conv_backward,
};
