/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/element.h"
#include "common/kernel/kernel.h"

/* The plain reference against numbers worked out by hand or taken from the examples of the ONNX specification. */

#define TOLERANCE 2e-6f

static hedge_shape_t image(uint32_t n, uint32_t h, uint32_t w, uint32_t c)
{
        return (hedge_shape_t){ .rank = 4, .dims = { n, h, w, c } };
}

static hedge_shape_t matrix(uint32_t rows, uint32_t columns)
{
        return (hedge_shape_t){ .rank = 2, .dims = { rows, columns } };
}

static hedge_shape_t vector(uint32_t n)
{
        return (hedge_shape_t){ .rank = 1, .dims = { n } };
}

/* Are the first n of all elements of the output those? */
static void gives_first(const hedge_op_t *op, const hedge_shape_t *shapes, const float *const *data, unsigned n_in,
                        const float *want, size_t n, size_t all)
{
        hedge_kernels_t *plain;
        hedge_kernel_t *k;
        float *out = malloc(all * sizeof(float));

        assert_non_null(out);
        assert_int_equal(hedge_kernels_new("plain", 1, &plain), 0);
        assert_int_equal(hedge_kernel_new(plain, op, shapes, n_in, data, &k), 0);
        assert_int_equal(hedge_shape_elements(hedge_kernel_shape(k)), all);
        assert_int_equal(hedge_kernel_run(k, NULL, out), 0);
        for (size_t i = 0; i < n; i++)
                if (!(fabsf(out[i] - want[i]) <= TOLERANCE * (1 + fabsf(want[i]))) && out[i] != want[i])
                        fail_msg("%s: element %zu is %.9g, not %.9g", hedge_op_name(op->kind), i, out[i], want[i]);
        hedge_kernel_destroy(&k);
        hedge_kernels_destroy(&plain);
        free(out);
}

static void gives_all(const hedge_op_t *op, const hedge_shape_t *shapes, const float *const *data, unsigned n_in,
                      const float *want, size_t n)
{
        gives_first(op, shapes, data, n_in, want, n, n);
}

#define GIVES(op, shape, in, want) \
        gives_all(&(op), &(shape), &(const float *){ in }, 1, want, sizeof(want) / sizeof((want)[0]))

static double conv_at(const hedge_conv_t *c, const float *x, const float *f, uint32_t y, uint32_t col, uint32_t o)
{
        uint32_t in_g = c->in_c / c->groups, g = o / (c->out_c / c->groups);
        double sum = 0;

        for (uint32_t i = 0; i < in_g; i++)
                for (uint32_t kh = 0; kh < c->kernel_h; kh++)
                        for (uint32_t kw = 0; kw < c->kernel_w; kw++) {
                                long iy = (long)(y * c->stride_h + kh * c->dilation_h) - (long)c->pad_top;
                                long ix = (long)(col * c->stride_w + kw * c->dilation_w) - (long)c->pad_left;

                                if (iy >= 0 && ix >= 0 && iy < (long)c->in_h && ix < (long)c->in_w)
                                        sum += (double)x[(iy * c->in_w + ix) * c->in_c + g * in_g + i] *
                                               f[((o * c->kernel_h + kh) * c->kernel_w + kw) * in_g + i];
                        }
        return sum;
}

static void fill(float *x, size_t n, unsigned seed)
{
        for (size_t i = 0; i < n; i++)
                x[i] = (float)((i * 37 + seed * 101) % 61) / 30 - 1;
}

