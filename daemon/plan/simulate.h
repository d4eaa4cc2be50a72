/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SIMULATE_H
#define HEDGED_SIMULATE_H

#include "common/code/conv/partition.h"
#include "common/code/precision.h"
#include "daemon/measure/speed.h"
#include "daemon/plan/duties.h"
#include "daemon/plan/late.h"
#include "daemon/plan/luck.h"

/** How long would a layer take, cut like this, on boards like these? By simulation (Monte Carlo); pure.
 *
 * One trial, as the dispatcher goes about it:
 *  - The coordinator encodes the inputs of the first tasks and hands out one message for each piece (one coded input) of every board:
 *    every board's first, then every board's second. They go to all boards at the same time: each gets its own at its link's
 *    rate at most, and all together at the rate of the coordinator's link.
 *  - A piece arrives when its share of the bytes has come, and after a delay, exponential of half the mean delay_s; the board takes
 *    it in, and computes the parts one after the other, each in macs / macs_per_s * (1 + spread * e) with one e ~ Exp(1) for
 *    the board. What is noise (daemon/plan/late.h) costs every cut its mean, but is not drawn, and neither is it of delays: it is no
 *    reason to ask for more parts. A finished part waits for the next ones of its piece as long as the oldest has not waited hold_s by then; they
 *    leave in one message, behind those before it on the board's link, and arrive after the other half of the delay, the same
 *    for all of them. On a board of one core a message stops the computing, elsewhere another core makes it.
 *  - All messages go through the coordinator's link, one after the other, then through its processor.
 *  - A board that has delivered all it was asked for gets more where others are late (daemon/plan/late.h) or all of them have delivered:
 *    with krp its next coded input; with steal the last part of the board that owes most, which it then does as well.
 *  - When what came decodes, the coordinator decodes; all else is cancelled.
 *
 * The coordinator's processor does one thing after the other: encoding, each message out, each message in with its parts,
 * decoding, and what every layer costs (hedged_costs_t). A board's messages cost it hedged_speeds_slower times as much. */

typedef struct hedged_forecast {
        double mean_s, p99_s;        /**< infinite where some trial does not decode */
        double up_bytes, down_bytes; /**< of all boards, mean: sent before the layer is decoded */
        double here_s;               /**< the coordinator's processor time, mean */
        double boards_s;             /**< that of all boards together: computing, also in vain, and messages */
        double asked, computed;      /**< parts, mean: asked for, and computed or begun when the layer is decoded */
        double messages;             /**< with parts, mean */
} hedged_forecast_t;

/** The means of what was summed over trials, and their mean and 99th percentile. @param took  Of each trial; is sorted. */
hedged_forecast_t hedged_forecast_of(const hedged_forecast_t *sum, double *took, unsigned trials);

/** What the objectives latency and p99 make small: the time, and the price (plan.price_busy) of keeping the coordinator and each of so many
 * boards busy. @param p99  Of the 99th percentile. */
double hedged_forecast_score(const hedged_forecast_t *forecast, bool p99, double price, unsigned boards);

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
