/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/basis.h"

#include <math.h>
#include <stddef.h>

double hedge_basis_dot(const double *x, const double *y, unsigned n)
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

/* Make x orthogonal to the first `rank` vectors of the basis, and add what lay along each to `upper` (or NULL). @return its length. */
static double reduce(const double *basis, unsigned rank, unsigned n, double *restrict x, double *upper)
{
        for (unsigned v = 0; v < rank; v++) {
                const double *restrict one = basis + (size_t)v * n;
                const double along = hedge_basis_dot(one, x, n);

                if (upper)
                        upper[v] += along;
                for (unsigned i = 0; i < n; i++)
                        x[i] -= along * one[i];
        }
        return sqrt(hedge_basis_dot(x, x, n));
}

unsigned hedge_basis_take_with(double *basis, unsigned rank, unsigned n, double length, double *upper)
{
        double *taken = basis + (size_t)rank * n, after;
        const double before = sqrt(hedge_basis_dot(taken, taken, n));

        for (unsigned v = 0; upper && v < rank; v++)
                upper[v] = 0;
        after = reduce(basis, rank, n, taken, upper);
        if (after < before / 2) /* else so little was taken away that rounding can't matter */
                after = reduce(basis, rank, n, taken, upper);
        if (!(after > HEDGE_NEW_DIRECTION * length))
                return 0;
        for (unsigned i = 0; i < n; i++)
                taken[i] /= after;
        if (upper)
                upper[rank] = after;
        return 1;
}

unsigned hedge_basis_take(double *basis, unsigned rank, unsigned n)
{
        const double *taken = basis + (size_t)rank * n;

        return hedge_basis_take_with(basis, rank, n, sqrt(hedge_basis_dot(taken, taken, n)), NULL);
}

void hedge_basis_unit(double *x, unsigned n)
{
        double sum = 0;

        for (unsigned i = 0; i < n; i++)
                sum += x[i] * x[i];
        for (unsigned i = 0; i < n; i++)
                x[i] /= sqrt(sum);
}
