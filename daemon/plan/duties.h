/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_DUTIES_H
#define HEDGED_DUTIES_H

#include "common/code/conv/code.h"

/** What every board does for a layer by a code: its parts in the order in which they are asked for, in tasks, and what has
 * to come back. The form in which a code is simulated. */

/** One part. A strip or block is -1 where it is coded, a combination of several. */
typedef struct hedged_duty_part {
        uint16_t part; /**< its number in the code */
        int16_t strip, block;
        uint16_t piece; /**< of the first task: it is sent in pieces, one coded input each */
        bool last;      /**< of its task */
} hedged_duty_part_t;

typedef struct hedged_duty {
        unsigned first_inputs; /**< inputs of the first task; each further task has one */
        unsigned pieces;       /**< in which the first task is sent (daemon/plan/pieces.h) */
        unsigned coded_inputs; /**< of the first task's: those that are combinations */
        unsigned ell_b;
        unsigned first_parts, n_parts; /**< of the first task; of all tasks */
        hedged_duty_part_t *parts;
} hedged_duty_t;

/** When is a layer decoded? */
typedef enum hedged_done {
        HEDGED_DONE_PLAIN,  /**< each of the K plain parts is in, whichever copy of it (uncoded, replication, steal) */
        HEDGED_DONE_COUNT,  /**< `need` parts are in (mds, lt, krp) */
        HEDGED_DONE_BOARDS, /**< `need` parts, or all parts of `delta` boards (nsctc) */
        HEDGED_DONE_RANK, /**< the rank is full, strip by strip (systematic krp and mds), and `need` - K parts more are
                             * in where a coded part was among them */
} hedged_done_t;

typedef struct hedged_duties {
        hedge_scheme_t scheme;
        unsigned k_a, k_b, boards;
        hedged_done_t done;
        unsigned need, delta;
        double hold_s; /**< so long may a finished part wait for the next ones of its task */
        bool whole; /**< parts count when their board has sent all of its (hedged_cut_t's whole_boards); nsctc, lt, mds, krp */
        bool steals; /**< a board that has nothing left redoes what others owe */
        hedged_duty_t *duty;
        hedged_duty_part_t *parts; /**< of all boards */
} hedged_duties_t;

/** Parts that decode, on the average, for any boards: K for plain parts and mds; lt K + 2.3, measured (common/code/conv/code.h);
 * nsctc K + 2, as its matrix is often singular with fewer; krp K + 1, above K = 48 K + 2, for its condition. */
unsigned hedged_duties_usual_need(hedge_scheme_t scheme, unsigned rank);

/** @param delta  The recovery threshold, where the scheme is nsctc; else it is not used.
 * @return 0, -ENOMEM. */
int hedged_duties_new(const hedge_code_t *code, bool systematic, unsigned delta, hedged_duties_t **ret);

/** NULL-safe; nullifies. */
void hedged_duties_destroy(hedged_duties_t **duties);

#endif
