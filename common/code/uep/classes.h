/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_UEP_CLASSES_H
#define HEDGE_UEP_CLASSES_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/** C = A B cut into sub-products, and which of them matter most.
 *
 * Source: UEP, "Straggler mitigation through unequal error protection for distributed approximate matrix
 * multiplication", arXiv 2103.02928. See common/code/uep/uep.h for the codes over the sub-products. */

#define HEDGE_UEP_MAX_PRODUCTS 256u
#define HEDGE_UEP_MAX_CLASSES  8u
#define HEDGE_UEP_MAX_SIDE     65536u /**< rows, inner size and columns of a product */

typedef enum hedge_uep_split {
        HEDGE_UEP_ROW_COLUMN, /**< A in row blocks, B in column blocks; product i * blocks_b + j is A_i B_j, a block of C */
        HEDGE_UEP_COLUMN_ROW, /**< A in column blocks, B in row blocks; product i is A_i B_i, and C is their sum */
} hedge_uep_split_t;

/** "row-column", "column-row". */
const char *hedge_uep_split_name(hedge_uep_split_t split);

/** @return the split, or -EINVAL. */
int hedge_uep_split_parse(const char *name);

/** A product: A is rows x inner, B is inner x columns, both dense, row by row, float. */
typedef struct hedge_uep_shape {
        hedge_uep_split_t split;
        unsigned rows, inner, columns;
        unsigned blocks_a, blocks_b; /**< of A and of B; column-row: equal */
} hedge_uep_shape_t;

/** Do the blocks partition A and B evenly, and is everything within its bounds?
 * @return 0, -EINVAL, HEDGE_ESHAPE (a side is no multiple of its blocks), HEDGE_ELIMIT; `why` (may be NULL) has the
 * sentence. */
int hedge_uep_shape_check(const hedge_uep_shape_t *shape, hedge_why_t *why);

/** How many sub-products: blocks_a * blocks_b, or blocks_a for column-row. */
unsigned hedge_uep_shape_products(const hedge_uep_shape_t *shape);

/** Frobenius norms of the blocks of A and of B.
 *
 * @param norms_a,norms_b  blocks_a and blocks_b of them.
 * @return as hedge_uep_shape_check; -EINVAL where a block holds NaN or an infinite value. */
int hedge_uep_norms(const hedge_uep_shape_t *shape, const float *a, const float *b, double *norms_a, double *norms_b,
                    hedge_why_t *why);

/** The importance classes of the sub-products; class 0 matters most. */
typedef struct hedge_uep_classes {
        hedge_uep_split_t split;
        unsigned blocks_a, blocks_b;
        unsigned products, classes;
        unsigned size[HEDGE_UEP_MAX_CLASSES]; /**< products of a class, at least 1 */
        double share[HEDGE_UEP_MAX_CLASSES];  /**< of the sum of all (|A_i| |B_j|)^2; they sum to 1, or are all 0 */
        uint8_t of[HEDGE_UEP_MAX_PRODUCTS];   /**< the class of a product */
} hedge_uep_classes_t;

/** Sort sub-products into classes by the norms of their factors.
 *
 * row-column: the blocks of A are sorted by norm and cut into `levels` levels of as equal sizes as can be (the larger
 * first), those of B as well; sub-products whose two levels have the same sum are alike, and the 2 levels - 1 sums
 * are merged, in their order, to `classes` classes of as equal sizes as that allows. With the paper's 3 levels (high,
 * medium, low) and 3 classes: {hh, hm, mh}, {hl, mm, lh}, {ml, lm, ll}.
 * column-row: the sub-products are sorted by |A_i| |B_i| and cut into classes of as equal sizes as can be. `levels` must
 * be 0.
 *
 * For matrices of independent entries with mean 0 the share of a class is its part of E|C|^2.
 *
 * @param shape  Only its split and its blocks are looked at.
 * @return 0, -EINVAL (a norm that is no number, infinite or negative; more levels than blocks; more classes than there
 * can be), HEDGE_ELIMIT. */
int hedge_uep_classify(const hedge_uep_shape_t *shape, const double *norms_a, const double *norms_b, unsigned levels,
                       unsigned classes, hedge_uep_classes_t *ret, hedge_why_t *why);

#endif