static void convolution(void **state)
{
        const hedge_conv_t cases[] = {
                { 5, 6, 3, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 },    { 7, 5, 4, 6, 3, 2, 2, 1, 1, 2, 0, 1, 2, 0, 2 },
                { 6, 6, 10, 10, 5, 5, 1, 2, 1, 1, 2, 2, 1, 3, 10 }, { 9, 8, 2, 6, 2, 3, 3, 2, 2, 1, 0, 0, 0, 0, 2 },
                { 3, 3, 17, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 },
        };
        const float top = INFINITY;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const hedge_conv_t *c = &cases[i];
                uint32_t h = hedge_conv_out_h(c), w = hedge_conv_out_w(c);
                hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = *c, .activation = { HEDGE_ACT_CLAMP, -0.5f, top } };
                hedge_shape_t in[3] = { image(2, c->in_h, c->in_w, c->in_c),
                                        image(c->out_c, c->kernel_h, c->kernel_w, c->in_c / c->groups),
                                        vector(c->out_c) };
                float x[2048], f[2048], b[16], want[4096];
                const float *data[3] = { x, f, b };
                size_t n = 0;

                fill(x, 2 * hedge_conv_in_elements(c), 1);
                fill(f, hedge_conv_filter_elements(c), 2);
                fill(b, c->out_c, 3);
                for (uint32_t image_at = 0; image_at < 2; image_at++)
                        for (uint32_t y = 0; y < h; y++)
                                for (uint32_t col = 0; col < w; col++)
                                        for (uint32_t o = 0; o < c->out_c; o++)
                                                want[n++] = fmaxf(
                                                        (float)(conv_at(c, x + image_at * hedge_conv_in_elements(c), f,
                                                                        y, col, o) +
                                                                b[o]),
                                                        -0.5f);
                gives_all(&op, in, data, 3, want, n);
        }
}

static void products(void **state)
{
        const float a[] = { 1, 2, 3, 4, 5, 6 }, w[] = { 1, 0, -1, 2, 1, 1 }, b[] = { 10, 0.5f };
        const float fc[] = { 8, 7.5f, 8, 19.5f };
        hedge_shape_t in[3] = { matrix(2, 3), matrix(2, 3), vector(2) };
        const float *data[3] = { a, w, b };
        hedge_op_t op = { .kind = HEDGE_OP_FULLY_CONNECTED };

        gives_all(&op, in, data, 3, fc, 4);
        op.kind = HEDGE_OP_MATMUL;
        in[1] = matrix(3, 2);
        gives_all(&op, in, data, 2, (const float[]){ 2, 7, 5, 16 }, 4);
}

static void max_pool(void **state)
{
        const float x[] = { -1, -2, -3, -4, -5, -6, -7, -8, -9 };
        hedge_op_t op = { .kind = HEDGE_OP_MAX_POOL, .pool = { 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, false, 0, 0 } };
        hedge_shape_t in = image(1, 3, 3, 1);

        GIVES(op, in, x, ((const float[]){ -1, -2, -4, -5 }));
        op.pool = (hedge_pool_t){ 2, 2, 1, 1, 2, 2, 0, 0, 0, 0, false, 0, 0 };
        GIVES(op, in, x, ((const float[]){ -1 }));
        op.kind = HEDGE_OP_GLOBAL_MAX_POOL;
        GIVES(op, in, x, ((const float[]){ -1 }));
        op.kind = HEDGE_OP_GLOBAL_AVERAGE_POOL;
        GIVES(op, in, x, ((const float[]){ -5 }));
}

