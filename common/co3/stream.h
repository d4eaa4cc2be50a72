/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_STREAM_H
#define HEDGE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/** Inside of common/co3: a message's streams, compressed where that helps. See co3.h for how they lie. */

#define HEDGE_STREAM_HEADER 8 /**< bytes before every stream */

/** Two zstd contexts; the second is made when it is first needed. */
typedef struct hedge_zstd {
        struct ZSTD_CCtx_s *compressor;
        struct ZSTD_DCtx_s *decompressor;
} hedge_zstd_t;

/** Be ready to compress. @return 0, -ENOMEM. */
int hedge_zstd_prepare(hedge_zstd_t *zstd);

void hedge_zstd_release(hedge_zstd_t *zstd);

/** Write a header and `size` bytes, as a zstd frame where that is smaller.
 *
 * @param zstd  Prepared; NULL: do not compress.
 * @param out   HEDGE_STREAM_HEADER + size bytes; overlaps nothing.
 * @return how many were written. */
size_t hedge_stream_write(hedge_zstd_t *zstd, const uint8_t *bytes, size_t size, uint8_t *out);

/** What is left to read of a message. */
typedef struct hedge_cursor {
        const uint8_t *at;
        size_t left;
} hedge_cursor_t;

/** A stream inside a message. */
typedef struct hedge_stream {
        const uint8_t *bytes; /**< as stored, or as expanded */
        size_t stored, raw;
} hedge_stream_t;

/** Read a stream's header and step over its bytes, which are not yet looked at.
 *
 * @param least, most  How many raw bytes there may be.
 * @return 0, HEDGE_EMALFORMED. */
int hedge_stream_read(hedge_cursor_t *cursor, size_t least, size_t most, hedge_stream_t *ret, hedge_why_t *why);

/** Make stream->bytes the raw bytes: of a zstd frame it is `room` then, of at least stream->raw bytes.
 *
 * @return 0, HEDGE_EMALFORMED (no frame of exactly so many bytes), -ENOMEM. */
int hedge_stream_expand(hedge_zstd_t *zstd, hedge_stream_t *stream, uint8_t *room, hedge_why_t *why);

/** The empirical entropy of n symbols taken alone, in bits for all of them: of bytes, or of codes of four bits. */
double hedge_entropy_bytes(const uint8_t *bytes, size_t n);
double hedge_entropy_halves(const uint8_t *bytes, size_t n);

#endif
