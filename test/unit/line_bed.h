/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_LINE_BED_H
#define HEDGE_TEST_LINE_BED_H

#include "daemon/train/line.h"

/** A line (daemon/train/line.h) of the tests' own, with boards that multiply: what is asked for is computed and the answer is there before
 * hedged_line_send returns, so what happens does not depend on time. */
#define LINE_BED_BOARDS 16u

typedef struct line_bed_board {
        bool here;
        bool dumb;       /**< answers nothing */
        bool refuses;    /**< answers with an ERROR */
        bool dies;       /**< is lost as soon as it is asked for something */
        bool comes_back; /**< and there again at once */
        bool slow;       /**< its answers wait for line_bed_deliver */
        unsigned asked, answered;
        hedged_line_event_t *held[64];
        unsigned n_held;
} line_bed_board_t;

struct hedged_line {
        hedge_mailbox_t *events;
        int stopping; /**< enum hedged_stop */
        line_bed_board_t boards[LINE_BED_BOARDS];
        void (*script)(hedged_line_t *line, unsigned board); /**< before a board hears something */
};

hedged_line_t *line_bed_new(unsigned boards);
void line_bed_destroy(hedged_line_t **line);
void line_bed_here(hedged_line_t *line, unsigned board);
void line_bed_lost(hedged_line_t *line, unsigned board);
void line_bed_deliver(hedged_line_t *line, unsigned board);
void line_bed_stop(hedged_line_t *line);

#endif
