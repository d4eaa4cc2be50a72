/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SEARCH_H
#define HEDGED_SEARCH_H

#include "daemon/plan/plan.h"
#include "daemon/plan/simulate.h"

/** The planner's inside: find the best cut of one scheme for one layer, remembering the codes that it made. */
typedef struct hedged_search hedged_search_t;

/** A way to run a layer. */
typedef struct hedged_candidate {
        bool local; /**< the coordinator alone: no cut */
        hedged_cut_t cut;
        const char *note; /**< "" or whose choice it is */
        hedged_forecast_t forecast;
        double cost;          /**< of the busiest machine, by the three prices */
        double error;         /**< expected, relative to the output's peak */
        double asked_macs;    /**< of all parts that boards are asked for, mean */
        uint64_t share_bytes; /**< on the board that holds most */
        bool eligible;        /**< may be chosen: allowed by the wish and the limits */
} hedged_candidate_t;

/** What is looked for. All borrowed. */
typedef struct hedged_query {
        hedged_search_t *search;
        const hedged_speeds_t *speeds;
        const hedged_wish_t *wish;
        const hedge_conv_t *conv;
        uint64_t share_bytes; /**< on a board, at most */
        unsigned most;        /**< recovery threshold, at most */
        bool given;           /**< both sides are: `most` does not count */
} hedged_query_t;

/** @param speeds  For their number, and for the weights. @return 0, -ENOMEM. */
int hedged_search_new(const hedged_config_t *config, const hedged_speeds_t *speeds, unsigned objective,
                      double conv_error, hedged_search_t **ret);
void hedged_search_destroy(hedged_search_t **search);

/** Relative speeds of the boards, quantised to eighths of an octave below the fastest, so that small differences make the
 * same shares again; NULL where the fastest is not a quarter faster than the slowest. Borrowed. */
const double *hedged_search_weights(const hedged_search_t *search);

/** What the objective makes small. */
double hedged_search_score(const hedged_search_t *search, const hedged_candidate_t *candidate);

/** The coordinator alone. */
void hedged_search_local(const hedged_query_t *query, hedged_candidate_t *ret);

/** The best cut of a scheme: a round of few trials for all, one of many for the best of them, in each wire precision.
 * @return 0, -ENOENT (none keeps the limits), -ENOMEM, HEDGE_EKERNEL. */
int hedged_search_best(const hedged_query_t *query, hedge_scheme_t scheme, bool systematic, hedged_candidate_t *ret);

/** One cut. @return as above; the limit on memory is not looked at. */
int hedged_search_one(const hedged_query_t *query, const hedge_code_params_t *params, hedged_candidate_t *ret);

#endif
