/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_UEP_WINDOW_H
#define HEDGE_UEP_WINDOW_H

#include "common/code/uep/uep.h"

/** Inside of common/code: which sub-products a packet may combine. Parameters are checked ones. */

/** A window, with the window probabilities. Takes one random number. */
unsigned hedge_uep_draw_window(const hedge_uep_params_t *p, uint64_t *state);

/** May packets of the window (of a scheme with windows, or mds) hold this sub-product? */
bool hedge_uep_in_window(const hedge_uep_params_t *p, unsigned window, unsigned product);

/** How many rectangles of blocks of A times blocks of B cover a window of row-column: one for each set of blocks of B that
 * occurs in a row of it, and as high as can be. At least 1; 1 where the window is a rectangle. */
unsigned hedge_uep_count_rectangles(const hedge_uep_params_t *p, unsigned window);

/** Rectangle number `turn`, below that: its blocks of A (blocks_a) and of B (blocks_b). */
void hedge_uep_find_rectangle(const hedge_uep_params_t *p, unsigned window, unsigned turn, bool *rows, bool *columns);

#endif
