/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DENSE_H
#define HEDGE_DENSE_H

/** Inside of common/code: what codes need of small dense matrices, in double, by rows. */

/** The 2-norm condition number of a matrix of `rows` x `cols`, rows <= cols, which is lost: it is made bidiagonal by reflections (G. Golub,
 * W. Kahan, 1965), of which bisection finds the largest and the smallest singular value.
 * @param ret  INFINITY where the smallest is 0 within rounding, or something is not finite. @return 0, -ENOMEM. */
int hedge_dense_condition(double *a, unsigned rows, unsigned cols, double *ret);

/** Solve a x = b for `wide` right sides, by elimination with the largest pivot of each column.
 *
 * @param a n x n; lost. @param b n x wide; becomes x. @return 0, HEDGE_EUNDECODABLE (a pivot is 0 or not finite). */
int hedge_dense_solve(double *a, unsigned n, double *b, unsigned wide);

#endif
