/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/pool.h"

#include <errno.h>
#include <string.h>

/* The pixels of a window that are inside the image. */
typedef struct window {
        uint32_t top, left, bottom, right; /* the last two are one past the end */
} window_t;

static uint32_t clip(uint64_t at, uint32_t pad, uint32_t extent)
{
        return at < pad ? 0 : at - pad > extent ? extent : (uint32_t)(at - pad);
}

static window_t window_at(const hedge_layer_t *l, uint32_t oy, uint32_t ox)
{
        const uint64_t y = (uint64_t)oy * l->stride, x = (uint64_t)ox * l->stride;

        return (window_t){ clip(y, l->pad, l->x.h), clip(x, l->pad, l->x.w), clip(y + l->kernel, l->pad, l->x.h),
                           clip(x + l->kernel, l->pad, l->x.w) };
}

static int image_only(const hedge_layer_t *l, hedge_why_t *why)
{
        if (l->x.flat)
                return hedge_why(why, HEDGE_ESHAPE, "a pool needs an image, but is given a row of %u", l->x.c);
        return 0;
}

static int pool_shape(hedge_layer_t *l, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        const uint64_t h = l->x.h + 2ull * spec->pad, w = l->x.w + 2ull * spec->pad;
        char text[64];
        int r = image_only(l, why);

        if (r < 0)
                return r;
        if (spec->kernel < 1 || spec->kernel > HEDGE_MAX_POOL || spec->pad >= spec->kernel)
                return hedge_why(why, -EINVAL, "a window of %u with padding %u: 1 to %d, and less padding than that",
                                 spec->kernel, spec->pad, HEDGE_MAX_POOL);
        if (spec->kernel > h || spec->kernel > w)
                return hedge_why(why, HEDGE_ESHAPE, "a window of %u x %u does not fit %s with padding %u", spec->kernel,
                                 spec->kernel, hedge_extent_text(&l->x, text, sizeof(text)), spec->pad);
        l->kernel = spec->kernel;
        l->stride = spec->stride ? spec->stride : spec->kernel;
        l->pad = spec->pad;
        l->y.h = (uint32_t)((h - l->kernel) / l->stride) + 1;
        l->y.w = (uint32_t)((w - l->kernel) / l->stride) + 1;
        l->y.c = l->x.c;
        return 0;
}

/* For every output, which pixel of its window won. */
static uint64_t max_saved(const hedge_layer_t *l, uint32_t batch)
{
        return batch * hedge_extent_elements(&l->y);
}

/* Hand an output pixel's gradient to its window. */
typedef void give_t(const hedge_layer_t *l, const window_t *w, const float *dy, const uint8_t *at, float *image);

/* @param at  What the way forward has noted of each output, or NULL. */
static void pool_backward(const hedge_layer_t *l, const hedge_layer_pass_t *p, const uint8_t *at, give_t *give)
{
        const size_t in = hedge_extent_elements(&l->x);
        const float *dy = p->dy;

        if (!p->dx)
                return;
        memset(p->dx, 0, p->batch * in * sizeof(*p->dx));
        for (uint32_t i = 0; i < p->batch; i++)
                for (uint32_t oy = 0; oy < l->y.h; oy++)
                        for (uint32_t ox = 0; ox < l->y.w; ox++, dy += l->y.c, at += at ? l->y.c : 0) {
                                const window_t w = window_at(l, oy, ox);

                                give(l, &w, dy, at, p->dx + i * in);
                        }
}

/* One output pixel: all channels of one window. `at` counts pixels of the part inside the image. */
static void take_greatest(const hedge_layer_t *l, const window_t *w, const float *image, float *restrict y,
                          uint8_t *restrict at)
{
        const uint32_t c = l->x.c;
        uint8_t k = 0;

        memcpy(y, image + ((size_t)w->top * l->x.w + w->left) * c, c * sizeof(*y));
        memset(at, 0, c);
        for (uint32_t iy = w->top; iy < w->bottom; iy++)
                for (uint32_t ix = w->left; ix < w->right; ix++, k++) {
                        const float *restrict x = image + ((size_t)iy * l->x.w + ix) * c;

                        for (uint32_t j = 0; j < c; j++) { /* no branches: nobody can predict which pixel wins */
                                const uint8_t wins = (uint8_t) - (x[j] > y[j]);

                                at[j] = (uint8_t)((k & wins) | (at[j] & ~wins));
                                y[j] = x[j] > y[j] ? x[j] : y[j];
                        }
                }
}

