/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SAZD_H
#define HEDGE_SAZD_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/** Shift-and-addition code with zigzag decoding, for the products of dense layers.
 *
 * Source: SAZD-DEU, IEEE TPDS 2023, doi 10.1109/TPDS.2023.3276888.
 *
 * k data blocks x_0 .. x_{k-1} are matrices of `rows` x cols floats. Parity p = 0 .. r - 1 is the sum of all of them,
 * block i moved down by i * p * step rows:
 *
 *     parity_p[t] = sum over i of x_i[t - i * p * step], where that row exists;  rows + (k - 1) * p * step rows.
 *
 * Blocks are numbered 0 .. k - 1 (data) and k .. k + r - 1 (parity p is block k + p). Any k of the k + r give the data
 * back by additions and subtractions alone: a row of a parity in which one block is unknown gives that block's row,
 * which makes other rows of other parities known but for one. What is linear in the rows keeps to the code: W_i -> W_i
 * X, or delta_i -> delta_i X^T, so that boards compute with coded blocks, and encode and update these themselves (see
 * hedge_sazd_encode).
 *
 * Errors grow from row to row. `growth` is how many times larger the root mean square error of the worst row is than
 * that of the parities' rows; measured for the worst pattern, m neighbours missing, at step 1, and in brackets what
 * that does to float32 data of 8 blocks (hedge_sazd_error):
 *
 *     rows   m = 1        m = 2          m = 3             m = 4
 *       64   1 (9e-7)     8.3 (3e-6)     250 (8e-5)        2.8e3 (8e-4)
 *      256   1 (9e-7)      17 (5e-6)     2.1e3 (6e-4)      9.0e4 (3e-2)
 *      512   1 (9e-7)      22 (7e-6)     5.6e3 (2e-3)      4.9e5 (0.1)
 *     1024   1 (9e-7)      34 (1e-5)     1.7e4 (5e-3)      3.2e6 (1)
 *     4096   1 (9e-7)      70 (2e-5)     1.3e5 (4e-2)      9.6e7 (29)
 *
 * It is the code and not the decoder: any order of peeling has the same within 5 %, and least squares over all rows
 * would have half of it. What helps is a larger step: it is as if there were rows / step rows (512 rows, step 16: 6.3,
 * 92, 480), for parities that are longer by (k - 1) * p * (step - 1) rows. Runs of `step` rows are computed in one go,
 * too, which is what makes narrow blocks fast.
 *
 * The polynomial code that the paper compares with is in common/code/sazd/poly.h. */
typedef struct hedge_sazd hedge_sazd_t;

#define HEDGE_SAZD_MAX_BLOCKS 32u        /**< bound on k + r */
#define HEDGE_SAZD_MAX_ROWS   (1u << 18) /**< bound on the rows of a block, of parities too */

typedef struct hedge_sazd_params {
        unsigned k, r; /**< k at least 1, k + r at most HEDGE_SAZD_MAX_BLOCKS */
        uint32_t rows; /**< of a data block, at least 1; callers fill the last one up with zeros */
        uint32_t step; /**< 0: 1, as in the paper */
} hedge_sazd_params_t;

/** A block to read: row s lies at data + s * stride. `stride` may be below the columns, as 0: every row is the same. */
typedef struct hedge_sazd_in {
        const float *data;
        size_t stride; /**< floats */
} hedge_sazd_in_t;

/** A block to write. stride is at least the number of columns. */
typedef struct hedge_sazd_out {
        float *data;
        size_t stride; /**< floats */
} hedge_sazd_out_t;

/** Make a code. One code serves all matrices whose blocks have so many rows, and any threads at once.
 * @return 0, -EINVAL (k or rows is 0), HEDGE_ELIMIT, -ENOMEM; `why` (may be NULL) says which number is wrong. */
