/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BLAS_H
#define HEDGE_BLAS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

/** OpenBLAS, opened when the first workspace is made rather than linked: it takes megabytes of memory, which a board that
 * is not training must not hold. It stays open. */

/** For a program's start, while it has one thread (the environment is no place for two): when OpenBLAS is opened, it starts no
 * threads. Else it has one per core from then on, which spin where there is work and are never used here. */
void hedge_blas_begin(void);

/** Have it in this process, and let it compute in the thread that calls it, from now on and in the whole process: results then
 * depend on nothing but the numbers, and a thread that computes stays one thread. What threads it may start take no signals.
 * From any thread, as often as one likes.
 * @param why  May be NULL. @return 0, HEDGE_EUNSUPPORTED (the library is not installed, or is another one). */
int hedge_blas_open(hedge_why_t *why);

/** c (m x n) = op(a) op(b) + beta * c, all dense and row-major; k is the inner extent. After hedge_blas_open. */
void hedge_blas_multiply(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, const float *a, const float *b,
                         float beta, float *c);

#endif
