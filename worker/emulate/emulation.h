/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_EMULATION_H
#define HEDGEW_EMULATION_H

#include <stdint.h>

#include "common/err.h"

/** What ails an emulated board: the text of an emulation file, for test beds.
 *
 * One setting per line, `key value...`; what follows a `#` is a comment. A key may come once, in any order; what is not given
 * is 0, which means: not so.
 *
 *     boards N, board NUMBER   how many boards there are, and which of them this one is (0 .. N-1)
 *     seed S, round N          of all draws; a round is a request: its number is written here before it is sent
 *     macs_per_s R             multiply-accumulates per second; without it as the program was told at its start
 *     store MIB                answer from what was computed for the same share and input before, of which so much is kept; what a
 *                              part takes is emulated all the same, so only with macs_per_s
 *     input N                  above 0: of which input of the network the requests are. A part is then found again by this number in
 *                              place of its own input's digest: what is decoded differs by rounding from request to request
 *     verify 0 or 1            1: compute what the store has, too, and compare: to the bit, or, where inputs go by number, to 5e-3 of the peak
 *     slowdown TAU             in every round this board is 1 + Exp(TAU) times slower (Exp: exponential with that mean)
 *     task_slowdown TAU        the same again for every run
 *     delay_ms MEAN            the tasks of a run come later by Exp(MEAN), its answers leave later by another Exp(MEAN): the
 *                              same for all of them, as what goes by one connection does not overtake
 *     fixed COUNT MS           in every round COUNT of the boards hold their answers back by MS
 *     failing COUNT            in every round COUNT of the boards answer tasks with an error
 *     silent COUNT             in every round COUNT of the boards never answer them
 *     straggler B FACTOR P     in a round, board B is FACTOR times slower with probability P
 *
 * failing, silent and fixed take the first, next and again next boards of one random order of them, new in each round: no board
 * is of two kinds, and their counts together are at most `boards`. */
typedef struct hedgew_emulation {
        uint64_t boards, board, seed, round, store_mib, input, verify;
        double macs_per_s, slowdown, task_slowdown, delay_ms;
        uint64_t fixed, failing, silent;
        double fixed_ms;
        uint64_t straggler;
        double straggler_factor, straggler_probability;
} hedgew_emulation_t;

#define HEDGEW_EMULATION_TEXT_MAX   65536u
#define HEDGEW_EMULATION_BOARDS_MAX 4096u
#define HEDGEW_EMULATION_STORE_MAX  1048576u /**< MiB */

/** Read such a text. @return 0, HEDGE_ECONFIG: why begins with the number of the line that is wrong, "3: ...". */
int hedgew_emulation_parse(const char *text, hedgew_emulation_t *ret, hedge_why_t *why);

/** How a board fares in a round. */
typedef enum hedgew_emulation_kind {
        HEDGEW_EMULATION_WELL,
        HEDGEW_EMULATION_FAILING,
        HEDGEW_EMULATION_SILENT,
        HEDGEW_EMULATION_FIXED,
} hedgew_emulation_kind_t;

hedgew_emulation_kind_t hedgew_emulation_kind(const hedgew_emulation_t *emulation);

/** What is drawn for a run: the same in every process, in any order, for the same settings and numbers.
 * @param run  Which run of this board in this round, from 0. */
typedef struct hedgew_emulation_draws {
        double slower; /**< this many times */
        double in_ms, out_ms;
} hedgew_emulation_draws_t;

void hedgew_emulation_draw(const hedgew_emulation_t *emulation, uint64_t run, hedgew_emulation_draws_t *ret);

#endif
