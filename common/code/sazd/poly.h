/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_POLY_H
#define HEDGE_POLY_H

#include "common/code/sazd/sazd.h"

/** The polynomial code over row blocks: what the shift-and-add code (common/code/sazd/sazd.h) is compared with.
 *
 * Source: Yu, Maddah-Ali, Avestimehr, Polynomial codes, arXiv 1705.10464, with one of the two factors coded.
 *
 * Block j of n is the polynomial whose coefficients are the k data blocks, at the point z_j: sum over i of z_j^i x_i.
 * Any k blocks give the data by interpolation, that is, by the inverse of a Vandermonde matrix: exact in a finite
 * field, ill conditioned in real numbers. Median and worst 2-norm condition over all sets of k of n = k + 2 blocks, and
 * the largest error of the worst set relative to the data's root mean square, in float32:
 *
 *           integers           spread           Chebyshev
 *     k = 4   2e3 / 2e4 1e-3     18 / 46 5e-6     13 / 44 5e-6
 *         5   7e4 / 7e5 3e-2     40 / 130 1e-5    37 / 100 1e-5
 *         6   2e6 / 3e7 0.9      140 / 380 5e-5   83 / 240 3e-5
 *         7   7e7 / 1e9 20       370 / 1e3 2e-4   230 / 560 6e-5
 *         8   3e9 / 7e10 800     990 / 3e3 4e-4   500 / 1e3 2e-4
 *
 * hedge's own code of the same kind for coded inference, `mds` (common/code/conv/code.h), has 3.5 / 10 for k = 8. */
typedef struct hedge_poly hedge_poly_t;

typedef enum hedge_poly_points {
        HEDGE_POLY_INTEGERS,  /**< 1 .. n */
        HEDGE_POLY_SPREAD,    /**< evenly over -1 .. 1 */
        HEDGE_POLY_CHEBYSHEV, /**< cos((2 j + 1) pi / 2n) */
} hedge_poly_points_t;

/** Make a code. Any threads may use it at once.
 * @param n  Blocks, at most HEDGE_SAZD_MAX_BLOCKS, at least k. @param k  At least 1.
 * @return 0, -EINVAL, HEDGE_ELIMIT, -ENOMEM; `why` (may be NULL) says which number is wrong. */
int hedge_poly_new(hedge_poly_points_t points, unsigned k, unsigned n, hedge_poly_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_poly_destroy(hedge_poly_t **poly);

/** The k coefficients of a block. Borrowed; NULL where there is no such block. */
const double *hedge_poly_row(const hedge_poly_t *poly, unsigned block);

/** Make one block of all data blocks. In float, multiply and add.
 * @param data  k blocks of rows x cols. Borrowed.
 * @param out   rows x cols; overwritten; overlaps no data block.
 * @return 0, -EINVAL (no such block, rows or cols is 0, a pointer is NULL, out's stride is below cols). */
int hedge_poly_encode(const hedge_poly_t *poly, unsigned block, uint32_t rows, size_t cols, const hedge_sazd_in_t *data,
                      hedge_sazd_out_t out);

/** How to decode from one set of blocks. Never changes; any threads may use one at once. Made in microseconds. */
typedef struct hedge_poly_plan hedge_poly_plan_t;

/** Invert the first k of the blocks that are here, in double.
 * @param have           Bit j: block j is here.
 * @param ret_condition  Their 2-norm condition number; may be NULL.
 * @return 0, -EINVAL (a bit of no block), HEDGE_EUNDECODABLE (less than k, or singular in double), -ENOMEM. */
int hedge_poly_plan_new(const hedge_poly_t *poly, uint32_t have, hedge_poly_plan_t **ret, double *ret_condition);

/** NULL-safe; nullifies. */
void hedge_poly_plan_destroy(hedge_poly_plan_t **plan);

/** Compute all data blocks. In float, multiply and add.
 * @param blocks  n of them; the first k of those that were said to be here are read, the others may be anything.
 * @param out     k of them, rows x cols, overwritten. They overlap none of the blocks.
 * @return 0, -EINVAL (rows or cols is 0, a pointer that is used is NULL, a stride of out is below cols). */
int hedge_poly_decode(const hedge_poly_plan_t *plan, uint32_t rows, size_t cols, const hedge_sazd_in_t *blocks,
                      const hedge_sazd_out_t *out);

#endif
