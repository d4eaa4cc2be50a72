/* SPDX-License-Identifier: Apache-2.0 */
#include "common/co3/scale.h"

#include <math.h>
#include <string.h>

#define FEW      512u   /* entries that are tried as they are */
#define SAMPLE   65536u /* entries that are counted of a long segment */
#define LINE     16u    /* entries of a cache line */
#define BIN_BITS 19u    /* of a float's bits lie within a bin */
#define LANES    8
#define STEPS    16  /* scales per octave */
#define COARSE   4   /* steps at first */
#define CUT      192 /* steps below a scale that cuts nothing off: the most that may pay */
#define CODES    128 /* magnitudes of the largest format here */
#define SMALLEST 0x1p-85f

static float float_of(uint32_t bits)
{
        float x;

        memcpy(&x, &bits, sizeof(x));
        return x;
}

static void count(hedge_bins_t *bins, const float *gradient, const float *error, size_t n, float gamma)
{
        for (size_t i = 0; i < n; i++) {
                const float x = fabsf(error ? gradient[i] + gamma * error[i] : gradient[i]);
                uint32_t bits;

                memcpy(&bits, &x, sizeof(bits));
                bins->count[(bits >> BIN_BITS) % HEDGE_CO3_BINS]++;
        }
}

static void use(hedge_bins_t *bins, float centre, float weight)
{
        bins->centre[bins->used] = centre;
        bins->weight[bins->used] = weight;
        bins->error[bins->used++] = 0;
        bins->total += (double)weight;
}

static void fill_bins(hedge_bins_t *bins, const float *gradient, const float *error, size_t n, float gamma,
                      uint32_t peak)
{
        const size_t stride = n <= SAMPLE ? LINE : n / SAMPLE * LINE;

        memset(bins->count, 0, sizeof(bins->count));
        for (size_t i = 0; i < n; i += stride)
                count(bins, gradient + i, error ? error + i : NULL, n - i < LINE ? n - i : LINE, gamma);
        /* The largest entry may be most of the error, so it stands for itself. */
        use(bins, float_of(peak), 1);
        if (bins->count[peak >> BIN_BITS] > 0)
                bins->count[peak >> BIN_BITS]--;
        for (uint32_t i = 0; i < HEDGE_CO3_BINS; i++)
                if (bins->count[i] > 0) /* the first bin holds zeros */
                        use(bins, i ? float_of((i << BIN_BITS) + (1u << (BIN_BITS - 1))) : 0, (float)bins->count[i]);
}

void hedge_bins_fill(hedge_bins_t *bins, const float *gradient, const float *error, size_t n, float gamma,
                     uint32_t peak)
{
        bins->used = 0;
        bins->total = 0;
        if (n > FEW) {
                fill_bins(bins, gradient, error, n, gamma, peak);
                return;
        }
        for (size_t i = 0; i < n; i++)
                use(bins, fabsf(error ? gradient[i] + gamma * error[i] : gradient[i]), 1);
}

static double entropy_of(const double *counts, double total)
{
        double bits = 0;

        for (unsigned i = 0; i < CODES; i++)
                if (counts[i] > 0)
                        bits -= counts[i] / total * log2(counts[i] / total);
        return bits + (1 - counts[0] / total); /* the sign of what is not zero */
}

/* In lanes, because the compiler may not reorder a sum. */
double hedge_scale_error(hedge_bins_t *bins, const hedge_minifloat_t *format, float scale)
{
        double lanes[LANES] = { 0 }, sum = 0;
        unsigned i = 0;

        format->convert(bins->centre, bins->error, bins->used, 0, scale, bins->codes);
        for (; i + LANES <= bins->used; i += LANES)
                for (unsigned k = 0; k < LANES; k++) {
                        const double error = (double)bins->error[i + k];

                        lanes[k] += (double)bins->weight[i + k] * error * error;
                }
        for (; i < bins->used; i++)
                sum += (double)bins->weight[i] * (double)bins->error[i] * (double)bins->error[i];
        for (unsigned k = 0; k < LANES; k++)
                sum += lanes[k];
        return sum;
}

double hedge_scale_entropy(hedge_bins_t *bins, const hedge_minifloat_t *format, float scale)
{
        const unsigned bits = format->exponent_bits + format->mantissa_bits + 1;
        double counts[CODES] = { 0 };

        format->convert(bins->centre, bins->error, bins->used, 0, scale, bins->codes);
        for (unsigned i = 0; i < bins->used; i++) {
                const uint8_t byte = bins->codes[i * bits / 8];

                counts[bits == 8 ? byte % CODES : byte >> (i % 2 * bits) & 7] += (double)bins->weight[i];
        }
        return entropy_of(counts, bins->total);
}

/* Scales in their order: 16 per octave, exact. */
static float scale_at(int step)
{
        const int octave = (int)floor((double)step / STEPS);
        const float scale = ldexpf(1 + (float)(step - octave * STEPS) / STEPS, octave);

        return fminf(fmaxf(scale, HEDGE_CO3_MIN_SCALE), HEDGE_CO3_MAX_SCALE);
}

/* The first scale that is not below. */
static int step_from(double scale)
{
        int octave;
        const double mantissa = frexp(scale, &octave) * 2;

        return (octave - 1) * STEPS + (int)ceil((mantissa - 1) * STEPS);
}

static int best_of(hedge_bins_t *bins, const hedge_minifloat_t *format, int first, int last, int stride)
{
        double least = INFINITY;
        int best = first;

        for (int step = first; step <= last; step += stride) {
                const double error = hedge_scale_error(bins, format, scale_at(step));

                if (error < least) {
                        least = error;
                        best = step;
                }
        }
        return best;
}

/* The first scale above that keeps to the limit; at `all_zero` nothing is left. */
static int step_within(hedge_bins_t *bins, const hedge_minifloat_t *format, int best, int all_zero, double max_entropy)
{
        if (hedge_scale_entropy(bins, format, scale_at(best)) <= max_entropy)
                return best;
        while (all_zero - best > 1) {
                const int middle = best + (all_zero - best) / 2;

                if (hedge_scale_entropy(bins, format, scale_at(middle)) <= max_entropy)
                        all_zero = middle;
                else
                        best = middle;
        }
        return all_zero;
}

float hedge_scale_find(hedge_bins_t *bins, const hedge_minifloat_t *format, uint32_t peak, double max_entropy)
{
        const double largest = (double)float_of(peak);
        const int narrow = format->exponent_bits < 4;
        int whole, best;

        if (largest < (double)SMALLEST)
                return 1;
        whole = step_from(largest / (double)format->top);
        if (narrow) {
                best = best_of(bins, format, whole - CUT, whole + STEPS, COARSE);
                best = best_of(bins, format, best - COARSE + 1, best + COARSE - 1, 1);
        } else { /* no error is made smaller by cutting, and that of one octave is that of the next */
                best = best_of(bins, format, whole - COARSE, whole + STEPS, 1);
        }
        if (max_entropy > 0)
                best = step_within(bins, format, best, step_from(largest * 4), max_entropy);
        return scale_at(best);
}

float hedge_scale_fp16(uint32_t peak)
{
        const double largest = (double)float_of(peak);
        int exponent;

        if (largest < (double)SMALLEST)
                return 1;
        frexp(largest / (0x7ff * 0x1p30), &exponent);
        return scale_at(exponent * STEPS);
}
