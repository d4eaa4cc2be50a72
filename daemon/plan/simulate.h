/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SIMULATE_H
#define HEDGED_SIMULATE_H

#include "common/code/conv/partition.h"
#include "common/code/precision.h"
#include "daemon/measure/speed.h"
#include "daemon/plan/duties.h"

/** How long would a layer take, cut like this, on boards like these? By simulation (Monte Carlo); pure.
 *
 * One trial, as the dispatcher goes about it:
 *  - The coordinator encodes the inputs of the first tasks and sends them to all boards at the same time: each gets its
 *    own at its link's rate at most, and all together at the rate of the coordinator's link.
 *  - Each piece of it (one coded input) arrives when its share of the bytes has come, and after a delay, exponential of half the mean delay_s; the parts are computed one after the other, each
 *    in macs / macs_per_s * (1 + spread * e) with one e ~ Exp(1) for the board; each is sent when it is finished, behind
 *    those before it on the board's link, and arrives after the other half of the delay, the same for all of them.
 *  - All parts go through the coordinator's link, one after the other, and each costs it PART_S of work.
 *  - A board that has delivered all it was asked for gets more: with krp, its next coded input; with steal, the last part of
 *    the board that owes most, which it then does as well.
 *  - When what came decodes, the coordinator decodes; all else is cancelled.
 *
 * Coding runs at CODING_MACS_PER_S per second (measured on one x86 core; bound by memory, so not much slower on others),
 * and a solve takes SOLVE_S times the cube of what is not plain. */

#define HEDGED_CODING_MACS_PER_S 8e9
#define HEDGED_SOLVE_S           3e-9
#define HEDGED_PART_S            3e-5
#define HEDGED_LAYER_S           3e-4 /**< for what is the same for every layer: messages, threads that wake up */

/** Random numbers, drawn once: every cut that is compared gets the same. For each board they are stratified over the
 * trials, so that few trials do. */
typedef struct hedged_luck {
        unsigned trials, boards;
        double *slow, *in, *out; /**< trials x boards each, Exp(1) */
} hedged_luck_t;

/** @return 0, -ENOMEM. */
int hedged_luck_new(unsigned trials, unsigned boards, uint64_t seed, hedged_luck_t **ret);
void hedged_luck_destroy(hedged_luck_t **luck);

typedef struct hedged_forecast {
        double mean_s, p99_s;        /**< infinite where some trial does not decode */
        double up_bytes, down_bytes; /**< of all boards, mean: sent before the layer is decoded */
} hedged_forecast_t;

/** Simulate.
 *
 * @param speeds  At least as many boards as the duties are for; boards that are not usable do nothing.
 * @param luck    At least as many boards too.
 * @return 0, -ENOMEM. */
int hedged_simulate(const hedged_speeds_t *speeds, const hedge_partition_t *partition, const hedged_duties_t *duties,
                    hedge_precision_t wire, const hedged_luck_t *luck, hedged_forecast_t *ret);

/** What the coordinator alone takes, in the mean. */
double hedged_local_s(const hedged_speeds_t *speeds, const hedge_conv_t *conv);

#endif
