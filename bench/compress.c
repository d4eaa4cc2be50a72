/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/co3/co3.h"
#include "common/co3/layout.h"
#include "common/tensor.h"

/* hedge-bench-compress: how fast one thread turns gradients of 2^20 entries into messages and back, in gigabytes of
 * float32 per second of processor time, stage by stage and beside memcpy; how many bits an entry takes and how far it
 * is off. Every speed is the median over rounds, in each of which every stage runs once, so that a slow moment of the
 * machine meets all. */

#define ENTRIES  (1u << 20)
#define ROUNDS   15
#define LAYERS   12
#define GAMMA    0.9f
#define MAX_ROWS 8

typedef enum stage { COPY, PEAK, SCALE, CONVERT, PRESS, ENCODE, EXPAND, RESTORE, DECODE, STAGES } stage_t;

static const char *const stage_names[STAGES] = { "memcpy", "peak",   "scale",   "convert", "zstd",
                                                 "encode", "unzstd", "restore", "decode" };

typedef struct work {
        hedge_co3_t *co3;
        hedge_co3_options_t options;
        float *gradient, *error, *sum;
        uint8_t *message, *frames, *raw;
        size_t size;                        /* of the message */
        size_t frame[LAYERS * 2], n_frames; /* what PRESS has written */
        hedge_co3_stats_t stats;
        double wrong; /* the error's norm in that of the gradient */
} work_t;

static double uniform(void)
{
        return ((double)rand() + 0.5) / ((double)RAND_MAX + 1);
}

