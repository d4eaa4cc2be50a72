/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_STREAMED_H
#define HEDGE_STREAMED_H

#include "common/code/conv/code.h"

/** How good a code is when parts are taken one by one, as they come from boards of random speed.
 *
 * Board j needs 1 + Exp(1) units of time for each of its parts, drawn once per trial, and does them in the order of
 * hedge_code_order. The first `parts` of all boards together are looked at. */
typedef struct hedge_streamed {
        unsigned parts;                 /**< that were taken: K + extra, or all that there are */
        unsigned trials;                /**< how many */
        unsigned singular;              /**< of them: condition above 1e12 */
        double cond_median, cond_worst; /**< over all trials; INFINITY where singular */
} hedge_streamed_t;

/** @param extra parts beyond K. @param trials at least 1. @return 0, -ENOMEM. */
int hedge_code_stream(const hedge_code_t *code, unsigned extra, unsigned trials, uint64_t seed, hedge_streamed_t *ret);

#endif
