/* SPDX-License-Identifier: Apache-2.0 */
/* How far rounding goes in a deep network, and which operators it comes from: residual blocks of convolutions and x * sigmoid(x), as
 * detectors have them, computed by each back end, and again with some kinds of its operators left to the plain reference, which
 * sums in float64. The error is the largest of the last block's output beside a computation in float64, relative to its peak. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/random.h"
#include "common/kernel/kernel.h"

#define SIZE     24 /* rows and columns */
#define CHANNELS 128
#define BLOCKS   20
#define SEEDS    5

/* Kinds of operators that can be left to the reference. */
enum { POINTWISE = 1, SPATIAL = 2, DEPTHWISE = 4, SIGMOID = 8, ELEMENTWISE = 16 };

static const struct {
        const char *name;
        unsigned kinds;
} choices[] = {
        { "nothing", 0 },
        { "1x1 convolutions", POINTWISE },
        { "3x3 convolutions", SPATIAL },
        { "depthwise convolutions", DEPTHWISE },
        { "sigmoid", SIGMOID },
        { "products and sums", ELEMENTWISE },
        { "all convolutions", POINTWISE | SPATIAL | DEPTHWISE },
        { "everything", POINTWISE | SPATIAL | DEPTHWISE | SIGMOID | ELEMENTWISE },
};

#define N_CHOICES (sizeof(choices) / sizeof(choices[0]))

/* A tensor by every choice, and in float64. */
typedef struct signal {
        size_t n;
        uint32_t channels;
        double *exact;
        float *by[N_CHOICES];
} signal_t;

typedef struct bed {
        hedge_kernels_t *library, *plain;
        uint64_t random;
} bed_t;

static void *need(void *memory)
{
        if (!memory) {
                fprintf(stderr, "hedge-bench-depth: out of memory\n");
                exit(1);
        }
        return memory;
}

static signal_t signal_new(uint32_t channels)
{
        signal_t s = { (size_t)SIZE * SIZE * channels, channels, NULL, { NULL } };

        s.exact = need(calloc(s.n, sizeof(*s.exact)));
        for (size_t i = 0; i < N_CHOICES; i++)
                s.by[i] = need(hedge_floats_new(s.n));
        return s;
}

static void signal_free(signal_t *s)
{
        free(s->exact);
        for (size_t i = 0; i < N_CHOICES; i++)
                free(s->by[i]);
}

static hedge_shape_t shape_of(const signal_t *s)
{
        return (hedge_shape_t){ 4, { 1, SIZE, SIZE, s->channels } };
}

/* Compute an operator of one kind by every choice; `weights` behind the signals is the same for all. */
static void compute(const bed_t *bed, const hedge_op_t *op, unsigned kind, const signal_t *a, const signal_t *b,
                    const hedge_shape_t *weights_shape, const float *weights, signal_t *out)
{
        hedge_shape_t in[2] = { shape_of(a), b ? shape_of(b) : weights_shape ? *weights_shape : (hedge_shape_t){ 0 } };
        const unsigned n_in = b || weights ? 2 : 1;

        for (size_t i = 0; i < N_CHOICES; i++) {
                hedge_kernels_t *kernels = choices[i].kinds & kind ? bed->plain : bed->library;
                const float *constants[2] = { NULL, weights }, *data[2] = { a->by[i], b ? b->by[i] : weights };
                hedge_kernel_t *kernel;

                if (hedge_kernel_new(kernels, op, in, n_in, constants, &kernel) < 0 ||
                    hedge_kernel_run(kernel, data, out->by[i]) < 0) {
                        fprintf(stderr, "hedge-bench-depth: %s does not run\n", hedge_op_title(op));
                        exit(1);
                }
                hedge_kernel_destroy(&kernel);
        }
}

static double exact_at(const hedge_conv_t *c, const double *x, const float *filter, uint32_t y, uint32_t col,
                       uint32_t o)
{
        const uint32_t depth = c->in_c / c->groups, first = o / (c->out_c / c->groups) * depth;
        double sum = 0;

        for (uint32_t i = 0; i < c->kernel_h * c->kernel_w; i++) {
                const int64_t row = (int64_t)y + i / c->kernel_w - c->pad_top;
                const int64_t column = (int64_t)col + i % c->kernel_w - c->pad_left;

                if (row < 0 || row >= c->in_h || column < 0 || column >= c->in_w)
                        continue;
                for (uint32_t j = 0; j < depth; j++)
                        sum += x[(row * c->in_w + column) * c->in_c + first + j] *
                               (double)filter[(o * c->kernel_h * c->kernel_w + i) * depth + j];
        }
        return sum;
}

static void exact_conv(const hedge_conv_t *c, const signal_t *in, const float *filter, signal_t *out)
{
        for (uint32_t y = 0; y < SIZE; y++)
                for (uint32_t x = 0; x < SIZE; x++)
                        for (uint32_t o = 0; o < c->out_c; o++)
                                out->exact[(y * SIZE + x) * c->out_c + o] = exact_at(c, in->exact, filter, y, x, o);
}

/* Filters such that the output's variance is 1, as normalisation makes it. */
static float *make_filter(bed_t *bed, const hedge_conv_t *c, const signal_t *in, signal_t *out)
{
        const size_t n = (size_t)c->out_c * c->kernel_h * c->kernel_w * (c->in_c / c->groups);
        float *filter = need(hedge_floats_new(n));
        double square = 0;

        for (size_t i = 0; i < n; i++)
                filter[i] = (float)hedge_random_normal(&bed->random);
        exact_conv(c, in, filter, out);
        for (size_t i = 0; i < out->n; i++)
                square += out->exact[i] * out->exact[i];
        for (size_t i = 0; i < n; i++)
                filter[i] = (float)(filter[i] / sqrt(square / (double)out->n));
        return filter;
}

