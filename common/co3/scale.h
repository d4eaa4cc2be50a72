/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SCALE_H
#define HEDGE_SCALE_H

#include "common/co3/co3_isa.h"

/** Inside of common/co3: the scale of a segment.
 *
 * Entries' magnitudes are counted in bins of a sixteenth of an octave: all of up to 65,536 entries, of more a sample of
 * every s-th cache line, so that about so many are counted; the largest of all stands for itself, as all do where they
 * are 512 or fewer. Converting the bins' centres says what a scale's squared error and entropy are, within a few per
 * cent, in microseconds. Scales are a power of two times 16/16 .. 31/16.
 *
 * fp4: every fourth of them is tried, from twice one that cuts nothing off down to 2^-12 of it, then those around the
 * best. fp8: all of the octave above one that cuts nothing off; it hardly cares, because its range is 2^33, so that any
 * scale is as good as its double, and costs 5.5 bits for normally distributed entries. Fewer bits mean a larger scale:
 * more small entries become subnormal, then zero. */

#define HEDGE_CO3_BINS 4096 /**< by the upper 12 bits of a magnitude: exponent, four bits of mantissa */

/** The scales that a message may hold. */
#define HEDGE_CO3_MIN_SCALE 0x1p-126f
#define HEDGE_CO3_MAX_SCALE 0x1p86f

/** The magnitudes of a segment's entries, bins or single ones, and room to try a scale. */
typedef struct hedge_bins {
        uint32_t count[HEDGE_CO3_BINS];
        unsigned used;
        double total;
        float centre[HEDGE_CO3_BINS], error[HEDGE_CO3_BINS], weight[HEDGE_CO3_BINS]; /**< of the used bins */
        uint8_t codes[HEDGE_CO3_BINS];
} hedge_bins_t;

/** Count gradient + gamma * error.
 *
 * @param error  Or NULL.
 * @param peak   The largest magnitude of all, finite, as a float's bits. */
void hedge_bins_fill(hedge_bins_t *bins, const float *gradient, const float *error, size_t n, float gamma,
                     uint32_t peak);

/** What a scale costs by the counts: the squared error, and bits per entry. */
double hedge_scale_error(hedge_bins_t *bins, const hedge_minifloat_t *format, float scale);
double hedge_scale_entropy(hedge_bins_t *bins, const hedge_minifloat_t *format, float scale);

/** The scale for what the bins hold.
 *
 * @param format       fp8 or fp4.
 * @param max_entropy  Bits per entry; 0: no limit. At least 0.1.
 * @return the scale, valid in a message. 1 where the peak is below 2^-85: such entries become zeros. */
float hedge_scale_find(hedge_bins_t *bins, const hedge_minifloat_t *format, uint32_t peak, double max_entropy);

/** The power of two that makes the best of fp16: the smallest that cuts nothing off. */
float hedge_scale_fp16(uint32_t peak);

#endif
