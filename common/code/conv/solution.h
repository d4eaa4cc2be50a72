/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SOLUTION_H
#define HEDGE_SOLUTION_H

#include <stdint.h>

/** Inside of common/code: the decode matrix of one set of parts. */

/** How one block of the output is made: a copy of one (plain) part, or a dense row of the matrix. */
typedef struct hedge_solution_row {
        int32_t part;   /**< the part to copy, or -1: a dense row */
        uint32_t dense; /**< dense rows before this one, and so its own number if it is one */
} hedge_solution_row_t;

typedef struct hedge_solution {
        unsigned rank, count, dense;
        hedge_solution_row_t *rows; /**< rank + 1; the last one only counts the dense rows */
        double *f64;                /**< dense x count; columns in the order in which the parts came */
        float *f32;                 /**< the same */
        double condition, gain;     /**< see hedge_decoder_solve, hedge_decoder_gain */
} hedge_solution_t;

/** A solution with all arrays allocated and zero. @return NULL when there is no memory. */
hedge_solution_t *hedge_solution_new(unsigned rank, unsigned dense, unsigned count);

/** NULL-safe; nullifies. */
void hedge_solution_destroy(hedge_solution_t **solution);

#endif
