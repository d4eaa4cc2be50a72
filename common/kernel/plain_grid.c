/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <math.h>

#define TAPS    4
#define AXES    3
#define CUBIC_A -0.75

/* Along one axis: the elements that make a sample, and how much of each. Those outside, where outside are zeros, have weight 0. */
typedef struct taps {
        uint32_t n;
        int64_t at[TAPS];
        double weight[TAPS];
} taps_t;

/* Back and forth between two ends. */
static double reflect(double x, double from, double to)
{
        double length = to - from, beyond;

        if (length <= 0)
                return from;
        beyond = fmod(fabs(x - from), 2 * length);
        return from + (beyond <= length ? beyond : 2 * length - beyond);
}

/* A place in elements; where places outside are not zeros, one inside, if only just. */
static double bring_in(const hedge_grid_t *g, double x, uint32_t extent)
{
        double from = g->align_corners ? 0 : -0.5, to = g->align_corners ? extent - 1.0 : extent - 0.5;

        if (x >= from && x <= to)
                return x;
        switch (g->outside) {
        case HEDGE_GRID_BORDER:
                return x < 0 ? 0 : extent - 1.0;
        case HEDGE_GRID_REFLECTION:
                return reflect(x, from, to);
        default:
                return fmin(fmax(x, -2.0 * TAPS), extent + 2.0 * TAPS); /* further out all is zero, too */
        }
}

static void set_tap(const hedge_grid_t *g, taps_t *t, double at, double weight, uint32_t extent)
{
        bool inside = at >= 0 && at <= extent - 1.0;

        if (!inside && g->outside == HEDGE_GRID_ZEROS)
                weight = at = 0;
        else if (!inside && g->outside == HEDGE_GRID_BORDER)
                at = at < 0 ? 0 : extent - 1.0;
        else if (!inside)
                at = reflect(at, g->align_corners ? 0 : -0.5, g->align_corners ? extent - 1.0 : extent - 0.5);
        t->at[t->n] = (int64_t)at;
        t->weight[t->n++] = weight;
}

/* Keys' cubic kernel at distance t, which is below 2. */
static double cubic(double t)
{
        const double a = CUBIC_A;

        t = fabs(t);
        if (t <= 1)
                return ((a + 2) * t - (a + 3)) * t * t + 1;
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
}

static taps_t make_taps(const hedge_grid_t *g, double place, uint32_t extent)
{
        double x = g->align_corners ? (place + 1) / 2 * (extent - 1.0) : ((place + 1) * extent - 1) / 2;
        taps_t t = { .n = 0 };

        if (isnan(x)) {
                t = (taps_t){ .n = 1, .weight = { NAN } };
                return t;
        }
        if (g->mode == HEDGE_RESIZE_NEAREST)
                x = nearbyint(x);
        x = bring_in(g, x, extent);
        if (isnan(x)) /* infinitely far, reflected */
                t = (taps_t){ .n = 1, .weight = { NAN } };
        else if (g->mode == HEDGE_RESIZE_NEAREST)
                set_tap(g, &t, nearbyint(x), 1, extent);
        else if (g->mode == HEDGE_RESIZE_LINEAR)
                for (int i = 0; i < 2; i++)
                        set_tap(g, &t, floor(x) + i, 1 - fabs(x - floor(x) - i), extent);
        else
                for (int i = -1; i < 3; i++)
                        set_tap(g, &t, floor(x) + i, cubic(x - floor(x) - i), extent);
        return t;
}

/* One sample: all products of one tap of each axis. */
static void sample(const float *image, const uint32_t *extent, uint32_t channels, const taps_t *taps, float *out)
{
        uint32_t at[AXES] = { 0 }, n[AXES] = { taps[0].n, taps[1].n, taps[2].n };

        for (uint32_t c = 0; c < channels; c++)
                out[c] = 0;
        do {
                double weight = 1;
                size_t pixel = 0;

                for (int i = 0; i < AXES; i++) {
                        weight *= taps[i].weight[at[i]];
                        pixel = pixel * extent[i] + (size_t)taps[i].at[at[i]];
                }
                for (uint32_t c = 0; weight != 0 && c < channels; c++)
                        out[c] += (float)weight * image[pixel * channels + c];
        } while (hedge_plain_next(at, n, AXES));
}

int hedge_plain_grid_sample(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_shape_t *x = &k->in[0];
        const uint32_t axes = x->rank - 2, channels = x->dims[x->rank - 1];
        size_t samples = hedge_shape_elements(&k->out) / channels / x->dims[0];
        uint32_t extent[AXES] = { 1, 1, 1 };
        const float *image = in[0], *place = in[1];
        taps_t taps[AXES] = { { 1, { 0 }, { 1 } }, { 1, { 0 }, { 1 } }, { 1, { 0 }, { 1 } } };

        for (uint32_t i = 0; i < axes; i++)
                extent[AXES - axes + i] = x->dims[1 + i];
        for (uint32_t n = 0; n < x->dims[0]; n++) {
                for (size_t s = 0; s < samples; s++, place += axes, out += channels) {
                        for (uint32_t i = 0; i < axes; i++) /* x is the last axis, and comes first */
                                taps[AXES - 1 - i] = make_taps(&k->op.grid, (double)place[i], extent[AXES - 1 - i]);
                        sample(image, extent, channels, taps, out);
                }
                image += (size_t)extent[0] * extent[1] * extent[2] * channels;
        }
        return 0;
}