static void average_pool(void **state)
{
        const float x[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
        hedge_op_t op = { .kind = HEDGE_OP_AVERAGE_POOL, .pool = { 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, false, 0, 0 } };
        hedge_shape_t in = image(1, 3, 3, 1);

        GIVES(op, in, x, ((const float[]){ 1, 2.5f, 5.5f, 7 }));
        op.pool.count_pad = true;
        GIVES(op, in, x, ((const float[]){ 0.25f, 1.25f, 2.75f, 7 }));
        /* The overhang of ceil mode does not count, stated padding does. */
        op.pool = (hedge_pool_t){ 2, 2, 2, 2, 1, 1, 0, 0, 1, 1, true, 0, 1 };
        GIVES(op, in, x, ((const float[]){ 3, 2.25f, 7.5f, 4.5f }));
        op.pool.count_pad = false;
        GIVES(op, in, x, ((const float[]){ 3, 4.5f, 7.5f, 9 }));
        op.pool = (hedge_pool_t){ 2, 1, 1, 1, 2, 1, 0, 0, 0, 0, false, 0, 0 };
        GIVES(op, in, x, ((const float[]){ 4, 5, 6 }));
        op.pool.count_pad = true;
        GIVES(op, in, x, ((const float[]){ 4, 5, 6 }));
        op.pool.pad_top = 1;
        GIVES(op, in, x, ((const float[]){ 2, 2.5f, 3, 4, 5, 6 }));
}

static void element_wise(void **state)
{
        const float x[] = { -4, -1, 0, 2, 6, 9 }, row[] = { 1, 2, 4 }, column[] = { 2, -1 };
        hedge_shape_t in[2] = { matrix(2, 3), vector(3) };
        const float *data[2] = { x, row };
        hedge_op_t op = { .kind = HEDGE_OP_SUB };

        gives_all(&op, in, data, 2, (const float[]){ -5, -3, -4, 1, 4, 5 }, 6);
        op.kind = HEDGE_OP_DIV;
        gives_all(&op, in, data, 2, (const float[]){ -4, -0.5f, 0, 2, 3, 2.25f }, 6);
        op.kind = HEDGE_OP_MAX;
        gives_all(&op, in, data, 2, (const float[]){ 1, 2, 4, 2, 6, 9 }, 6);
        op.kind = HEDGE_OP_MIN;
        gives_all(&op, in, data, 2, (const float[]){ -4, -1, 0, 1, 2, 4 }, 6);
        op.kind = HEDGE_OP_POW;
        gives_all(&op, in, data, 2, (const float[]){ -4, 1, 0, 2, 36, 6561 }, 6);
        op.kind = HEDGE_OP_PRELU;
        gives_all(&op, in, data, 2, (const float[]){ -4, -2, 0, 2, 6, 9 }, 6);
        in[1] = matrix(2, 1);
        data[1] = column;
        op = (hedge_op_t){ .kind = HEDGE_OP_MUL, .activation = { HEDGE_ACT_LEAKY_RELU, 0.5f, 0 } };
        gives_all(&op, in, data, 2, (const float[]){ -4, -1, 0, -1, -3, -4.5f }, 6);
        in[0] = vector(3);
        data[0] = row;
        op = (hedge_op_t){ .kind = HEDGE_OP_ADD, .activation = { HEDGE_ACT_CLAMP, 0.5f, 5 } };
        gives_all(&op, in, data, 2, (const float[]){ 3, 4, 5, 0.5f, 1, 3 }, 6);

        in[0] = matrix(2, 3);
        op = (hedge_op_t){ .kind = HEDGE_OP_CLAMP, .activation = { HEDGE_ACT_CLAMP, 0, 6 } };
        GIVES(op, in[0], x, ((const float[]){ 0, 0, 0, 2, 6, 6 }));
        op = (hedge_op_t){ .kind = HEDGE_OP_UNARY, .unary = { HEDGE_UNARY_HARD_SIGMOID, 0.2f, 0.5f } };
        GIVES(op, in[0], x, ((const float[]){ 0, 0.3f, 0.5f, 0.9f, 1, 1 }));
        op = (hedge_op_t){ .kind = HEDGE_OP_UNARY, .unary = { .kind = HEDGE_UNARY_HARD_SWISH } };
        GIVES(op, in[0], x, ((const float[]){ 0, -1.0f / 3, 0, 5.0f / 3, 6, 9 }));
        op = (hedge_op_t){ .kind = HEDGE_OP_UNARY, .unary = { .kind = HEDGE_UNARY_SIGMOID } };
        GIVES(op, in[0], x, ((const float[]){ 0.01798621f, 0.26894142f, 0.5f, 0.88079708f, 0.99752738f, 0.99987661f }));
}

#define TO_INTEGER(rounding, overflow, lo, hi)               \
        {                                                    \
                .kind = HEDGE_OP_TO_INTEGER, .to_integer = { \
                        HEDGE_ROUND_##rounding,              \
                        HEDGE_OVERFLOW_##overflow,           \
                        lo,                                  \
                        hi                                   \
                }                                            \
        }

static int run_to_integer(const hedge_op_t *op, float x)
{
        hedge_shape_t in = vector(1);
        const float *data = &x;
        hedge_kernels_t *plain;
        hedge_kernel_t *k;
        float out;
        int r;

        assert_int_equal(hedge_kernels_new("plain", 1, &plain), 0);
        assert_int_equal(hedge_kernel_new(plain, op, &in, 1, NULL, &k), 0);
        r = hedge_kernel_run(k, &data, &out);
        hedge_kernel_destroy(&k);
        hedge_kernels_destroy(&plain);
        return r;
}

static void makes_integers(void **state)
{
        const float x[] = { -1.5f, 2.5f, 3.5f, 300, -300.7f, 1e30f, -INFINITY, NAN };
        hedge_shape_t in = vector(8);
        hedge_op_t op = TO_INTEGER(HALF_EVEN, SATURATE, -128, 127);

        GIVES(op, in, x, ((const float[]){ -2, 2, 4, 127, -128, 127, -128, 0 }));
        op = (hedge_op_t)TO_INTEGER(TRUNCATE, SATURATE, 0, 255);
        GIVES(op, in, x, ((const float[]){ 0, 2, 3, 255, 0, 255, 0, 0 }));
        op = (hedge_op_t)TO_INTEGER(TRUNCATE, WRAP, 0, 255); /* 1e30f is a multiple of 256 */
        GIVES(op, in, x, ((const float[]){ 255, 2, 3, 44, 212, 0, 0, 0 }));
        op = (hedge_op_t)TO_INTEGER(TRUNCATE, WRAP, -128, 127);
        GIVES(op, in, x, ((const float[]){ -1, 2, 3, 44, -44, 0, 0, 0 }));
        op = (hedge_op_t)TO_INTEGER(REFUSE, REFUSE, -HEDGE_EXACT, HEDGE_EXACT);
        assert_int_equal(run_to_integer(&op, HEDGE_EXACT), 0);
        assert_int_equal(run_to_integer(&op, -HEDGE_EXACT), 0);
        assert_int_equal(run_to_integer(&op, 16777217.0f), HEDGE_ERANGE); /* becomes 2^24, which others become too */
        assert_int_equal(run_to_integer(&op, 0.5f), HEDGE_ERANGE);
        assert_int_equal(run_to_integer(&op, INFINITY), HEDGE_ERANGE);
        assert_int_equal(run_to_integer(&op, NAN), HEDGE_ERANGE);
        op = (hedge_op_t)TO_INTEGER(TRUNCATE, REFUSE, -10, 10);
        assert_int_equal(run_to_integer(&op, 10.9f), 0);
        assert_int_equal(run_to_integer(&op, 11), HEDGE_ERANGE);
}

static void normalises(void **state)
{
        const float x[] = { 1000, 1001, 1002, -1, 0, 1 }, y[] = { 1, 2, 3, 4, 5 };
        hedge_shape_t in = matrix(2, 3), five = image(1, 1, 1, 5);
        hedge_op_t op = { .kind = HEDGE_OP_SOFTMAX, .axis = { 1 } };

        GIVES(op, in, x,
              ((const float[]){ 0.09003057f, 0.24472847f, 0.66524096f, 0.09003057f, 0.24472847f, 0.66524096f }));
        op.kind = HEDGE_OP_LOG_SOFTMAX;
        GIVES(op, in, x,
              ((const float[]){ -2.40760596f, -1.40760596f, -0.40760596f, -2.40760596f, -1.40760596f, -0.40760596f }));
        op = (hedge_op_t){ .kind = HEDGE_OP_SOFTMAX, .axis = { 0 } };
        GIVES(op, in, x, ((const float[]){ 1, 1, 1, 0, 0, 0 }));
        op = (hedge_op_t){ .kind = HEDGE_OP_REDUCE, .reduce = { HEDGE_REDUCE_MEAN, 2 } };
        GIVES(op, in, x, ((const float[]){ 1001, 0 }));
        op.reduce.axes = 1;
        GIVES(op, in, x, ((const float[]){ 499.5f, 500.5f, 501.5f }));
        op.reduce = (hedge_reduce_t){ HEDGE_REDUCE_LOG_SUM_EXP, 2 };
        GIVES(op, in, x, ((const float[]){ 1002.40760596f, 1.40760596f }));
        op.reduce = (hedge_reduce_t){ HEDGE_REDUCE_MIN, 1 };
        GIVES(op, in, x, ((const float[]){ -1, 0, 1 }));
        op = (hedge_op_t){ .kind = HEDGE_OP_NORMALIZE, .normalize = { 2, 0, true } };
        GIVES(op, in, x, ((const float[]){ -1.22474487f, 0, 1.22474487f, -1.22474487f, 0, 1.22474487f }));
        op = (hedge_op_t){ .kind = HEDGE_OP_NORMALIZE, .normalize = { 1, 0, false } };
        GIVES(op, in, x, ((const float[]){ 1.41421286f, 1.41421356f, 1.41421286f, -0.00141421f, 0, 0.00141142f }));
        /* An even size reaches one further up than down. */
        op = (hedge_op_t){ .kind = HEDGE_OP_LRN, .lrn = { 4, 4, 1, 1 } };
        GIVES(op, five, y, ((const float[]){ 1.0f / 15, 2.0f / 31, 3.0f / 55, 4.0f / 51, 5.0f / 42 }));
}

static void pads(void **state)
{
        const float x[] = { 1, 2, 3, 4, 5, 6 };
        hedge_shape_t in = matrix(2, 3);
        hedge_op_t op = { .kind = HEDGE_OP_PAD, .pad = { HEDGE_PAD_CONSTANT, 9, { 1, -1 }, { 0, 1 } } };

        GIVES(op, in, x, ((const float[]){ 9, 9, 9, 2, 3, 9, 5, 6, 9 }));
        op.pad.mode = HEDGE_PAD_EDGE;
        GIVES(op, in, x, ((const float[]){ 2, 3, 3, 2, 3, 3, 5, 6, 6 }));
        op = (hedge_op_t){ .kind = HEDGE_OP_PAD, .pad = { HEDGE_PAD_REFLECT, 0, { 0, 2 }, { 1, 5 } } };
        GIVES(op, in, x, ((const float[]){ 3, 2, 1, 2, 3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6,
                                           5, 4, 5, 6, 5, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2 }));
}

static void moves(void **state)
{
        const float x[] = { 1, 2, 3, 4, 5, 6 };
        hedge_shape_t in[2] = { matrix(2, 3), matrix(2, 1) };
        const float *data[2] = { x, x };
        hedge_op_t op = { .kind = HEDGE_OP_CONCAT, .axis = { 1 } };
        float big[40 * 50 * 3], turned[40 * 50 * 3];
        hedge_shape_t nhwc = image(1, 40, 50, 3);

        gives_all(&op, in, data, 2, (const float[]){ 1, 2, 3, 1, 4, 5, 6, 2 }, 8);
        op = (hedge_op_t){ .kind = HEDGE_OP_SLICE,
                           .slice = { .start = { 1, 2 }, .step = { -1, -2 }, .out = matrix(2, 2) } };
        GIVES(op, in[0], x, ((const float[]){ 6, 4, 3, 1 }));
        op = (hedge_op_t){ .kind = HEDGE_OP_EXPAND, .shape = { image(2, 1, 2, 3) } };
        GIVES(op, in[0], x, ((const float[]){ 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6 }));
        op = (hedge_op_t){ .kind = HEDGE_OP_EXPAND, .shape = { matrix(2, 2) } };
        GIVES(op, in[1], x, ((const float[]){ 1, 1, 2, 2 }));
        op = (hedge_op_t){ .kind = HEDGE_OP_TRANSPOSE, .transpose = { { 1, 0 } } };
        GIVES(op, in[0], x, ((const float[]){ 1, 4, 2, 5, 3, 6 }));

        fill(big, sizeof(big) / sizeof(big[0]), 5);
        for (int y = 0; y < 40; y++)
                for (int col = 0; col < 50; col++)
                        for (int c = 0; c < 3; c++)
                                turned[(c * 40 + y) * 50 + col] = big[(y * 50 + col) * 3 + c];
        op = (hedge_op_t){ .kind = HEDGE_OP_TRANSPOSE, .transpose = { { 0, 3, 1, 2 } } };
        GIVES(op, nhwc, big, turned);
        nhwc = image(1, 3, 40, 50);
        op = (hedge_op_t){ .kind = HEDGE_OP_TRANSPOSE, .transpose = { { 0, 2, 3, 1 } } };
        GIVES(op, nhwc, turned, big);
}

/* Rows of one and more elements, taken out of longer ones and put together again. */
static void moves_short_rows(void **state)
{
        float whole[7 * 6], left[7 * 6], right[7 * 6];
        hedge_shape_t in[2] = { matrix(7, 6), { 0 } };

        (void)state;
        fill(whole, 7 * 6, 9);
        for (uint32_t n = 1; n < 6; n++) {
                hedge_op_t op = { .kind = HEDGE_OP_SLICE, .slice = { { 0, 0 }, { 1, 1 }, matrix(7, n) } };

                for (uint32_t r = 0; r < 7; r++)
                        for (uint32_t c = 0; c < 6; c++)
                                *(c < n ? &left[r * n + c] : &right[r * (6 - n) + c - n]) = whole[r * 6 + c];
                gives_all(&op, in, &(const float *){ whole }, 1, left, 7 * (size_t)n);
                op = (hedge_op_t){ .kind = HEDGE_OP_CONCAT, .axis = { 1 } };
                gives_all(&op, (hedge_shape_t[]){ matrix(7, n), matrix(7, 6 - n) }, (const float *[]){ left, right }, 2,
                          whole, 7 * 6);
        }
}

static void resizes_nearest(void **state)
{
        const float x[] = { 1, 2, 3, 4 };
        hedge_shape_t in = image(1, 1, 4, 1);
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE,
                          .resize = { HEDGE_RESIZE_NEAREST,
                                      HEDGE_COORD_HALF_PIXEL,
                                      HEDGE_NEAREST_ROUND_PREFER_FLOOR,
                                      1,
                                      8,
                                      1,
                                      2,
                                      -0.75f,
                                      false,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      false,
                                      { 0 },
                                      { 0 } } };

        GIVES(op, in, x, ((const float[]){ 1, 1, 2, 2, 3, 3, 4, 4 }));
        op.resize.coord = HEDGE_COORD_ASYMMETRIC;
        GIVES(op, in, x, ((const float[]){ 1, 1, 2, 2, 3, 3, 4, 4 }));
        op.resize.nearest = HEDGE_NEAREST_ROUND_PREFER_CEIL;
        GIVES(op, in, x, ((const float[]){ 1, 2, 2, 3, 3, 4, 4, 4 }));
        op.resize.nearest = HEDGE_NEAREST_FLOOR;
        GIVES(op, in, x, ((const float[]){ 1, 1, 2, 2, 3, 3, 4, 4 }));
        op.resize.nearest = HEDGE_NEAREST_CEIL;
        op.resize.coord = HEDGE_COORD_HALF_PIXEL;
        GIVES(op, in, x, ((const float[]){ 1, 2, 2, 3, 3, 4, 4, 4 }));
        op.resize.coord = HEDGE_COORD_TF_HALF_PIXEL_FOR_NN;
        op.resize.nearest = HEDGE_NEAREST_FLOOR;
        op.resize.out_w = 2;
        op.resize.scale_w = 0.5f;
        GIVES(op, in, x, ((const float[]){ 2, 4 }));
        op.resize.coord = HEDGE_COORD_ALIGN_CORNERS;
        op.resize.out_w = 3;
        op.resize.scale_w = 0.75f;
        GIVES(op, in, x, ((const float[]){ 1, 2, 4 }));
}

