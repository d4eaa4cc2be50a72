/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SCHEME_H
#define HEDGE_SCHEME_H

#include "common/code/conv/code.h"

/** Inside of common/code: the table that every scheme fills, and the schemes. */

/** What one board holds. */
typedef struct hedge_code_board {
        unsigned ell_a, ell_b;
        unsigned own_a, own_b; /**< steal: the first of these are its own, the others those of other boards */
        unsigned first_part;   /**< its part 0 in the numbering of all parts of the code */
        double *a, *b;         /**< ell_a x k_a and ell_b x k_b */
} hedge_code_board_t;

struct hedge_code {
        hedge_scheme_t scheme;
        unsigned k_a, k_b, n;
        _Atomic unsigned *delta; /**< 0: not looked for yet; whoever comes first does, others find the same */
        bool alike;              /**< any two boards could change places: one set of boards stands for all */
        bool systematic;         /**< as asked for */
        unsigned all_parts;      /**< of all boards together */
        hedge_code_board_t *boards;
};

/** Give a board its vectors, all zero. @return 0, HEDGE_ELIMIT (too many parts), -ENOMEM. */
int hedge_code_hold(hedge_code_t *code, unsigned board, unsigned ell_a, unsigned ell_b);

/** Number the parts of all boards; again after a change. */
void hedge_code_number(hedge_code_t *code);

/** Fill the table, and delta where there is a formula, from what hedge_code_new_with has checked against the scheme.
 * @return 0, -EINVAL (lt: no such code was found), HEDGE_ELIMIT, -ENOMEM. */
int hedge_uncoded_fill(hedge_code_t *code, const hedge_code_params_t *params);
int hedge_replication_fill(hedge_code_t *code, const hedge_code_params_t *params);
int hedge_nsctc_fill(hedge_code_t *code, const hedge_code_params_t *params);
int hedge_mds_fill(hedge_code_t *code, const hedge_code_params_t *params);
int hedge_lt_fill(hedge_code_t *code, const hedge_code_params_t *params);
int hedge_krp_fill(hedge_code_t *code, const hedge_code_params_t *params);
int hedge_steal_fill(hedge_code_t *code, const hedge_code_params_t *params);

/** @return 0, -EINVAL. */
int hedge_nsctc_check(const hedge_code_params_t *params, hedge_why_t *why);
int hedge_mds_check(const hedge_code_params_t *params, hedge_why_t *why);
int hedge_lt_check(const hedge_code_params_t *params, hedge_why_t *why);
int hedge_krp_check(const hedge_code_params_t *params, hedge_why_t *why);

/** A board's share of `total` by the weights (NULL: all alike), rounded, at least 1; 0 where it weighs nothing. */
unsigned hedge_code_weigh(const hedge_code_params_t *params, unsigned board, unsigned total);

/** Give the boards from `first` on, at most `n` of them, every part once, as hedge_layout says.
 * @return the number of boards used, HEDGE_ELIMIT, -ENOMEM. */
int hedge_uncoded_fill_boards(hedge_code_t *code, unsigned first, unsigned n, const double *weights);

/** Set vectors to the unit vectors of [begin, end) of k. */
void hedge_fill_units(double *vectors, unsigned k, unsigned begin, unsigned end);

#endif
