/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/rank.h"

#include "common/code/basis.h"

unsigned hedge_rank_take_part(double *basis, unsigned rank, const hedge_code_t *code, unsigned board, unsigned part)
{
        const unsigned n = hedge_code_rank(code);

        if (rank == n)
                return 0;
        hedge_code_column(code, board, part, basis + (size_t)rank * n);
        return hedge_basis_take(basis, rank, n);
}

unsigned hedge_rank_take_board(double *basis, unsigned rank, const hedge_code_t *code, unsigned board)
{
        for (unsigned p = 0; p < hedge_code_parts(code, board) && rank < hedge_code_rank(code); p++)
                rank += hedge_rank_take_part(basis, rank, code, board, p);
        return rank;
}
