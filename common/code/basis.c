/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/basis.h"

#include <math.h>
#include <stddef.h>

static double dot(const double *restrict x, const double *restrict y, unsigned n)
{
        double sums[8] = { 0 }, sum = 0; /* side by side, as one after the other waits for each */
        unsigned i = 0;

        for (; i + 8 <= n; i += 8)
                for (unsigned l = 0; l < 8; l++)
                        sums[l] += x[i + l] * y[i + l];
        for (; i < n; i++)
                sum += x[i] * y[i];
        for (unsigned l = 0; l < 8; l++)
                sum += sums[l];
        return sum;
}

/* Make x orthogonal to the first `rank` vectors of the basis. @return its length. */
static double reduce(const double *basis, unsigned rank, unsigned n, double *restrict x)
{
        for (unsigned v = 0; v < rank; v++) {
                const double *restrict one = basis + (size_t)v * n;
                const double along = dot(one, x, n);

                for (unsigned i = 0; i < n; i++)
                        x[i] -= along * one[i];
        }
        return sqrt(dot(x, x, n));
}

unsigned hedge_basis_take(double *basis, unsigned rank, unsigned n)
{
        double *taken = basis + (size_t)rank * n;
        const double before = sqrt(dot(taken, taken, n));
        double after = reduce(basis, rank, n, taken);

        if (after < before / 2) /* else so little was taken away that rounding can't matter */
                after = reduce(basis, rank, n, taken);
        if (after <= HEDGE_NEW_DIRECTION * before)
                return 0;
        for (unsigned i = 0; i < n; i++)
                taken[i] /= after;
        return 1;
}

void hedge_basis_unit(double *x, unsigned n)
{
        double sum = 0;

        for (unsigned i = 0; i < n; i++)
                sum += x[i] * x[i];
        for (unsigned i = 0; i < n; i++)
                x[i] /= sqrt(sum);
}
