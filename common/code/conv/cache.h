/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CACHE_H
#define HEDGE_CACHE_H

#include <stddef.h>
#include <stdint.h>

/** Inside of common/code: solved decode matrices, shared between decoders of one code, from any thread. */

#define HEDGE_CACHE_ENTRIES 64u
#define HEDGE_CACHE_BYTES   (8u << 20) /**< of all entries together */

/** How one block of the output is made: a copy of one (plain) part, or a dense row of the matrix. */
typedef struct hedge_solution_row {
        int32_t part;   /**< the part to copy, or -1: a dense row */
        uint32_t dense; /**< dense rows before this one, and so its own number if it is one */
} hedge_solution_row_t;

/** The decode matrix of one set of parts; never changed once it is shared. */
typedef struct hedge_solution {
        unsigned references; /**< the cache's business */
        uint64_t used;       /**< the cache's business */
        unsigned rank, count, dense;
        uint16_t *ids;              /**< count numbers of parts, ascending; columns of the matrix follow this order */
        hedge_solution_row_t *rows; /**< rank + 1; the last one only counts the dense rows */
        double *f64;                /**< dense x count */
        float *f32;                 /**< the same */
        double condition, gain;     /**< see hedge_decoder_solve, hedge_decoder_gain */
} hedge_solution_t;

typedef struct hedge_cache hedge_cache_t;

/** A solution with all arrays allocated and `references` 1. @return NULL when there is no memory. */
hedge_solution_t *hedge_solution_new(unsigned rank, unsigned count);

/** Free one that was never shared. */
void hedge_solution_free(hedge_solution_t *solution);

/** @return 0, -ENOMEM. */
int hedge_cache_new(hedge_cache_t **ret);

/** No solution of it may be in use any more. NULL-safe; nullifies. */
void hedge_cache_destroy(hedge_cache_t **cache);

/** The solution of exactly these parts, with a reference for the caller, or NULL. */
hedge_solution_t *hedge_cache_find(hedge_cache_t *cache, const uint16_t *ids, unsigned count);

/** Offer a solution to others; the caller keeps its own reference. The oldest ones go where room is short; one that
 * is too large is not kept. */
void hedge_cache_put(hedge_cache_t *cache, hedge_solution_t *solution);

/** Give a reference back. NULL-safe; nullifies. */
void hedge_cache_release(hedge_cache_t *cache, hedge_solution_t **solution);

#endif
