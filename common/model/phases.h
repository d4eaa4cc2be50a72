/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PHASES_H
#define HEDGE_PHASES_H

#include <stdbool.h>
#include <stdint.h>

/** One axis of a transposed convolution as convolutions of stride 1.
 *
 * y[o] = sum of x[i] w[k] over all i, k with stride * i + dilation * k = o + before. Outputs whose o + shift leave the
 * same rest r when divided by the stride are a *phase*: with o + shift = stride * m + r, output m of phase r is the sum
 * over t of x[m - t] w'[stride * t + r + before - shift], where w' is w with the dilation's zeros between. */
typedef struct hedge_phases {
        uint32_t in, kernel, stride, dilation, before;
        uint32_t out;   /**< extent of the result */
        uint32_t shift; /**< 0 .. stride - 1, for hedge_phases_choose to decide */
} hedge_phases_t;

/** What a run of phases, computed by one convolution, reads. */
typedef struct hedge_taps {
        int64_t last;     /**< the greatest t; the first tap is x[m - last] */
        uint32_t count;   /**< of taps; at least 1 */
        uint32_t spacing; /**< between neighbours: 1, or the dilation where the stride is 1 */
} hedge_taps_t;

/** Set the shift for which all phases together take the fewest products; of several the least, which crops least. */
void hedge_phases_choose(hedge_phases_t *phases);

/** What phases first .. first + n - 1 read. */
hedge_taps_t hedge_phases_taps(const hedge_phases_t *phases, uint32_t first, uint32_t n);

/** Outputs of each phase. */
uint32_t hedge_phases_outputs(const hedge_phases_t *phases);

/** The element of w that tap number `tap` has in a phase; -1: none, its weight is 0. */
int64_t hedge_phases_weight(const hedge_phases_t *phases, const hedge_taps_t *taps, uint32_t phase, uint32_t tap);

#endif
