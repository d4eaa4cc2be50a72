/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SCHEME_H
#define HEDGE_SCHEME_H

#include "common/code/cache.h"
#include "common/code/code.h"

/** Inside of common/code: the table that every scheme fills, and the schemes. */

/** What one board holds. */
typedef struct hedge_code_board {
        unsigned ell_a, ell_b;
        unsigned first_part; /**< its part 0 in the numbering of all parts of the code */
        double *a, *b;       /**< ell_a x k_a and ell_b x k_b */
} hedge_code_board_t;

struct hedge_code {
        hedge_scheme_t scheme;
        unsigned k_a, k_b, n, delta;
        unsigned all_parts; /**< of all boards together */
        hedge_code_board_t *boards;
        hedge_cache_t *cache; /**< decode matrices of recent sets of parts */
};

/** Give a board its vectors, all zero. @return 0, -ENOMEM. */
int hedge_code_hold(hedge_code_t *code, unsigned board, unsigned ell_a, unsigned ell_b);

/** Fill the table and delta for k_a, k_b and n, which hedge_code_new has checked against the scheme.
 * @return 0, -ENOMEM. */
int hedge_uncoded_fill(hedge_code_t *code);
int hedge_replication_fill(hedge_code_t *code);
int hedge_nsctc_fill(hedge_code_t *code);

/** @return 0, -EINVAL. */
int hedge_nsctc_check(unsigned k_a, unsigned k_b, unsigned n, hedge_why_t *why);

/** Lay every part out once over at most `n` boards from `first` on.
 *
 * The boards form a grid of g_a x g_b; each takes a run of strips and a run of blocks, as even as can be. Of all
 * grids that fit, the one whose largest board has the fewest parts, then the fewest strips, then the fewest boards.
 * @return the number of boards used, -ENOMEM. */
int hedge_uncoded_layout(hedge_code_t *code, unsigned first, unsigned n);

#endif
