/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/zoo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/zoo_build.h"

#define MAX_DIVISOR 64
#define BEFORE_RELU 2.0 /* gain: half of what ReLU is given it passes on */
#define ELSEWHERE   1.0

static void conv_relu(hedge_zoo_t *zoo, unsigned number, int64_t out_c, int64_t kernel, int64_t stride, int64_t pad)
{
        char name[32];

        snprintf(name, sizeof(name), "conv%u", number);
        hedge_zoo_conv(zoo, name, out_c, kernel, stride, pad, BEFORE_RELU, true);
        snprintf(name, sizeof(name), "relu%u", number);
        hedge_zoo_unary(zoo, "Relu", name);
}

/* The end of VGG-16 and AlexNet. */
static void classify(hedge_zoo_t *zoo)
{
        hedge_zoo_flatten(zoo, "flatten");
        hedge_zoo_gemm(zoo, "fc6", hedge_zoo_width(zoo, 4096), BEFORE_RELU);
        hedge_zoo_unary(zoo, "Relu", "relu6");
        hedge_zoo_gemm(zoo, "fc7", hedge_zoo_width(zoo, 4096), BEFORE_RELU);
        hedge_zoo_unary(zoo, "Relu", "relu7");
        hedge_zoo_gemm(zoo, "fc8", 1000, ELSEWHERE);
}

static void vgg16(hedge_zoo_t *zoo)
{
        static const struct {
                unsigned convs;
                int64_t channels;
        } stages[] = { { 2, 64 }, { 2, 128 }, { 3, 256 }, { 3, 512 }, { 3, 512 } };
        char name[32];

        for (unsigned s = 0; s < 5; s++) {
                for (unsigned i = 0; i < stages[s].convs; i++) {
                        snprintf(name, sizeof(name), "conv%u_%u", s + 1, i + 1);
                        hedge_zoo_conv(zoo, name, stages[s].channels, 3, 1, 1, BEFORE_RELU, true);
                        snprintf(name, sizeof(name), "relu%u_%u", s + 1, i + 1);
                        hedge_zoo_unary(zoo, "Relu", name);
                }
                snprintf(name, sizeof(name), "pool%u", s + 1);
                hedge_zoo_pool(zoo, "MaxPool", name, 2, 2, 0);
        }
        classify(zoo);
}

static void alexnet(hedge_zoo_t *zoo)
{
        conv_relu(zoo, 1, 64, 11, 4, 2);
        hedge_zoo_pool(zoo, "MaxPool", "pool1", 3, 2, 0);
        conv_relu(zoo, 2, 192, 5, 1, 2);
        hedge_zoo_pool(zoo, "MaxPool", "pool2", 3, 2, 0);
        conv_relu(zoo, 3, 384, 3, 1, 1);
        conv_relu(zoo, 4, 256, 3, 1, 1);
        conv_relu(zoo, 5, 256, 3, 1, 1);
        hedge_zoo_pool(zoo, "MaxPool", "pool5", 3, 2, 0);
        classify(zoo);
}

static void conv_norm(hedge_zoo_t *zoo, const char *block, const char *number, int64_t out_c, int64_t kernel,
                      int64_t stride, double scale)
{
        char name[64];

        snprintf(name, sizeof(name), "%sconv%s", block, number);
        hedge_zoo_conv(zoo, name, out_c, kernel, stride, kernel / 2, BEFORE_RELU, false);
        snprintf(name, sizeof(name), "%sbn%s", block, number);
        hedge_zoo_norm(zoo, name, scale);
}

static void unary_in(hedge_zoo_t *zoo, const char *op_type, const char *block, const char *word)
{
        char name[64];

        snprintf(name, sizeof(name), "%s%s", block, word);
        hedge_zoo_unary(zoo, op_type, name);
}

