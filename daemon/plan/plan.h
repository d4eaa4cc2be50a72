/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PLAN_H
#define HEDGED_PLAN_H

#include "common/code/conv/partition.h"
#include "common/code/precision.h"
#include "daemon/config.h"

/** Which layers are coded, and how they are cut: what the configuration asks for, and the simple rule (plan.cut simple).
 * Pure: a function of the configuration and the layer's geometry. daemon/plan/planner.h has the other rule.
 *
 * The simple rule: convolutions of at least plan.min_macs are coded with plan.scheme, others stay local; plan.rules
 * override. Of the cuts whose recovery threshold is at most slots - spare, the one with the lowest cost per board is taken,
 * cost = MACs + macs_per_entry * (entries up + entries down), after FCDCC's cost model. */

#define HEDGED_MAX_VARIANTS 5

/** What a layer that runs so costs, as it is predicted. */
typedef struct hedged_cut_load {
        double p99_s, here_s, boards_s, up_bytes, down_bytes; /**< as hedged_forecast_t's */
        double cost;                                          /**< by plan.price_* */
} hedged_cut_load_t;

typedef struct hedged_cut {
        hedge_scheme_t scheme;
        unsigned k_a, k_b;
        unsigned ell_a, ell_b; /**< 0: the scheme's default */
        bool systematic,
                weighted; /**< weighted: the numbers of parts follow the boards' speeds when the model was loaded */
        bool whole_boards; /**< parts count only when their board has sent all of its (as in the papers; for comparison) */
        hedge_precision_t wire;
        uint32_t hold_us; /**< so long may a finished part wait for the next ones of its task, to leave with them */
        unsigned delta;
        unsigned need;       /**< parts that decode, in the mean; 0: not known */
        unsigned enough;     /**< its shares are wanted where at most so many boards are left; 0: always */
        double predicted_ms; /**< 0: by the simple rule, which predicts nothing */
        hedged_cut_load_t load;
} hedged_cut_t;

/** What is asked for one layer. */
typedef struct hedged_wish {
        unsigned scheme;                 /**< HEDGED_PLAN_LOCAL .. HEDGED_PLAN_AUTO */
        unsigned k_a, k_b, ell_a, ell_b; /**< 0: free */
        unsigned systematic, wire;       /**< HEDGED_SYSTEMATIC_*, HEDGED_WIRE_* */
        bool even;                       /**< the boards' speeds do not count for their numbers of parts */
        bool whole_boards;               /**< as hedged_cut_t's */
        bool ruled;                      /**< by a rule */
} hedged_wish_t;

/** By the first rule that matches, else by plan.*. A layer lighter than plan.min_macs without a rule is local. */
hedged_wish_t hedged_plan_wish(const hedged_config_t *config, const char *model, const char *layer,
                               const hedge_conv_t *conv);

/** Plan one layer by the simple rule.
 *
 * The first cut is for the whole cluster; each further one has at most half the recovery threshold of the one before it and
 * is what the layer is replanned to when so many boards are gone that the one before cannot be decoded any more.
 * @param spare  Boards that may fail: delta <= slots - spare where slots allow.
 * @return how many cuts (0: the layer stays local), HEDGE_ECONFIG (a rule asks for what cannot be; `why` names the layer). */
int hedged_plan_layer(const hedged_config_t *config, const char *model, const char *layer, const hedge_conv_t *conv,
                      hedged_cut_t cuts[HEDGED_MAX_VARIANTS], hedge_why_t *why);

#endif
