/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_HOLDERS_H
#define HEDGED_HOLDERS_H

#include "daemon/train/progress.h"
#include "daemon/train/round.h"
#include "daemon/train/sazd/coded_weights.h"

/** The boards of a model-parallel training: who holds which coded block of the weights, who is up to date, and products from
 * those who are first. The training's thread's.
 *
 * Seat b of k + r holds block b of the rows of every distributed layer's W, and block b of its columns. Matrix 2 l is layer l's
 * row block, 2 l + 1 its column block. The boards that are there at the beginning take the seats in the order of their numbers; one
 * that comes later takes the seat of one that is lost. A board that is late is not waited for and gets everything in order; one that
 * owes more than four steps gets nothing until it has answered, and all anew then. */
typedef struct hedged_holders hedged_holders_t;

/** A layer that is distributed. */
typedef struct hedged_spread {
        uint32_t outputs, inputs; /**< W is outputs x inputs */
        hedged_code_t *rows;      /**< over W's rows */
        hedged_code_t *columns;   /**< over its columns; NULL: no products with its transpose are asked for */
} hedged_spread_t;

typedef struct hedged_holders_settings {
        hedged_line_t *line;
        uint64_t job;
        hedged_progress_t *progress;
        const hedged_spread_t *layers; /**< at least one, at most HEDGED_SPREAD_LAYERS; borrowed */
        unsigned n_layers;
        uint32_t batch; /**< images of a step */
        int64_t patience_us; /**< so long boards that are silent hold up a step in which others have answered, or ten times as
                                long as those took where that is more */
        bool resent;         /**< weights are given anew in every step: boards that come need no care */
        bool replica;        /**< seats of boards that are lost can be taken by the coordinator itself */
} hedged_holders_settings_t;

#define HEDGED_SPREAD_LAYERS 512u /**< matrices have numbers up to 1023 */

/** @return 0, HEDGE_ELIMIT, -ENOMEM, with a sentence. */
int hedged_holders_new(const hedged_holders_settings_t *settings, hedged_holders_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. After the thread has ended, nothing more goes over the line. */
void hedged_holders_destroy(hedged_holders_t **holders);

/** Wait for the boards of all seats, and seat them.
 * @param again  They were there once: k are enough where no more come for some seconds. @return 0, HEDGE_ESHUTDOWN. */
int hedged_holders_rendezvous(hedged_holders_t *holders, bool again);

/** Wait until enough are there to hold all of it: k, or one with stand-ins. @return 0, HEDGE_ESHUTDOWN. */
int hedged_holders_wait(hedged_holders_t *holders);

/** Give weights to whom they are missing.
 * @param weights  One W per layer. @param all  To everybody who is there, and to stand-ins for the others. @return 0, -ENOMEM. */
int hedged_holders_give(hedged_holders_t *holders, const float *const weights[], bool all);

/** The next step begins: hear what has happened, leave out who is too late. @return 0, HEDGE_ESHUTDOWN. */
int hedged_holders_begin(hedged_holders_t *holders);

/** Seats that are up to date, stand-ins too; are they enough; is anybody there whom weights are to be given to? */
unsigned hedged_holders_current(const hedged_holders_t *holders);
bool hedged_holders_able(const hedged_holders_t *holders);
bool hedged_holders_lacking(const hedged_holders_t *holders);

/** Of these, how many owe an answer. */
unsigned hedged_holders_late(const hedged_holders_t *holders);

/** A layer's product, by the first boards that are enough: y (batch x outputs) = x (batch x inputs) W^T; or, for
 * `transposed`, y (batch x inputs) = x (batch x outputs) W.
 * @return 0, -EAGAIN (not enough are left), HEDGE_ESHUTDOWN, -ENOMEM, or what decoding says. */
int hedged_holders_apply(hedged_holders_t *holders, unsigned layer, bool transposed, uint32_t batch, const float *x,
                         float *y);

/** Have everybody up to date take rate * delta^T x off the layer, which decays first. Both were given to
 * hedged_holders_apply in this step, where that was asked. Never fails: who cannot be told is not up to date any more. */
void hedged_holders_update(hedged_holders_t *holders, unsigned layer, uint32_t batch, const float *delta,
                           const float *x, double rate, double decay);

/** The weights, from k boards. @param deadline_us  INT64_MAX: none. @param weights  One W per layer, to be written.
 * @return 0, -EAGAIN (not enough are left), HEDGE_ESHUTDOWN (also: too late), -ENOMEM. */
int hedged_holders_fetch(hedged_holders_t *holders, int64_t deadline_us, float *const weights[]);

/** hedged_round_finish, hedged_round_bytes. */
void hedged_holders_finish(hedged_holders_t *holders);
void hedged_holders_bytes(const hedged_holders_t *holders, uint64_t *ret_up, uint64_t *ret_down);

#endif