/* x * sigmoid(x) of a convolution. The input is freed. */
static signal_t layer(bed_t *bed, signal_t *in, uint32_t out_c, uint32_t kernel, uint32_t groups)
{
        const uint32_t pad = kernel / 2;
        const hedge_op_t conv = { .kind = HEDGE_OP_CONV,
                                  .conv = { SIZE, SIZE, in->channels, out_c, kernel, kernel, 1, 1, 1, 1, pad, pad, pad,
                                            pad, groups } };
        const hedge_op_t sigmoid = { .kind = HEDGE_OP_UNARY, .unary = { .kind = HEDGE_UNARY_SIGMOID } };
        const hedge_op_t product = { .kind = HEDGE_OP_MUL };
        const hedge_shape_t shape = { 4, { out_c, kernel, kernel, in->channels / groups } };
        signal_t sums = signal_new(out_c), gates = signal_new(out_c), out = signal_new(out_c);
        float *filter = make_filter(bed, &conv.conv, in, &sums);

        exact_conv(&conv.conv, in, filter, &sums);
        for (size_t i = 0; i < out.n; i++)
                out.exact[i] = sums.exact[i] / (1 + exp(-sums.exact[i]));
        compute(bed, &conv, groups > 1 ? DEPTHWISE : kernel > 1 ? SPATIAL : POINTWISE, in, NULL, &shape, filter, &sums);
        compute(bed, &sigmoid, SIGMOID, &sums, NULL, NULL, NULL, &gates);
        compute(bed, &product, ELEMENTWISE, &sums, &gates, NULL, NULL, &out);
        free(filter);
        signal_free(&sums);
        signal_free(&gates);
        signal_free(in);
        return out;
}

/* x + the layers of a block. x is freed. */
static signal_t block(bed_t *bed, signal_t *x, bool depthwise)
{
        const hedge_op_t sum = { .kind = HEDGE_OP_ADD };
        signal_t copy = signal_new(CHANNELS), out = signal_new(CHANNELS), y;

        memcpy(copy.exact, x->exact, x->n * sizeof(*x->exact));
        for (size_t i = 0; i < N_CHOICES; i++)
                memcpy(copy.by[i], x->by[i], x->n * sizeof(float));
        y = layer(bed, &copy, CHANNELS, 1, 1);
        y = layer(bed, &y, CHANNELS, 3, depthwise ? CHANNELS : 1);
        if (depthwise)
                y = layer(bed, &y, CHANNELS, 1, 1);
        for (size_t i = 0; i < out.n; i++)
                out.exact[i] = x->exact[i] + y.exact[i];
        compute(bed, &sum, ELEMENTWISE, x, &y, NULL, NULL, &out);
        signal_free(x);
        signal_free(&y);
        return out;
}

static double largest(double a, double b)
{
        return b > a ? b : a;
}

static void errors_of(const signal_t *s, double *errors)
{
        double peak = 0;

        for (size_t i = 0; i < s->n; i++)
                peak = largest(peak, fabs(s->exact[i]));
        for (size_t j = 0; j < N_CHOICES; j++) {
                double worst = 0;

                for (size_t i = 0; i < s->n; i++)
                        worst = largest(worst, fabs((double)s->by[j][i] - s->exact[i]));
                errors[j] = largest(errors[j], worst / peak);
        }
}

static void measure(const char *backend, bool depthwise)
{
        double errors[N_CHOICES] = { 0 };
        bed_t bed = { NULL, NULL, 0 };

        if (hedge_kernels_new(backend, 1, &bed.library) < 0 || hedge_kernels_new("plain", 1, &bed.plain) < 0) {
                fprintf(stderr, "hedge-bench-depth: %s does not start\n", backend);
                exit(1);
        }
        for (int seed = 1; seed <= SEEDS; seed++) {
                signal_t x = signal_new(CHANNELS);

                bed.random = (uint64_t)seed;
                for (size_t i = 0; i < x.n; i++) {
                        const float v = (float)hedge_random_normal(&bed.random);

                        x.exact[i] = v;
                        for (size_t j = 0; j < N_CHOICES; j++)
                                x.by[j][i] = v;
                }
                for (int i = 0; i < BLOCKS; i++)
                        x = block(&bed, &x, depthwise);
                errors_of(&x, errors);
                signal_free(&x);
        }
        printf("\n%d blocks of %s, %s; left to the reference:\n", BLOCKS,
               depthwise ? "1x1, depthwise 3x3, 1x1" : "1x1, 3x3", backend);
        for (size_t i = 0; i < N_CHOICES; i++)
                printf("  %-24s %.1e\n", choices[i].name, errors[i]);
        hedge_kernels_destroy(&bed.library);
        hedge_kernels_destroy(&bed.plain);
}

int main(void)
{
        printf("Largest error relative to the peak, worst of %d networks, %d x %d x %d.\n", SEEDS, SIZE, SIZE,
               CHANNELS);
        for (const char *const *backend = hedge_kernels_available(); *backend; backend++) {
                if (strcmp(*backend, "plain") == 0)
                        continue;
                measure(*backend, true);
                measure(*backend, false);
        }
        return 0;
}