static double normal(void)
{
        return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

static double laplacian(void)
{
        return (uniform() < 0.5 ? 1 : -1) * log(uniform());
}

static void fill_normal(float *x, size_t n)
{
        for (size_t i = 0; i < n; i++)
                x[i] = (float)(1e-3 * normal());
}

static void fill_laplacian(float *x, size_t n)
{
        for (size_t i = 0; i < n; i++)
                x[i] = (float)(1e-3 * laplacian());
}

/* As a network's gradients look: the layers' scales differ, their filters' too, and some units are dead. */
static void fill_layer(float *x, size_t n)
{
        const double layer = exp(-7 + 2 * normal());
        double filter = 0;

        for (size_t i = 0; i < n; i++) {
                if (i % 288 == 0)
                        filter = uniform() < 0.15 ? 0 : layer * exp(0.7 * normal());
                x[i] = (float)(filter * laplacian());
        }
}

static int64_t spent_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The stages on their own, over all segments. */

static void find_peaks(work_t *w)
{
        const float *g = w->gradient, *e = w->error;

        for (unsigned i = 0; i < w->co3->segments; i++) {
                w->co3->parts[i].peak = w->co3->isa->peak(g, e, w->co3->entries[i], GAMMA);
                g += w->co3->entries[i];
                e += w->co3->entries[i];
        }
}

static void find_scales(work_t *w)
{
        const hedge_minifloat_t *format = hedge_co3_minifloat(w->co3->isa, w->options.format);
        const float *g = w->gradient, *e = w->error;

        for (unsigned i = 0; i < w->co3->segments; i++) {
                hedge_co3_segment_t *part = &w->co3->parts[i];
                const size_t n = w->co3->entries[i];

                if (w->options.format == HEDGE_CO3_FP16) {
                        part->scale = hedge_scale_fp16(part->peak);
                } else {
                        hedge_bins_fill(w->co3->bins, g, e, n, GAMMA, part->peak);
                        part->scale = hedge_scale_find(w->co3->bins, format, part->peak, (double)w->options.max_bits);
                }
                g += n;
                e += n;
        }
}

static size_t codes_of(const work_t *w, size_t n)
{
        return hedge_co3_raw(w->options.format, n) * hedge_co3_streams(w->options.format);
}

static void convert(work_t *w)
{
        const hedge_minifloat_t *format = hedge_co3_minifloat(w->co3->isa, w->options.format);
        const float *g = w->gradient;
        float *e = w->error;
        uint8_t *codes = w->raw;

        for (unsigned i = 0; i < w->co3->segments; i++) {
                format->convert(g, e, w->co3->entries[i], GAMMA, w->co3->parts[i].scale, codes);
                g += w->co3->entries[i];
                e += w->co3->entries[i];
                codes += codes_of(w, w->co3->entries[i]);
        }
}

static void press(work_t *w)
{
        const uint8_t *codes = w->raw;
        uint8_t *out = w->frames;

        w->n_frames = 0;
        for (unsigned i = 0; i < w->co3->segments; i++)
                for (unsigned s = 0; s < hedge_co3_streams(w->options.format); s++) {
                        const size_t raw = hedge_co3_raw(w->options.format, w->co3->entries[i]);
                        const size_t size = hedge_stream_write(&w->co3->zstd, codes, raw, out);

                        w->frame[w->n_frames++] = size;
                        codes += raw;
                        out += size;
                }
}

static void expand(work_t *w)
{
        hedge_cursor_t cursor = { w->frames, SIZE_MAX };
        uint8_t *room = w->raw;

        for (size_t i = 0; i < w->n_frames; i++) {
                hedge_stream_t stream;

                if (hedge_stream_read(&cursor, 0, SIZE_MAX, &stream, NULL) < 0 ||
                    hedge_stream_expand(&w->co3->zstd, &stream, room, NULL) < 0)
                        abort();
                room += stream.raw;
        }
}

static void restore(work_t *w)
{
        const hedge_minifloat_t *format = hedge_co3_minifloat(w->co3->isa, w->options.format);
        const uint8_t *codes = w->raw;
        float *sum = w->sum;

        for (unsigned i = 0; i < w->co3->segments; i++) {
                const size_t n = w->co3->entries[i];

                format->restore(codes, codes + n, n, w->co3->parts[i].scale / 8, sum);
                sum += n;
                codes += codes_of(w, n);
        }
}

static void run_stage(work_t *w, stage_t stage)
{
        switch (stage) {
        case COPY:
                memcpy(w->sum, w->gradient, ENTRIES * sizeof(float));
                break;
        case PEAK:
                find_peaks(w);
                break;
        case SCALE:
                find_scales(w);
                break;
        case CONVERT:
                convert(w);
                break;
        case PRESS:
                press(w);
                break;
        case ENCODE:
                if (hedge_co3_encode(w->co3, &w->options, w->gradient, w->error, w->message, &w->size, NULL, NULL) < 0)
                        abort();
                break;
        case EXPAND:
                expand(w);
                break;
        case RESTORE:
                restore(w);
                break;
        case DECODE:
                if (hedge_co3_decode(w->co3, w->message, w->size, 0.125f, w->sum, NULL) < 0)
                        abort();
                break;
        default:
                break;
        }
}

static int by_value(const void *a, const void *b)
{
        const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

/* Bits and error of the first message, when the error memory is empty. */
static void judge(work_t *w)
{
        double wrong = 0, whole = 0;

        memset(w->error, 0, ENTRIES * sizeof(float));
        if (hedge_co3_encode(w->co3, &w->options, w->gradient, w->error, w->message, &w->size, &w->stats, NULL) < 0)
                abort();
        for (size_t i = 0; i < ENTRIES; i++) {
                wrong += (double)w->error[i] * (double)w->error[i];
                whole += (double)w->gradient[i] * (double)w->gradient[i];
        }
        w->wrong = sqrt(wrong / whole);
}

static void measure(work_t *w)
{
        static int64_t ns[STAGES][ROUNDS];
        /* Top-k and fp32 have no such stages. */
        const int staged = w->options.format != HEDGE_CO3_TOPK && w->options.format != HEDGE_CO3_FP32;

        judge(w);
        for (unsigned round = 0; round < ROUNDS; round++)
                for (stage_t stage = 0; stage < STAGES; stage++) {
                        const int64_t start = spent_ns();

                        if (staged || stage == COPY || stage == ENCODE || stage == DECODE)
                                run_stage(w, stage);
                        ns[stage][round] = spent_ns() - start;
                }
        printf("%-5s %5.1f", hedge_co3_format_name(w->options.format), (double)w->options.max_bits);
        for (stage_t stage = 0; stage < STAGES; stage++) {
                qsort(ns[stage], ROUNDS, sizeof(ns[stage][0]), by_value);
                if (staged || stage == COPY || stage == ENCODE || stage == DECODE)
                        printf(" %7.2f", ENTRIES * (double)sizeof(float) / (double)ns[stage][ROUNDS / 2]);
                else
                        printf(" %7s", "-");
        }
        printf(" %7.2f %7.2f %7.2f %7.2f\n",
               ENTRIES * (double)sizeof(float) / (double)(ns[ENCODE][ROUNDS / 2] + ns[DECODE][ROUNDS / 2]),
               8 * (double)w->stats.bytes / ENTRIES, w->stats.entropy, 100 * w->wrong);
}

static int prepare(work_t *w, const uint32_t *entries, unsigned segments)
{
        *w = (work_t){ .co3 = NULL };
        if (hedge_co3_new(entries, segments, &w->co3) < 0)
                return -1;
        w->gradient = hedge_floats_new(ENTRIES);
        w->error = hedge_floats_new(ENTRIES);
        w->sum = hedge_floats_new(ENTRIES);
        w->message = malloc(hedge_co3_bound(w->co3));
        w->frames = malloc(hedge_co3_bound(w->co3));
        w->raw = malloc(2 * ENTRIES);
        return w->gradient && w->error && w->sum && w->message && w->frames && w->raw ? 0 : -1;
}

static void release(work_t *w)
{
        free(w->raw);
        free(w->frames);
        free(w->message);
        free(w->sum);
        free(w->error);
        free(w->gradient);
        hedge_co3_destroy(&w->co3);
}

static int measure_data(const char *name, void (*fill)(float *x, size_t n), const uint32_t *entries, unsigned segments)
{
        static const struct {
                hedge_co3_format_t format;
                float max_bits;
        } rows[] = {
                { HEDGE_CO3_FP32, 0 }, { HEDGE_CO3_FP16, 0 },   { HEDGE_CO3_FP8, 0 },     { HEDGE_CO3_FP8, 4.5f },
                { HEDGE_CO3_FP4, 0 },  { HEDGE_CO3_FP4, 2.2f }, { HEDGE_CO3_TOPK, 4.5f }, { HEDGE_CO3_TOPK, 2.2f },
        };
        float *at;
        work_t w;
        int r = prepare(&w, entries, segments);

        if (r == 0) {
                at = w.gradient;
                for (unsigned i = 0; i < segments; at += entries[i++])
                        fill(at, entries[i]);
                printf("%s, %u segments\n", name, segments);
                memset(w.sum, 0, ENTRIES * sizeof(float));
        }
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && r == 0; i++) {
                w.options = (hedge_co3_options_t){ rows[i].format, GAMMA, rows[i].max_bits, true };
                measure(&w);
        }
        release(&w);
        return r;
}

int main(void)
{
        static const uint32_t whole[] = { ENTRIES };
        uint32_t layers[LAYERS] = { 432, 16, 2304, 16, 9216, 32, 36864, 64, 147456, 131072, 64000 }, rest = ENTRIES;
        int r;

        for (unsigned i = 0; i < LAYERS - 1; i++)
                rest -= layers[i];
        layers[LAYERS - 1] = rest;
        printf("GB/s of float32, one thread; \"both\" is encode and decode together; max, zstd and entropy are bits "
               "per "
               "entry\n");
        printf("%-5s %5s", "", "max");
        for (stage_t stage = 0; stage < STAGES; stage++)
                printf(" %7s", stage_names[stage]);
        printf(" %7s %7s %7s %7s\n", "both", "bits", "entropy", "error %");
        r = measure_data("normal", fill_normal, whole, 1);
        if (r == 0)
                r = measure_data("Laplacian", fill_laplacian, whole, 1);
        if (r == 0)
                r = measure_data("layers of filters, some dead", fill_layer, layers, LAYERS);
        if (r < 0)
                fprintf(stderr, "hedge-bench-compress: out of memory\n");
        return r < 0;
}
