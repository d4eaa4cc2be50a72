/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SAZD_PEEL_H
#define HEDGE_SAZD_PEEL_H

#include "common/code/sazd/rows.h"

/** Inside of common/code: the order in which missing rows become known. */

/** Rows of one missing block, from as many rows of one parity, less those of the other blocks in them. */
typedef struct hedge_sazd_run {
        uint32_t row, count; /**< of the missing block */
        uint32_t others;     /**< data blocks in it, but for this one; their rows are known by now */
        uint16_t block, parity;
} hedge_sazd_run_t;

/** Find the runs that compute all missing blocks; executed in order.
 *
 * Rows that become known in the same round are together, so that runs are as long as they can be: at the least the
 * smallest shift between two missing blocks in two parities, but for the ends.
 * @param missing   A bit for each missing data block.
 * @param parities  A bit for each parity to use, as many.
 * @param ret_runs  Free with free(); NULL where nothing is missing.
 * @return 0, -ENOMEM. */
int hedge_sazd_peel(const hedge_sazd_t *code, uint32_t missing, uint32_t parities, hedge_sazd_run_t **ret_runs,
                    size_t *ret_count);

#endif
