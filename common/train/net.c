/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/net.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/random.h"

#define MAX_SIDE  65536u
#define MAX_UNITS (1u << 20)

/* The value that a name stands for; HEDGE_MAX_LAYERS + 1 if there is none among the first n layers. */
static uint32_t find(const hedge_net_t *net, uint32_t n, const char *name)
{
        if (strcmp(name, HEDGE_LAYER_IMAGE) == 0)
                return 0;
        for (uint32_t i = 0; i < n; i++)
                if (strcmp(net->layers[i].name, name) == 0)
                        return i + 1;
        return HEDGE_MAX_LAYERS + 1;
}

/* "conv2": the second of its kind. */
static void call_by_kind(const hedge_net_t *net, uint32_t i, char *name)
{
        const hedge_layer_kind_t kind = net->layers[i].kind;
        unsigned number = 1;

        for (uint32_t k = 0; k < i; k++)
                number += net->layers[k].kind == kind;
        snprintf(name, HEDGE_LAYER_NAME, "%s%u", hedge_layer_type(kind)->name, number);
}

/* Letters, digits and a few signs: names go into files and messages. */
static bool is_name(const char *name)
{
        const size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/");

        return n > 0 && n < HEDGE_LAYER_NAME && !name[n];
}

static int name_layer(hedge_net_t *net, uint32_t i, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        char *name = net->layers[i].name;

        if (spec->name && !is_name(spec->name))
                return hedge_why(why, -EINVAL, "layer %u: a name is 1 to %d letters, digits or any of \"_-/\"", i + 1,
                                 HEDGE_LAYER_NAME - 1);
        if (spec->name)
                snprintf(name, HEDGE_LAYER_NAME, "%s", spec->name);
        else
                call_by_kind(net, i, name);
        if (find(net, i, name) <= i)
                return hedge_why(why, -EINVAL, "layer %u: '%s' is the name of an earlier one", i + 1, name);
        return 0;
}

/* The value that layer i reads under `name`. */
static int connect(const hedge_net_t *net, uint32_t i, const char *name, uint32_t *ret, hedge_why_t *why)
{
        const uint32_t value = name ? find(net, i, name) : i;

        if (value > i)
                return hedge_why(why, -EINVAL, "%s: no layer before it is called '%s'", net->layers[i].name, name);
        *ret = value;
        return 0;
}

static int connect_both(hedge_net_t *net, uint32_t i, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        hedge_layer_t *l = &net->layers[i];
        char a[64], b[64];
        int r = connect(net, i, spec->from, &l->in, why);

        if (r < 0)
                return r;
        l->x = *hedge_net_value(net, l->in);
        l->with = l->in;
        if ((l->kind == HEDGE_LAYER_ADD) != (spec->with != NULL))
                return hedge_why(why, -EINVAL, "%s: \"with\" names the other value of an add, and only of that",
                                 l->name);
        if (!spec->with)
                return 0;
        r = connect(net, i, spec->with, &l->with, why);
        if (r == 0 && !hedge_extent_equal(&l->x, hedge_net_value(net, l->with)))
                return hedge_why(why, HEDGE_ESHAPE, "%s: %s cannot be added to %s", l->name,
                                 hedge_extent_text(hedge_net_value(net, l->with), b, sizeof(b)),
                                 hedge_extent_text(&l->x, a, sizeof(a)));
        return r;
}

/* Put the layer's numbers behind those before it. */
static int place(hedge_net_t *net, hedge_layer_t *l, hedge_why_t *why)
{
        l->weights = net->n_params;
        l->bias = l->weights + l->n_weights;
        l->means = net->n_state;
        l->variances = l->means + l->n_statistics;
        if (l->bias + l->n_bias > HEDGE_NET_MAX_PARAMS || l->variances + l->n_statistics > HEDGE_NET_MAX_PARAMS)
                return hedge_why(why, HEDGE_ELIMIT, "%s: the network has more than %llu parameters", l->name,
                                 (unsigned long long)HEDGE_NET_MAX_PARAMS);
        net->n_params = (size_t)(l->bias + l->n_bias);
        net->n_state = (size_t)(l->variances + l->n_statistics);
        return 0;
}

