/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/co3/layout.h"

#define MARGIN 0.98 /* of max_bits: what Huffman codes need above the entropy, and their tables */

static void put_u32(uint8_t *out, uint32_t value)
{
        memcpy(out, &value, sizeof(value));
}

static int check_options(const hedge_co3_options_t *o, const float *error, hedge_why_t *why)
{
        const int topk = o->format == HEDGE_CO3_TOPK;

        if ((unsigned)o->format >= HEDGE_CO3_FORMATS)
                return hedge_why(why, -EINVAL, "there is no gradient format %d", (int)o->format);
        if (!(o->gamma >= 0 && o->gamma <= 1))
                return hedge_why(why, -EINVAL, "gamma is %g, not 0 to 1", (double)o->gamma);
        if (!error && o->gamma > 0)
                return hedge_why(why, -EINVAL, "gamma is %g, but there is no error memory", (double)o->gamma);
        if (topk && !(o->max_bits >= 0.1f && o->max_bits <= 16))
                return hedge_why(why, -EINVAL, "top-k with %g bits per entry, not 0.1 to 16", (double)o->max_bits);
        if ((o->format == HEDGE_CO3_FP8 || o->format == HEDGE_CO3_FP4) && o->max_bits != 0 && !(o->max_bits >= 0.5f))
                return hedge_why(why, -EINVAL, "%g bits per entry, not 0 or at least 0.5", (double)o->max_bits);
        return 0;
}

static int allocate(hedge_co3_t *co3, const hedge_co3_options_t *options)
{
        const int topk = options->format == HEDGE_CO3_TOPK;
        int r = hedge_co3_room(co3, topk ? 4 * co3->longest : 2 * co3->longest);

        if (r < 0)
                return r;
        if (!co3->bins)
                co3->bins = malloc(sizeof(*co3->bins));
        if (topk && !co3->floats)
                co3->floats = malloc(2 * co3->longest * sizeof(*co3->floats));
        if (topk && !co3->places)
                co3->places = malloc(co3->longest * sizeof(*co3->places));
        if (!co3->bins || (topk && (!co3->floats || !co3->places)))
                return -ENOMEM;
        return options->compress ? hedge_zstd_prepare(&co3->zstd) : 0;
}

/* Nothing is written before all of it is known to be finite. */
static int find_peaks(hedge_co3_t *co3, float gamma, const float *gradient, const float *error, hedge_why_t *why)
{
        for (unsigned i = 0; i < co3->segments; i++) {
                const size_t n = co3->entries[i];

                co3->parts[i].peak = co3->isa->peak(gradient, error, n, gamma);
                if (co3->parts[i].peak >= HEDGE_CO3_INFINITE)
                        return hedge_why(why, -EINVAL, "the gradient's segment %u has an entry that is not finite", i);
                gradient += n;
                error = error ? error + n : NULL;
        }
        return 0;
}

/* A stream of float32: what is sent exactly leaves no error. */
static size_t write_floats(float gamma, const float *gradient, float *error, size_t n, uint8_t *out)
{
        float chunk[HEDGE_CO3_CHUNK];

        put_u32(out, (uint32_t)(n * sizeof(float)));
        put_u32(out + 4, (uint32_t)(n * sizeof(float)));
        out += HEDGE_STREAM_HEADER;
        for (size_t at = 0; at < n; at += HEDGE_CO3_CHUNK) {
                const size_t count = n - at < HEDGE_CO3_CHUNK ? n - at : HEDGE_CO3_CHUNK;

                for (size_t i = 0; error && i < count; i++)
                        chunk[i] = gradient[at + i] + gamma * error[at + i];
                memcpy(out + at * sizeof(float), error ? chunk : gradient + at, count * sizeof(float));
                if (error)
                        memset(error + at, 0, count * sizeof(float));
        }
        return HEDGE_STREAM_HEADER + n * sizeof(float);
}

static float find_scale(hedge_co3_t *co3, const hedge_co3_options_t *options, const float *gradient, const float *error,
                        size_t n, uint32_t peak)
{
        const hedge_minifloat_t *format = hedge_co3_minifloat(co3->isa, options->format);

        if (options->format == HEDGE_CO3_FP16)
                return hedge_scale_fp16(peak);
        hedge_bins_fill(co3->bins, gradient, error, n, options->gamma, peak);
        return hedge_scale_find(co3->bins, format, peak, (double)options->max_bits * MARGIN);
}

static size_t write_codes(hedge_co3_t *co3, const hedge_co3_options_t *options, const float *gradient, float *error,
                          size_t n, float scale, uint8_t *out, double *entropy)
{
        const size_t raw = hedge_co3_raw(options->format, n);
        hedge_zstd_t *zstd = options->compress ? &co3->zstd : NULL;
        size_t size = 0;

        hedge_co3_minifloat(co3->isa, options->format)->convert(gradient, error, n, options->gamma, scale, co3->codes);
        for (unsigned s = 0; s < hedge_co3_streams(options->format); s++) {
                const uint8_t *codes = co3->codes + s * raw;

                size += hedge_stream_write(zstd, codes, raw, out + size);
                if (entropy)
                        *entropy += options->format == HEDGE_CO3_FP4 ? hedge_entropy_halves(codes, n)
                                                                     : hedge_entropy_bytes(codes, raw);
        }
        return size;
}

static size_t write_segment(hedge_co3_t *co3, const hedge_co3_options_t *options, unsigned i, const float *gradient,
                            float *error, uint8_t *out, double *entropy)
{
        const size_t n = co3->entries[i];
        uint8_t *streams = out + HEDGE_CO3_SEGMENT_HEADER;
        float scale = 1;
        size_t size;

        if (options->format == HEDGE_CO3_FP32) {
                size = write_floats(options->gamma, gradient, error, n, streams);
                if (entropy)
                        *entropy += 32 * (double)n;
        } else if (options->format == HEDGE_CO3_TOPK) {
                size = hedge_co3_sparse_write(co3, options, gradient, error, n, &scale, streams, entropy);
        } else {
                scale = find_scale(co3, options, gradient, error, n, co3->parts[i].peak);
                size = write_codes(co3, options, gradient, error, n, scale, streams, entropy);
        }
        put_u32(out, (uint32_t)n);
        memcpy(out + 4, &scale, sizeof(scale));
        return HEDGE_CO3_SEGMENT_HEADER + size;
}

int hedge_co3_encode(hedge_co3_t *co3, const hedge_co3_options_t *options, const float *gradient, float *error,
                     uint8_t *out, size_t *ret_bytes, hedge_co3_stats_t *stats, hedge_why_t *why)
{
        size_t size = HEDGE_CO3_HEADER;
        double entropy = 0;
        int r = check_options(options, error, why);

        if (r == 0)
                r = find_peaks(co3, options->gamma, gradient, error, why);
        if (r < 0)
                return r;
        r = allocate(co3, options);
        if (r < 0)
                return hedge_why(why, r, "out of memory");
        memset(out, 0, HEDGE_CO3_HEADER);
        out[0] = HEDGE_CO3_VERSION;
        out[1] = (uint8_t)options->format;
        put_u32(out + 4, co3->segments);
        for (unsigned i = 0; i < co3->segments; i++) {
                size += write_segment(co3, options, i, gradient, error, out + size, stats ? &entropy : NULL);
                gradient += co3->entries[i];
                error = error ? error + co3->entries[i] : NULL;
        }
        if (stats)
                *stats = (hedge_co3_stats_t){ size, entropy / (double)co3->total };
        *ret_bytes = size;
        return 0;
}
