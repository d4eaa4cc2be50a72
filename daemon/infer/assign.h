/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_ASSIGN_H
#define HEDGED_ASSIGN_H

#include "daemon/infer/task.h"

/** Who is asked for what in one layer: each board's first task, and what a board is given that has run out of work.
 *
 * At the start a board is asked for its first parts (hedge_code_first_parts). When all of them have come, the layer is not
 * decoded and others are late, it is given
 *   - the parts of its next coded input, where its code has one left (krp);
 *   - with `steal`, a part that nobody is left to compute; else, of those on which the fewest boards work, the one that is likely
 *     to come last: of the board that will need longest for what it still owes, at the end of its order.
 * Whether others are late says daemon/plan/late.h. So where all boards are alike nothing is given, and nothing extra sent. Where
 * all that boards were asked for and may still come is too little to decode, nobody waits for that.
 * Pure: it is told what came and was lost, and what time it is. */
typedef struct hedged_assign hedged_assign_t;

/** @param code     Borrowed.
 * @param hold_us  How long a finished part may wait for the next ones of its task.
 * @return 0, -ENOMEM. */
int hedged_assign_new(const hedge_code_t *code, uint32_t hold_us, hedged_assign_t **ret);

/** NULL-safe; nullifies. */
void hedged_assign_destroy(hedged_assign_t **assign);

/** The task of one piece of a board's first (hedged_pieces). */
void hedged_assign_piece(const hedged_task_t *task, const uint16_t *pieces, unsigned piece, unsigned ell_b,
                         hedged_task_t *ret);

/** A board's first task; it counts as working from now on. @return false where it holds nothing. */
bool hedged_assign_first(hedged_assign_t *assign, unsigned board, int64_t now_us, hedged_task_t *ret);

/** A part came. Parts that were not asked for are ignored. */
void hedged_assign_came(hedged_assign_t *assign, unsigned board, unsigned part, int64_t now_us);

/** Nothing more will come of a board. */
void hedged_assign_lost(hedged_assign_t *assign, unsigned board);

/** More work for a board that has delivered everything.
 * @param wake_us  Lowered to the time when it should be asked about again, where that is earlier.
 * @return false where it has not, where there is none for it, or where it is too early. */
bool hedged_assign_more(hedged_assign_t *assign, unsigned board, int64_t now_us, hedged_task_t *ret, int64_t *wake_us);

/** May parts still come of a board: it was asked, and is not lost? boards(code) flags; borrowed. */
const bool *hedged_assign_alive(const hedged_assign_t *assign);

/** Has everything come that this board was asked for? */
bool hedged_assign_is_done(const hedged_assign_t *assign, unsigned board);

/** Parts that were asked for. */
unsigned hedged_assign_asked(const hedged_assign_t *assign);

/** Parts that were asked for of boards that are not lost, and have not come. */
unsigned hedged_assign_outstanding(const hedged_assign_t *assign);

/** Was this part asked for, and when (monotonic)? 0: no. */
int64_t hedged_assign_asked_us(const hedged_assign_t *assign, unsigned board, unsigned part);

#endif
