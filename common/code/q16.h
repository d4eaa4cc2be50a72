/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_Q16_H
#define HEDGE_Q16_H

#include <stddef.h>

/** The wire precision `q16`: 16-bit integers with one scale per block of 64 elements.
 *
 * n elements are ceil(n / 64) blocks, one behind the other: a float32 scale, then the block's integers, all little-endian.
 * The last block holds the rest and is as much shorter: 4 * ceil(n / 64) + 2 * n bytes, 52 % of float32. A block is found
 * by its number alone, at byte 132 * b, so that any range decodes on its own, in one stream.
 *
 * With a block's peak p = max |x|, scale = p / 32767 and an integer is x / scale, rounded to the nearest (-32767 ..
 * 32767; -32768 is never written). Every element is within 1.6e-5 p of its own; the root mean square error is 2.3e-5 of
 * that of normally distributed data. A block of peak below 2^-100 is written as zeros. Larger blocks save little
 * (128: 51 %) and err more (9 % for normal data, 27 % where neighbouring channels differ in size).
 *
 * Two machines may round an integer that lies half-way to different sides. */

#define HEDGE_Q16_BLOCK       64  /**< elements */
#define HEDGE_Q16_BLOCK_BYTES 132 /**< of a whole block */

/** Bytes that hold n elements. Not above 4 n for n >= 2; does not overflow where 4 n + 4 does not. */
static inline size_t hedge_q16_bytes(size_t n)
{
        return n / HEDGE_Q16_BLOCK * HEDGE_Q16_BLOCK_BYTES + (n % HEDGE_Q16_BLOCK ? 4 + n % HEDGE_Q16_BLOCK * 2 : 0);
}

/** Write elements as blocks.
 *
 * @param x    n floats; 4-byte aligned.
 * @param out  hedge_q16_bytes(n) bytes, any alignment; does not overlap x.
 * @return 0; -EINVAL: an element is infinite or not a number. `out` holds nothing useful then; the sender answers in
 *         float32, which shows the reader what the computation did. */
int hedge_q16_encode(const float *x, size_t n, void *out);

/** Read elements [begin, end) of blocks back.
 *
 * No bytes can make it fail: scales from a peer that are negative, infinite or not a number give such floats, as float32
 * data would.
 * @param in   What hedge_q16_encode wrote, at least hedge_q16_bytes(end) bytes where the last block read is the last of
 *             all or whole; any alignment. The caller has checked the size.
 * @param out  end - begin floats; 4-byte aligned. */
void hedge_q16_decode(const void *in, size_t begin, size_t end, float *out);

#endif
