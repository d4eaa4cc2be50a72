/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/dense.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "common/code/basis.h"
#include "common/err.h"

#define BISECTIONS 60u

static void add_times(double *restrict to, double factor, const double *restrict from, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                to[i] += factor * from[i];
}

/* Make x the vector v whose reflection, I - scale v v^T, takes x to a multiple of the first unit vector. @return that. */
static double reflector(double *x, unsigned n, double *ret_scale)
{
        const double length = sqrt(hedge_basis_dot(x, x, n)), to = x[0] > 0 ? -length : length;

        x[0] -= to;
        *ret_scale = length > 0 ? 1 / (length * fabs(x[0])) : 0;
        return to;
}

/* Reflect the rows behind `at` so that row `at` keeps its entry `at` alone. @return that. */
static double reflect_row(double *a, unsigned rows, unsigned cols, unsigned at)
{
        double *v = a + (size_t)at * cols + at, scale;
        const double kept = reflector(v, cols - at, &scale);

        for (unsigned i = at + 1; i < rows; i++) {
                double *row = a + (size_t)i * cols + at;

                add_times(row, -scale * hedge_basis_dot(row, v, cols - at), v, cols - at);
        }
        return kept;
}

/* Reflect the columns behind `at` so that of column `at` only the entry below the diagonal is left. @return that.
 * @param work rows + cols numbers. */
static double reflect_column(double *a, unsigned rows, unsigned cols, unsigned at, double *work)
{
        const unsigned n = rows - at - 1, wide = cols - at - 1;
        double *v = work, *sum = work + rows, kept, scale;

        for (unsigned i = 0; i < n; i++)
                v[i] = a[(size_t)(at + 1 + i) * cols + at];
        kept = reflector(v, n, &scale);
        for (unsigned j = 0; j < wide; j++)
                sum[j] = 0;
        for (unsigned i = 0; i < n; i++)
                add_times(sum, v[i], a + (size_t)(at + 1 + i) * cols + at + 1, wide);
        for (unsigned i = 0; i < n; i++)
                add_times(a + (size_t)(at + 1 + i) * cols + at + 1, -scale * v[i], sum, wide);
        return kept;
}

/* How many singular values are below x: the negative pivots, beyond n, of the matrix of 2 n whose diagonal is 0 and whose
 * off-diagonal the squares of the bidiagonal's entries, in turn; its eigenvalues are these and their negatives. */
static unsigned count_below(const double *squares, unsigned n, double x)
{
        double pivot = -x;
        unsigned negative = 1;

        for (unsigned i = 0; i + 1 < 2 * n; i++) {
                pivot = -x - squares[i] / (pivot != 0 ? pivot : DBL_MIN);
                negative += pivot < 0;
        }
        return negative - n;
}

/* The value below which there are `below` singular values and no more, between these bounds, by their logarithms. */
static double bisect(const double *squares, unsigned n, unsigned below, double low, double high)
{
        for (unsigned i = 0; i < BISECTIONS; i++) {
                const double middle = sqrt(low) * sqrt(high);

                if (count_below(squares, n, middle) > below)
                        high = middle;
                else
                        low = middle;
        }
        return sqrt(low) * sqrt(high);
}

/* @param work rows + cols numbers, and 2 * rows for the squares. */
static double condition_with(double *a, unsigned rows, unsigned cols, double *work)
{
        double *squares = work + rows + cols, norm = 0, least;

        for (unsigned k = 0; k < rows; k++) {
                const double d = reflect_row(a, rows, cols, k),
                             e = k + 1 < rows ? reflect_column(a, rows, cols, k, work) : 0;

                squares[2 * k] = d * d;
                squares[2 * k + 1] = e * e;
                norm += d * d + e * e;
        }
        norm = sqrt(norm); /* of all singular values together, and so not below the largest */
        if (!isfinite(norm) || norm == 0)
                return INFINITY;
        least = bisect(squares, rows, 0, norm * DBL_EPSILON / 2, norm);
        if (least <= norm * DBL_EPSILON)
                return INFINITY;
        return bisect(squares, rows, rows - 1, least, 2 * norm) / least;
}

int hedge_dense_condition(double *a, unsigned rows, unsigned cols, double *ret)
{
        double *work = malloc(((size_t)rows * 3 + cols) * sizeof(*work));

        if (!work)
                return -ENOMEM;
        *ret = condition_with(a, rows, cols, work);
        free(work);
        return 0;
}

static void swap(double *x, double *y, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                const double was = x[i];

                x[i] = y[i];
                y[i] = was;
        }
}

static unsigned find_pivot(const double *a, unsigned n, unsigned column)
{
        unsigned best = column;

        for (unsigned i = column + 1; i < n; i++)
                if (fabs(a[(size_t)i * n + column]) > fabs(a[(size_t)best * n + column]))
                        best = i;
        return best;
}

int hedge_dense_solve(double *a, unsigned n, double *b, unsigned wide)
{
        for (unsigned k = 0; k < n; k++) {
                const unsigned best = find_pivot(a, n, k);
                double *row = a + (size_t)k * n, *right = b + (size_t)k * wide;

                if (best != k) {
                        swap(row, a + (size_t)best * n, n);
                        swap(right, b + (size_t)best * wide, wide);
                }
                if (row[k] == 0 || !isfinite(row[k]))
                        return HEDGE_EUNDECODABLE;
                for (unsigned i = k + 1; i < n; i++) {
                        const double factor = -a[(size_t)i * n + k] / row[k];

                        add_times(a + (size_t)i * n, factor, row, n);
                        add_times(b + (size_t)i * wide, factor, right, wide);
                }
        }
        for (unsigned k = n; k-- > 0;) {
                double *right = b + (size_t)k * wide;

                for (unsigned j = k + 1; j < n; j++)
                        add_times(right, -a[(size_t)k * n + j], b + (size_t)j * wide, wide);
                for (unsigned i = 0; i < wide; i++)
                        right[i] /= a[(size_t)k * n + k];
        }
        return 0;
}