static int add_layer(hedge_net_t *net, uint32_t i, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        hedge_layer_t *l = &net->layers[i];
        hedge_why_t inner = { "" };
        int r;

        if (spec->kind >= HEDGE_LAYER_KINDS)
                return hedge_why(why, -EINVAL, "layer %u: no such kind", i + 1);
        l->kind = spec->kind;
        r = name_layer(net, i, spec, why);
        if (r == 0)
                r = connect_both(net, i, spec, why);
        if (r < 0)
                return r;
        if (spec->units > MAX_UNITS || spec->stride > MAX_SIDE)
                return hedge_why(why, HEDGE_ELIMIT, "%s: at most %u units and strides of %u", l->name, MAX_UNITS,
                                 MAX_SIDE);
        r = hedge_layer_type(l->kind)->shape(l, spec, &inner);
        if (r < 0)
                return hedge_why(why, r, "%s: %s", l->name, inner.text);
        if (hedge_extent_elements(&l->y) > HEDGE_NET_MAX_ELEMENTS)
                return hedge_why(why, HEDGE_ELIMIT, "%s: its output has more than %llu numbers", l->name,
                                 (unsigned long long)HEDGE_NET_MAX_ELEMENTS);
        return place(net, l, why);
}

static void add_segment(hedge_net_t *net, uint32_t i, const char *suffix, size_t offset, size_t count, bool decay)
{
        hedge_segment_t *s = &net->segments[net->n_segments];

        if (count == 0)
                return;
        *s = (hedge_segment_t){ .offset = offset, .count = count, .layer = i, .decay = decay };
        snprintf(s->name, sizeof(s->name), "%s.%s", net->layers[i].name, suffix);
        net->n_segments++;
}

static int cut_segments(hedge_net_t *net, hedge_why_t *why)
{
        net->segments = calloc(2 * (size_t)net->n_layers, sizeof(*net->segments));
        if (!net->segments)
                return hedge_why(why, -ENOMEM, "out of memory");
        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];

                add_segment(net, i, "weight", l->weights, l->n_weights, l->kind != HEDGE_LAYER_BATCH_NORM);
                add_segment(net, i, "bias", l->bias, l->n_bias, false);
        }
        return 0;
}

static int check_whole(hedge_net_t *net, hedge_why_t *why)
{
        const hedge_extent_t *out = &net->layers[net->n_layers - 1].y;
        char text[64];

        for (uint32_t v = 1; v < net->n_layers; v++)
                if (hedge_net_readers(net, v) == 0)
                        return hedge_why(why, -EINVAL, "%s: no layer reads it", net->layers[v - 1].name);
        if (net->n_params == 0)
                return hedge_why(why, -EINVAL, "the network has nothing to train");
        if (out->h != 1 || out->w != 1 || out->c < 2 || out->c > HEDGE_NET_MAX_CLASSES)
                return hedge_why(why, HEDGE_ESHAPE,
                                 "the last layer gives %s instead of one number for each of 2 to %d "
                                 "classes",
                                 hedge_extent_text(out, text, sizeof(text)), HEDGE_NET_MAX_CLASSES);
        net->classes = out->c;
        return 0;
}

static int check_image(const hedge_extent_t *image, uint32_t n_specs, hedge_why_t *why)
{
        if (image->flat || image->h < 1 || image->h > MAX_SIDE || image->w < 1 || image->w > MAX_SIDE || image->c < 1 ||
            image->c > MAX_SIDE || hedge_extent_elements(image) > HEDGE_NET_MAX_ELEMENTS)
                return hedge_why(why, HEDGE_ELIMIT, "no network reads images of %u x %u x %u", image->h, image->w,
                                 image->c);
        if (n_specs < 1 || n_specs > HEDGE_MAX_LAYERS)
                return hedge_why(why, HEDGE_ELIMIT, "a network has 1 to %d layers, not %u", HEDGE_MAX_LAYERS, n_specs);
        return 0;
}

