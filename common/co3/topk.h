/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TOPK_H
#define HEDGE_TOPK_H

#include <stddef.h>
#include <stdint.h>

/** Inside of common/co3: which entries are the largest, and how their places are written. */

/** How many of n entries to keep so that `bits` per entry are enough for them: 16 for a value, and a place's share of
 * the places' entropy, or 8 where it is not compressed. At least 1. */
size_t hedge_topk_count(size_t n, double bits, int compressed);

/** The places of the k largest magnitudes of x, ascending; of equal ones the first; fewer where fewer are not zero.
 *
 * @param x    n finite floats.
 * @param ret  Room for k places.
 * @return how many. */
size_t hedge_topk_select(const float *x, size_t n, size_t k, uint32_t *ret);

/** Write the gaps between places: per place how many entries are skipped, less than 255 a byte, 255 for 255 more.
 *
 * @param out  Room for hedge_gaps_bound bytes. @return bytes. */
size_t hedge_gaps_write(const uint32_t *places, size_t k, uint8_t *out);

/** The most bytes that k gaps among n entries need. */
static inline size_t hedge_gaps_bound(size_t k, size_t n)
{
        return k + n / 255;
}

/** Are these bytes exactly k gaps whose places are below n? */
int hedge_gaps_valid(const uint8_t *gaps, size_t size, size_t k, size_t n);

/** Read the next place after `place` (-1 at first) from valid gaps. */
static inline size_t hedge_gaps_next(const uint8_t **gaps, size_t place)
{
        do
                place += **gaps;
        while (*(*gaps)++ == 255);
        return place + 1;
}

#endif
