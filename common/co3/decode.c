/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "common/co3/layout.h"
#include "common/co3/topk.h"

static uint32_t get_u32(const uint8_t *in)
{
        uint32_t v;

        memcpy(&v, in, sizeof(v));
        return v;
}

static int read_header(const hedge_co3_t *co3, hedge_cursor_t *cursor, hedge_co3_format_t *ret, hedge_why_t *why)
{
        const uint8_t *in = cursor->at;

        if (cursor->left < HEDGE_CO3_HEADER)
                return hedge_why(why, HEDGE_EMALFORMED, "a gradient message of only %zu bytes", cursor->left);
        if (in[0] != HEDGE_CO3_VERSION)
                return hedge_why(why, HEDGE_EVERSION, "a gradient message of version %u, not %d", in[0],
                                 HEDGE_CO3_VERSION);
        if (in[1] >= HEDGE_CO3_FORMATS || in[2] || in[3])
                return hedge_why(why, HEDGE_EMALFORMED, "a gradient message of the unknown format %u", in[1]);
        if (get_u32(in + 4) != co3->segments)
                return hedge_why(why, HEDGE_ESHAPE, "a gradient message of %lu segments, not %u",
                                 (unsigned long)get_u32(in + 4), co3->segments);
        *ret = in[1];
        cursor->at += HEDGE_CO3_HEADER;
        cursor->left -= HEDGE_CO3_HEADER;
        return 0;
}

static int read_streams(hedge_co3_format_t format, size_t n, hedge_cursor_t *cursor, hedge_stream_t *streams,
                        hedge_why_t *why)
{
        const size_t raw = hedge_co3_raw(format, n);
        size_t kept;
        int r;

        if (format != HEDGE_CO3_TOPK) {
                r = hedge_stream_read(cursor, raw, raw, &streams[0], why);
                if (r == 0 && format == HEDGE_CO3_FP16)
                        r = hedge_stream_read(cursor, raw, raw, &streams[1], why);
                if (r == 0 && format == HEDGE_CO3_FP32 && streams[0].stored != raw)
                        r = hedge_why(why, HEDGE_EMALFORMED, "a compressed stream of fp32");
                return r;
        }
        r = hedge_stream_read(cursor, 0, n, &streams[0], why);
        kept = r < 0 ? 0 : streams[0].raw;
        if (r == 0)
                r = hedge_stream_read(cursor, kept, kept, &streams[1], why);
        if (r == 0)
                r = hedge_stream_read(cursor, kept, hedge_gaps_bound(kept, n), &streams[2], why);
        return r;
}

static int read_segment(size_t n, hedge_co3_format_t format, hedge_cursor_t *cursor, hedge_co3_segment_t *part,
                        hedge_why_t *why)
{
        if (cursor->left < HEDGE_CO3_SEGMENT_HEADER)
                return hedge_why(why, HEDGE_EMALFORMED, "a gradient message ends before its last segment");
        if (get_u32(cursor->at) != n)
                return hedge_why(why, HEDGE_ESHAPE, "a segment of %lu entries, not %zu",
                                 (unsigned long)get_u32(cursor->at), n);
        memcpy(&part->scale, cursor->at + 4, sizeof(part->scale));
        if (!(part->scale >= HEDGE_CO3_MIN_SCALE && part->scale <= HEDGE_CO3_MAX_SCALE))
                return hedge_why(why, HEDGE_EMALFORMED, "a segment of scale %g", (double)part->scale);
        cursor->at += HEDGE_CO3_SEGMENT_HEADER;
        cursor->left -= HEDGE_CO3_SEGMENT_HEADER;
        return read_streams(format, n, cursor, part->streams, why);
}

/* Where everything lies. @param ret_room  What the compressed streams need when they are expanded. */
static int read_layout(hedge_co3_t *co3, hedge_co3_format_t format, hedge_cursor_t *cursor, size_t *ret_room,
                       hedge_why_t *why)
{
        size_t room = 0;

        for (unsigned i = 0; i < co3->segments; i++) {
                hedge_co3_segment_t *part = &co3->parts[i];
                int r = read_segment(co3->entries[i], format, cursor, part, why);

                if (r < 0)
                        return r;
                for (unsigned s = 0; s < hedge_co3_streams(format); s++)
                        room += part->streams[s].stored < part->streams[s].raw ? part->streams[s].raw : 0;
        }
        if (cursor->left > 0)
                return hedge_why(why, HEDGE_EMALFORMED, "%zu bytes behind a gradient message's end", cursor->left);
        *ret_room = room;
        return 0;
}