int hedge_sazd_new(const hedge_sazd_params_t *params, hedge_sazd_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. None of its plans may be in use. */
void hedge_sazd_destroy(hedge_sazd_t **code);

unsigned hedge_sazd_k(const hedge_sazd_t *code);
unsigned hedge_sazd_r(const hedge_sazd_t *code);

/** Rows of a block; 0 where there is no such block. */
uint32_t hedge_sazd_rows(const hedge_sazd_t *code, unsigned block);

/** By how many rows data block i is moved down in parity p: i * p * step. */
uint32_t hedge_sazd_shift(const hedge_sazd_t *code, unsigned i, unsigned p);

/** Make one block of all data blocks: a parity, or (block < k) a copy of that data block.
 *
 * Sums are added up in double and rounded once. Columns are independent of one another: ranges of them may go to
 * several threads. Distributed encoding: a board that holds block b of the weights and is sent delta and X whole
 * encodes delta with its b and then updates what it holds by W~ -= eta * delta~ X^T, which equals encoding the updated
 * weights but for rounding. Its rounding adds up, as the root of the number of updates: for k = 8, 128 rows, two
 * neighbours missing, a product with such weights is off by 2e-5, 6e-5 and 2e-4 of its root mean square at the worst
 * after 200, 2,000 and 20,000 updates (step 16: 8e-6, 3e-5, 7e-5).
 * @param data  k blocks of `rows` x cols. Borrowed.
 * @param out   hedge_sazd_rows(code, block) x cols; overwritten; overlaps no data block.
 * @return 0, -EINVAL (no such block, cols is 0, a pointer is NULL, out's stride is below cols). */
int hedge_sazd_encode(const hedge_sazd_t *code, unsigned block, size_t cols, const hedge_sazd_in_t *data,
                      hedge_sazd_out_t out);

/** How to decode from one set of blocks. Never changes; any threads may use one at once.
 *
 * Plans of recent sets are kept with the code and found again. Making one takes time linear in the rows that are
 * missing, about 20 ns for each on the machine this was written on. */
typedef struct hedge_sazd_plan hedge_sazd_plan_t;

/** Find or make the plan of a set.
 *
 * Of more than k blocks it takes all the data there is, and of the parities those that differ most (which keeps errors
 * small).
 * @param code  Borrowed until the plan is destroyed.
 * @param have  Bit b: block b is here.
 * @return 0, -EINVAL (a bit of no block), HEDGE_EUNDECODABLE (less than k), -ENOMEM. */
int hedge_sazd_plan_new(const hedge_sazd_t *code, uint32_t have, hedge_sazd_plan_t **ret);

/** Give it back. NULL-safe; nullifies. */
void hedge_sazd_plan_destroy(hedge_sazd_plan_t **plan);

/** The blocks it reads: k bits of `have`. */
uint32_t hedge_sazd_plan_uses(const hedge_sazd_plan_t *plan);

/** Data blocks it computes: a bit each. */
uint32_t hedge_sazd_plan_missing(const hedge_sazd_plan_t *plan);

/** Runs of rows it computes, each in one go; for those who care about speed. */
size_t hedge_sazd_plan_runs(const hedge_sazd_plan_t *plan);

/** The root mean square error of the worst row it computes, for independent errors of 1 in every row of the parities.
 * Measured when first asked for, by decoding 128 columns of noise (within 10 % or so), and kept.
 * 0 where no data is missing. @return 0, -ENOMEM. */
int hedge_sazd_plan_growth(hedge_sazd_plan_t *plan, double *ret);

/** Compute the data blocks that are missing, where they shall lie. Linear time; no memory is taken.
 *
 * Every row is a row of a parity less the k - 1 others in it at most, added up in double and rounded once. Data that is
 * here is read and not copied. Columns are independent: ranges of them may go to several threads. NaN or infinite
 * values in a block spread over the missing ones; nothing else happens.
 * @param blocks  k + r of them; those of hedge_sazd_plan_uses are read, the others may be anything.
 * @param out     k of them, `rows` x cols; those of hedge_sazd_plan_missing are overwritten, the others may be
 *                anything. They overlap none of the blocks.
 * @return 0, -EINVAL (cols is 0, a pointer that is used is NULL, a stride of out is below cols). */
int hedge_sazd_decode(const hedge_sazd_plan_t *plan, size_t cols, const hedge_sazd_in_t *blocks,
                      const hedge_sazd_out_t *out);

/** The largest error to reckon with, relative to the root mean square of the data, where any `missing` data blocks have
 * to be computed: 4 standard deviations of the worst row of the worst pattern,
 * 4 (growth + 2) sqrt(u^2 (k + 1) + 2 k noise^2).
 *
 * Derived: rounding to float has a relative standard deviation of u = 2.5e-8 (2^-23 / sqrt(12), over mantissas whose
 * logarithms are uniform); a parity is rounded where it is sqrt(k) large, and a computed row where it is 1. The 2
 * beside the growth is for single large elements, where little grows. Measured: the growth, and that the error of every
 * pattern is within this for normal data.
 * @param noise  The standard deviation of errors that blocks come with (the kernel's, the wire's), relative to each
 *               block's own root mean square; 0: none but rounding.
 * @return 0 (0 where none is missing), -EINVAL (missing above k or r, noise negative or not finite), -ENOMEM. */
int hedge_sazd_error(const hedge_sazd_t *code, unsigned missing, double noise, double *ret);

/** Is the error with all r parities in use within a budget?
 * @return 0, -EINVAL (numbers that are no numbers), HEDGE_ELIMIT, -ENOMEM; `why` (may be NULL) has the figures and the
 * r that would do. */
int hedge_sazd_check(const hedge_sazd_t *code, double noise, double budget, hedge_why_t *why);

#endif
