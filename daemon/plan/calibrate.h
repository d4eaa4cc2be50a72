/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CALIBRATE_H
#define HEDGED_CALIBRATE_H

#include "common/code/conv/decode.h"
#include "daemon/plan/simulate.h"

/** What a code does with parts as they come: by the real decoder, in some trials. */
typedef struct hedged_quality {
        unsigned
                need; /**< parts, as hedged_duties_t has it: the mean, rounded up, or what it takes in the calm, if that is more */
        double condition, gain; /**< geometric means over the trials */
} hedged_quality_t;

typedef struct hedged_tolerance {
        double conv_error, accuracy;
        hedge_precision_t wire;
} hedged_tolerance_t;

#define HEDGED_CALIBRATE_TRIALS 4

/** Boards of speeds 1 / (1 + e), e ~ Exp(1) from `luck`, give their parts in order until what came decodes with
 * gain x (conv_error + wire_error) <= accuracy, as the coordinator does it. Then once more with nobody slower than usual: there all
 * first tasks are done before anybody has a second, and what these make together may be a poor matrix.
 * @param calm  Per board: how many times longer than the fastest one it takes for a part, less 1.
 * @return 0, HEDGE_EUNDECODABLE (in some trial all parts together do not), HEDGE_EKERNEL, -ENOMEM. */
int hedged_calibrate(const hedge_code_t *code, const hedged_duties_t *duties, const double *calm,
                     const hedged_luck_t *luck, const hedged_tolerance_t *tolerance, hedged_quality_t *ret);

#endif
