/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CUT_H
#define HEDGED_CUT_H

#include "daemon/plan/plan.h"

/** What planning and serving a model have in common: the code of a cut, memory for shares. */

/** Are they cut alike, so that one code serves both (whatever the precision)? */
bool hedged_cut_is_same_code(const hedged_cut_t *a, const hedged_cut_t *b);

/** Memory on a board that is still to be given out, and the elements of the filters that it is for. */
typedef struct hedged_budget {
        uint64_t bytes, filters; /**< bytes UINT64_MAX: no limit */
} hedged_budget_t;

/** A layer's part of it, in proportion to its filters. */
uint64_t hedged_budget_part(const hedged_budget_t *budget, const hedge_conv_t *conv);

/** A layer has taken so much. */
void hedged_budget_spend(hedged_budget_t *budget, const hedge_conv_t *conv, uint64_t bytes);

/** What its code is made of, for n boards; without weights. */
hedge_code_params_t hedged_cut_params(const hedged_cut_t *cut, unsigned n);

/** The code of a cut, for n boards. @param weights  n, used where the cut is weighted. @return as hedge_code_new_with. */
int hedged_cut_code(const hedged_cut_t *cut, unsigned n, const double *weights, hedge_code_t **ret, hedge_why_t *why);

#endif