static void resizes_linear(void **state)
{
        const float x[] = { 1, 2, 3, 4 };
        hedge_shape_t in = image(1, 2, 2, 1);
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE,
                          .resize = { HEDGE_RESIZE_LINEAR,
                                      HEDGE_COORD_HALF_PIXEL,
                                      HEDGE_NEAREST_FLOOR,
                                      4,
                                      4,
                                      2,
                                      2,
                                      -0.75f,
                                      false,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      false,
                                      { 0 },
                                      { 0 } } };

        GIVES(op, in, x,
              ((const float[]){ 1, 1.25f, 1.75f, 2, 1.5f, 1.75f, 2.25f, 2.5f, 2.5f, 2.75f, 3.25f, 3.5f, 3, 3.25f, 3.75f,
                                4 }));
        op.resize.coord = HEDGE_COORD_ALIGN_CORNERS;
        op.resize.out_h = 1;
        GIVES(op, in, x, ((const float[]){ 1, 4.0f / 3, 5.0f / 3, 2 }));
        op.resize.coord = HEDGE_COORD_PYTORCH_HALF_PIXEL;
        op.resize.scale_h = 0.5f;
        GIVES(op, in, x, ((const float[]){ 1, 1.25f, 1.75f, 2 }));
        op.resize.coord = HEDGE_COORD_ASYMMETRIC;
        GIVES(op, in, x, ((const float[]){ 1, 1.5f, 2, 2 }));
}

