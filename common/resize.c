/* SPDX-License-Identifier: Apache-2.0 */
#include "common/resize.h"

#include <math.h>

#define TAPS 4 /* without antialiasing */

/* A model that states sizes has its scale rounded to float; the quotient of the sizes is what it meant. */
static hedge_resize_axis_t make_axis(const hedge_resize_part_t *part, uint32_t in, uint32_t out, float scale,
                                     float from, float to)
{
        const uint32_t whole_in = part->whole_in ? part->whole_in : in;
        const uint32_t whole_out = part->whole_out ? part->whole_out : out;
        const double exact = (double)whole_out / whole_in;

        return (hedge_resize_axis_t){
                whole_in,        whole_out, (float)exact == scale ? exact : scale, from, to, part->in_first, in,
                part->out_first, out
        };
}

hedge_resize_axis_t hedge_resize_rows(const hedge_resize_t *r, uint32_t in)
{
        return make_axis(&r->part_h, in, r->out_h, r->scale_h, r->roi_top, r->roi_bottom);
}

hedge_resize_axis_t hedge_resize_columns(const hedge_resize_t *r, uint32_t in)
{
        return make_axis(&r->part_w, in, r->out_w, r->scale_w, r->roi_left, r->roi_right);
}

static double input_coordinate(const hedge_resize_axis_t *a, hedge_resize_coord_t coord, uint32_t o)
{
        switch (coord) {
        case HEDGE_COORD_HALF_PIXEL:
                return (o + 0.5) / a->scale - 0.5;
        case HEDGE_COORD_PYTORCH_HALF_PIXEL:
                return a->whole_out > 1 ? (o + 0.5) / a->scale - 0.5 : 0;
        case HEDGE_COORD_ALIGN_CORNERS:
                return a->whole_out > 1 ? (double)o * (a->whole_in - 1) / (a->whole_out - 1) : 0;
        case HEDGE_COORD_ASYMMETRIC:
                return o / a->scale;
        case HEDGE_COORD_TF_HALF_PIXEL_FOR_NN:
                return (o + 0.5) / a->scale;
        case HEDGE_COORD_TF_CROP_AND_RESIZE:
                return a->whole_out > 1 ? a->from * (a->whole_in - 1) +
                                                  o * (a->to - a->from) * (a->whole_in - 1) / (a->whole_out - 1)
                                        : 0.5 * (a->from + a->to) * (a->whole_in - 1);
        case HEDGE_COORD_HALF_PIXEL_SYMMETRIC:
                /* what the scale means and the extent has not lies on both sides alike */
                return 0.5 * a->whole_in * (1 - a->whole_out / (a->scale * a->whole_in)) + (o + 0.5) / a->scale - 0.5;
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
static double stretch(const hedge_resize_t *r, const hedge_resize_axis_t *a)
{
        return r->antialias && a->scale < 1 ? 1 / a->scale : 1;
}

size_t hedge_resize_most_taps(const hedge_resize_t *r, const hedge_resize_axis_t *a)
{
        double reach = (r->mode == HEDGE_RESIZE_CUBIC ? 2 : 1) * stretch(r, a);

        return r->mode == HEDGE_RESIZE_NEAREST ? 1 : 2 * (size_t)fmin(ceil(reach), (double)a->whole_in + TAPS);
}

/* What should be in the window is there; what reaches further was not asked for rightly, and takes the border. */
static uint32_t in_window(const hedge_resize_axis_t *a, uint32_t at)
{
        return at < a->in_first ? 0 : at - a->in_first < a->in ? at - a->in_first : a->in - 1;
}

/* Weights the n neighbours from floor(x) - n / 2 + 1 on; those outside repeat the border or are left out. */
static void spread(hedge_resize_taps_t *taps, const hedge_resize_t *r, const hedge_resize_axis_t *a, double x,
                   uint32_t n)
{
        double first = floor(x) - n / 2 + 1, sum = 0, wide = stretch(r, a);
        bool normal = r->exclude_outside || r->antialias;

        taps->n = n;
        for (uint32_t i = 0; i < n; i++) {
                double at = first + i, t = fabs(x - at) / wide;
                double weight = r->mode == HEDGE_RESIZE_CUBIC ? cubic(t, r->cubic_a) : fmax(1 - t, 0);

                if (r->exclude_outside && (at < 0 || at > a->whole_in - 1))
                        weight = 0;
                taps->at[i] = in_window(a, limit(at, a->whole_in));
                taps->weight[i] = (float)weight;
                sum += weight;
        }
        for (uint32_t i = 0; normal && sum != 0 && i < n; i++)
                taps->weight[i] = (float)(taps->weight[i] / sum);
}

/* Where an output row of the whole looks; further out than a few rows nothing changes but the rounding. */
static double find_coordinate(const hedge_resize_t *r, const hedge_resize_axis_t *a, uint32_t o, double n)
{
        return fmin(fmax(input_coordinate(a, r->coord, o), -2.0 * n), a->whole_in + 2.0 * n);
}

void hedge_resize_find_taps(const hedge_resize_t *r, const hedge_resize_axis_t *a, uint32_t out, size_t most_taps,
                            hedge_resize_taps_t *taps)
{
        const double x = input_coordinate(a, r->coord, a->out_first + out);
        const double near = find_coordinate(r, a, a->out_first + out, (double)most_taps);

        taps->outside = r->coord == HEDGE_COORD_TF_CROP_AND_RESIZE && (x < 0 || x > a->whole_in - 1);
        if (r->mode != HEDGE_RESIZE_NEAREST) {
                spread(taps, r, a, near, (uint32_t)most_taps);
                return;
        }
        taps->n = 1;
        taps->at[0] = in_window(a, limit(nearest((float)near, r->nearest), a->whole_in));
        taps->weight[0] = 1;
}

/* The first and the last row that an output row is made of. */
static void find_ends(const hedge_resize_t *r, const hedge_resize_axis_t *a, uint32_t o, uint32_t *from, uint32_t *to)
{
        const double n = (double)hedge_resize_most_taps(r, a), x = find_coordinate(r, a, o, n);

        if (r->mode == HEDGE_RESIZE_NEAREST) {
                *from = *to = limit(nearest((float)x, r->nearest), a->whole_in);
                return;
        }
        *from = limit(floor(x) - n / 2 + 1, a->whole_in);
        *to = limit(floor(x) + n / 2, a->whole_in);
}

/* Coordinates rise or fall all the way: the ends of the output reach furthest. */
void hedge_resize_reach(const hedge_resize_t *r, const hedge_resize_axis_t *a, uint32_t first, uint32_t n,
                        uint32_t *ret_first, uint32_t *ret_n)
{
        uint32_t from[2], to[2];

        find_ends(r, a, first, &from[0], &to[0]);
        find_ends(r, a, first + n - 1, &from[1], &to[1]);
        *ret_first = from[0] < from[1] ? from[0] : from[1];
        *ret_n = (to[0] > to[1] ? to[0] : to[1]) - *ret_first + 1;
}
