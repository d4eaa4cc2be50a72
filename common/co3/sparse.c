/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/co3/layout.h"
#include "common/co3/topk.h"

#define TRIES 6    /* to meet the bits; every one after the first corrects the last */
#define CLOSE 0.97 /* of the bits is near enough */
#define AIM   0.99

/* One way to write a segment: the k largest entries. */
typedef struct attempt {
        size_t kept, size;
        float scale;
        double entropy;
} attempt_t;

static attempt_t attempt(hedge_co3_t *co3, const hedge_co3_options_t *options, size_t n, size_t k, uint8_t *out,
                         int entropy)
{
        const float *x = co3->floats;
        float *kept = co3->floats + n;
        hedge_zstd_t *zstd = options->compress ? &co3->zstd : NULL;
        attempt_t a = { .kept = hedge_topk_select(x, n, k, co3->places) };
        size_t raw[HEDGE_CO3_STREAMS] = { a.kept, a.kept, 0 };
        const uint8_t *codes = co3->codes;

        for (size_t i = 0; i < a.kept; i++)
                kept[i] = x[co3->places[i]];
        a.scale = hedge_scale_fp16(co3->isa->peak(kept, NULL, a.kept, 0));
        co3->isa->fp16.convert(kept, NULL, a.kept, 0, a.scale, co3->codes);
        raw[2] = hedge_gaps_write(co3->places, a.kept, co3->codes + 2 * a.kept);
        for (unsigned s = 0; s < HEDGE_CO3_STREAMS; s++) {
                a.size += hedge_stream_write(zstd, codes, raw[s], out + a.size);
                if (entropy)
                        a.entropy += hedge_entropy_bytes(codes, raw[s]);
                codes += raw[s];
        }
        return a;
}

/* As many entries as the bits allow; what they need is only known when they are compressed. */
static attempt_t meet_bits(hedge_co3_t *co3, const hedge_co3_options_t *options, size_t n, uint8_t *out, int entropy)
{
        const double headers = HEDGE_CO3_STREAMS * HEDGE_STREAM_HEADER;
        const double most = (double)options->max_bits * (double)n / 8 - HEDGE_CO3_SEGMENT_HEADER;
        size_t k = hedge_topk_count(n, (double)options->max_bits, options->compress);

        for (unsigned try = 1;; try++) {
                const attempt_t a = attempt(co3, options, n, k, out, entropy);
                const double size = (double)a.size, by = AIM * (most - headers) / (size - headers + 1);

                if (size <= most ? size > CLOSE * most || a.kept < k || try >= TRIES : a.kept <= 1)
                        return a;
                k = by > 0 ? (size_t)((double)a.kept * by) : 1; /* always fewer when there were too many bytes */
                k = k < 1 ? 1 : k > n ? n : k;
        }
}

size_t hedge_co3_sparse_write(hedge_co3_t *co3, const hedge_co3_options_t *options, const float *gradient, float *error,
                              size_t n, float *ret_scale, uint8_t *out, double *entropy)
{
        float *x = co3->floats, *kept = x + n;
        attempt_t a;

        for (size_t i = 0; i < n; i++)
                x[i] = error ? gradient[i] + options->gamma * error[i] : gradient[i];
        a = meet_bits(co3, options, n, out, entropy != NULL);
        if (entropy)
                *entropy += a.entropy;
        *ret_scale = a.scale;
        if (!error)
                return a.size;
        memcpy(error, x, n * sizeof(*x));
        memset(x, 0, a.kept * sizeof(*x)); /* now an error memory that is empty */
        co3->isa->fp16.convert(kept, x, a.kept, 0, a.scale, co3->codes);
        for (size_t i = 0; i < a.kept; i++)
                error[co3->places[i]] = x[i];
        return a.size;
}

void hedge_co3_sparse_add(const hedge_co3_t *co3, const hedge_co3_segment_t *part, float factor, float *sum)
{
        const size_t kept = part->streams[0].raw;
        const uint8_t *gaps = part->streams[2].bytes;
        size_t place = SIZE_MAX;

        for (size_t at = 0; at < kept; at += HEDGE_CO3_CHUNK) {
                const size_t count = kept - at < HEDGE_CO3_CHUNK ? kept - at : HEDGE_CO3_CHUNK;
                float values[HEDGE_CO3_CHUNK] = { 0 };

                co3->isa->fp16.restore(part->streams[0].bytes + at, part->streams[1].bytes + at, count, factor, values);
                for (size_t i = 0; i < count; i++) {
                        place = hedge_gaps_next(&gaps, place);
                        sum[place] += values[i];
                }
        }
}
