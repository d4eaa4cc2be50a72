/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BASIS_H
#define HEDGE_BASIS_H

#include <stddef.h>

/** Inside of common/code: the rank of a growing set of columns, by Gram-Schmidt orthogonalisation, done twice
 * where most of a vector goes. */

/** A vector counts as new where more than this much of its length is left beside the others. A set that is only just
 * independent would multiply the kernels' errors by the inverse of it, so it is none that could be used. */
#define HEDGE_NEW_DIRECTION 1e-10

double hedge_basis_dot(const double *x, const double *y, unsigned n);

/** Make a vector, which is not all zeros, one of length 1. */
void hedge_basis_unit(double *x, unsigned n);

/** Take the vector at basis[rank] in: make it orthogonal to the `rank` vectors before it, and of length 1.
 *
 * @param basis rank + 1 vectors of n.
 * @return 1 where it adds to the rank, else 0 (and basis[rank] is of no use). */
unsigned hedge_basis_take(double *basis, unsigned rank, unsigned n);

/** The same for a vector that is a piece of a longer one.
 *
 * @param length The longer one's: it counts as new by this.
 * @param upper  rank + 1 entries: the vector as it was is sum_v upper[v] basis[v]; or NULL. */
unsigned hedge_basis_take_with(double *basis, unsigned rank, unsigned n, double length, double *upper);

#endif
