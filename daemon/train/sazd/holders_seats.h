/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_HOLDERS_SEATS_H
#define HEDGED_HOLDERS_SEATS_H

#include <limits.h>

#include "daemon/train/sazd/holders.h"
#include "daemon/train/sazd/replica.h"

/** The inside of daemon/train/sazd/holders.h. */
#define HEDGED_SEATS  HEDGE_SAZD_MAX_BLOCKS
#define HEDGED_NOBODY UINT_MAX

typedef enum hedged_seat_state {
        HEDGED_SEAT_EMPTY,   /**< no board, or one that is lost */
        HEDGED_SEAT_STALE,   /**< it is there and lacks the weights */
        HEDGED_SEAT_CURRENT, /**< it holds what it should, or will when it has caught up */
        HEDGED_SEAT_BEHIND,  /**< it owes too much, or something is wrong: nothing is sent until it owes nothing more */
        HEDGED_SEAT_LEFT_OUT, /**< it refuses: until it comes anew */
        HEDGED_SEAT_STAND_IN, /**< the coordinator computes in its place */
} hedged_seat_state_t;

typedef struct hedged_seat {
        hedged_seat_state_t state;
        unsigned board;
        bool arrived; /**< HEDGED_SEAT_STAND_IN: the board is there, and lacks the weights */
        unsigned refusals, drops;
        uint64_t not_before; /**< step */
        hedged_replica_t *replica;
        hedge_update_target_t *targets; /**< two of each layer, row block and column block */
        hedge_code_term_t *terms;
} hedged_seat_t;

struct hedged_holders {
        hedged_holders_settings_t s;
        hedged_round_t *round;
        unsigned k, n;
        uint64_t step;
        unsigned per_step; /**< products that a board is asked for in a step */
        unsigned most;     /**< steps that are sent ahead, however short they are */
        bool seated;
        hedged_seat_t seats[HEDGED_SEATS];
        bool useless[HEDGE_CODE_MAX_BOARDS]; /**< left out, until it comes anew */
};

/** The code of a matrix, and the columns of its blocks. */
const hedged_code_t *hedged_holders_code(const hedged_holders_t *holders, uint32_t matrix);
uint32_t hedged_holders_width(const hedged_holders_t *holders, uint32_t matrix);

/** Seats in any of some states: a bit each. */
unsigned hedged_holders_count(const hedged_holders_t *holders, unsigned states);

/** Boards that may be given weights. */
unsigned hedged_holders_usable(const hedged_holders_t *holders);

/** The seat of a board; NULL: it has none. */
hedged_seat_t *hedged_holders_seat(hedged_holders_t *holders, unsigned board);

/** A board, which is there, takes a seat that is nobody's or its own. */
void hedged_holders_take_seat(hedged_seat_t *seat, unsigned board);

const char *hedged_holders_name(const hedged_holders_t *holders, unsigned board);

/** Its board is of no use until it comes anew: somebody else may have the seat. */
void hedged_holders_leave_out(hedged_holders_t *holders, hedged_seat_t *seat, const char *why);

/** Say to people how many boards there are. */
void hedged_holders_tell(hedged_holders_t *holders);

/** Take in what has happened. A product that is still in the news is dropped. */
void hedged_holders_news(hedged_holders_t *holders, hedged_round_news_t *news);

#endif
