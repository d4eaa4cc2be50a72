/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_UEP_EXPECT_H
#define HEDGE_UEP_EXPECT_H

#include "common/code/uep/uep.h"

/** What to expect of a code: closed forms.
 *
 * Source: UEP, arXiv 2103.02928 (its theorems on the expected loss), with the decoding probabilities of Vukobratovic
 * and Stankovic, 2012.
 *
 * They assume *generic* coefficients, one of its own for every sub-product of a window: then N packets of a window of
 * k sub-products have rank min(N, k), but for a set of measure zero. That is what stacked packets have, and factored ones
 * (hedge_uep_params_t.stacked == false) of now and ew wherever the windows are rectangles of blocks; where they are not,
 * factored packets decode some sub-products sooner and whole classes later. What is said of mds, replication and uncoded holds
 * for both. And they assume that every packet is as likely as any other to be among those that came.
 *
 * With n_l packets of window l:
 *  - NOW: class l is decoded where n_l >= k_l.
 *  - EW: with K_i = k_1 + .. + k_i, R_0 = 0 and R_i = min(R_(i-1) + n_i, K_i), the rank of windows 1 .. i, class l is
 *    decoded where R_i = K_i for an i >= l. (Packets of wider windows tell of class l only when all of their window is known.)
 * The n_l are multinomial with the window probabilities. */

/** The probability that a sub-product of a class is decoded when N packets have come, for N = 0 .. packets.
 *
 * now, ew, mds: all of the class at once. replication, uncoded: of one sub-product, in the mean over the class.
 *
 * @param chances  (packets + 1) x classes.
 * @return as hedge_uep_check; -ENOMEM. */
int hedge_uep_chances(const hedge_uep_params_t *params, double *chances, hedge_why_t *why);

/** The expected normalised loss E|C' - C|^2 / E|C|^2 when N packets have come, for N = 0 .. packets: the sum over classes of
 * their share times the probability that they are not decoded. Exact for independent entries with mean 0 (of variances
 * that the norms tell).
 *
 * @param losses  packets + 1.
 * @return as hedge_uep_chances. */
int hedge_uep_losses(const hedge_uep_params_t *params, double *losses, hedge_why_t *why);

/** The same at a time by which every packet has come with probability `arrived`, independently: for exponential latencies
 * 1 - exp(-rate * t).
 *
 * @param losses   As hedge_uep_losses gives them.
 * @param packets  At most HEDGE_UEP_MAX_PACKETS.
 * @param arrived  0 .. 1. */
double hedge_uep_loss_at(const double *losses, unsigned packets, double arrived);

/** Window probabilities for a deadline by which every packet has come with probability `arrived`: those of the least expected
 * loss that a search finds which moves ever smaller parts from window to window.
 *
 * Some hundred times the work of hedge_uep_losses: milliseconds for 10 sub-products and 30 packets.
 *
 * @param params   now or ew; its windows are not looked at.
 * @param windows  classes of them; they sum to 1.
 * @return as hedge_uep_losses; -EINVAL also where the scheme has no windows or `arrived` is not within 0 .. 1. */
int hedge_uep_choose_windows(const hedge_uep_params_t *params, double arrived, double *windows, hedge_why_t *why);

#endif
