/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kernel/kernel.h"

/* hedge-bench-kernel [threads]: convolution layers of VGG-16 and ResNet-18 on every fast back end, in GFLOP per second
 * (two operations per multiply-accumulate), the best of several runs. One thread is measured in processor time, which
 * other programs on the machine disturb less; several are measured by the clock. */

#define RUN_US 300000 /* to spend on one layer and back end */

static const struct {
        const char *name;
        hedge_conv_t conv;
} layers[] = {
        { "vgg16 conv1_1", { 224, 224, 3, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { "vgg16 conv1_2", { 224, 224, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { "vgg16 conv2_2", { 112, 112, 128, 128, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { "vgg16 conv3_2", { 56, 56, 256, 256, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { "vgg16 conv4_2", { 28, 28, 512, 512, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { "vgg16 conv5_1", { 14, 14, 512, 512, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { "resnet18 conv1", { 224, 224, 3, 64, 7, 7, 2, 2, 1, 1, 3, 3, 3, 3, 1 } },
        { "resnet18 layer1", { 56, 56, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { "resnet18 layer2.0", { 56, 56, 64, 128, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1 } },
        { "resnet18 layer4", { 7, 7, 512, 512, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { "resnet18 layer4.0 1x1", { 14, 14, 256, 512, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1 } },
};

/* The plain reference only where there is nothing else: it would take most of the time. */
static bool measured(const char *const *name)
{
        return strcmp(*name, "plain") != 0 || name == hedge_kernels_available();
}

static float *random_floats(size_t n)
{
        float *x = hedge_floats_new(n);

        for (size_t i = 0; x && i < n; i++)
                x[i] = (float)rand() / (float)RAND_MAX - 0.5f;
        return x;
}

static int64_t spent_us(unsigned threads)
{
        struct timespec t;

        if (threads > 1)
                return hedge_now_us();
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Runs until the time is spent. @return 0 and the fastest run in microseconds. */
static int fastest(hedge_kernel_t *kernel, unsigned threads, const float *in, float *out, int64_t *ret_us)
{
        int64_t end = hedge_now_us() + RUN_US, best = INT64_MAX;

        do {
                int64_t start = spent_us(threads), us;
                int r = hedge_kernel_run(kernel, &in, out);

                if (r < 0)
                        return r;
                us = spent_us(threads) - start;
                best = us < best ? us : best;
        } while (hedge_now_us() < end);
        *ret_us = best ? best : 1;
        return 0;
}

static int measure(hedge_kernels_t *kernels, unsigned threads, const hedge_conv_t *conv, double *ret_gflops)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = *conv };
        hedge_shape_t in[2] = { { 4, { 1, conv->in_h, conv->in_w, conv->in_c } },
                                { 4, { conv->out_c, conv->kernel_h, conv->kernel_w, conv->in_c / conv->groups } } };
        float *x = random_floats(hedge_conv_in_elements(conv)),
              *filter = random_floats(hedge_conv_filter_elements(conv));
        float *out = hedge_floats_new(hedge_conv_out_elements(conv));
        const float *constants[2] = { NULL, filter };
        hedge_kernel_t *kernel = NULL;
        int64_t us = 1;
        int r = x && filter && out ? 0 : -ENOMEM;

        if (r == 0)
                r = hedge_kernel_new(kernels, &op, in, 2, constants, &kernel);
        if (r == 0)
                r = fastest(kernel, threads, x, out, &us);
        if (r == 0)
                *ret_gflops = 2e-3 * (double)hedge_conv_macs(conv) / (double)us;
        hedge_kernel_destroy(&kernel);
        free(out);
        free(filter);
        free(x);
        return r;
}

static int print_layer(size_t layer, unsigned threads)
{
        printf("%-22s", layers[layer].name);
        for (const char *const *name = hedge_kernels_available(); *name; name++) {
                hedge_kernels_t *kernels = NULL;
                double gflops = 0;
                int r;

                if (!measured(name))
                        continue;
                r = hedge_kernels_new(*name, threads, &kernels);
                if (r == 0)
                        r = measure(kernels, threads, &layers[layer].conv, &gflops);
                hedge_kernels_destroy(&kernels);
                if (r < 0) {
                        fprintf(stderr, "hedge-bench-kernel: %s: %s\n", *name, hedge_strerror(r));
                        return r;
                }
                printf(" %9.1f", gflops);
                fflush(stdout);
        }
        printf("\n");
        return 0;
}

int main(int argc, char **argv)
{
        unsigned long threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;

        if (argc > 2 || threads < 1 || threads > 1024) {
                fprintf(stderr, "usage: hedge-bench-kernel [threads]\n");
                return 2;
        }
        printf("GFLOP/s, %lu thread%s   ", threads, threads == 1 ? "" : "s");
        for (const char *const *name = hedge_kernels_available(); *name; name++)
                if (measured(name))
                        printf(" %9s", *name);
        printf("\n");
        for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
                if (print_layer(i, (unsigned)threads) < 0)
                        return 1;
        return 0;
}