static void give_greatest(const hedge_layer_t *l, const window_t *w, const float *dy, const uint8_t *at, float *image)
{
        const uint32_t c = l->x.c, width = w->right - w->left;

        for (uint32_t j = 0; j < c; j++) {
                const size_t iy = w->top + at[j] / width, ix = w->left + at[j] % width;

                image[(iy * l->x.w + ix) * c + j] += dy[j];
        }
}

static void max_forward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const size_t in = hedge_extent_elements(&l->x);
        uint8_t *at = p->saved;
        float *y = p->y;

        for (uint32_t i = 0; i < p->batch; i++)
                for (uint32_t oy = 0; oy < l->y.h; oy++)
                        for (uint32_t ox = 0; ox < l->y.w; ox++, y += l->y.c, at += l->y.c) {
                                const window_t w = window_at(l, oy, ox);

                                take_greatest(l, &w, p->x + i * in, y, at);
                        }
}

static void max_backward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        pool_backward(l, p, p->saved, give_greatest);
}

const hedge_layer_type_t hedge_layer_max_pool = {
        .name = "max_pool",
        .shape = pool_shape,
        .saved_bytes = max_saved,
        .forward = max_forward,
        .backward = max_backward,
};

/* y = the mean of a window's pixels. */
static void take_mean(const hedge_layer_t *l, const window_t *w, const float *image, float *restrict y)
{
        const float share = 1.0f / (float)((w->bottom - w->top) * (w->right - w->left));
        const uint32_t c = l->x.c;

        memset(y, 0, c * sizeof(*y));
        for (uint32_t iy = w->top; iy < w->bottom; iy++)
                for (uint32_t ix = w->left; ix < w->right; ix++) {
                        const float *restrict x = image + ((size_t)iy * l->x.w + ix) * c;

                        for (uint32_t j = 0; j < c; j++)
                                y[j] += share * x[j];
                }
}

static void give_mean(const hedge_layer_t *l, const window_t *w, const float *dy, const uint8_t *at, float *image)
{
        const float share = 1.0f / (float)((w->bottom - w->top) * (w->right - w->left));
        const uint32_t c = l->x.c;

        for (uint32_t iy = w->top; iy < w->bottom; iy++)
                for (uint32_t ix = w->left; ix < w->right; ix++) {
                        float *restrict x = image + ((size_t)iy * l->x.w + ix) * c;

                        for (uint32_t j = 0; j < c; j++)
                                x[j] += share * dy[j];
                }
}

static void average_forward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const size_t in = hedge_extent_elements(&l->x);
        float *y = p->y;

        for (uint32_t i = 0; i < p->batch; i++)
                for (uint32_t oy = 0; oy < l->y.h; oy++)
                        for (uint32_t ox = 0; ox < l->y.w; ox++, y += l->y.c) {
                                const window_t w = window_at(l, oy, ox);

                                take_mean(l, &w, p->x + i * in, y);
                        }
}

static void average_backward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        pool_backward(l, p, NULL, give_mean);
}

const hedge_layer_type_t hedge_layer_average_pool = {
        .name = "average_pool",
        .shape = pool_shape,
        .forward = average_forward,
        .backward = average_backward,
};

static int global_shape(hedge_layer_t *l, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        l->y = (hedge_extent_t){ 1, 1, l->x.c, false };
        return image_only(l, why);
}

static window_t whole(const hedge_layer_t *l)
{
        return (window_t){ 0, 0, l->x.h, l->x.w };
}

static void global_forward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const size_t in = hedge_extent_elements(&l->x);
        const window_t w = whole(l);

        for (uint32_t i = 0; i < p->batch; i++)
                take_mean(l, &w, p->x + i * in, p->y + (size_t)i * l->y.c);
}

static void global_backward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const size_t in = hedge_extent_elements(&l->x);
        const window_t w = whole(l);

        if (!p->dx)
                return;
        memset(p->dx, 0, p->batch * in * sizeof(*p->dx));
        for (uint32_t i = 0; i < p->batch; i++)
                give_mean(l, &w, p->dy + (size_t)i * l->y.c, NULL, p->dx + i * in);
}

const hedge_layer_type_t hedge_layer_global_average_pool = {
        .name = "global_average_pool",
        .shape = global_shape,
        .forward = global_forward,
        .backward = global_backward,
};
