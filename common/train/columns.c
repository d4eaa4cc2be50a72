/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/columns.h"

#include <string.h>

/* One row of one window: `before` numbers in padding, `inside` of the image, `after` in padding. */
typedef struct run {
        size_t before, inside, after;
        size_t from; /* of the first number inside, in its line of the image */
} run_t;

static run_t run_at(const hedge_layer_t *l, uint32_t ox)
{
        const int64_t first = (int64_t)ox * l->stride - l->pad, end = first + l->kernel, w = l->x.w;
        const int64_t from = first < 0 ? 0 : first, to = end > w ? w : end;
        run_t run = { .before = (size_t)(from - first) * l->x.c };

        run.inside = to > from ? (size_t)(to - from) * l->x.c : 0;
        run.from = (size_t)from * l->x.c;
        run.after = (size_t)l->kernel * l->x.c - run.before - run.inside;
        return run;
}

/* The image's line for row ky of the windows at output row oy, or NULL in padding. */
static size_t line_at(const hedge_layer_t *l, uint32_t oy, uint32_t ky)
{
        const int64_t y = (int64_t)oy * l->stride + ky - l->pad;

        return y < 0 || y >= l->x.h ? SIZE_MAX : (size_t)y * l->x.w * l->x.c;
}

uint64_t hedge_columns_count(const hedge_layer_t *l)
{
        return (uint64_t)l->kernel * l->kernel * l->x.c;
}

/* memcpy costs a call, which is much for the five numbers of a grey picture's window. */
static void copy(float *restrict to, const float *restrict from, size_t n)
{
        if (n >= 16) {
                memcpy(to, from, n * sizeof(*to));
                return;
        }
        for (; n >= 4; n -= 4, to += 4, from += 4)
                memcpy(to, from, 4 * sizeof(*to));
        if (n >= 2) {
                memcpy(to, from, 2 * sizeof(*to));
                to += 2;
                from += 2;
        }
        if (n & 1)
                *to = *from;
}

void hedge_columns(const hedge_layer_t *l, const float *image, float *columns)
{
        const size_t width = (size_t)l->kernel * l->x.c, row = hedge_columns_count(l);

        for (uint32_t oy = 0; oy < l->y.h; oy++, columns += row * l->y.w)
                for (uint32_t ky = 0; ky < l->kernel; ky++) {
                        const size_t line = line_at(l, oy, ky);
                        float *to = columns + ky * width;

                        for (uint32_t ox = 0; ox < l->y.w; ox++, to += row) {
                                const run_t run = run_at(l, ox);

                                if (line == SIZE_MAX || run.inside < width)
                                        memset(to, 0, width * sizeof(*to));
                                if (line != SIZE_MAX)
                                        copy(to + run.before, image + line + run.from, run.inside);
                        }
                }
}

void hedge_columns_add(const hedge_layer_t *l, const float *columns, float *image)
{
        const size_t width = (size_t)l->kernel * l->x.c, row = hedge_columns_count(l);

        for (uint32_t oy = 0; oy < l->y.h; oy++, columns += row * l->y.w)
                for (uint32_t ky = 0; ky < l->kernel; ky++) {
                        const size_t line = line_at(l, oy, ky);
                        const float *from = columns + ky * width;

                        if (line == SIZE_MAX)
                                continue;
                        for (uint32_t ox = 0; ox < l->y.w; ox++, from += row) {
                                const run_t run = run_at(l, ox);
                                const float *restrict entry = from + run.before;
                                float *restrict pixel = image + line + run.from;

                                for (size_t i = 0; i < run.inside; i++)
                                        pixel[i] += entry[i];
                        }
                }
}
