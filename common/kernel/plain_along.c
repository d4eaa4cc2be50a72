/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* A tensor seen from one axis: `outer` x `extent` x `inner`. */
typedef struct along {
        size_t outer, extent, inner;
} along_t;

static along_t look_along(const hedge_shape_t *shape, uint32_t axis)
{
        along_t a = { .outer = 1, .extent = shape->dims[axis], .inner = 1 };

        for (uint32_t d = 0; d < axis; d++)
                a.outer *= shape->dims[d];
        for (uint32_t d = axis + 1; d < shape->rank; d++)
                a.inner *= shape->dims[d];
        return a;
}

static float largest(const float *x, size_t n, size_t stride)
{
        float best = x[0];

        for (size_t i = 1; i < n; i++)
                best = x[i * stride] > best ? x[i * stride] : best;
        return best;
}

static void softmax(const float *x, float *out, size_t n, size_t stride)
{
        float peak = largest(x, n, stride);
        double sum = 0;

        for (size_t i = 0; i < n; i++) {
                float e = expf(x[i * stride] - peak);

                out[i * stride] = e;
                sum += e;
        }
        for (size_t i = 0; i < n; i++)
                out[i * stride] = (float)(out[i * stride] / sum);
}

static void log_softmax(const float *x, float *out, size_t n, size_t stride)
{
        float peak = largest(x, n, stride);
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += expf(x[i * stride] - peak);
        sum = log(sum);
        for (size_t i = 0; i < n; i++)
                out[i * stride] = (float)(x[i * stride] - peak - sum);
}

static int each_line(const hedge_kernel_t *k, const float *in, float *out,
                     void (*line)(const float *x, float *out, size_t n, size_t stride))
{
        along_t a = look_along(&k->out, k->op.axis.axis);

        for (size_t o = 0; o < a.outer; o++) {
                size_t first = o * a.extent * a.inner;

                for (size_t i = first; i < first + a.inner; i++)
                        line(in + i, out + i, a.extent, a.inner);
        }
        return 0;
}

int hedge_plain_softmax(const hedge_kernel_t *k, const float *const *in, float *out)
{
        return each_line(k, in[0], out, softmax);
}

int hedge_plain_log_softmax(const hedge_kernel_t *k, const float *const *in, float *out)
{
        return each_line(k, in[0], out, log_softmax);
}

static double lrn_divisor(const hedge_op_t *op, double sum)
{
        double base = op->lrn.bias + op->lrn.alpha / op->lrn.size * sum;

        if (op->lrn.beta == 0.75f) /* nearly every network's; roots are ten times as fast as powers */
                return sqrt(base) * sqrt(sqrt(base));
        return pow(base, op->lrn.beta);
}

/* out = x / (bias + alpha / size * sum of squares of the `size` channels around it) ^ beta */
static void lrn_pixel(const hedge_op_t *op, const float *x, float *out, uint32_t channels)
{
        uint32_t before = (op->lrn.size - 1) / 2, after = op->lrn.size / 2;

        for (uint32_t c = 0; c < channels; c++) {
                uint32_t first = c < before ? 0 : c - before;
                uint32_t last = channels - 1 - c < after ? channels - 1 : c + after;
                double sum = 0;

                for (uint32_t i = first; i <= last; i++)
                        sum += (double)x[i] * x[i];
                out[c] = (float)(x[c] / lrn_divisor(op, sum));
        }
}

int hedge_plain_lrn(const hedge_kernel_t *k, const float *const *in, float *out)
{
        uint32_t channels = k->out.dims[3];

        for (size_t i = 0, n = hedge_shape_elements(&k->out); i < n; i += channels)
                lrn_pixel(&k->op, in[0] + i, out + i, channels);
        return 0;
}
