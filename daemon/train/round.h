/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_ROUND_H
#define HEDGED_ROUND_H

#include <zmq.h>

#include "daemon/train/line.h"

/** Products from boards: ask for some, take what comes until it is enough or too late. The training's thread's.
 *
 * A round knows who is here (from the line's events), numbers what it asks for by `step`, and drops what is not of the
 * current one. Whoever uses one reads no events from the line himself. */
typedef struct hedged_round hedged_round_t;

typedef enum hedged_round_event {
        HEDGED_ROUND_PRODUCT, /**< a product that was asked for */
        HEDGED_ROUND_LOST,    /**< a board is lost: nothing that it was asked for comes */
        HEDGED_ROUND_HERE,    /**< a board is here, or here again without what it held */
        HEDGED_ROUND_REFUSED, /**< a board answered with an ERROR, or with nonsense: code, why */
        HEDGED_ROUND_LATE,    /**< the deadline has passed */
        HEDGED_ROUND_STOP,    /**< hedged_line_stopping() */
} hedged_round_event_t;

typedef struct hedged_round_news {
        hedged_round_event_t event;
        unsigned board;
        uint32_t packet; /**< PRODUCT: MULTIPLY's packet, or the matrix */
        zmq_msg_t frame; /**< PRODUCT: rows x cols floats of the size that was asked for; the caller closes it */
        int64_t received_us;
        uint64_t compute_us;
        int code;
        hedge_why_t why;
} hedged_round_news_t;

/** @param line  Open; borrowed. @param job  The training's number. @return 0, -ENOMEM. */
int hedged_round_new(hedged_line_t *line, uint64_t job, hedged_round_t **ret);

/** NULL-safe; nullifies. */
void hedged_round_destroy(hedged_round_t **round);

/** Which boards are here, as far as hedged_round_next has said so (it begins with nobody), and how many; the name of one, for
 * messages to people: the last one, where it is lost. */
bool hedged_round_here(const hedged_round_t *round, unsigned board);
unsigned hedged_round_count(const hedged_round_t *round);
const char *hedged_round_name(const hedged_round_t *round, unsigned board);

/** Begin the next step: what was asked for before and has not come is not wanted any more. @return its number. */
uint64_t hedged_round_begin(hedged_round_t *round);

/** Say something: HOLD, UPDATE (no answer), or APPLY, MULTIPLY, FETCH (one product). `job` and `step` are filled in.
 * @param rows,cols  Of the product; 0: none is expected. @param frames  Gone after the call.
 * @return 0, -EHOSTUNREACH (the board is not here), -ENOMEM. */
int hedged_round_say(hedged_round_t *round, unsigned board, hedge_message_t *message, zmq_msg_t *frames,
                     uint32_t n_frames, uint32_t rows, uint32_t cols);

/** What happens next. @param deadline_us  Monotonic; INT64_MAX: none; 0: only look (then LATE: nothing is there).
 * Products of an earlier step or not asked for are dropped; one of the wrong size is REFUSED. What has come already is told also when the
 * deadline has passed. A refusal stands for the answer to the oldest question that is open. */
void hedged_round_next(hedged_round_t *round, int64_t deadline_us, hedged_round_news_t *ret);

/** Products asked for in this step that may still come. */
unsigned hedged_round_pending(const hedged_round_t *round);

/** What all frames came to, from and to the boards, products that were too late as well. */
void hedged_round_bytes(const hedged_round_t *round, uint64_t *ret_up, uint64_t *ret_down);

/** From now on hedged_line_stopping() is not looked at: there is something to be brought to an end, by a deadline. */
void hedged_round_finish(hedged_round_t *round);

/** Products that a board was asked for in any step and has neither sent nor refused: how far it is behind. */
unsigned hedged_round_owed(const hedged_round_t *round, unsigned board);

/** When it was asked for the oldest of these; INT64_MAX: it owes nothing. */
int64_t hedged_round_since(const hedged_round_t *round, unsigned board);

#endif
