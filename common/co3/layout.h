/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CO3_LAYOUT_H
#define HEDGE_CO3_LAYOUT_H

#include "common/co3/co3.h"
#include "common/co3/co3_isa.h"
#include "common/co3/scale.h"
#include "common/co3/stream.h"

/** Inside of common/co3: how a message lies, and the buffers. */

#define HEDGE_CO3_VERSION        1
#define HEDGE_CO3_HEADER         8 /**< bytes before the segments */
#define HEDGE_CO3_SEGMENT_HEADER 8 /**< bytes before a segment's streams */
#define HEDGE_CO3_STREAMS        3 /**< of a segment, at most */
#define HEDGE_CO3_CHUNK          1024
#define HEDGE_CO3_INFINITE       0x7f800000u /**< a float's bits, without the sign: this and above is no number */

/** What a message says of one segment. */
typedef struct hedge_co3_segment {
        float scale;
        uint32_t peak;
        hedge_stream_t streams[HEDGE_CO3_STREAMS];
} hedge_co3_segment_t;

struct hedge_co3 {
        const hedge_co3_isa_t *isa;
        unsigned segments;
        uint32_t *entries; /**< of each */
        size_t total, longest;
        hedge_co3_segment_t *parts; /**< of each, while a message is written or read */
        hedge_bins_t *bins;         /**< made when first needed, as are the buffers */
        hedge_zstd_t zstd;
        uint8_t *codes;
        size_t codes_size;
        float *floats; /**< two for each entry of the longest segment: for top-k */
        uint32_t *places;
};

/** fp16, fp8 or fp4 of an instruction set; the one that top-k uses for its values; NULL for fp32. */
const hedge_minifloat_t *hedge_co3_minifloat(const hedge_co3_isa_t *isa, hedge_co3_format_t format);

/** Streams of a segment. */
unsigned hedge_co3_streams(hedge_co3_format_t format);

/** Raw bytes of a segment's stream; for top-k of n kept entries, but not of its gaps. */
size_t hedge_co3_raw(hedge_co3_format_t format, size_t n);

/** Have `size` bytes in co3->codes. What was there is lost. @return 0, -ENOMEM. */
int hedge_co3_room(hedge_co3_t *co3, size_t size);

/** Write top-k of a segment: its streams and the error memory. There are floats, places and 4 bytes of codes per entry.
 *
 * @param error    Or NULL.
 * @param entropy  Added to, where it is not NULL.
 * @return bytes written. */
size_t hedge_co3_sparse_write(hedge_co3_t *co3, const hedge_co3_options_t *options, const float *gradient, float *error,
                              size_t n, float *ret_scale, uint8_t *out, double *entropy);

/** sum += factor * the kept entries, of streams that are expanded and checked. */
void hedge_co3_sparse_add(const hedge_co3_t *co3, const hedge_co3_segment_t *part, float factor, float *sum);

#endif
