/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_UPDATE_H
#define HEDGE_TYPES_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

/** Block `block` of a factor's columns, `shift` to the right, times `weight`: a term of its code. */
typedef struct hedge_code_term {
        uint32_t block, shift;
        double weight;
} hedge_code_term_t;

/** A matrix becomes (1 - decay) times itself, minus rate times D transposed times X. D, batch x rows of the matrix, is the
 * coded left factor: the sum of the terms, of its columns cut into blocks of block_cols (zeros behind the last). */
typedef struct hedge_update_target {
        uint32_t matrix;
        bool swap; /**< the right factor is coded, and X is the left one */
        uint32_t blocks, block_cols;
        uint32_t n_terms;
        hedge_code_term_t *terms;
} hedge_update_target_t;

#endif
