/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CANDIDATES_H
#define HEDGED_CANDIDATES_H

#include "daemon/measure/speed.h"
#include "daemon/plan/plan.h"

/** Which cuts of a layer are worth simulating, and those that the papers' formulas name. Pure. */

#define HEDGED_MAX_CUTS  320
#define HEDGED_MAX_PARTS 128u /**< bound on K where it is solved for: beyond it that costs more than finer parts save */

/** The cuts of a scheme for n boards, with the code's parameters: k_a of {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20} times k_b of
 * {1, 2, 4, 5, 8, 10, 16, 20}; where every part has its own board (uncoded, replication, steal) also all k_a k_b that make 1 to 4
 * parts for each board, or one for each of a quarter, a half or three quarters of them; mds, lt: every k_a up to n, lt also 2, 4 and 6 n; as
 * far as the scheme and the layer take them. What the wish says stays. krp, plain: two coded inputs, and of filter blocks a
 * board's part of K, half as many more, twice as many, or all.
 * @param ret  HEDGED_MAX_CUTS entries; weights and seed are 0.
 * @return how many. */
unsigned hedged_candidates(const hedged_wish_t *wish, hedge_scheme_t scheme, bool systematic, const hedge_conv_t *conv,
                           unsigned n, hedge_code_params_t *ret);

/** CoCoI's approximately optimal k of an (n, k)-MDS code over the input strips (arXiv 2501.06856).
 *
 * Its model: a board's receiving, computing and sending one of k pieces are shift-exponential; the latency is coding plus
 * the k-th of n of them. Its approximation: the mean of the k-th of n exponentials of mean m is m ln(n / (n - k)) (the
 * logarithm in place of the harmonic numbers), which has no minimum at k = n, so k < n. Here with the boards' mean speed:
 * shift(k) = up(k) / link + macs(k) / rate + down(k) / link, m(k) = spread macs(k) / rate + delay. */
unsigned hedged_cocoi_k(const hedged_speeds_t *speeds, const hedge_conv_t *conv, unsigned n);

/** FCDCC's optimal k_a and k_b of an NSCTC code with recovery threshold delta (arXiv 2411.01579): of all k_a k_b = 4 delta
 * the sides with the lowest U = price_comm (up + down) + price_comp MACs + price_store filter entries of a board. What a
 * board computes and sends back does not depend on k_a, what it gets falls with 1 / k_a, what it keeps grows with k_a:
 *
 *   k_a* = sqrt(4 delta price_comm C W stride out_h / (price_store N (C / groups) kernel_h kernel_w))
 *
 * and the pair of even sides next to that, by ratio, that the layer has room for. (A side that is 1 is not coded and needs
 * other boards: k_a = 1 with the same k_b is a little cheaper than k_a = 2, as it sends no halo. The planner sees that.)
 * @return 0, -ENOENT (no such pair). */
int hedged_fcdcc_sides(const hedged_config_t *config, const hedge_conv_t *conv, unsigned delta, unsigned *ret_k_a,
                       unsigned *ret_k_b);

#endif
