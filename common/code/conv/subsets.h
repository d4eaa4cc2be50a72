/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SUBSETS_H
#define HEDGE_SUBSETS_H

#include "common/code/conv/code.h"

/** Inside of common/code: sets of delta boards and their condition numbers. */

typedef struct hedge_subset {
        double condition;
        uint8_t boards[HEDGE_CODE_MAX_BOARDS]; /**< delta of them, ascending */
} hedge_subset_t;

/** All sets of delta boards where there are at most `limit`, else `limit` random ones and the first delta boards;
 * sorted by condition. Free *ret with free().
 * @return how many, -ENOMEM. */
int hedge_subsets_new(const hedge_code_t *code, unsigned limit, uint64_t seed, hedge_subset_t **ret);

#endif