int hedge_net_new(const hedge_extent_t *image, const hedge_layer_spec_t *specs, uint32_t n_specs, hedge_net_t **ret,
                  hedge_why_t *why)
{
        hedge_net_t *net;
        int r = check_image(image, n_specs, why);

        if (r < 0)
                return r;
        net = calloc(1, sizeof(*net));
        if (net)
                net->layers = calloc(n_specs, sizeof(*net->layers));
        if (!net || !net->layers) {
                r = hedge_why(why, -ENOMEM, "out of memory");
                goto out;
        }
        net->image = *image;
        for (; r == 0 && net->n_layers < n_specs; net->n_layers++)
                r = add_layer(net, net->n_layers, &specs[net->n_layers], why);
        if (r == 0)
                r = check_whole(net, why);
        if (r == 0)
                r = cut_segments(net, why);
        if (r == 0) {
                *ret = net;
                net = NULL;
        }
out:
        hedge_net_destroy(&net);
        return r;
}

void hedge_net_destroy(hedge_net_t **net)
{
        if (!*net)
                return;
        free((*net)->layers);
        free((*net)->segments);
        free(*net);
        *net = NULL;
}

const hedge_extent_t *hedge_net_value(const hedge_net_t *net, uint32_t value)
{
        return value ? &net->layers[value - 1].y : &net->image;
}

uint32_t hedge_net_readers(const hedge_net_t *net, uint32_t value)
{
        uint32_t n = value == net->n_layers;

        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];

                n += l->in == value;
                n += l->kind == HEDGE_LAYER_ADD && l->with == value;
        }
        return n;
}

static void fill(float *v, size_t n, float value)
{
        for (size_t i = 0; i < n; i++)
                v[i] = value;
}

static void draw_weights(const hedge_layer_t *l, uint64_t row, bool last, float *weights)
{
        const double fan_in = (double)(l->n_weights / l->y.c), fan_out = (double)l->y.c;
        const double deviation = sqrt(2 / (last ? fan_in + fan_out : fan_in));

        for (size_t i = 0; i < l->n_weights; i++)
                weights[i] = (float)(deviation * hedge_random_normal(&row));
}

void hedge_net_initialise(const hedge_net_t *net, uint64_t seed, float *params, float *state)
{
        uint32_t last = 0;

        for (uint32_t i = 0; i < net->n_layers; i++)
                if (net->layers[i].n_weights && net->layers[i].kind != HEDGE_LAYER_BATCH_NORM)
                        last = i;
        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];

                if (l->kind == HEDGE_LAYER_BATCH_NORM)
                        fill(params + l->weights, l->n_weights, 1);
                else if (l->n_weights)
                        draw_weights(l, hedge_random_row(seed, i), i == last, params + l->weights);
                fill(params + l->bias, l->n_bias, 0);
                fill(state + l->means, l->n_statistics, 0);
                fill(state + l->variances, l->n_statistics, 1);
        }
}

void hedge_net_blend_state(const hedge_net_t *net, float rate, const float *statistics, float *state)
{
        for (size_t i = 0; i < net->n_state; i++)
                state[i] += rate * (statistics[i] - state[i]);
}

uint64_t hedge_net_macs(const hedge_net_t *net)
{
        uint64_t sum = 0;

        for (uint32_t i = 0; i < net->n_layers; i++)
                if (net->layers[i].kind != HEDGE_LAYER_BATCH_NORM)
                        sum += (uint64_t)net->layers[i].n_weights * net->layers[i].y.h * net->layers[i].y.w;
        return sum;
}
