/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PLANNER_H
#define HEDGED_PLANNER_H

#include "daemon/plan/cut.h"
#include "daemon/plan/search.h"

/** Choose how layers run, for the boards and links as they are measured (plan.cut measured).
 *
 * For every scheme all sensible cuts (daemon/plan/candidates.h) are simulated with a few trials, the best few again with more
 * and with what the real decoder makes of them, in both wire precisions. Left out is what
 *  - needs more boards than slots - plan.spare, where plan.scheme is auto (steal needs none; nsctc, mds and krp are always
 *    held to it, unless both sides are given),
 *  - puts more on a board than the layer's part of plan.share_bytes,
 *  - is not accurate enough: gain x (kernel error + wire error) above plan.accuracy.
 * What remains is compared by plan.objective. It has to be at least 5 % faster than the coordinator alone (for the objective
 * cost: at most 5 % slower, and cheaper), else the layer stays local; not so where both sides are given. */
typedef struct hedged_planner hedged_planner_t;

#define HEDGED_MAX_CANDIDATES 12

/** The best of each scheme, local first, and which of them is taken. */
typedef struct hedged_choice {
        unsigned n, chosen;
        hedged_candidate_t candidates[HEDGED_MAX_CANDIDATES];
} hedged_choice_t;

/** @param config      Borrowed.
 * @param speeds       Copied; all boards are planned with, usable now or not.
 * @param objective    HEDGED_OBJECTIVE_*.
 * @param conv_error   hedge_kernels_conv_error.
 * @return 0, -ENOMEM. */
int hedged_planner_new(const hedged_config_t *config, const hedged_speeds_t *speeds, unsigned objective,
                       double conv_error, hedged_planner_t **ret);

/** NULL-safe; nullifies. */
void hedged_planner_destroy(hedged_planner_t **planner);

/** hedged_search_weights of it. */
const double *hedged_planner_weights(const hedged_planner_t *planner);

/** Compare the ways to run one layer.
 *
 * @param share_bytes  Most that it may take on a board; UINT64_MAX: no limit.
 * @param all          Look at every scheme (for people), not only at those that the wish allows.
 * @return 0, -ENOMEM, HEDGE_EKERNEL. Where nothing but local is possible, that alone is in it. */
int hedged_planner_choose(hedged_planner_t *planner, const hedged_wish_t *wish, const hedge_conv_t *conv,
                          uint64_t share_bytes, bool all, hedged_choice_t *ret);

/** The cuts that a layer is prepared for.
 *
 * First the best one for the speeds as they are; then, if at least 5 % better in that case and no larger on a board than the
 * first, the best for calm boards (no spread, no delay) and for stormy ones (spread + 1); then for fewer boards: each with at
 * most half the recovery threshold of the one before it, wanted where one board less would leave that undecodable.
 * @param share_bytes  As above, for all that are always wanted.
 * @param ret_local    The layer is best run by the coordinator for now; the cuts (if any) are for other weather.
 * @return how many (0: local, whatever comes), HEDGE_ECONFIG (a rule gives sides that cannot be), -ENOMEM, HEDGE_EKERNEL. */
int hedged_planner_cuts(hedged_planner_t *planner, const char *model, const char *layer, const hedge_conv_t *conv,
                        uint64_t share_bytes, hedged_cut_t cuts[HEDGED_MAX_VARIANTS], bool *ret_local,
                        hedge_why_t *why);

#endif
