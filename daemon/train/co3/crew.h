/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CREW_H
#define HEDGED_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/types/name.h"

/** The boards of a data-parallel training: who takes part, which shards each draws its mini-batches from, who was asked for
 * what, and who is late.
 *
 * A pure state machine: it is told what happened and says in orders what is to be done. Boards are named by their number in the
 * codes, shards and steps are counted from 0 and 1.
 *
 * Every board that takes part has a list of shards and draws from them in turn. At the start the i-th board has shard i; what is
 * left goes to the shortest lists. The shards of a board that is lost go there too, and come back with it. A board that is new
 * takes one from a board that has several, else it draws from the shard with the fewest boards beside the board that has it. A
 * shard is drawn from when the board is known to hold it, and a board that gives one away keeps it until then. */
typedef struct hedged_crew hedged_crew_t;

#define HEDGED_CREW_FAILURES 3 /**< in a row, after which a board is left out */

/** @param shards  At least 1. @param quorum  Answers that a step takes; 0: those of all that were asked.
 * @param step  Steps that are done: answers to them are taken as counted, and mini-batches go on behind them.
 * @return 0, -ENOMEM. */
int hedged_crew_new(uint32_t shards, uint64_t quorum, uint64_t step, hedged_crew_t **ret);

/** NULL-safe; nullifies. */
void hedged_crew_destroy(hedged_crew_t **crew);

/* ---- what happened ---- */

/** A board may be given work (again: then nothing that it was asked for will come). @return 0, HEDGE_ELIMIT (its number), -ENOMEM. */
int hedged_crew_here(hedged_crew_t *crew, unsigned board, const char *name);

/** It may not any more. */
void hedged_crew_lost(hedged_crew_t *crew, unsigned board);

/** It holds this shard; before hedged_crew_joined where its JOINED says so. */
void hedged_crew_holds(hedged_crew_t *crew, unsigned board, uint32_t shard);

/** It has answered JOIN. */
void hedged_crew_joined(hedged_crew_t *crew, unsigned board);

/** It could not do what it was asked for: it is left out if that was to join, gets no more shards if it was to keep one, and
 * is asked anew otherwise, but not for ever.
 * @param shard  Which it is about; UINT32_MAX: it does not say. @param lacks  It says that it does not hold it. */
void hedged_crew_error(hedged_crew_t *crew, unsigned board, uint32_t shard, bool lacks, const char *why);

typedef enum hedged_answer {
        HEDGED_ANSWER_STRAY,  /**< nobody asked */
        HEDGED_ANSWER_COUNTS, /**< to the step that is open */
        HEDGED_ANSWER_LATE,   /**< that step is done */
} hedged_answer_t;

/** It answered a step. */
hedged_answer_t hedged_crew_answered(hedged_crew_t *crew, unsigned board, uint64_t step);

/** Its answer, which counts, is no good after all. */
void hedged_crew_spoilt(hedged_crew_t *crew, unsigned board, const char *why);

/* ---- steps ---- */

/** All who have joined by now begin with it: hand out the shards. Once. */
void hedged_crew_start(hedged_crew_t *crew);

/** Boards that are here and have not joined yet, and boards that have but lack shards of their list. */
unsigned hedged_crew_joining(const hedged_crew_t *crew);
unsigned hedged_crew_loading(const hedged_crew_t *crew);

/** Open the next step: every board that has answered all it was asked for, and holds a shard, is asked. @return its number. */
uint64_t hedged_crew_begin(hedged_crew_t *crew);

/** Have enough answered the open step? */
bool hedged_crew_enough(const hedged_crew_t *crew);

/** May this board's answer to the open step still come? */
bool hedged_crew_awaits(const hedged_crew_t *crew, unsigned board);

/** The open step does not wait any longer for those who may still answer. */
void hedged_crew_give_up(hedged_crew_t *crew);

/** The open step is done: who has not answered it is late. */
void hedged_crew_end(hedged_crew_t *crew);

/** How many take part, and how many answers the open step has. */
unsigned hedged_crew_boards(const hedged_crew_t *crew);
unsigned hedged_crew_answers(const hedged_crew_t *crew);

/* ---- what is to be done ---- */

typedef enum hedged_order_kind {
        HEDGED_ORDER_NOTE, /**< tell people */
        HEDGED_ORDER_JOIN,
        HEDGED_ORDER_SHARD,
        HEDGED_ORDER_STEP,
} hedged_order_kind_t;

#define HEDGED_NO_VERSION UINT64_MAX

typedef struct hedged_order {
        hedged_order_kind_t kind;
        unsigned board;
        uint32_t shard;   /**< SHARD, STEP */
        uint64_t step;    /**< STEP, as are all that follow */
        uint64_t draw;    /**< which mini-batch of the shard */
        uint64_t taken;   /**< the last step that a gradient of this board counted to */
        uint64_t version; /**< the steps whose updates it has; HEDGED_NO_VERSION: it needs the parameters themselves */
        char text[160];   /**< NOTE */
} hedged_order_t;

/** The next thing to do, which from then on is taken as done. @return false: nothing for now. */
bool hedged_crew_next(hedged_crew_t *crew, hedged_order_t *ret);

#endif