static int check_floats(const hedge_co3_isa_t *isa, const hedge_stream_t *stream, hedge_why_t *why)
{
        float chunk[HEDGE_CO3_CHUNK];

        for (size_t at = 0; at < stream->raw; at += sizeof(chunk)) {
                const size_t size = stream->raw - at < sizeof(chunk) ? stream->raw - at : sizeof(chunk);

                memcpy(chunk, stream->bytes + at, size);
                if (isa->peak(chunk, NULL, size / sizeof(float), 0) >= HEDGE_CO3_INFINITE)
                        return hedge_why(why, HEDGE_EMALFORMED, "a gradient with an entry that is not finite");
        }
        return 0;
}

/* Expand what is compressed and look at what can be wrong inside. */
static int expand(hedge_co3_t *co3, hedge_co3_format_t format, hedge_why_t *why)
{
        uint8_t *room = co3->codes;
        int r = 0;

        for (unsigned i = 0; i < co3->segments && r == 0; i++) {
                hedge_stream_t *streams = co3->parts[i].streams;

                for (unsigned s = 0; s < hedge_co3_streams(format) && r == 0; s++) {
                        r = hedge_stream_expand(&co3->zstd, &streams[s], room, why);
                        room += streams[s].stored < streams[s].raw ? streams[s].raw : 0;
                }
                if (r == 0 && format == HEDGE_CO3_FP32)
                        r = check_floats(co3->isa, &streams[0], why);
                if (r == 0 && format == HEDGE_CO3_TOPK &&
                    !hedge_gaps_valid(streams[2].bytes, streams[2].raw, streams[0].raw, co3->entries[i]))
                        r = hedge_why(why, HEDGE_EMALFORMED, "top-k entries that are not %zu places below %lu",
                                      streams[0].raw, (unsigned long)co3->entries[i]);
        }
        return r;
}

static void add_floats(const hedge_stream_t *stream, float weight, float *sum)
{
        float chunk[HEDGE_CO3_CHUNK];

        for (size_t at = 0; at < stream->raw; at += sizeof(chunk)) {
                const size_t size = stream->raw - at < sizeof(chunk) ? stream->raw - at : sizeof(chunk);

                memcpy(chunk, stream->bytes + at, size);
                for (size_t i = 0; i < size / sizeof(float); i++)
                        *sum++ += weight * chunk[i];
        }
}

static void add(const hedge_co3_t *co3, hedge_co3_format_t format, float weight, float *sum)
{
        const hedge_minifloat_t *minifloat = hedge_co3_minifloat(co3->isa, format);

        for (unsigned i = 0; i < co3->segments; i++) {
                const hedge_co3_segment_t *part = &co3->parts[i];
                const float factor = weight * part->scale;

                if (format == HEDGE_CO3_FP32)
                        add_floats(&part->streams[0], weight, sum);
                else if (format == HEDGE_CO3_TOPK)
                        hedge_co3_sparse_add(co3, part, factor, sum);
                else
                        minifloat->restore(part->streams[0].bytes, part->streams[1].bytes, co3->entries[i], factor,
                                           sum);
                sum += co3->entries[i];
        }
}

int hedge_co3_decode(hedge_co3_t *co3, const void *bytes, size_t size, float weight, float *sum, hedge_why_t *why)
{
        hedge_cursor_t cursor = { bytes, size };
        hedge_co3_format_t format = HEDGE_CO3_FP32;
        size_t room = 0;
        int r = read_header(co3, &cursor, &format, why);

        if (r == 0)
                r = read_layout(co3, format, &cursor, &room, why);
        if (r < 0)
                return r;
        if (hedge_co3_room(co3, room) < 0)
                return hedge_why(why, -ENOMEM, "out of memory");
        r = expand(co3, format, why);
        if (r == 0)
                add(co3, format, weight, sum);
        return r;
}