/* The examples of the specification: 4 x 4 to 8 x 8, first row. */
static void resizes_cubic(void **state)
{
        const float repeated[] = { 0.47265625f, 0.76953125f, 1.24609375f, 1.875f,
                                   2.28125f,    2.91015625f, 3.38671875f, 3.68359375f };
        const float left_out[] = { 0.55882353f, 0.81494204f, 1.35698249f, 1.89705882f,
                                   2.39705882f, 2.93713516f, 3.47917561f, 3.73529412f };
        float x[16];
        hedge_shape_t in = image(1, 4, 4, 1);
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE,
                          .resize = { HEDGE_RESIZE_CUBIC,
                                      HEDGE_COORD_HALF_PIXEL,
                                      HEDGE_NEAREST_FLOOR,
                                      8,
                                      8,
                                      2,
                                      2,
                                      -0.75f,
                                      false,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      false,
                                      { 0 },
                                      { 0 } } };

        for (int i = 0; i < 16; i++)
                x[i] = (float)(i + 1);
        gives_first(&op, &in, &(const float *){ x }, 1, repeated, 8, 64);
        op.resize.exclude_outside = true;
        op.resize.cubic_a = -0.5f;
        gives_first(&op, &in, &(const float *){ x }, 1, left_out, 8, 64);
}

