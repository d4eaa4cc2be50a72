/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TAPS 4 /* without antialiasing */

/* One output row (or column): the weighted input rows (or columns) that make it. */
typedef struct taps {
        uint32_t n;
        bool outside; /* beyond the region of interest's image */
        uint32_t *at;
        float *weight;
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
        case HEDGE_COORD_HALF_PIXEL_SYMMETRIC:
                /* what the scale means and the extent has not lies on both sides alike */
                return 0.5 * a->in * (1 - a->out / (a->scale * a->in)) + (o + 0.5) / a->scale - 0.5;
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

/* How far a row of the input reaches, in rows: wider than its neighbours only where the image shrinks. */
static double stretch(const hedge_resize_t *r, const axis_t *a)
{
        return r->antialias && a->scale < 1 ? 1 / a->scale : 1;
}

/* Taps of one row at most. */
static size_t most_taps(const hedge_resize_t *r, const axis_t *a)
{
        double reach = (r->mode == HEDGE_RESIZE_CUBIC ? 2 : 1) * stretch(r, a);

        return r->mode == HEDGE_RESIZE_NEAREST ? 1 : 2 * (size_t)fmin(ceil(reach), (double)a->in + TAPS);
}

/* Weights the n neighbours from floor(x) - n / 2 + 1 on; those outside repeat the border or are left out. */
static void spread(taps_t *taps, const hedge_resize_t *r, const axis_t *a, double x, uint32_t n)
{
        double first = floor(x) - n / 2 + 1, sum = 0, wide = stretch(r, a);
        bool normal = r->exclude_outside || r->antialias;

        taps->n = n;
        for (uint32_t i = 0; i < n; i++) {
                double at = first + i, t = fabs(x - at) / wide;
                double weight = r->mode == HEDGE_RESIZE_CUBIC ? cubic(t, r->cubic_a) : fmax(1 - t, 0);

                if (r->exclude_outside && (at < 0 || at > a->in - 1))
                        weight = 0;
                taps->at[i] = limit(at, a->in);
                taps->weight[i] = (float)weight;
                sum += weight;
        }
        for (uint32_t i = 0; normal && sum != 0 && i < n; i++)
                taps->weight[i] = (float)(taps->weight[i] / sum);
}

static void make_row(taps_t *taps, const hedge_resize_t *r, const axis_t *a, uint32_t o, uint32_t n)
{
        double x = input_coordinate(a, r->coord, o);

        taps->outside = r->coord == HEDGE_COORD_TF_CROP_AND_RESIZE && (x < 0 || x > a->in - 1);
        x = fmin(fmax(x, -2.0 * n), a->in + 2.0 * n); /* further out nothing changes but the rounding */
        if (r->mode != HEDGE_RESIZE_NEAREST) {
                spread(taps, r, a, x, n);
                return;
        }
        taps->n = 1;
        taps->at[0] = limit(nearest((float)x, r->nearest), a->in);
        taps->weight[0] = 1;
}

static void free_taps(taps_t *all)
{
        if (all) {
                free(all[0].at);
                free(all[0].weight);
        }
        free(all);
}

static taps_t *make_taps(const hedge_resize_t *r, const axis_t *a)
{
        size_t n = most_taps(r, a);
        taps_t *all = calloc(a->out, sizeof(*all));

        if (!all)
                return NULL;
        all[0].at = calloc(a->out, n * sizeof(*all[0].at));
        all[0].weight = calloc(a->out, n * sizeof(*all[0].weight));
        if (!all[0].at || !all[0].weight) {
                free_taps(all);
                return NULL;
        }
        for (uint32_t o = 0; o < a->out; o++) {
                all[o].at = all[0].at + o * n;
                all[o].weight = all[0].weight + o * n;
                make_row(&all[o], r, a, o, (uint32_t)n);
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
        int code;

        for (uint32_t n = 0; x && y && n < dims[0]; n++)
                resize_image(k, in[0] + n * size_in, y, x, out + n * size_out);
        code = x && y ? 0 : -ENOMEM;
        free_taps(x);
        free_taps(y);
        return code;
}