/* Two convolutions beside the input, or beside a projection of it where its shape changes. */
static void residual_block(hedge_zoo_t *zoo, unsigned stage, unsigned number, int64_t channels, int64_t stride)
{
        const hedge_zoo_value_t input = zoo->at;
        hedge_zoo_value_t branch;
        char block[32], name[64];

        snprintf(block, sizeof(block), "layer%u.%u.", stage, number);
        conv_norm(zoo, block, "1", channels, 3, stride, 1);
        unary_in(zoo, "Relu", block, "relu1");
        conv_norm(zoo, block, "2", channels, 3, 1, 0.5);
        branch = zoo->at;
        zoo->at = input;
        if (stride > 1)
                conv_norm(zoo, block, "_down", channels, 1, stride, 1);
        snprintf(name, sizeof(name), "%sadd", block);
        hedge_zoo_add(zoo, name, &branch);
        unary_in(zoo, "Relu", block, "relu2");
}

static void resnet18(hedge_zoo_t *zoo)
{
        conv_norm(zoo, "", "1", 64, 7, 2, 1);
        hedge_zoo_unary(zoo, "Relu", "relu1");
        hedge_zoo_pool(zoo, "MaxPool", "pool1", 3, 2, 1);
        for (unsigned stage = 1; stage <= 4; stage++) {
                residual_block(zoo, stage, 0, INT64_C(32) << stage, stage > 1 ? 2 : 1);
                residual_block(zoo, stage, 1, INT64_C(32) << stage, 1);
        }
        hedge_zoo_global_pool(zoo, "pool");
        hedge_zoo_flatten(zoo, "flatten");
        hedge_zoo_gemm(zoo, "fc", 1000, ELSEWHERE);
}

static void lenet5(hedge_zoo_t *zoo)
{
        hedge_zoo_conv(zoo, "c1", 6, 5, 1, 2, ELSEWHERE, true);
        hedge_zoo_unary(zoo, "Tanh", "tanh1");
        hedge_zoo_pool(zoo, "AveragePool", "s2", 2, 2, 0);
        hedge_zoo_conv(zoo, "c3", 16, 5, 1, 0, ELSEWHERE, true);
        hedge_zoo_unary(zoo, "Tanh", "tanh3");
        hedge_zoo_pool(zoo, "AveragePool", "s4", 2, 2, 0);
        hedge_zoo_conv(zoo, "c5", 120, 5, 1, 0, ELSEWHERE, true);
        hedge_zoo_unary(zoo, "Tanh", "tanh5");
        hedge_zoo_flatten(zoo, "flatten");
        hedge_zoo_gemm(zoo, "f6", hedge_zoo_width(zoo, 84), ELSEWHERE);
        hedge_zoo_unary(zoo, "Tanh", "tanh6");
        hedge_zoo_gemm(zoo, "f7", 10, ELSEWHERE);
}

const char *const hedge_zoo_names[] = { "vgg16", "resnet18", "alexnet", "lenet5", NULL };

static const struct {
        void (*build)(hedge_zoo_t *zoo);
        int64_t c, h, w;
} networks[] = {
        { vgg16, 3, 224, 224 },
        { resnet18, 3, 224, 224 },
        { alexnet, 3, 224, 224 },
        { lenet5, 1, 28, 28 },
};

int hedge_zoo_new(const char *network, uint64_t seed, unsigned divisor, hedge_zoo_t **ret, hedge_why_t *why)
{
        unsigned i = 0;
        hedge_zoo_t *zoo;

        while (hedge_zoo_names[i] && strcmp(hedge_zoo_names[i], network) != 0)
                i++;
        if (!hedge_zoo_names[i])
                return hedge_why(why, HEDGE_EUNSUPPORTED,
                                 "there is no network '%s' to make: vgg16, resnet18, alexnet and lenet5 are", network);
        if (divisor < 1 || divisor > MAX_DIVISOR)
                return hedge_why(why, -EINVAL, "channels cannot be divided by %u", divisor);
        zoo = calloc(1, sizeof(*zoo));
        if (!zoo)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        zoo->seed = seed;
        zoo->divisor = divisor;
        hedge_zoo_begin(zoo, network, networks[i].c, networks[i].h, networks[i].w);
        networks[i].build(zoo);
        hedge_zoo_end(zoo);
        *ret = zoo;
        return 0;
}

void hedge_zoo_destroy(hedge_zoo_t **zoo)
{
        free(*zoo);
        *zoo = NULL;
}