static void crops_and_resizes(void **state)
{
        float x[16];
        hedge_shape_t in = image(1, 4, 4, 1);
        hedge_op_t op = { .kind = HEDGE_OP_RESIZE,
                          .resize = { HEDGE_RESIZE_LINEAR,
                                      HEDGE_COORD_TF_CROP_AND_RESIZE,
                                      HEDGE_NEAREST_FLOOR,
                                      3,
                                      3,
                                      0.75f,
                                      0.75f,
                                      -0.75f,
                                      false,
                                      0.4f,
                                      0.6f,
                                      0.6f,
                                      0.8f,
                                      10,
                                      false,
                                      { 0 },
                                      { 0 } } };

        for (int i = 0; i < 16; i++)
                x[i] = (float)(i + 1);
        GIVES(op, in, x, ((const float[]){ 7.6f, 7.9f, 8.2f, 8.8f, 9.1f, 9.4f, 10, 10.3f, 10.6f }));
        op.resize.roi_bottom = 1.2f;
        op.resize.roi_right = 1.7f;
        GIVES(op, in, x, ((const float[]){ 7.6f, 10, 10, 12.4f, 10, 10, 10, 10, 10 }));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(convolution),
                cmocka_unit_test(products),
                cmocka_unit_test(max_pool),
                cmocka_unit_test(average_pool),
                cmocka_unit_test(element_wise),
                cmocka_unit_test(makes_integers),
                cmocka_unit_test(normalises),
                cmocka_unit_test(pads),
                cmocka_unit_test(moves),
                cmocka_unit_test(resizes_nearest),
                cmocka_unit_test(moves_short_rows),
                cmocka_unit_test(resizes_linear),
                cmocka_unit_test(resizes_cubic),
                cmocka_unit_test(crops_and_resizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
