/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_LAYOUT_H
#define HEDGE_LAYOUT_H

#include "common/code/conv/code.h"

/** Inside of common/code: which board takes which plain parts. */

/** The strips [a0, a1) and blocks [b0, b1) of one board; all 0 where it holds nothing. */
typedef struct hedge_run {
        unsigned a0, a1, b0, b1;
} hedge_run_t;

/** Lay every part out once over at most `n` boards.
 *
 * Without weights the boards form a grid of g_a x g_b; each takes a run of strips and a run of blocks, as even as can be.
 * Of all grids that fit, the one whose largest board has the fewest parts, then the fewest strips, then the fewest boards.
 * With weights the boards form rows that weigh about the same; strips go to rows and blocks to the boards of a row by
 * weight. Of all numbers of rows, the one with the smallest largest parts / weight, then the fewest strips.
 * @param weights n of them, at least one above 0; or NULL.
 * @param runs    n entries.
 * @return the number of boards used (the first ones where there are no weights), -ENOMEM. */
int hedge_layout(unsigned k_a, unsigned k_b, unsigned n, const double *weights, hedge_run_t *runs);

#endif
