/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RECEIVED_H
#define HEDGE_RECEIVED_H

#include "common/code/conv/code.h"

/** Inside of common/code/conv: the parts that came for a layer, in the order in which they came, and which blocks came as they are. */

typedef struct hedge_received_part {
        uint16_t board, part;
        uint16_t block; /**< which block it is as it is; K: it is a coded part */
        double power;   /**< its column's length, squared: 1 for a plain part */
} hedge_received_part_t;

typedef struct hedge_received {
        const hedge_code_t *code;
        unsigned count, coded; /**< parts; coded parts among them */
        unsigned missing;      /**< blocks that did not come as they are */
        hedge_received_part_t *parts;
        int32_t *plain; /**< per block of K: the first part that is this block, or -1 */
        uint8_t *is_in; /**< per part of the code */
} hedge_received_t;

/** @return 0, -ENOMEM (then there is nothing to release). */
int hedge_received_open(hedge_received_t *received, const hedge_code_t *code);
void hedge_received_release(hedge_received_t *received);

/** @return the part's index, -EALREADY, -EINVAL (no such board or part). */
int hedge_received_add(hedge_received_t *received, unsigned board, unsigned part);

/** The column of a part that came: K coefficients. */
void hedge_received_column(const hedge_received_t *received, unsigned index, double *column);

#endif
