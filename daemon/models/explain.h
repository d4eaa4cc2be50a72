/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_EXPLAIN_H
#define HEDGED_EXPLAIN_H

#include "common/mailbox.h"
#include "common/wire/link.h"
#include "daemon/models/model.h"

/** The answer to PLAN: how a model would be planned now, layer by layer, with what it was weighed against. */

/** A question, on its way to the preparer and back. */
typedef struct hedged_ask {
        hedge_mail_t mail;
        hedge_asker_t asker;
        hedged_model_t *model; /**< a reference */
        unsigned objective;
        hedged_speeds_t speeds; /**< of so many boards as are planned for */
        int result;
        hedge_why_t why;
        hedge_msg_plan_ok_t answer; /**< id and objective by who asks, the rest where result is 0; owned */
} hedged_ask_t;

/** NULL-safe; nullifies. */
void hedged_ask_destroy(hedged_ask_t **ask);

/** Fill in the answer: every convolution with the best of each scheme, whatever plan.cut says, and the chains that are made of them
 * and of segments. What the model runs with may differ: it was planned when it was loaded.
 * @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedged_explain(const hedged_config_t *config, hedged_ask_t *ask, double conv_error, hedge_why_t *why);

#endif
