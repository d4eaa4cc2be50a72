/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_TRAIN_CASES_H
#define HEDGE_TEST_TRAIN_CASES_H

#include "common/train/layer.h"

/* Small networks that together have every kind of layer in every way of use. */

#define MAX_BATCH 8
#define MAX_SPECS 16

typedef struct net_case {
        const char *name;
        hedge_extent_t image;
        uint32_t batch;
        hedge_layer_spec_t specs[MAX_SPECS];
} net_case_t;

#define DENSE(n)                                        \
        {                                               \
                .kind = HEDGE_LAYER_DENSE, .units = (n) \
        }
#define CONV(n, window, step, padding)                                                                         \
        {                                                                                                      \
                .kind = HEDGE_LAYER_CONV, .units = (n), .kernel = (window), .stride = (step), .pad = (padding) \
        }
#define POOL(what, window, step, padding)                                                                 \
        {                                                                                                 \
                .kind = HEDGE_LAYER_##what##_POOL, .kernel = (window), .stride = (step), .pad = (padding) \
        }
#define PLAIN(what)                        \
        {                                  \
                .kind = HEDGE_LAYER_##what \
        }

/* Not every test that includes this looks at all of it. */
__attribute__((unused)) static const net_case_t cases[] = {
        { "dense", { 2, 2, 3, false }, 5, { PLAIN(FLATTEN), DENSE(7), DENSE(4) } },
        { "dense without bias",
          { 2, 2, 3, false },
          5,
          { PLAIN(FLATTEN), { .kind = HEDGE_LAYER_DENSE, .units = 6, .no_bias = true }, DENSE(4) } },
        { "conv", { 6, 5, 2, false }, 3, { CONV(3, 3, 1, 1), CONV(4, 3, 1, 0), PLAIN(FLATTEN), DENSE(3) } },
        { "conv with stride", { 7, 6, 3, false }, 3, { CONV(4, 3, 2, 1), CONV(5, 2, 2, 0), PLAIN(FLATTEN), DENSE(3) } },
        { "conv of five with padding of two",
          { 6, 6, 1, false },
          3,
          { CONV(2, 5, 1, 2), CONV(3, 5, 3, 2), PLAIN(FLATTEN), DENSE(3) } },
        { "conv of one", { 4, 4, 3, false }, 4, { CONV(4, 1, 1, 0), CONV(3, 1, 1, 0), PLAIN(FLATTEN), DENSE(3) } },
        { "conv of one with stride",
          { 5, 5, 3, false },
          4,
          { CONV(4, 1, 1, 0), CONV(3, 1, 2, 0), PLAIN(FLATTEN), DENSE(3) } },
        { "conv in several groups",
          { 40, 40, 6, false },
          4,
          { CONV(8, 3, 1, 1), CONV(3, 3, 2, 1), PLAIN(GLOBAL_AVERAGE_POOL), DENSE(3) } },
        { "conv without bias",
          { 5, 5, 2, false },
          3,
          { { .kind = HEDGE_LAYER_CONV, .units = 3, .kernel = 3, .no_bias = true }, PLAIN(FLATTEN), DENSE(3) } },
        { "max pool", { 6, 6, 2, false }, 3, { CONV(3, 3, 1, 1), POOL(MAX, 2, 0, 0), PLAIN(FLATTEN), DENSE(3) } },
        { "max pool that overlaps",
          { 7, 7, 2, false },
          3,
          { CONV(3, 3, 1, 1), POOL(MAX, 3, 2, 1), PLAIN(FLATTEN), DENSE(3) } },
        { "average pool",
          { 6, 6, 2, false },
          3,
          { CONV(3, 3, 1, 1), POOL(AVERAGE, 2, 0, 0), PLAIN(FLATTEN), DENSE(3) } },
        { "average pool that overlaps",
          { 7, 7, 2, false },
          3,
          { CONV(3, 3, 1, 1), POOL(AVERAGE, 3, 2, 1), PLAIN(FLATTEN), DENSE(3) } },
        { "global average pool", { 5, 4, 2, false }, 3, { CONV(6, 3, 1, 1), PLAIN(GLOBAL_AVERAGE_POOL), DENSE(3) } },
        { "relu",
          { 4, 4, 2, false },
          4,
          { CONV(4, 3, 1, 1), PLAIN(RELU), PLAIN(FLATTEN), DENSE(8), PLAIN(RELU), DENSE(3) } },
        { "relu beside another reader",
          { 4, 4, 2, false },
          4,
          { { .kind = HEDGE_LAYER_CONV, .name = "a", .units = 4, .kernel = 3, .pad = 1 },
            PLAIN(RELU),
            { .kind = HEDGE_LAYER_ADD, .with = "a" },
            PLAIN(FLATTEN),
            DENSE(3) } },
        { "batch norm of images",
          { 4, 4, 2, false },
          3,
          { CONV(4, 3, 1, 1), PLAIN(BATCH_NORM), CONV(3, 3, 1, 0), PLAIN(FLATTEN), DENSE(3) } },
        { "batch norm of rows",
          { 2, 2, 3, false },
          8,
          { PLAIN(FLATTEN), DENSE(6), PLAIN(BATCH_NORM), PLAIN(RELU), DENSE(3) } },
        { "batch norm first", { 3, 3, 2, false }, 5, { PLAIN(BATCH_NORM), PLAIN(FLATTEN), DENSE(3) } },
        { "add twice the same",
          { 2, 2, 2, false },
          4,
          { PLAIN(FLATTEN),
            { .kind = HEDGE_LAYER_DENSE, .name = "a", .units = 5 },
            { .kind = HEDGE_LAYER_ADD, .with = "a" },
            DENSE(3) } },
        { "residual block",
          { 6, 6, 2, false },
          4,
          { { .kind = HEDGE_LAYER_CONV, .name = "in", .units = 4, .kernel = 3, .pad = 1 },
            PLAIN(RELU),
            { .kind = HEDGE_LAYER_CONV, .name = "around", .from = "relu1", .units = 4, .kernel = 1, .stride = 2 },
            { .kind = HEDGE_LAYER_CONV,
              .name = "one",
              .from = "relu1",
              .units = 4,
              .kernel = 3,
              .stride = 2,
              .pad = 1 },
            PLAIN(BATCH_NORM),
            PLAIN(RELU),
            CONV(4, 3, 1, 1),
            { .kind = HEDGE_LAYER_ADD, .with = "around" },
            PLAIN(RELU),
            PLAIN(GLOBAL_AVERAGE_POOL),
            DENSE(3) } },
        { "image read by three",
          { 3, 3, 2, false },
          4,
          { { .kind = HEDGE_LAYER_CONV, .name = "a", .units = 2, .kernel = 3, .pad = 1 },
            { .kind = HEDGE_LAYER_ADD, .with = "image" },
            { .kind = HEDGE_LAYER_FLATTEN, .name = "row" },
            { .kind = HEDGE_LAYER_FLATTEN, .name = "plain", .from = "image" },
            { .kind = HEDGE_LAYER_RELU, .name = "positive" },
            { .kind = HEDGE_LAYER_ADD, .with = "row" },
            DENSE(3) } },
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

/* How many layers a case has: the first that is all 0 behind the first ends it. */
static inline uint32_t case_layers(const net_case_t *c)
{
        uint32_t n = 1;

        while (n < MAX_SPECS && (c->specs[n].kind || c->specs[n].units))
                n++;
        return n;
}

#endif
