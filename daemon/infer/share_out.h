/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SHARE_OUT_H
#define HEDGED_SHARE_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/infer/prospect.h"

/** Who computes which piece of a run of nodes: its windows, or the whole of it.
 *
 * A piece goes to the place that will be done with it first, by how fast places and their links are and by what they still have to
 * do for others. Nobody has more than two at a time, so that one is on its way while the other is computed; the next follows when
 * one is back. So who turns out slow gets fewer.
 *
 * Where the last place is the coordinator itself (`here`), it takes pieces from the end: so in most runs it gets the same ones, which
 * it is prepared for.
 *
 * When nothing is left to give out, a place that has nothing to do is given a piece that another one has:
 *  - where that one is late: it has taken longer than it takes in 19 cases of 20 (`lateness` times what is predicted for such a
 *    case), what others had given it before included;
 *  - or, of several pieces (`race`), where the idle place would be back clearly before it.
 * Of those the piece is taken that fewest work on, and of these the one that is furthest away. Places that others keep busy are not idle;
 * they are asked only for what is late, and only where nobody idle is left (`queue_again`).
 * Pure: it is told what came and was lost, and what time it is; times are in seconds since anything. */

#define HEDGED_AT_A_TIME 2u /**< pieces that one place has */
#define HEDGED_COPIES_MAX \
        3u /**< places at work on the same piece, but for those that have been late for as long again */

typedef struct hedged_place {
        bool able;            /**< it holds what is needed and may be given work now */
        hedged_speed_t speed; /**< rates of a link that are 0: there is none, as it is the coordinator itself */
        double busy_s;        /**< of others' work before ours */
} hedged_place_t;

typedef struct hedged_share_out_settings {
        unsigned n_places, n_pieces;
        bool here;                    /**< the last place is the coordinator */
        const hedged_piece_t *pieces; /**< borrowed */
        unsigned copies;              /**< of each piece, from the start; at least 1 */
        bool hedge;                   /**< false: no piece is asked for again but where it was lost */
        bool race;
        double lateness;         /**< see above; 1: as predicted */
        double link_bytes_per_s; /**< of the coordinator; 0: it is never the bottleneck */
        unsigned first;          /**< piece 0 goes to this place, if it is able; n_places: to any */
} hedged_share_out_settings_t;

typedef struct hedged_share_out hedged_share_out_t;

/** @return 0, -ENOMEM. */
int hedged_share_out_new(const hedged_share_out_settings_t *settings, hedged_share_out_t **ret);

/** NULL-safe; nullifies. */
void hedged_share_out_destroy(hedged_share_out_t **share_out);

/** What is known of the places: n_places of them, to be brought up to date before hedged_share_out_next. */
hedged_place_t *hedged_share_out_places(hedged_share_out_t *share_out);

typedef struct hedged_given {
        unsigned place, piece;
        double expected_s; /**< that it keeps the place busy */
        bool again;        /**< another one has it already, and this place has others' work to do first */
} hedged_given_t;

/** The next piece to give out, which counts as given. Ask until there is none.
 * @param crowded      Others' pieces wait for places: none is idle.
 * @param queue_again  May a busy place be asked for what is late?
 * @param wake         Lowered to when it should be looked at again although nothing has come.
 * @return false: none now. */
bool hedged_share_out_next(hedged_share_out_t *share_out, double now, bool crowded, bool queue_again,
                           hedged_given_t *ret, double *wake);

/** A piece is back from a place. @return whether it is the first time that it is. */
bool hedged_share_out_came(hedged_share_out_t *share_out, unsigned place, unsigned piece, double now);

/** Nothing more will come of a place. */
void hedged_share_out_lost(hedged_share_out_t *share_out, unsigned place);

/** Was this piece given to that place, and when? Below 0: it was not. */
double hedged_share_out_given(const hedged_share_out_t *share_out, unsigned place, unsigned piece);

/** How long it took in comparison to what `lateness` 1 allows; of a piece that is back from that place. */
double hedged_share_out_took(const hedged_share_out_t *share_out, unsigned place, unsigned piece);

/** Pieces that are not back; those of them that nobody has; those that a place has and has not sent. */
unsigned hedged_share_out_missing(const hedged_share_out_t *share_out);
unsigned hedged_share_out_waiting(const hedged_share_out_t *share_out);
unsigned hedged_share_out_under_way(const hedged_share_out_t *share_out, unsigned place);

/** Is there anything to wait for? No: pieces are missing, no board has any and none is able (the coordinator alone computes node by
 * node, with all its processors). */
bool hedged_share_out_possible(const hedged_share_out_t *share_out);

#endif
