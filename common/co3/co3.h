/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CO3_H
#define HEDGE_CO3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/** Gradients in few bits: convert, compress, correct.
 *
 * Source: CO3, arXiv 2203.09044. A gradient is a vector of float32 that is cut into segments, one per layer. What is
 * encoded is g' = gradient + gamma * error, where `error` is the sender's memory of what its last messages left out.
 *
 * Convert: every segment has one scale; an entry becomes the nearest number of a small floating-point format (ties to
 * even, beyond the largest the largest). In units of the scale a code of E exponent bits e and M mantissa bits m is
 *
 *     e = 0: m        e > 0: (2^M + m) * 2^(e - 1)
 *
 * so there are subnormals, no infinities and nothing that is not a number; the sign is the bit above; zero is written
 * with the sign 0. fp8 is 1-5-2 (0, 1, .. 7 * 2^30), fp4 is 1-2-1 (0 1 2 3 4 6 8 12), fp16 is 1-5-10 (so not IEEE's in
 * its last binade). The scale minimises the squared error; where the codes then need more than max_bits, it is the
 * smallest that keeps to them (see scale.h).
 *
 * Compress: zstd, level 1 with matches of 7 bytes at least. That is Huffman coding with a table per 128 KiB, but finds
 * the zeros of dead units; it is within 0.1 bits per entry of the entropy where entries are independent. Higher levels
 * (3, 13) find matches that are none, cost more bits and are 4 to 40 times slower. Bytes that do not shrink are sent as
 * they are.
 *
 * Correct: error = g' - what the receiver makes of the message. The sum of all decoded messages so is the sum of all
 * gradients less the last error (gamma = 1).
 *
 * Top-k is what to compare with: the largest entries of every segment as (gap, fp16), as many as a given number of bits
 * allows, with the same memory.
 *
 * The message, little-endian:
 *
 *     u8 version (1), u8 format, u16 zero, u32 segments, then per segment
 *         u32 entries, f32 scale, and its streams, each:  u32 raw bytes, u32 stored bytes, the stored bytes
 *
 * A stream whose stored bytes are fewer than its raw bytes is one zstd frame that says its content size; else they are
 * the raw bytes. The streams of a segment with n entries:
 *
 *     fp32   the floats, 4 n bytes, never compressed
 *     fp16   the codes' high bytes, n; their low bytes, n
 *     fp8    the codes, n
 *     fp4    two codes per byte, the earlier one in the low half, ceil(n / 2)
 *     topk   of k kept entries: the fp16 codes' high bytes, k; their low bytes, k; the gaps, k to k + n / 255: per kept
 *            entry how many entries are skipped before it, in one byte where less than 255, else 255 and what is left
 *
 * The scale is 2^-126 .. 2^86, so that every decoded number is finite; it has five significant bits, so that scale
 * times code is exact in float32 and every machine computes the same error. */
typedef enum hedge_co3_format {
        HEDGE_CO3_FP32,
        HEDGE_CO3_FP16,
        HEDGE_CO3_FP8,
        HEDGE_CO3_FP4,
        HEDGE_CO3_TOPK,
        HEDGE_CO3_FORMATS
} hedge_co3_format_t;

/** "fp32", "fp16", "fp8", "fp4", "topk"; NULL for no format. */
const char *hedge_co3_format_name(hedge_co3_format_t format);

/** @return 0, -EINVAL (no such name). */
int hedge_co3_format_parse(const char *name, hedge_co3_format_t *ret);

#define HEDGE_CO3_MAX_SEGMENTS 65536u
#define HEDGE_CO3_MAX_ENTRIES  (1u << 28) /**< of all segments together */

/** The segments of a gradient, and the buffers to encode and decode it: one per thread that does. */
typedef struct hedge_co3 hedge_co3_t;

/** @param entries  Of each segment, at least 1; copied.
 * @return 0, -EINVAL (no segments, an empty one), HEDGE_ELIMIT, -ENOMEM. */
int hedge_co3_new(const uint32_t *entries, unsigned segments, hedge_co3_t **ret);

/** NULL-safe; nullifies. */
void hedge_co3_destroy(hedge_co3_t **co3);

/** Entries of all segments together. */
size_t hedge_co3_entries(const hedge_co3_t *co3);

/** Bytes that hold any message of these segments. */
size_t hedge_co3_bound(const hedge_co3_t *co3);

typedef struct hedge_co3_options {
        hedge_co3_format_t format;
        float gamma;    /**< 0 .. 1, how much of the error memory is sent again; 0: correction is off */
        float max_bits; /**< per entry, compressed, in every segment. fp8, fp4: 0 is what the least error needs, else at
                             least 0.5; the aim is an entropy 2 % below. Headers, of 8 bytes per stream and 8 per
                             segment, come on top, and the tables weigh in segments of a few hundred entries. topk:
                             0.1 .. 16; counts the headers, but always sends one entry. Other formats ignore it. */
        bool compress;  /**< with zstd */
} hedge_co3_options_t;

typedef struct hedge_co3_stats {
        size_t bytes;   /**< of the message */
        double entropy; /**< bits per entry: the empirical entropy of every stream's symbols (fp4: of its codes) taken
                             alone, without headers; 32 for fp32 */
} hedge_co3_stats_t;

/** Write a gradient as a message and what the message lacks as the error memory.
 *
 * @param gradient  hedge_co3_entries floats. Borrowed.
 * @param error     As many finite floats, in and out; zeros at the start. Also written with gamma = 0. NULL: there is
 *                  no memory, and gamma must be 0. Untouched where the answer is negative.
 * @param out       hedge_co3_bound bytes.
 * @param stats     May be NULL, which saves the time for the entropy.
 * @param why       May be NULL.
 * @return 0; -EINVAL (options, or an entry of gradient + gamma * error is infinite or not a number), -ENOMEM. */
int hedge_co3_encode(hedge_co3_t *co3, const hedge_co3_options_t *options, const float *gradient, float *error,
                     uint8_t *out, size_t *ret_bytes, hedge_co3_stats_t *stats, hedge_why_t *why);

/** Read a message from anywhere: sum += weight * what it says.
 *
 * Memory is taken for at most what the segments say, whatever the message says: 3 bytes per entry. The whole message is
 * checked before the first float is written. A board whose message came too late for its step puts it back
 * with hedge_co3_decode(..., 1, error, ...).
 * @param weight  Finite.
 * @param sum     hedge_co3_entries floats; untouched where the answer is negative.
 * @param why     May be NULL.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EVERSION, HEDGE_ESHAPE (other segments), -ENOMEM. */
int hedge_co3_decode(hedge_co3_t *co3, const void *bytes, size_t size, float weight, float *sum, hedge_why_t *why);

#endif
