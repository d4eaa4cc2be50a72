/* SPDX-License-Identifier: Apache-2.0 */
#include "common/co3/topk.h"

#include <math.h>
#include <string.h>

#define VALUE_BITS 16
#define PLACE_BITS 8
#define DIGITS     2048u /* of a radix pass: 11 bits, so that three passes take 31 */

static uint32_t size_of(float x)
{
        uint32_t bits;

        memcpy(&bits, &x, sizeof(bits));
        return bits & INT32_MAX;
}

static double bits_for(double share)
{
        return share * VALUE_BITS - share * log2(share) - (1 - share) * log2(1 - share);
}

size_t hedge_topk_count(size_t n, double bits, int compressed)
{
        double low = 0, high = 0.9999; /* up to here the bits rise */
        size_t k;

        for (unsigned i = 0; compressed && i < 40; i++) {
                const double middle = (low + high) / 2;

                if (bits_for(middle) <= bits)
                        low = middle;
                else
                        high = middle;
        }
        k = (size_t)((double)n * (compressed ? low : fmin(1, bits / (VALUE_BITS + PLACE_BITS))));
        return k ? k : 1;
}

/* The k-th largest magnitude by its bits, from the upper digit down; and how many of just this size belong to the k. */
static uint32_t find_kth(const float *x, size_t n, size_t k, size_t *ret_ties)
{
        uint32_t found = 0, mask = 0;

        for (int shift = 22; shift >= 0; shift -= 11) {
                size_t counts[DIGITS] = { 0 };
                uint32_t digit = DIGITS - 1;

                for (size_t i = 0; i < n; i++)
                        if ((size_of(x[i]) & mask) == found)
                                counts[size_of(x[i]) >> shift & (DIGITS - 1)]++;
                for (; digit > 0 && counts[digit] < k; digit--)
                        k -= counts[digit];
                found |= digit << shift;
                mask |= (DIGITS - 1) << shift;
        }
        *ret_ties = k;
        return found;
}

size_t hedge_topk_select(const float *x, size_t n, size_t k, uint32_t *ret)
{
        size_t ties, kept = 0;
        const uint32_t kth = find_kth(x, n, k < n ? k : n, &ties);

        for (size_t i = 0; i < n && kept < k; i++) {
                const uint32_t size = size_of(x[i]);

                if (size < kth || size == 0 || (size == kth && ties == 0))
                        continue;
                ties -= size == kth;
                ret[kept++] = (uint32_t)i;
        }
        return kept;
}

size_t hedge_gaps_write(const uint32_t *places, size_t k, uint8_t *out)
{
        size_t size = 0, next = 0;

        for (size_t i = 0; i < k; i++) {
                size_t gap = places[i] - next;

                for (; gap >= 255; gap -= 255)
                        out[size++] = 255;
                out[size++] = (uint8_t)gap;
                next = places[i] + 1;
        }
        return size;
}

int hedge_gaps_valid(const uint8_t *gaps, size_t size, size_t k, size_t n)
{
        size_t places = 0, entries = 0;

        for (size_t i = 0; i < size; i++) {
                entries += gaps[i] == 255 ? 255u : gaps[i] + 1u;
                places += gaps[i] != 255;
        }
        return places == k && entries <= n && (size == 0 || gaps[size - 1] != 255);
}
