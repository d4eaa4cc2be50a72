/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_PRODUCT_BED_H
#define HEDGE_TEST_PRODUCT_BED_H

#include "test/unit/line_bed.h"

/** A line with boards that multiply: what is asked for is computed and the answer is there before hedged_line_send returns, so what
 * happens does not depend on time. */
typedef struct product_board {
        bool dumb;       /**< answers nothing */
        bool refuses;    /**< answers with an ERROR */
        bool dies;       /**< is lost as soon as it is asked for something */
        bool comes_back; /**< and there again at once */
        bool slow;       /**< its answers wait for product_bed_deliver */
        unsigned asked, answered;
        hedged_line_event_t *held[64];
        unsigned n_held;
} product_board_t;

typedef struct product_bed {
        line_bed_t line; /**< the first member: line_bed.h */
        product_board_t boards[LINE_BED_BOARDS];
} product_bed_t;

product_bed_t *product_bed_new(unsigned boards);
void product_bed_destroy(product_bed_t **bed);
void product_bed_deliver(product_bed_t *bed, unsigned board);

#endif
