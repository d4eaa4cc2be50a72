/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_EVALUATE_H
#define HEDGED_EVALUATE_H

#include "common/train/dataset.h"
#include "common/train/workspace.h"
#include "daemon/train/line.h"

/** Testing a network in pieces, so that it can be stopped in between. */
typedef struct hedged_evaluator hedged_evaluator_t;

/** @param net, norm, line  Borrowed. @return as hedge_workspace_new. */
int hedged_evaluator_new(const hedge_net_t *net, const hedge_norm_t *norm, const hedged_line_t *line,
                         hedged_evaluator_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedged_evaluator_destroy(hedged_evaluator_t **evaluator);

/** Mean loss and right answers of the first `count` images.
 * @return 0, HEDGE_ESHUTDOWN (stopped), -EINVAL (a label the network does not have). */
int hedged_evaluate(hedged_evaluator_t *evaluator, const float *params, const float *state,
                    const hedge_dataset_t *dataset, uint32_t count, hedge_score_t *ret);

#endif
