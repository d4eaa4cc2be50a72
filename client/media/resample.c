/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/resample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PRECISION_BITS 22
#define MAX_BYTES      (512u << 20) /* with HEDGEC_PICTURE_MAX_PIXELS of RGB and of grey: HEDGEC_PICTURE_MEMORY */

/* The weights of one direction: output i is sum over t < taps[i] of weight[i * room + t] * sample[start[i] + t]. */
typedef struct weights {
        uint32_t count, room;
        uint32_t *start, *taps;
        int32_t *weight;
} weights_t;

static void free_weights(weights_t *w)
{
        free(w->start);
        free(w->taps);
        free(w->weight);
}

/* One output sample: a triangle around its centre, as wide as the reduction, cut at the picture's edges. */
static void fill_weights(const hedgec_window_t *window, uint32_t i, weights_t *w)
{
        double scale = (double)window->size / window->resized, width = scale > 1 ? scale : 1;
        double centre = ((double)window->first + i + 0.5) * scale, sum = 0;
        double from = centre - width + 0.5, to = centre + width + 0.5;
        uint32_t start = from > 0 ? (uint32_t)from : 0;
        uint32_t end = to < window->size ? (uint32_t)to : window->size;
        int32_t *weight = w->weight + (size_t)i * w->room;

        for (uint32_t x = start; x < end; x++)
                sum += fmax(0, 1 - fabs((x + 0.5 - centre) / width));
        for (uint32_t x = start; x < end; x++) {
                double k = fmax(0, 1 - fabs((x + 0.5 - centre) / width)) / sum;

                weight[x - start] = (int32_t)(0.5 + k * (1 << PRECISION_BITS));
        }
        w->start[i] = start;
        w->taps[i] = end - start;
}

static int make_weights(const hedgec_window_t *window, weights_t *w)
{
        double scale = (double)window->size / window->resized;

        w->count = window->count;
        w->room = 2 * (uint32_t)ceil(scale > 1 ? scale : 1) + 1;
        w->start = calloc(w->count, sizeof(*w->start));
        w->taps = calloc(w->count, sizeof(*w->taps));
        w->weight = calloc((size_t)w->count * w->room, sizeof(*w->weight));
        if (!w->start || !w->taps || !w->weight)
                return -ENOMEM;
        for (uint32_t i = 0; i < w->count; i++)
                fill_weights(window, i, w);
        return 0;
}

static uint8_t round_sample(int64_t sum)
{
        sum = (sum + (1 << (PRECISION_BITS - 1))) >> PRECISION_BITS;
        return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* One row: w->count pixels of `channels` samples from a row of the picture. */
static void resample_row(const uint8_t *row, uint32_t channels, const weights_t *w, uint8_t *out)
{
        for (uint32_t i = 0; i < w->count; i++) {
                const int32_t *weight = w->weight + (size_t)i * w->room;
                const uint8_t *from = row + (size_t)w->start[i] * channels;

                for (uint32_t c = 0; c < channels; c++) {
                        int64_t sum = 0;

                        for (uint32_t t = 0; t < w->taps[i]; t++)
                                sum += (int64_t)weight[t] * from[t * channels + c];
                        *out++ = round_sample(sum);
                }
        }
}

/* One row of n samples out of the rows below each other in `from`. */
static void resample_column(const uint8_t *from, size_t n, const int32_t *weight, uint32_t taps, uint8_t *out)
{
        for (size_t i = 0; i < n; i++) {
                int64_t sum = 0;

                for (uint32_t t = 0; t < taps; t++)
                        sum += (int64_t)weight[t] * from[t * n + i];
                out[i] = round_sample(sum);
        }
}

static int resample(const hedgec_picture_t *picture, const weights_t *wx, const weights_t *wy, hedgec_picture_t *out,
                    hedge_why_t *why)
{
        uint32_t first = wy->start[0], last = wy->start[wy->count - 1] + wy->taps[wy->count - 1];
        size_t n = (size_t)wx->count * picture->channels;
        size_t row_bytes = (size_t)picture->width * picture->channels;
        uint8_t *narrow;
        int r;

        if ((uint64_t)n * (last - first) > MAX_BYTES)
                return hedge_why(why, HEDGE_ELIMIT, "resizing it takes more than %u MiB of memory", MAX_BYTES >> 20);
        r = hedgec_picture_alloc(wx->count, wy->count, picture->channels, out, why);
        if (r < 0)
                return r;
        narrow = malloc(n * (last - first));
        if (!narrow) {
                hedgec_picture_release(out);
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        }
        for (uint32_t y = first; y < last; y++)
                resample_row(picture->pixels + y * row_bytes, picture->channels, wx, narrow + (y - first) * n);
        for (uint32_t y = 0; y < wy->count; y++)
                resample_column(narrow + (wy->start[y] - first) * n, n, wy->weight + (size_t)y * wy->room, wy->taps[y],
                                out->pixels + y * n);
        free(narrow);
        return 0;
}

int hedgec_resample(const hedgec_picture_t *picture, const hedgec_window_t *columns, const hedgec_window_t *rows,
                    hedgec_picture_t *ret, hedge_why_t *why)
{
        weights_t wx = { .count = 0 }, wy = { .count = 0 };
        hedgec_picture_t out = { .pixels = NULL };
        int r;

        if (columns->count > HEDGEC_PICTURE_MAX_SIDE || rows->count > HEDGEC_PICTURE_MAX_SIDE)
                return hedge_why(why, HEDGE_ELIMIT, "an input of %u x %u pixels is too large for a picture",
                                 columns->count, rows->count);
        r = make_weights(columns, &wx);
        if (!r)
                r = make_weights(rows, &wy);
        if (r < 0)
                hedge_why(why, r, "%s", hedge_strerror(r));
        else
                r = resample(picture, &wx, &wy, &out, why);
        free_weights(&wx);
        free_weights(&wy);
        if (!r)
                *ret = out;
        return r;
}
