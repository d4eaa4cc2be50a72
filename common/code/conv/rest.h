/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_REST_H
#define HEDGE_REST_H

#include "common/code/conv/received.h"

/** Inside of common/code/conv: what is left to solve where the blocks that came as they are are taken out of the coded parts.
 *
 * Of each coded part's column the rows of the blocks that are missing remain; these are orthogonalised one after the other, in
 * double. With all of them the coefficients are a QR factorisation of as many parts as blocks are missing, mostly a few,
 * where the recovery matrix has K. */

typedef struct hedge_rest {
        unsigned blocks;       /**< that were missing when it was opened */
        unsigned rank, looked; /**< independent parts; parts looked at, in the order received */
        uint16_t *block;       /**< the missing ones, ascending */
        int16_t *row;          /**< per block of K: its number among the missing ones, or -1 */
        uint16_t *chosen;      /**< the independent parts, in the order taken */
        double *basis;         /**< `rank` orthonormal vectors of `blocks`; the next is room */
        double *upper;         /**< chosen part v is sum_i upper[v * blocks + i] basis[i], i <= v */
} hedge_rest_t;

/** Start with the blocks that are missing now, and no part. What it held before is released. @return 0, -ENOMEM. */
int hedge_rest_open(hedge_rest_t *rest, const hedge_received_t *received);
void hedge_rest_release(hedge_rest_t *rest);

/** Does a part say something of the blocks? A coded one, or a block of these that came after all. */
bool hedge_rest_takes(const hedge_rest_t *rest, const hedge_received_t *received, unsigned index);

/** Look at the parts that came since. One of which less than HEDGE_NEW_DIRECTION of its column is left beside the others
 * adds no rank. Nothing to do once the rank is that of the blocks. */
void hedge_rest_take(hedge_rest_t *rest, const hedge_received_t *received);

/** Look at all parts anew, always at the one next of which most is left beside those chosen. @return 0, -ENOMEM. */
int hedge_rest_choose(hedge_rest_t *rest, const hedge_received_t *received);

/** The rows of a part's column that belong to the blocks: `blocks` coefficients. */
void hedge_rest_column(const hedge_rest_t *rest, const hedge_received_t *received, unsigned index, double *column);

#endif
