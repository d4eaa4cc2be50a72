/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SAZD_ROWS_H
#define HEDGE_SAZD_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/code/sazd/sazd.h"

/** Inside of common/code: sums over runs of rows, and what a shift-and-add code is. */

typedef struct hedge_sazd_cache hedge_sazd_cache_t;

struct hedge_sazd {
        unsigned k, r;
        uint32_t rows, step;
        hedge_sazd_cache_t *cache; /**< plans of recent patterns */
};

/** Rows of a sum: the first term and then those that are added to or taken from it. */
typedef struct hedge_sazd_terms {
        unsigned count; /**< of `others` */
        hedge_sazd_in_t first, others[HEDGE_SAZD_MAX_BLOCKS];
} hedge_sazd_terms_t;

/** The row of a block. */
static inline hedge_sazd_in_t hedge_sazd_at(const hedge_sazd_in_t *block, uint32_t row)
{
        return (hedge_sazd_in_t){ block->data + row * block->stride, block->stride };
}

/** out = first + the others, or first - the others, over `rows` rows of `cols` floats. */
void hedge_sazd_sum(const hedge_sazd_terms_t *terms, bool subtract, uint32_t rows, size_t cols, hedge_sazd_out_t out);

/** Data blocks that a row of a parity is the sum of, a bit each.
 * @param ret_until  The first row after it for which they are others, or the parity's number of rows; may be NULL. */
uint32_t hedge_sazd_members(const hedge_sazd_t *code, unsigned parity, uint32_t row, uint32_t *ret_until);

/** @return 0, -ENOMEM. */
int hedge_sazd_cache_new(hedge_sazd_cache_t **ret);

/** NULL-safe; nullifies. No plan may be in use. */
void hedge_sazd_cache_destroy(hedge_sazd_cache_t **cache);

#endif
