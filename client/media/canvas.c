/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/canvas.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t reduce(uint32_t extent, uint32_t reduction)
{
        return (extent - 1) / reduction + 1;
}

int hedgec_canvas_reduction(uint32_t width, uint32_t height, bool by_doubling, uint32_t *ret, hedge_why_t *why)
{
        uint32_t k = 1;

        if (!width || !height)
                return hedge_why(why, HEDGE_EMALFORMED, "is an empty picture");
        if (width > HEDGEC_PICTURE_MAX_SIDE || height > HEDGEC_PICTURE_MAX_SIDE ||
            (uint64_t)width * height > HEDGEC_PICTURE_MAX_SOURCE)
                return hedge_why(why, HEDGE_ELIMIT,
                                 "is %u x %u pixels; at most %u megapixels, and %u on a side, are read", width, height,
                                 HEDGEC_PICTURE_MAX_SOURCE >> 20, HEDGEC_PICTURE_MAX_SIDE);
        while ((uint64_t)reduce(width, k) * reduce(height, k) > HEDGEC_PICTURE_MAX_PIXELS)
                k = by_doubling ? 2 * k : k + 1;
        *ret = k;
        return 0;
}

int hedgec_canvas_open(hedgec_canvas_t *canvas, const hedgec_rows_t *rows, hedge_why_t *why)
{
        uint32_t k = rows->reduction ? rows->reduction : 1;
        uint32_t width = reduce(rows->width, k), height = reduce(rows->height, k);
        bool turned = rows->orientation >= 5;
        int r;

        *canvas = (hedgec_canvas_t){ .rows = *rows };
        canvas->rows.reduction = k;
        r = hedgec_picture_alloc(turned ? height : width, turned ? width : height, rows->channels, &canvas->picture,
                                 why);
        if (r < 0)
                return r;
        canvas->picture.reduction = k * (rows->reduced ? rows->reduced : 1);
        if (k == 1)
                return 0;
        canvas->sums = calloc((size_t)width * rows->channels, sizeof(*canvas->sums));
        canvas->means = malloc((size_t)width * rows->channels);
        if (canvas->sums && canvas->means)
                return 0;
        hedgec_canvas_close(canvas);
        return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
}

/* A row y of the stored picture, reduced already, to where it is seen: along a row or a column, from either end. */
static void place(hedgec_canvas_t *canvas, uint32_t y, const uint8_t *row)
{
        const hedgec_picture_t *p = &canvas->picture;
        unsigned o = canvas->rows.orientation;
        bool turned = o >= 5, backwards = o == 2 || o == 3 || o == 7 || o == 8;
        bool from_far_side = o == 3 || o == 4 || o == 6 || o == 7;
        uint32_t n = turned ? p->height : p->width, lines = turned ? p->width : p->height;
        size_t line = from_far_side ? lines - 1 - y : y, step = turned ? p->width : 1;
        size_t first = line * (turned ? 1 : p->width), channels = p->channels;

        if (!turned && !backwards) {
                memcpy(p->pixels + first * channels, row, n * channels);
                return;
        }
        for (uint32_t x = 0; x < n; x++) {
                uint8_t *to = p->pixels + (first + step * (backwards ? n - 1 - x : x)) * channels;

                for (size_t c = 0; c < channels; c++)
                        to[c] = *row++;
        }
}

/* The squares' means; those at the far edges may be of fewer pixels. */
static void finish_squares(hedgec_canvas_t *canvas, uint32_t rows)
{
        uint32_t k = canvas->rows.reduction, channels = canvas->rows.channels;
        uint32_t width = reduce(canvas->rows.width, k), last = canvas->rows.width - (width - 1) * k;

        for (uint32_t x = 0; x < width; x++) {
                uint32_t n = rows * (x + 1 < width ? k : last);

                for (uint32_t c = 0; c < channels; c++)
                        canvas->means[x * channels + c] = (uint8_t)((canvas->sums[x * channels + c] + n / 2) / n);
        }
        memset(canvas->sums, 0, (size_t)width * channels * sizeof(*canvas->sums));
}

static void add_row(hedgec_canvas_t *canvas, const uint8_t *row)
{
        uint32_t k = canvas->rows.reduction, channels = canvas->rows.channels, *sum = canvas->sums;

        for (uint32_t x = 0; x < canvas->rows.width; sum += channels)
                for (uint32_t i = 0; i < k && x < canvas->rows.width; i++, x++)
                        for (uint32_t c = 0; c < channels; c++)
                                sum[c] += *row++;
}

void hedgec_canvas_row(hedgec_canvas_t *canvas, const uint8_t *row)
{
        uint32_t k = canvas->rows.reduction, y = canvas->row++;

        assert(y < canvas->rows.height);
        if (k == 1) {
                place(canvas, y, row);
                return;
        }
        add_row(canvas, row);
        if ((y + 1) % k && y + 1 < canvas->rows.height)
                return;
        finish_squares(canvas, y % k + 1);
        place(canvas, y / k, canvas->means);
}

hedgec_picture_t hedgec_canvas_take(hedgec_canvas_t *canvas)
{
        hedgec_picture_t picture = canvas->picture;

        assert(canvas->row == canvas->rows.height);
        canvas->picture = (hedgec_picture_t){ .pixels = NULL };
        return picture;
}

void hedgec_canvas_close(hedgec_canvas_t *canvas)
{
        hedgec_picture_release(&canvas->picture);
        free(canvas->sums);
        free(canvas->means);
        *canvas = (hedgec_canvas_t){ .row = 0 };
}
