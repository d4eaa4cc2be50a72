/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/basis.h"

#include <math.h>

static double dot(const double *restrict x, const double *restrict y, unsigned n)
{
        double sum = 0;

        for (unsigned i = 0; i < n; i++)
                sum += x[i] * y[i];
        return sum;
}

unsigned hedge_basis_take(double *basis, unsigned rank, unsigned n)
{
        double *taken = basis + (size_t)rank * n;
        const double before = sqrt(dot(taken, taken, n));
        double after;

        for (unsigned pass = 0; pass < 2; pass++)
                for (unsigned v = 0; v < rank; v++) {
                        const double *one = basis + (size_t)v * n;
                        const double along = dot(one, taken, n);

                        for (unsigned i = 0; i < n; i++)
                                taken[i] -= along * one[i];
                }
        after = sqrt(dot(taken, taken, n));
        if (after <= HEDGE_NEW_DIRECTION * before)
                return 0;
        for (unsigned i = 0; i < n; i++)
                taken[i] /= after;
        return 1;
}

unsigned hedge_basis_take_part(double *basis, unsigned rank, const hedge_code_t *code, unsigned board, unsigned part)
{
        const unsigned n = hedge_code_rank(code);

        if (rank == n)
                return 0;
        hedge_code_column(code, board, part, basis + (size_t)rank * n);
        return hedge_basis_take(basis, rank, n);
}

unsigned hedge_basis_take_board(double *basis, unsigned rank, const hedge_code_t *code, unsigned board)
{
        for (unsigned p = 0; p < hedge_code_parts(code, board) && rank < hedge_code_rank(code); p++)
                rank += hedge_basis_take_part(basis, rank, code, board, p);
        return rank;
}
