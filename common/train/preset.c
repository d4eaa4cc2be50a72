/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/preset.h"

#include <errno.h>
#include <string.h>

/* The last layer of each has no units: they are the classes. */
static const hedge_layer_spec_t mlp[] = {
        { .kind = HEDGE_LAYER_FLATTEN }, { .kind = HEDGE_LAYER_DENSE, .units = 100 },
        { .kind = HEDGE_LAYER_RELU },    { .kind = HEDGE_LAYER_DENSE, .units = 200 },
        { .kind = HEDGE_LAYER_RELU },    { .kind = HEDGE_LAYER_DENSE, .name = "logits" },
};

static const hedge_layer_spec_t lenet5[] = {
        { .kind = HEDGE_LAYER_CONV, .units = 6, .kernel = 5, .pad = 2 },
        { .kind = HEDGE_LAYER_RELU },
        { .kind = HEDGE_LAYER_MAX_POOL, .kernel = 2 },
        { .kind = HEDGE_LAYER_CONV, .units = 16, .kernel = 5 },
        { .kind = HEDGE_LAYER_RELU },
        { .kind = HEDGE_LAYER_MAX_POOL, .kernel = 2 },
        { .kind = HEDGE_LAYER_FLATTEN },
        { .kind = HEDGE_LAYER_DENSE, .units = 120 },
        { .kind = HEDGE_LAYER_RELU },
        { .kind = HEDGE_LAYER_DENSE, .units = 84 },
        { .kind = HEDGE_LAYER_RELU },
        { .kind = HEDGE_LAYER_DENSE, .name = "logits" },
};

#define CONV_NORM(in, channels, step)          \
        { .kind = HEDGE_LAYER_CONV,            \
          .from = (in),                        \
          .units = (channels),                 \
          .kernel = 3,                         \
          .stride = (step),                    \
          .pad = 1,                            \
          .no_bias = true },                   \
        {                                      \
                .kind = HEDGE_LAYER_BATCH_NORM \
        }

/* The way round a block that changes the shape, and the block itself. */
#define STAGE(in, channels, around, out)                                                                             \
        { .kind = HEDGE_LAYER_CONV, .name = (around), .from = (in), .units = (channels), .kernel = 1, .stride = 2 }, \
                CONV_NORM(in, channels, 2), { .kind = HEDGE_LAYER_RELU }, CONV_NORM(NULL, channels, 1),              \
                { .kind = HEDGE_LAYER_ADD, .with = (around) },                                                       \
        {                                                                                                            \
                .kind = HEDGE_LAYER_RELU, .name = (out)                                                              \
        }

static const hedge_layer_spec_t resnet8[] = {
        CONV_NORM(NULL, 16, 1),
        { .kind = HEDGE_LAYER_RELU, .name = "stem" },
        CONV_NORM(NULL, 16, 1),
        { .kind = HEDGE_LAYER_RELU },
        CONV_NORM(NULL, 16, 1),
        { .kind = HEDGE_LAYER_ADD, .with = "stem" },
        { .kind = HEDGE_LAYER_RELU, .name = "stage1" },
        STAGE("stage1", 32, "shortcut2", "stage2"),
        STAGE("stage2", 64, "shortcut3", "stage3"),
        { .kind = HEDGE_LAYER_GLOBAL_AVERAGE_POOL },
        { .kind = HEDGE_LAYER_DENSE, .name = "logits" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
        const char *name;
        const hedge_layer_spec_t *specs;
        uint32_t n;
} presets[] = {
        { "mlp", mlp, COUNT(mlp) },
        { "lenet5", lenet5, COUNT(lenet5) },
        { "resnet8", resnet8, COUNT(resnet8) },
};

_Static_assert(COUNT(resnet8) <= HEDGE_PRESET_LAYERS && COUNT(lenet5) <= HEDGE_PRESET_LAYERS, "room for every preset");

const char *const hedge_preset_names[] = { "mlp", "lenet5", "resnet8", NULL };

int hedge_preset_layers(const char *name, uint32_t classes, hedge_layer_spec_t *specs)
{
        for (size_t i = 0; i < COUNT(presets); i++)
                if (strcmp(presets[i].name, name) == 0) {
                        memcpy(specs, presets[i].specs, presets[i].n * sizeof(*specs));
                        specs[presets[i].n - 1].units = classes;
                        return (int)presets[i].n;
                }
        return -EINVAL;
}

int hedge_preset_new(const char *name, const hedge_extent_t *image, uint32_t classes, hedge_net_t **ret,
                     hedge_why_t *why)
{
        hedge_layer_spec_t specs[HEDGE_PRESET_LAYERS];
        int n = hedge_preset_layers(name, classes, specs);

        if (n < 0)
                return hedge_why(why, n, "no network is called '%s': mlp, lenet5 or resnet8", name);
        return hedge_net_new(image, specs, (uint32_t)n, ret, why);
}
