/* SPDX-License-Identifier: Apache-2.0 */
#include "common/co3/stream.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <zstd.h>

#define LEVEL     1
#define MIN_MATCH 7          /* shorter ones are chance */
#define HASH_LOG  12         /* few matches are sought, and the table is cleared per stream */
#define WORTH     32         /* bytes; fewer never shrink by much */
#define MAGIC     0xfd2fb528 /* of a zstd frame; those of old versions and frames to skip have others */

void hedge_zstd_release(hedge_zstd_t *zstd)
{
        ZSTD_freeCCtx(zstd->compressor);
        ZSTD_freeDCtx(zstd->decompressor);
        *zstd = (hedge_zstd_t){ NULL, NULL };
}

static void put_u32(uint8_t *out, size_t value)
{
        const uint32_t v = (uint32_t)value;

        memcpy(out, &v, sizeof(v));
}

static uint32_t get_u32(const uint8_t *in)
{
        uint32_t v;

        memcpy(&v, in, sizeof(v));
        return v;
}

int hedge_zstd_prepare(hedge_zstd_t *zstd)
{
        ZSTD_CCtx *context;

        if (zstd->compressor)
                return 0;
        context = ZSTD_createCCtx();
        if (!context)
                return -ENOMEM;
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, MIN_MATCH);
        ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, HASH_LOG);
        zstd->compressor = context;
        return 0;
}

size_t hedge_stream_write(hedge_zstd_t *zstd, const uint8_t *bytes, size_t size, uint8_t *out)
{
        size_t stored = size;

        if (zstd && size > WORTH) {
                /* There is no room for a frame that is not smaller, so that it is an error. */
                const size_t r = ZSTD_compress2(zstd->compressor, out + HEDGE_STREAM_HEADER, size - 1, bytes, size);

                if (!ZSTD_isError(r))
                        stored = r;
        }
        if (stored == size && size > 0)
                memcpy(out + HEDGE_STREAM_HEADER, bytes, size);
        put_u32(out, size);
        put_u32(out + 4, stored);
        return HEDGE_STREAM_HEADER + stored;
}

int hedge_stream_read(hedge_cursor_t *cursor, size_t least, size_t most, hedge_stream_t *ret, hedge_why_t *why)
{
        size_t raw, stored;

        if (cursor->left < HEDGE_STREAM_HEADER)
                return hedge_why(why, HEDGE_EMALFORMED, "a gradient message ends inside a stream's header");
        raw = get_u32(cursor->at);
        stored = get_u32(cursor->at + 4);
        if (raw < least || raw > most)
                return hedge_why(why, HEDGE_EMALFORMED, "a stream of %zu bytes, where %zu to %zu belong", raw, least,
                                 most);
        if (stored > raw || stored > cursor->left - HEDGE_STREAM_HEADER)
                return hedge_why(why, HEDGE_EMALFORMED, "a stream that stores %zu of %zu bytes, with %zu left", stored,
                                 raw, cursor->left - HEDGE_STREAM_HEADER);
        *ret = (hedge_stream_t){ cursor->at + HEDGE_STREAM_HEADER, stored, raw };
        cursor->at += HEDGE_STREAM_HEADER + stored;
        cursor->left -= HEDGE_STREAM_HEADER + stored;
        return 0;
}

int hedge_stream_expand(hedge_zstd_t *zstd, hedge_stream_t *stream, uint8_t *room, hedge_why_t *why)
{
        const uint8_t *in = stream->bytes;

        if (stream->stored == stream->raw)
                return 0;
        if (!zstd->decompressor)
                zstd->decompressor = ZSTD_createDCtx();
        if (!zstd->decompressor)
                return -ENOMEM;
        if (stream->stored < sizeof(uint32_t) || get_u32(in) != MAGIC ||
            ZSTD_findFrameCompressedSize(in, stream->stored) != stream->stored)
                return hedge_why(why, HEDGE_EMALFORMED, "a compressed stream that is not one zstd frame");
        if (ZSTD_getFrameContentSize(in, stream->stored) != stream->raw)
                return hedge_why(why, HEDGE_EMALFORMED, "a zstd frame that does not say that it holds %zu bytes",
                                 stream->raw);
        if (ZSTD_decompressDCtx(zstd->decompressor, room, stream->raw, in, stream->stored) != stream->raw)
                return hedge_why(why, HEDGE_EMALFORMED, "a damaged zstd frame");
        stream->bytes = room;
        return 0;
}

static double entropy_of(const uint32_t *count, unsigned symbols)
{
        double total = 0, bits = 0;

        for (unsigned i = 0; i < symbols; i++)
                total += count[i];
        for (unsigned i = 0; i < symbols; i++)
                if (count[i] > 0)
                        bits -= count[i] * log2(count[i] / total);
        return bits;
}

/* Four tables, because counting the same symbol again has to wait for the last count. */
static void count(const uint8_t *bytes, size_t n, uint32_t sums[256])
{
        uint32_t counts[4][256] = { { 0 } };

        for (size_t i = 0; i < n; i++)
                counts[i % 4][bytes[i]]++;
        for (unsigned i = 0; i < 256; i++)
                sums[i] = counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i];
}

double hedge_entropy_bytes(const uint8_t *bytes, size_t n)
{
        uint32_t sums[256];

        count(bytes, n, sums);
        return entropy_of(sums, 256);
}

double hedge_entropy_halves(const uint8_t *bytes, size_t n)
{
        uint32_t sums[256], codes[16] = { 0 };

        count(bytes, (n + 1) / 2, sums);
        for (unsigned i = 0; i < 256; i++) {
                codes[i % 16] += sums[i];
                codes[i / 16] += sums[i];
        }
        codes[0] -= n % 2; /* the half that nobody uses */
        return entropy_of(codes, 16);
}
