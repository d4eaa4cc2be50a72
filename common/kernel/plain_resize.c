/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TAPS 4

/* One output row (or column): the weighted input rows (or columns) that make it. */
typedef struct taps {
        uint32_t n;
        bool outside; /* beyond the region of interest's image */
        uint32_t at[TAPS];
        float weight[TAPS];
} taps_t;

/* One axis: extents, scale and region of interest. */
typedef struct axis {
        uint32_t in, out;
        double scale, from, to;
} axis_t;

/* A model that states sizes has its scale rounded to float; the quotient of the sizes is what it meant. */
static axis_t make_axis(uint32_t in, uint32_t out, float scale, float from, float to)
{
        double exact = (double)out / in;

        return (axis_t){ .in = in, .out = out, .scale = (float)exact == scale ? exact : scale, .from = from, .to = to };
}

static double input_coordinate(const axis_t *a, hedge_resize_coord_t coord, uint32_t o)
{
        switch (coord) {
        case HEDGE_COORD_HALF_PIXEL:
                return (o + 0.5) / a->scale - 0.5;
        case HEDGE_COORD_PYTORCH_HALF_PIXEL:
                return a->out > 1 ? (o + 0.5) / a->scale - 0.5 : 0;
        case HEDGE_COORD_ALIGN_CORNERS:
                return a->out > 1 ? (double)o * (a->in - 1) / (a->out - 1) : 0;
        case HEDGE_COORD_ASYMMETRIC:
                return o / a->scale;
        case HEDGE_COORD_TF_HALF_PIXEL_FOR_NN:
                return (o + 0.5) / a->scale;
        case HEDGE_COORD_TF_CROP_AND_RESIZE:
                return a->out > 1 ? a->from * (a->in - 1) + o * (a->to - a->from) * (a->in - 1) / (a->out - 1)
                                  : 0.5 * (a->from + a->to) * (a->in - 1);
        }
        return 0;
}

static uint32_t limit(double x, uint32_t extent)
{
        return x < 0 ? 0 : x > extent - 1 ? extent - 1 : (uint32_t)x;
}

/* In float, so that a coordinate that is whole but for rounding counts as whole. */
static double nearest(float x, hedge_resize_nearest_t how)
{
        switch (how) {
        case HEDGE_NEAREST_ROUND_PREFER_FLOOR:
                return ceilf(x - 0.5f);
        case HEDGE_NEAREST_ROUND_PREFER_CEIL:
                return floorf(x + 0.5f);
        case HEDGE_NEAREST_FLOOR:
                return floorf(x);
        case HEDGE_NEAREST_CEIL:
                return ceilf(x);
        }
        return x;
}

/* Keys' cubic kernel at distance t. */
static double cubic(double t, double a)
{
        t = fabs(t);
        if (t <= 1)
                return ((a + 2) * t - (a + 3)) * t * t + 1;
        return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* Weights the n neighbours from floor(x) - before on; those outside repeat the border or are left out. */
static void spread(taps_t *taps, const hedge_resize_t *r, double x, uint32_t extent, uint32_t n, uint32_t before)
{
        double first = floor(x) - before, sum = 0, weight[TAPS];

        taps->n = n;
        for (uint32_t i = 0; i < n; i++) {
                double at = first + i;

                weight[i] = r->mode == HEDGE_RESIZE_CUBIC ? cubic(x - at, r->cubic_a) : 1 - fabs(x - at);
                if (r->exclude_outside && (at < 0 || at > extent - 1))
                        weight[i] = 0;
                taps->at[i] = limit(at, extent);
                sum += weight[i];
        }
        for (uint32_t i = 0; i < n; i++)
                taps->weight[i] = (float)(r->exclude_outside && sum != 0 ? weight[i] / sum : weight[i]);
}

static taps_t *make_taps(const hedge_resize_t *r, const axis_t *a)
{
        taps_t *all = calloc(a->out, sizeof(*all));

        for (uint32_t o = 0; all && o < a->out; o++) {
                double x = input_coordinate(a, r->coord, o);

                all[o].outside = r->coord == HEDGE_COORD_TF_CROP_AND_RESIZE && (x < 0 || x > a->in - 1);
                x = fmin(fmax(x, -TAPS), (double)a->in + TAPS); /* further out nothing changes but the rounding */
                if (r->mode == HEDGE_RESIZE_NEAREST) {
                        all[o].n = 1;
                        all[o].at[0] = limit(nearest((float)x, r->nearest), a->in);
                        all[o].weight[0] = 1;
                } else if (r->mode == HEDGE_RESIZE_LINEAR) {
                        spread(&all[o], r, x, a->in, 2, 0);
                } else {
                        spread(&all[o], r, x, a->in, 4, 1);
                }
        }
        return all;
}

static void resize_pixel(const float *image, const taps_t *y, const taps_t *x, uint32_t w, uint32_t c, float *out)
{
        if (y->n == 1 && x->n == 1) {
                memcpy(out, image + ((size_t)y->at[0] * w + x->at[0]) * c, c * sizeof(float));
                return;
        }
        for (uint32_t i = 0; i < c; i++)
                out[i] = 0;
        for (uint32_t ty = 0; ty < y->n; ty++) {
                for (uint32_t tx = 0; tx < x->n; tx++) {
                        const float *pixel = image + ((size_t)y->at[ty] * w + x->at[tx]) * c;
                        float weight = y->weight[ty] * x->weight[tx];

                        for (uint32_t i = 0; weight != 0 && i < c; i++)
                                out[i] += weight * pixel[i];
                }
        }
}

static void resize_image(const hedge_kernel_t *k, const float *image, const taps_t *y, const taps_t *x, float *out)
{
        uint32_t w = k->in[0].dims[2], c = k->in[0].dims[3];

        for (uint32_t oy = 0; oy < k->out.dims[1]; oy++) {
                for (uint32_t ox = 0; ox < k->out.dims[2]; ox++, out += c) {
                        if (!y[oy].outside && !x[ox].outside) {
                                resize_pixel(image, &y[oy], &x[ox], w, c, out);
                                continue;
                        }
                        for (uint32_t i = 0; i < c; i++)
                                out[i] = k->op.resize.outside;
                }
        }
}

int hedge_plain_resize(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_resize_t *r = &k->op.resize;
        const uint32_t *dims = k->in[0].dims;
        axis_t axis_y = make_axis(dims[1], r->out_h, r->scale_h, r->roi_top, r->roi_bottom);
        axis_t axis_x = make_axis(dims[2], r->out_w, r->scale_w, r->roi_left, r->roi_right);
        size_t size_in = (size_t)dims[1] * dims[2] * dims[3], size_out = (size_t)r->out_h * r->out_w * dims[3];
        taps_t *y = make_taps(r, &axis_y), *x = make_taps(r, &axis_x);

        for (uint32_t n = 0; x && y && n < dims[0]; n++)
                resize_image(k, in[0] + n * size_in, y, x, out + n * size_out);
        free(x);
        free(y);
        return x && y ? 0 : -ENOMEM;
}
