/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RANK_H
#define HEDGE_RANK_H

#include "common/code/conv/code.h"

/** Inside of common/code/conv: the rank of a growing set of a code's parts, by the basis of their columns (common/code/basis.h). */

/** Take the column of a part in. @param basis K vectors of K. @return how much it adds to the rank: 0 or 1. */
unsigned hedge_rank_take_part(double *basis, unsigned rank, const hedge_code_t *code, unsigned board, unsigned part);

/** Take all parts of a board in. @return the new rank. */
unsigned hedge_rank_take_board(double *basis, unsigned rank, const hedge_code_t *code, unsigned board);

#endif
